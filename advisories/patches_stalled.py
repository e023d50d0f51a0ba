"""Series that nobody speaks of any more: posted, in no tree, and silent for as many days as the topic says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from advisories.patches import Patch
from advisories.patches_watch import Noticed, Watched
from advisories.words import Alarm, Stage

_TITLE_CHARS = 120
_NACK = "Nacked-by"


def stalled_series(watched: Watched) -> Iterator[Noticed]:
    """One for each series that stalls; a further mail in its thread begins the wait anew."""
    asking = {one.id for one in watched.asking(Alarm.STALLED)}
    if not asking:
        return
    went_on = _left_behind(watched.patches)
    series: dict[str, list[Patch]] = defaultdict(list)
    for patch in watched.patches:
        if patch.revisions:
            series[patch.revisions[-1].thread].append(patch)
    for thread in sorted(series):
        parts = series[thread]
        if thread in went_on or not any(one.id in asking for one in parts) or any(map(_moves, parts)):
            continue
        if not any(thread in (*one.covers, *one.message_ids) for one in parts):
            continue  # answers to a cover letter that was not taken are not seen
        if any(watched.carried_by(one).fixed for one in parts):
            continue
        found = _stall([one for one in parts if one.id in asking], parts, watched)
        if found is not None:
            yield found


def still_stalls(patch: Patch, patches: Sequence[Patch], *, cause: str) -> bool:
    """Whether the stall of that cause goes on: nothing was done with the series, and nobody spoke of it since."""
    thread = patch.revisions[-1].thread if patch.revisions else ""
    parts = [one for one in patches if one.revisions and one.revisions[-1].thread == thread]
    spoken = [one.spoken_at for one in parts if one.spoken_at]
    silent = bool(spoken) and _stamp(max(spoken)) == cause
    return silent and not any(map(_moves, parts)) and thread not in _left_behind(patches)


def _left_behind(patches: Iterable[Patch]) -> set[str]:
    """The threads of earlier revisions: a part that was left out of the later ones does not stall."""
    return {one.thread for patch in patches for one in patch.revisions[:-1]}


def _moves(patch: Patch) -> bool:
    """Whether anything was done with it, for or against: by git, or by somebody's word."""
    return any(one.stage is not Stage.POSTED for one in patch.landings) or any(
        one.name == _NACK for one in patch.reviews
    )


def _stall(told: Sequence[Patch], parts: Sequence[Patch], watched: Watched) -> Noticed | None:
    spoken = [one.spoken_at for one in parts if one.spoken_at]
    wait = _wait(told, watched)
    if len(spoken) < len(parts) or not watched.reading.is_past(max(spoken) + wait):
        return None
    last = max(spoken)
    first = min(told, key=lambda one: (one.revisions[-1].part, one.title, one.id))
    newest = first.revisions[-1]
    more = f" and {len(parts) - 1} more of its series" if len(parts) > 1 else ""
    return Noticed(
        alarm=Alarm.STALLED,
        patch=first,
        cause=_stamp(last),
        due_at=last + wait,
        text=f"No word since {last:%Y-%m-%d}, in no tree: {newest.ref} of {first.title[:_TITLE_CHARS]}{more}",
        evidence=newest.evidence,
        tree=newest.tree,
    )


def _wait(told: Sequence[Patch], watched: Watched) -> timedelta:
    """The shortest that a topic of the series asks for."""
    slugs = {slug for one in told for slug in one.topics}
    return min(one.stalled_after for one in watched.topics if one.slug in slugs and Alarm.STALLED in one.alarms)


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
