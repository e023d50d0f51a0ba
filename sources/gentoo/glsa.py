"""One Gentoo Linux Security Advisory as XML (glsa.dtd, data/glsa.git).

    <glsa id="202511-02"><title>…</title><announced>2025-11-24</announced><revised count="1">2025-11-24</revised>
      <affected><package name="sys-kernel/gentoo-kernel" auto="yes" arch="*">
        <unaffected range="ge" slot="6.12">6.12.85</unaffected><vulnerable range="lt">6.12.85</vulnerable>
      </package></affected>
      <references><uri link="https://nvd.nist.gov/vuln/detail/CVE-…">CVE-…</uri></references></glsa>

A slot is a branch of its own: versions are compared within it. A package without an unaffected version is to go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any, Final

from lxml import etree

from advisories.observation import (
    CellObservation,
    ErratumObservation,
    FixedVersion,
    Observation,
    ParsedDocument,
    Record,
)
from advisories.versions import compare, kernel_series
from advisories.words import CellKind, Disposition, Status
from sources.errors import ParseError
from sources.formats.text import clean_line, is_cve_id

DISTRO: Final = "gentoo"
LARGEST: Final = 2 * 1024 * 1024
MOST_CVES: Final = 2_000
MOST_VERSIONS: Final = 200
PAGE: Final = "https://security.gentoo.org/glsa/"
KERNEL_PACKAGE = re.compile(r"sys-kernel/[a-z0-9-]{1,40}-(?:sources|kernel|kernel-bin)")
# Packages that may name a kernel's CVE because they keep a module or a socket family shut, or use AF_ALG.
COMPANIONS: Final = frozenset(
    {
        "sys-apps/kmod",
        "app-containers/docker",
        "app-containers/containerd",
        "app-containers/runc",
        "app-containers/podman",
        "net-wireless/iwd",
        "net-wireless/bluez",
        "sys-fs/cryptsetup",
        "dev-libs/ell",
        "dev-libs/libkcapi",
    }
)
_ID = re.compile(r"[0-9]{6}-[0-9]{2,3}")
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}")
_VERSION = re.compile(r"[0-9][A-Za-z0-9._-]{0,60}")
_SLOT = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_.-]{0,30}")

Node = Any  # lxml ships no types


def read_glsa(body: bytes) -> ParsedDocument:
    """One record, or none when neither a kernel nor a companion is in it. Raises ParseError."""
    if len(body) > LARGEST:
        raise ParseError("the advisory is too large")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ParseError(f"no XML: {error}") from None
    number = root.get("id", "")
    if root.tag != "glsa" or _ID.fullmatch(number) is None:
        raise ParseError("no advisory of Gentoo")
    cves = _cves(root)
    erratum, announced = f"GLSA-{number}", _day(root.findtext("announced"))
    cells = tuple(_cells(root, erratum, announced, cves))
    if not cells:
        return ParsedDocument(records=())
    observations: tuple[Observation, ...] = (
        ErratumObservation(
            erratum=erratum,
            distro=DISTRO,
            title=clean_line(root.findtext("title") or "", 300),
            cves=cves,
            issued=_midnight(announced),
            updated=_midnight(_day(root.findtext("revised"))),
            url=PAGE + number,
        ),
        *cells,
    )
    return ParsedDocument(records=(Record(key=erratum, observations=observations),))


def _cves(root: Node) -> tuple[str, ...]:
    texts = (uri.text or "" for uri in root.iterfind("references/uri"))
    found = dict.fromkeys(cve for text in texts for cve in _CVE.findall(text) if is_cve_id(cve))
    return tuple(found)[:MOST_CVES]


def _cells(root: Node, erratum: str, day: date | None, cves: tuple[str, ...]) -> Iterator[CellObservation]:
    for package in root.iterfind("affected/package"):
        name = package.get("name", "")
        kernel = KERNEL_PACKAGE.fullmatch(name) is not None
        if not kernel and name not in COMPANIONS:
            continue
        fixed = _fixed(package, erratum, day)
        for cve in cves:
            yield CellObservation(
                cve=cve,
                distro=DISTRO,
                release=None,
                package=name,
                kind=CellKind.PACKAGE if kernel else CellKind.RELATED,
                status=Status.FIXED if fixed else Status.AFFECTED,
                disposition=Disposition.NONE if fixed else Disposition.WONT_FIX,
                fixed=fixed,
                errata=(erratum,),
                vendor_status="unaffected" if fixed else "vulnerable",
                since=day,
            )


def _fixed(package: Node, erratum: str, day: date | None) -> tuple[FixedVersion, ...]:
    """The smallest unaffected version of each slot; without slots, of each kernel series that is named."""
    smallest: dict[str, str] = {}
    listed = [
        (one.get("slot", "*"), (one.text or "").strip())
        for one in package.findall("unaffected")[:MOST_VERSIONS]
        if one.get("range") in ("ge", "rge", "eq")
    ]
    for slot, version in listed:
        if _VERSION.fullmatch(version) is None:
            continue
        branch = slot if _SLOT.fullmatch(slot) else (kernel_series(version) or "" if len(listed) > 1 else "")
        before = smallest.get(branch)
        if before is None or (compare(DISTRO, version, before) or 0) < 0:
            smallest[branch] = version
    return tuple(
        FixedVersion(version=version, branch=branch or None, erratum=erratum, date=day)
        for branch, version in smallest.items()
    )


def _day(text: str | None) -> date | None:
    """A date such as 2025-11-24; the oldest advisories write words, which are left out."""
    try:
        return date.fromisoformat((text or "").strip())
    except ValueError:
        return None


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)
