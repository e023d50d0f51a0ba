"""Many claims about one cell to one cell: who is believed, and what is kept of the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from advisories.establish import CellClaim
from advisories.model import Cell, CellConflict, Evidence
from advisories.observation import CellObservation, FixedVersion
from advisories.versions import compare
from advisories.words import EVIDENCE_ORDER, EvidenceClass, Status

_STRENGTH = {Status.UNDER_INVESTIGATION: 0, Status.NOT_AFFECTED: 1, Status.AFFECTED: 1, Status.FIXED: 2}


def merge_cell(claims: Sequence[CellClaim]) -> Cell:
    """The cell that these claims (at least one, all of one key) make together. Independent of their order.

    The strongest class of evidence decides; the shipped baseline speaks only where nothing else does. Within a class a
    published fix outweighs an older word, a word per major release never outweighs one per stream, and otherwise the
    newest word holds. Every other claim stays as a conflict with its evidence.
    """
    ordered = sorted(claims, key=_precedence)
    live = [one for one in ordered if one.evidence.evidence_class is not EvidenceClass.BASELINE] or ordered
    best_class = live[0].evidence.evidence_class
    believed = [one for one in live if one.evidence.evidence_class is best_class]
    shown = _decide(believed)
    agreeing = [one for one in live if _agrees(one.cell, shown.cell)]
    disagreeing = [one for one in live if not _agrees(one.cell, shown.cell) and not _silent(one.cell, shown.cell)]
    fixed = merge_fixed(shown.cell.distro, [entry for one in agreeing for entry in one.cell.fixed])
    conflicts = [_conflict(one.cell, one.evidence, "disagrees") for one in disagreeing]
    conflicts += [
        _conflict(one.weaker[0], one.weaker[1], "weaker_unconfirmed") for one in live if one.weaker is not None
    ]
    return _cell(shown, agreeing, fixed, tuple(conflicts))


def _precedence(claim: CellClaim) -> tuple[int, float, str, str]:
    """Strongest class first, then newest, then by source and document: a total order."""
    return (
        EVIDENCE_ORDER.index(claim.evidence.evidence_class),
        -claim.at.timestamp(),
        claim.evidence.source,
        claim.evidence.sha256,
    )


def _decide(claims: Sequence[CellClaim]) -> CellClaim:
    fine = [one for one in claims if not one.cell.coarse] or list(claims)
    strongest = max(_STRENGTH[one.cell.status] for one in fine)
    candidates = [one for one in fine if _STRENGTH[one.cell.status] == strongest]
    return min(candidates, key=_precedence)


def _agrees(cell: CellObservation, shown: CellObservation) -> bool:
    return cell.status is shown.status and (cell.disposition is shown.disposition or shown.status is Status.FIXED)


def _silent(cell: CellObservation, shown: CellObservation) -> bool:
    """A claim that is no contradiction: not decided yet, per major release only, or open before the fix came."""
    if cell.status is Status.UNDER_INVESTIGATION or (cell.coarse and not shown.coarse):
        return True
    return shown.status is cell.status


def merge_fixed(distro: str, entries: Sequence[FixedVersion]) -> tuple[FixedVersion, ...]:
    """One entry per branch, the smallest version in each, with the erratum and date that came with that version."""
    chosen: dict[str, FixedVersion] = {}
    for entry in sorted(entries, key=_entry_order):
        branch = entry.branch or ""
        before = chosen.get(branch)
        if before is None:
            chosen[branch] = entry
            continue
        order = compare(distro, entry.version, before.version)
        if order is not None and order < 0:
            chosen[branch] = entry
        elif order == 0:
            chosen[branch] = FixedVersion(
                version=before.version,
                branch=before.branch,
                erratum=before.erratum or entry.erratum,
                date=before.date or entry.date,
            )
    return tuple(sorted(chosen.values(), key=lambda one: (one.date or date.max, one.branch or "", one.version)))


def _entry_order(entry: FixedVersion) -> tuple[bool, date, str, str]:
    return (entry.erratum is None, entry.date or date.max, entry.erratum or "", entry.version)


def _cell(
    shown: CellClaim,
    agreeing: Sequence[CellClaim],
    fixed: tuple[FixedVersion, ...],
    conflicts: tuple[CellConflict, ...],
) -> Cell:
    cell = shown.cell
    errata = {erratum for one in agreeing for erratum in one.cell.errata}
    errata |= {entry.erratum for one in agreeing for entry in one.cell.fixed if entry.erratum}
    own = [one for one in agreeing if one.cell.vendor_status] or [shown]
    return Cell(
        kind=cell.kind,
        distro=cell.distro,
        release=cell.release,
        codename=_first(one.cell.codename for one in agreeing),
        stream=cell.stream,
        programmes=tuple(sorted({word for one in agreeing for word in one.cell.programmes})),
        package=cell.package,
        status=cell.status,
        disposition=cell.disposition,
        justification=_first(one.cell.justification for one in agreeing),
        fixed=fixed,
        fixed_version=fixed[0].version if fixed else None,
        errata=tuple(sorted(errata)),
        vendor_status=own[0].cell.vendor_status,
        since=_since(cell, fixed, agreeing),
        first_seen=min(one.first_seen for one in agreeing),
        needs_subscription=any(one.cell.needs_subscription for one in agreeing),
        inferred=all(one.cell.inferred for one in agreeing),
        partial=all(one.cell.partial for one in agreeing),
        note=_first(one.cell.note for one in agreeing),
        evidence=_evidence(agreeing),
        conflicts=conflicts,
    )


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _since(cell: CellObservation, fixed: tuple[FixedVersion, ...], agreeing: Sequence[CellClaim]) -> date | None:
    if cell.status is Status.FIXED:
        dates = [entry.date for entry in fixed if entry.date is not None]
        dates = dates or [one.cell.since for one in agreeing if one.cell.since is not None]
        return min(dates, default=None)
    return min((one.cell.since for one in agreeing if one.cell.since is not None), default=None)


def _evidence(claims: Sequence[CellClaim]) -> tuple[Evidence, ...]:
    found: dict[tuple[str, str], Evidence] = {}
    for claim in sorted(claims, key=_precedence):
        found.setdefault((claim.evidence.source, claim.evidence.url), claim.evidence)
    return tuple(found.values())


def _conflict(cell: CellObservation, evidence: Evidence, reason: str) -> CellConflict:
    return CellConflict(
        source=evidence.source,
        status=cell.status,
        disposition=cell.disposition,
        vendor_status=cell.vendor_status,
        fixed_version=cell.fixed[0].version if cell.fixed else None,
        reason=reason,
        evidence=evidence,
    )
