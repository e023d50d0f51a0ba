"""From the statements of a CSAF vulnerability to cells: many products (architectures, binaries, variants) are one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from advisories.cells import merge_fixed
from advisories.observation import CellObservation, CveObservation, ErratumObservation, FixedVersion, Reference
from advisories.versions import branch_of
from advisories.words import CellKind, Disposition, Status
from sources.formats.csaf import CsafDocument, Remedy, Statement, Vulnerability
from sources.formats.csaf_tree import Product

MOST_ERRATUM_CVES: Final = 5_000

_STRENGTH: Final = (Status.FIXED, Status.AFFECTED, Status.UNDER_INVESTIGATION, Status.NOT_AFFECTED)
_ERRATUM: Final = re.compile(
    r"RH[SBE]A-[0-9]{4}:[0-9]{1,7}(?:-[0-9]{1,3})?|openEuler-SA-[0-9]{4}-[0-9]{1,7}"
    r"|(?:open)?SUSE-[SRFO]U-[0-9]{4}:[0-9]{1,7}-[0-9]{1,3}"
)
# what vendors write into the details of an unfixed product; Red Hat's vocabulary
_DISPOSITIONS: Final = {
    "affected": Disposition.NONE,
    "fix deferred": Disposition.DEFERRED,
    "will not fix": Disposition.WONT_FIX,
    "out of support scope": Disposition.EOL,
}
_NPM: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._+-]{0,98}?)-(?:(?P<epoch>[0-9]{1,9}):)?"
    r"(?P<version>[0-9][A-Za-z0-9._+~^]{0,99})-(?P<release>[A-Za-z0-9._+~^]{1,99})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The cell that a product belongs to. version: what the product says is fixed, or None.

    exact: the product is the kernel itself; another binary of its source (headers, modules) speaks for it only as to
    what is fixed, and only where the kernel itself is not listed. coarse: the platform is a whole major release.
    """

    distro: str
    release: str | None
    package: str
    stream: str | None = None
    programmes: tuple[str, ...] = ()
    kind: CellKind = CellKind.PACKAGE
    version: str | None = None
    exact: bool = True
    coarse: bool = False


FindPlace = Callable[[Product], Place | None]
CellId = tuple[str, str, str, str]


def split_package(text: str) -> tuple[str, str | None]:
    """Name and `[epoch:]version-release` of "kernel-0:5.14.0-611.54.1.el9_7"; the epoch only when it is not 0. The
    version is None when the text names no more than a package."""
    found = _NPM.fullmatch(text) if len(text) <= 300 else None
    if found is None:
        return text[:100], None
    epoch = found["epoch"].lstrip("0") if found["epoch"] else ""
    return found["name"], f"{epoch}:{found['version']}-{found['release']}" if epoch else (
        f"{found['version']}-{found['release']}"
    )


def cells_of(
    vulnerability: Vulnerability, find_place: FindPlace, *, erratum: str | None = None, issued: date | None = None
) -> tuple[CellObservation, ...]:
    """One cell per place, in a fixed order. erratum and issued: of a document that is itself the erratum."""
    groups: dict[CellId, list[tuple[Place, Statement]]] = {}
    for statement in vulnerability.statements:
        place = find_place(statement.product)
        if place is not None and (place.exact or statement.status is Status.FIXED):
            key = (place.distro, place.release or "", place.stream or "", place.package)
            groups.setdefault(key, []).append((place, statement))
    return tuple(_cell(vulnerability.cve, groups[key], erratum, issued) for key in sorted(groups))


