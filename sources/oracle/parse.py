"""Oracle Linux: ELSA errata of kernel (RHCK) and kernel-uek (UEK) from Oracle's OVAL file.

A UEK is a stream of its own: uek7 (5.15) and uek8 (6.12) live side by side in one release. The file goes back to 2007;
definitions older than three years are left out, and leaving them out says nothing about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from advisories.observation import CellObservation, ErratumObservation, ParsedDocument, Record, Rejected
from advisories.versions import kernel_series
from sources.base import RawDocument
from sources.formats.oval import OvalDefinition, read_oval
from sources.formats.rpm_kernels import (
    Binary,
    KernelBuild,
    KernelErratum,
    checked_version,
    fixed_cells,
    kernel_builds,
    kernel_source,
)
from sources.formats.times import day_of

DISTRO: Final = "ol"
PRODUCT: Final = "Oracle Linux"
KEPT: Final = timedelta(days=3 * 366)

_ERRATUM = re.compile(r"EL[SBE]A-[0-9]{4}-[0-9]{1,6}(?:-[0-9]{1,2})?")
_TITLE = re.compile(r"EL[SBE]A-[0-9-]{1,20}:\s+(.+)")
# https://docs.oracle.com/en/operating-systems/uek/
_UEK_STREAMS: Final = {
    "2.6": "uek2", "3.8": "uek3", "4.1": "uek4", "4.14": "uek5", "5.4": "uek6", "5.15": "uek7", "6.12": "uek8",
}  # fmt: skip


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per erratum about a kernel. Raises ParseError."""
    records: list[Record] = []
    rejected: list[Rejected] = []
    for definition in read_oval(raw.body, _is_kernel):
        erratum = _erratum_of(definition)
        if erratum is None:
            rejected.append(Rejected(key=definition.id or "definition", what="a definition that names no ELSA"))
        elif definition.issued is None or raw.at - definition.issued <= KEPT:
            records.append(_read(definition, erratum))
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected))


def _is_kernel(name: str) -> bool:
    return kernel_source(Binary(name=name, version="")) is not None


def _erratum_of(definition: OvalDefinition) -> str | None:
    names = (name for source, name in definition.references if source.lower() == "elsa")
    return next((name for name in names if _ERRATUM.fullmatch(name)), None)


def _read(definition: OvalDefinition, erratum: str) -> Record:
    title = _TITLE.fullmatch(definition.title)
    observation = ErratumObservation(
        erratum=erratum,
        distro=DISTRO,
        title=title.group(1) if title else definition.title or erratum,
        cves=definition.cves,
        issued=definition.issued,
        url=f"https://linux.oracle.com/errata/{erratum}.html",
    )
    return Record(
        key=erratum,
        observations=(observation, *_cells(definition, erratum)),
        modified=definition.issued,
        slice=definition.slice(),
    )


def _cells(definition: OvalDefinition, erratum: str) -> Iterator[CellObservation]:
    by_release: dict[str, list[Binary]] = {}
    for one in definition.packages:
        version = checked_version(one.version)
        if one.product == PRODUCT and version is not None:
            by_release.setdefault(one.release, []).append(Binary(name=one.name, version=version))
    for release, binaries in sorted(by_release.items()):
        for build in kernel_builds(DISTRO, binaries):
            published = KernelErratum(
                distro=DISTRO,
                release=release,
                stream=_stream(build),
                erratum=erratum,
                day=day_of(definition.issued),
            )
            yield from fixed_cells((build,), published, definition.cves)


def _stream(build: KernelBuild) -> str | None:
    """ "uek7" for a kernel-uek of 5.15; a series that we do not know yet is its own name."""
    if build.package != "kernel-uek" or not build.versions:
        return None
    series = kernel_series(build.versions[0])
    return _UEK_STREAMS.get(series or "", f"uek-{series}" if series else "uek")
