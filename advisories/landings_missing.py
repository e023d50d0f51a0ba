"""The live stable branches that a patch has not reached, and when that is overdue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from advisories.landings import branch_named, release_order
from advisories.observation import ReleaseObservation
from advisories.patches import Patch
from advisories.words import Stage

OVERDUE_AFTER = timedelta(days=14)
KERNEL = "kernel"
_MAINTAINED = frozenset({"longterm", "stable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What advisories say beside the trees: branch -> fixed version, and the release that first had the flaw."""

    fixed: Mapping[str, str]
    introduced: str | None = None


NOTHING_CARRIED = Carried(fixed={})


def live_branches(releases: Iterable[ReleaseObservation], at: datetime | None = None) -> tuple[str, ...]:
    """The kernel's maintained branches, oldest first; `releases` in order of time, the newest word on each counts.

    kernel.org's own list (which gives a moniker) says which branches there are; a life-cycle table may end one earlier.
    """
    listed: dict[str, ReleaseObservation] = {}
    tabled: dict[str, ReleaseObservation] = {}
    for one in releases:
        branch = branch_named(one.release) if one.distro == KERNEL else None
        if branch is not None:
            (tabled if one.moniker is None else listed)[branch] = one
    known = listed or tabled
    living = [branch for branch in known if all(_lives(one[branch], at) for one in (listed, tabled) if branch in one)]
    return tuple(sorted(living, key=release_order))


def _lives(one: ReleaseObservation, at: datetime | None) -> bool:
    if one.eol or (one.moniker is not None and one.moniker not in _MAINTAINED):
        return False
    ends = one.lts_ends or one.support_ends
    return not (one.eol is None and ends is not None and at is not None and ends < at.date())


def missing_branches(patch: Patch, live: Iterable[str], carried: Carried = NOTHING_CARRIED) -> tuple[str, ...]:
    """Live branches without the patch, of one that any stable branch has: others were never meant to get it.

    A branch that is as new as the mainline release has it from the start; one older than the flaw needs nothing.
    """
    has = {one.branch for one in patch.landed(Stage.STABLE)} | set(carried.fixed)
    if not has:
        return ()
    mainline = next((one.version for one in patch.landed(Stage.MAINLINE) if one.version), None)
    mainline = mainline or max(carried.fixed, key=release_order, default=None)
    return tuple(
        branch
        for branch in live
        if branch not in has
        and (mainline is None or release_order(branch) < release_order(mainline))
        and (carried.introduced is None or release_order(branch) >= release_order(carried.introduced))
    )


def overdue_since(patch: Patch) -> datetime | None:
    """When a branch that lacks the patch became overdue: two weeks after the first stable release that has it."""
    first = min((one.at for one in patch.landed(Stage.STABLE) if one.at and not one.said_only), default=None)
    return None if first is None else first + OVERDUE_AFTER
