"""Releases of the programs that carry a mitigation for the topics, or that a change of the interface touches."""

from __future__ import annotations

from collections.abc import Iterator

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.carriers.parse import parse
from sources.formats.attempts import fetch_addresses
from sources.formats.feed import LARGEST_FEED

__all__ = ["SOURCE"]

GITHUB = (
    "moby/moby",
    "containerd/containerd",
    "systemd/systemd",
    "kmod-project/kmod",
    "bluez/bluez",
    "util-linux/util-linux",
    "smuellerDD/libkcapi",
)


def fetch(context: FetchContext) -> Iterator[Batch]:
    """One batch per feed; a feed that fails stops no other. Raises FetchError at the end."""
    yield from fetch_addresses(context, dict.fromkeys(context.urls(), "xml"))


SOURCE = SourceSpec(
    name="carriers",
    title="Releases of related programs",
    gives="releases of kmod, moby, systemd, iwd and others that name a topic: links, and mitigations of a named CVE",
    evidence_class=EvidenceClass.NEWS,
    fetch=fetch,
    parse=parse,
    settings={
        "url": (
            *(f"https://github.com/{project}/releases.atom" for project in GITHUB),
            "https://gitlab.com/cryptsetup/cryptsetup/-/tags?format=atom",
            "https://git.kernel.org/pub/scm/network/wireless/iwd.git/atom/?h=master",
            "https://git.kernel.org/pub/scm/libs/ell/ell.git/atom/?h=master",
        )
    },
    interval_seconds=6 * 3600,
    stale_after_seconds=14 * 86_400,
    canary=Canary.FIELDS,
    max_bytes=LARGEST_FEED,
    licence="titles and links only; release notes belong to their projects",
    home="https://github.com/moby/moby/releases",
)
