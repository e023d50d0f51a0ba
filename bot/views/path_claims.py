"""Landings that a patch's advisories tell: stable releases by the CNA, packages by cells. Git and changelogs win."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time

from advisories.landings import MAINLINE, STABLE
from advisories.mail_subject import normalise_title
from advisories.model import Advisory, Cell
from advisories.patches import Landing, Patch
from advisories.patches_titles import overlap
from advisories.words import CellKind, EvidenceClass, MatchedBy, Stage, Status


def claimed_landings(patch: Patch, advisories: Iterable[Advisory]) -> list[Landing]:
    """What advisories say of the patch beyond its own landings, without what only mail says and they know better.

    Of a package the vendor's word on the CVE counts before its changelog: not every version of that was published.
    """
    known = {(one.stage, one.branch, one.tree, one.package) for one in patch.landings if not one.said_only}
    found: dict[tuple[Stage, str, str, str], Landing] = {}
    for advisory in advisories:
        matched = _fixes(patch, advisory)
        if matched is None:
            continue
        for landing in (*_upstream(advisory, matched), *_packages(advisory, matched)):
            place = (landing.stage, landing.branch, landing.tree, landing.package)
            if place not in known or _by_the_vendor(landing):
                found.setdefault(landing.place, landing)
    return list(found.values())


def _by_the_vendor(landing: Landing) -> bool:
    return landing.stage is Stage.PACKAGED and landing.evidence.evidence_class is EvidenceClass.VENDOR


def _fixes(patch: Patch, advisory: Advisory) -> MatchedBy | None:
    """How the advisory names the patch as its fix: by a commit, else by the title that CNA records take from it."""
    if any(one.fix.commit in patch.commits for one in advisory.upstream.fixed if one.fix.commit):
        return MatchedBy.LINK
    if not advisory.upstream.fixed or normalise_title(advisory.title) != normalise_title(patch.title):
        return None
    return MatchedBy.AUTHOR_SUBJECT_FILES if overlap(patch.files, advisory.files) else MatchedBy.AUTHOR_SUBJECT


def _upstream(advisory: Advisory, matched: MatchedBy) -> Iterator[Landing]:
    for one in advisory.upstream.fixed:
        fix = one.fix
        first = fix.branch == fix.version
        yield Landing(
            stage=Stage.MAINLINE if first else Stage.STABLE,
            tree=MAINLINE if first else STABLE,
            branch=None if first else fix.branch,
            ref=f"v{fix.version}",
            commit=fix.commit,
            version=fix.version,
            matched_by=matched,
            evidence=one.evidence,
        )


def _packages(advisory: Advisory, matched: MatchedBy) -> Iterator[Landing]:
    for cell in advisory.cells:
        if cell.kind is not CellKind.PACKAGE or cell.status is not Status.FIXED or not cell.fixed_version:
            continue
        place = "/".join(part for part in (cell.distro, cell.release, cell.stream) if part)
        yield Landing(
            stage=Stage.PACKAGED,
            tree=place,
            package=cell.package,
            version=cell.fixed_version,
            at=_fixed_on(cell),
            matched_by=matched,
            evidence=cell.evidence[0],
        )


def _fixed_on(cell: Cell) -> datetime | None:
    days: list[date] = [one.date for one in cell.fixed if one.date]
    day = min(days) if days else cell.since
    return None if day is None else datetime.combine(day, time(), UTC)


def dated(claimed: Iterable[Landing], landings: Iterable[Landing]) -> list[Landing]:
    """A claim that gives no day takes that of the mail which announced the same stage."""
    days = {(one.stage, one.branch): one.at for one in landings if one.said_only and one.at}
    return [one if one.at else replace(one, at=days.get((one.stage, one.branch))) for one in claimed]


def without_said(landings: Iterable[Landing], claimed: Iterable[Landing]) -> list[Landing]:
    """The patch's own landings, less packages and what only mail says of a stage, where an advisory tells them."""
    told = {(one.stage, one.branch) for one in claimed if one.stage is not Stage.PACKAGED}
    packages = {one.place for one in claimed if one.stage is Stage.PACKAGED}
    return [
        one
        for one in landings
        if one.place not in packages and not (one.said_only and (one.stage, one.branch) in told and one.commit is None)
    ]
