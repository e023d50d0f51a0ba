"""When releases of distributions and branches of the kernel come and end."""

from __future__ import annotations

from advisories.words import EvidenceClass
from sources.base import Canary, SourceSpec
from sources.release_life.fetch import fetch
from sources.release_life.parse import parse

_DISTRO_INFO = "https://salsa.debian.org/debian/distro-info-data/-/raw/main"
_ENDOFLIFE = "https://endoflife.date/api"

SOURCE = SourceSpec(
    name="release-life",
    title="Release dates and ends of support",
    gives="release, LTS, paid and end-of-life dates of distribution releases and kernel branches",
    evidence_class=EvidenceClass.CATALOGUE,
    fetch=fetch,
    parse=parse,
    settings={
        "url": (
            f"{_DISTRO_INFO}/debian.csv",
            f"{_DISTRO_INFO}/ubuntu.csv",
            f"{_ENDOFLIFE}/linux.json",
            f"{_ENDOFLIFE}/rhel.json",
            f"{_ENDOFLIFE}/almalinux.json",
            f"{_ENDOFLIFE}/rocky-linux.json",
            f"{_ENDOFLIFE}/oracle-linux.json",
            f"{_ENDOFLIFE}/centos-stream.json",
            f"{_ENDOFLIFE}/fedora.json",
            f"{_ENDOFLIFE}/amazon-linux.json",
            f"{_ENDOFLIFE}/sles.json",
            f"{_ENDOFLIFE}/opensuse.json",
            f"{_ENDOFLIFE}/alpine-linux.json",
            f"{_ENDOFLIFE}/nixos.json",
        )
    },
    interval_seconds=86_400,
    stale_after_seconds=30 * 86_400,
    canary=Canary.FIELDS,
    max_bytes=4 * 1024 * 1024,
    licence="distro-info-data: ISC; endoflife.date: MIT (https://github.com/endoflife-date/endoflife.date)",
    home="https://endoflife.date/linux",
)
