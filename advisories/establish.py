"""From the versions of one record to what it claims now.

A document speaks by the greatest time whatever the order of arrival, so everything here is a pure fold over the sorted
versions (DESIGN rule 11). A cell that a later version leaves out keeps its claim (rule 1) until three later good
fetches over a day have left it out. A step to a weaker state is shown as a conflict and counts after the second good
fetch that says the same (rule 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from advisories.model import CellKey, Evidence, RecordVersion
from advisories.observation import CellObservation, CveObservation, ExploitationObservation, UpstreamFix
from advisories.severity import rank
from advisories.words import Disposition, Status

GONE_AFTER_FETCHES = 3
GONE_AFTER = timedelta(hours=24)
CONFIRMED_BY_FETCHES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CellClaim:
    """What one record claims about one cell now; `weaker` is its newer word that is not confirmed yet."""

    cell: CellObservation
    evidence: Evidence
    at: datetime
    first_seen: datetime
    weaker: tuple[CellObservation, Evidence] | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FixClaim:
    fix: UpstreamFix
    evidence: Evidence
    at: datetime


def group_versions(versions: Iterable[RecordVersion]) -> list[list[RecordVersion]]:
    """Versions by (source, key), each group in order of time, groups in a fixed order.

    A word that is said again right after itself is one version, seen more often: whether it was stored as one or as two
    depends on the order of arrival, and the state may not.
    """

    def identity(version: RecordVersion) -> tuple[str, str]:
        return version.evidence.source, version.key

    ordered = sorted(versions, key=lambda one: (*identity(one), one.at, one.evidence.sha256))
    return [_without_repeats(group) for _, group in groupby(ordered, key=identity)]


def _without_repeats(versions: Iterable[RecordVersion]) -> list[RecordVersion]:
    kept: list[RecordVersion] = []
    for version in versions:
        if kept and kept[-1].observations == version.observations:
            kept[-1] = _seen_again(kept[-1], version)
        else:
            kept.append(version)
    return kept


def _seen_again(first: RecordVersion, again: RecordVersion) -> RecordVersion:
    """The first of two equal statements, with the later sightings and the later absences."""
    return replace(
        first,
        seen=first.seen + again.seen,
        last_seen_at=max(first.last_seen_at or first.at, again.last_seen_at or again.at),
        missing=again.missing,
        missing_since=again.missing_since,
        missing_last=again.missing_last,
    )


def cell_key(cell: CellObservation) -> CellKey:
    return CellKey(cell.distro, cell.release or "", cell.stream or "", cell.package)


def is_weaker(new: CellObservation, old: CellObservation) -> bool:
    """Whether `new` takes protection or alarm away: affected to not_affected, or a published fix withdrawn."""
    if old.status is Status.FIXED:
        return new.status in (Status.AFFECTED, Status.UNDER_INVESTIGATION) or (
            new.status is Status.NOT_AFFECTED and bool(old.fixed)
        )
    if new.status is Status.NOT_AFFECTED:
        return old.status is Status.AFFECTED
    return old.status is Status.AFFECTED and new.status is Status.UNDER_INVESTIGATION


def establish_cells(versions: Sequence[RecordVersion], cves: frozenset[str]) -> list[CellClaim]:
    """The claims of one record about the cells of the given CVEs. `versions` are in order of time."""
    claims: dict[CellKey, CellClaim] = {}
    absent: dict[CellKey, tuple[int, datetime]] = {}
    for version in versions:
        stated: dict[CellKey, CellObservation] = {}
        for one in version.observations:
            if isinstance(one, CellObservation) and one.cve in cves:
                stated[cell_key(one)] = one
        for key, cell in stated.items():
            absent.pop(key, None)
            claims[key] = _advance(claims.get(key), cell, version)
        for key in claims.keys() - stated.keys():
            count, since = absent.get(key, (0, version.at))
            absent[key] = (count + version.seen, since)
    return [_with_absence(claims[key], absent.get(key), versions[-1]) for key in sorted(claims)]


def _advance(before: CellClaim | None, cell: CellObservation, version: RecordVersion) -> CellClaim:
    fresh = CellClaim(
        cell=cell,
        evidence=version.evidence,
        at=version.at,
        first_seen=before.first_seen if before else version.at,
    )
    if before is None or not is_weaker(cell, before.cell):
        return fresh
    said_before = before.weaker is not None and before.weaker[0].status is cell.status
    if said_before or version.seen >= CONFIRMED_BY_FETCHES:
        return fresh
    return replace(before, weaker=(cell, version.evidence))


def _with_absence(claim: CellClaim, absent: tuple[int, datetime] | None, last: RecordVersion) -> CellClaim:
    count, since = absent if absent else (0, last.at)
    until = last.last_seen_at or last.at
    if last.missing:
        count += last.missing
        since = min(since, last.missing_since or last.at) if absent else (last.missing_since or last.at)
        until = max(until, last.missing_last or until)
    if count < GONE_AFTER_FETCHES or until - since < GONE_AFTER:
        return claim
    cell = replace(
        claim.cell,
        status=Status.UNDER_INVESTIGATION,
        disposition=Disposition.NONE,
        vendor_status="no longer listed",
        note=f"no longer listed since {since:%Y-%m-%d}; was {claim.cell.status}",
        fixed=(),
    )
    return replace(claim, cell=cell, gone=True, at=until)


def establish_fixes(versions: Sequence[RecordVersion], cves: frozenset[str]) -> list[FixClaim]:
    """Upstream fixes by branch; one that a later version leaves out stays until that is said twice."""
    claims: dict[str, FixClaim] = {}
    unsaid: dict[str, int] = {}
    for version in versions:
        stated = _stated_fixes(version, cves)
        if not stated:
            continue
        for branch, fix in stated.items():
            unsaid.pop(branch, None)
            before = claims.get(branch)
            if before is None or _known_better(fix, before.fix):
                claims[branch] = FixClaim(fix=fix, evidence=version.evidence, at=version.at)
        for branch in claims.keys() - stated.keys():
            unsaid[branch] = unsaid.get(branch, 0) + version.seen
    return [claims[branch] for branch in sorted(claims) if unsaid.get(branch, 0) < CONFIRMED_BY_FETCHES]


def _known_better(new: UpstreamFix, old: UpstreamFix) -> bool:
    return new.version != old.version or (new.commit is not None and new.commit != old.commit)


def _stated_fixes(version: RecordVersion, cves: frozenset[str]) -> dict[str, UpstreamFix]:
    return {
        fix.branch: fix
        for one in version.observations
        if isinstance(one, CveObservation) and one.cve in cves
        for fix in one.fixed
    }


def establish_cve(
    versions: Sequence[RecordVersion], cves: frozenset[str]
) -> list[tuple[CveObservation, RecordVersion]]:
    """What a record says of each CVE as such: its newest word, where a lower severity needs a second good fetch."""
    found: dict[str, tuple[CveObservation, RecordVersion]] = {}
    pending: dict[str, float | None] = {}
    for version in versions:
        for stated in version.observations:
            if not isinstance(stated, CveObservation) or stated.cve not in cves:
                continue
            before = found.get(stated.cve)
            keeps = False
            if before is not None and not stated.severity:
                keeps = True
            elif before is not None and _top_rank(stated) < _top_rank(before[0]):
                score = stated.severity[0].score
                keeps = pending.get(stated.cve, object()) != score and version.seen < CONFIRMED_BY_FETCHES
                pending[stated.cve] = score
            kept = replace(stated, severity=before[0].severity) if before is not None and keeps else stated
            found[stated.cve] = (kept, version)
    return [found[cve] for cve in sorted(found)]


def _top_rank(observation: CveObservation) -> int:
    return max((rank(claim.level) for claim in observation.severity), default=-1)


def establish_exploitation(
    versions: Sequence[RecordVersion], cves: frozenset[str]
) -> tuple[ExploitationObservation, RecordVersion] | None:
    """The catalogue's newest word; an entry that three complete catalogues over a day leave out is withdrawn."""
    newest: tuple[ExploitationObservation, RecordVersion] | None = None
    for version in versions:
        for one in version.observations:
            if isinstance(one, ExploitationObservation) and one.cve in cves:
                newest = (one, version)
    if newest is None:
        return None
    observation, version = newest
    since, until = version.missing_since, version.missing_last
    if version.missing >= GONE_AFTER_FETCHES and since and until and until - since >= GONE_AFTER:
        return replace(observation, kev=False, ssvc=None), version
    return newest