def _cell(
    cve: str, members: Sequence[tuple[Place, Statement]], erratum: str | None, issued: date | None
) -> CellObservation:
    exact = [one for one in members if one[0].exact]
    said = exact or members
    said = [one for one in said if not one[0].coarse] or said
    status = next(each for each in _STRENGTH if any(one.status is each for _, one in said))
    chosen = [(place, one) for place, one in said if one.status is status]
    place, statement = chosen[0]
    remedies = [remedy for _, one in chosen for remedy in one.remedies]
    fixed = _fixed(place.distro, chosen, erratum, issued) if status is Status.FIXED else ()
    errata = {entry.erratum for entry in fixed if entry.erratum} | _errata(remedies, erratum, status)
    word, disposition = _word(statement, remedies)
    return CellObservation(
        cve=cve,
        distro=place.distro,
        release=place.release,
        stream=place.stream,
        programmes=tuple(sorted({word for each, _ in members for word in each.programmes})),
        package=place.package,
        kind=place.kind,
        status=status,
        disposition=disposition,
        justification=next((one.justification for _, one in chosen if one.justification), None),
        fixed=fixed,
        errata=tuple(sorted(errata)),
        vendor_status=word,
        since=_since(fixed, remedies, issued, status),
        partial=not exact,
        coarse=place.coarse and status is not Status.FIXED,
    )


def _fixed(
    distro: str, members: Iterable[tuple[Place, Statement]], erratum: str | None, issued: date | None
) -> tuple[FixedVersion, ...]:
    """The smallest version of each branch, with the erratum and date that its remediation names."""
    found: dict[tuple[str, str | None], FixedVersion] = {}
    for place, statement in members:
        if place.version is None:
            continue
        remedy = next((one for one in statement.remedies if one.category == "vendor_fix"), None)
        named = erratum or (_erratum_in(remedy.url) if remedy else None)
        day = issued or (remedy.date.date() if remedy and remedy.date else None)
        found.setdefault(
            (place.version, named),
            FixedVersion(version=place.version, branch=branch_of(distro, place.version), erratum=named, date=day),
        )
    return merge_fixed(distro, list(found.values()))


def _errata(remedies: Iterable[Remedy], erratum: str | None, status: Status) -> set[str]:
    if status is not Status.FIXED:
        return set()
    if erratum is not None:
        return {erratum}
    return {named for one in remedies if one.category == "vendor_fix" and (named := _erratum_in(one.url))}


def _erratum_in(url: str) -> str | None:
    found = _ERRATUM.search(url)
    return found.group() if found else None


def _word(statement: Statement, remedies: Iterable[Remedy]) -> tuple[str, Disposition]:
    """The vendor's word and what it means to do: of an unfixed product the details of its remediation."""
    if statement.status is not Status.AFFECTED:
        return statement.word, Disposition.NONE
    for remedy in remedies:
        if remedy.category in ("no_fix_planned", "none_available"):
            planned = Disposition.WONT_FIX if remedy.category == "no_fix_planned" else Disposition.NONE
            known = _DISPOSITIONS.get(remedy.details.lower())
            return (remedy.details if known is not None else remedy.category), known or planned
    return statement.word, Disposition.NONE


def _since(
    fixed: Sequence[FixedVersion], remedies: Iterable[Remedy], issued: date | None, status: Status
) -> date | None:
    if status is not Status.FIXED:
        return None
    dates = [entry.date for entry in fixed if entry.date is not None]
    dates = dates or [one.date.date() for one in remedies if one.date is not None and one.category == "vendor_fix"]
    return min(dates, default=issued)


def cve_observation(vulnerability: Vulnerability, document: CsafDocument) -> CveObservation:
    """What a VEX record says of its CVE as such."""
    title = vulnerability.title if vulnerability.title != vulnerability.cve else ""
    return CveObservation(
        cve=vulnerability.cve,
        opens=True,
        title=title or None,
        description=vulnerability.description or None,
        published=vulnerability.published,
        modified=document.current,
        severity=vulnerability.severity,
        cwe=vulnerability.cwe,
        references=(Reference(url=document.url, tag="self"),) if document.url else (),
    )


def erratum_observation(document: CsafDocument, distro: str, cves: Iterable[str]) -> ErratumObservation:
    """The erratum that a security advisory is, with the CVEs whose cells it sets."""
    return ErratumObservation(
        erratum=document.id,
        distro=distro,
        title=document.title,
        cves=tuple(sorted(set(cves)))[:MOST_ERRATUM_CVES],
        issued=document.initial,
        updated=document.current,
        url=document.url,
    )
