"""Where each step of a topic's plan stands: by the landings of its patches, not by hand; the next release estimated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from advisories.landings import release_order
from advisories.landings_missing import KERNEL
from advisories.matching import same_commit
from advisories.observation import ReleaseObservation
from advisories.patches import Landing, Patch
from advisories.topics import Step, Topic
from advisories.words import Alarm, Stage

PROPOSED, QUEUED, MERGED, SHIPPED = "proposed", "queued", "merged", "shipped"
# A release follows the last one after nine weeks, or ten when there is an eighth candidate.
SHORT_CYCLE = timedelta(weeks=9)
LONG_CYCLE = timedelta(weeks=10)
LAST_CANDIDATE = 7
_CANDIDATE = re.compile(r"([0-9]{1,2}\.[0-9]{1,3})-rc([0-9]{1,2})")
_FINAL = re.compile(r"([0-9]{1,2})\.([0-9]{1,3})")
_MAX_AHEAD = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """When a release that is not out yet is due by the kernel's usual pace: a guess, and to be shown as one."""

    release: str
    earliest: date
    latest: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a step stands. by_landings False: no patch of it is known here, and the topic file's own word is shown."""

    step: Step
    state: str
    release: str | None
    by_landings: bool
    reverted: bool
    patches: tuple[str, ...]
    landings: tuple[Landing, ...]
    estimate: Estimate | None


def stand(
    topic: Topic, patches: Sequence[Patch], releases: Iterable[ReleaseObservation], *, today: date
) -> tuple[Standing, ...]:
    """The plan in the order of the topic file. `releases`: the kernel's, in order of time."""
    known = tuple(one for one in releases if one.distro == KERNEL)
    return tuple(_stand(topic, step, patches, known, today) for step in topic.steps)


def _stand(
    topic: Topic, step: Step, patches: Sequence[Patch], releases: Sequence[ReleaseObservation], today: date
) -> Standing:
    commits, mails = _named(topic, step)
    own = [one for one in patches if _belongs(one, commits, mails)]
    landings = tuple(landing for patch in own for landing in patch.landings)
    mainline = next((one.version for one in landings if one.stage is Stage.MAINLINE and one.version), None)
    release = mainline or step.release
    state = _state(landings, mainline, releases) or step.state
    return Standing(
        step=step,
        state=state,
        release=release,
        by_landings=bool(landings),
        reverted=any(alarm.alarm is Alarm.REVERTED for patch in own for alarm in patch.alarms),
        patches=tuple(one.id for one in own),
        landings=landings,
        estimate=None if state == SHIPPED or release is None else estimate(release, releases, today=today),
    )


def _named(topic: Topic, step: Step) -> tuple[tuple[str, ...], frozenset[str]]:
    matter = next((one for one in topic.matters if one.slug == step.matter), None)
    commits = step.commits + (matter.commits if matter else ())
    return commits, frozenset(step.message_ids) | frozenset(matter.message_ids if matter else ())


def _belongs(patch: Patch, commits: Sequence[str], mails: frozenset[str]) -> bool:
    return bool(mails.intersection(patch.message_ids)) or any(
        same_commit(wanted, commit) for wanted in commits for commit in patch.commits
    )


def _state(landings: Sequence[Landing], mainline: str | None, releases: Sequence[ReleaseObservation]) -> str | None:
    """Shipped: in a release that is out, mainline or stable. None when nothing has landed."""
    stages = {one.stage for one in landings}
    if Stage.STABLE in stages or Stage.PACKAGED in stages or (mainline is not None and is_out(mainline, releases)):
        return SHIPPED
    if Stage.MAINLINE in stages:
        return MERGED
    if stages & {Stage.APPLIED, Stage.NEXT}:
        return QUEUED
    return PROPOSED if Stage.POSTED in stages else None


def is_out(release: str, releases: Iterable[ReleaseObservation]) -> bool:
    """Whether that kernel release, or a later one, was published."""
    out = [one.latest for one in releases if one.latest and "-rc" not in one.latest and _FINAL.match(one.latest)]
    return any(release_order(one) >= release_order(release) for one in out)


def estimate(release: str, releases: Iterable[ReleaseObservation], *, today: date) -> Estimate | None:
    """When a mainline release is due, from the newest candidate or the newest release with a date; None when it is out
    or nothing is known."""
    known = tuple(releases)
    if is_out(release, known):
        return None
    newest = max(
        (one for one in known if one.moniker == "mainline" and one.latest and one.released),
        key=lambda one: one.released or date.min,
        default=None,
    )
    if newest is None or newest.latest is None or newest.released is None:
        return None
    candidate = _CANDIDATE.fullmatch(newest.latest)
    if candidate is None:
        based_on, earliest, latest = newest.latest, newest.released, newest.released
    else:
        based_on = candidate[1]
        left = max(LAST_CANDIDATE + 1 - int(candidate[2]), 1)
        earliest = newest.released + timedelta(weeks=left)
        latest = earliest + (LONG_CYCLE - SHORT_CYCLE)
    ahead = _releases_between(based_on, release)
    if ahead is None:
        return None
    earliest, latest = earliest + ahead * SHORT_CYCLE, latest + ahead * LONG_CYCLE
    return Estimate(release=release, earliest=max(earliest, today), latest=max(latest, today))


def _releases_between(one: str, other: str) -> int | None:
    first, last = _FINAL.fullmatch(one), _FINAL.fullmatch(other)
    if first is None or last is None or first[1] != last[1]:
        return None
    ahead = int(last[2]) - int(first[2])
    return ahead if 0 <= ahead <= _MAX_AHEAD else None
