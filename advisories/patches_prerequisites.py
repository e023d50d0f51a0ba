"""A patch whose prerequisite was taken away, or is not in the stable branch to which the patch went.

Only what is known counts: both are patches that we follow, and what happened is git's word. What the lines name and we
do not follow says nothing. The definition in plain words is in docs/design-notes.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from advisories.landings import MAINLINE, STABLE, branch_named, release_order
from advisories.mail_prerequisites import BASE_COMMIT
from advisories.patches import Landing, Need, Patch
from advisories.patches_keys import SHORT_ID
from advisories.patches_seen import QUEUE
from advisories.patches_series import FIXES
from advisories.patches_watch import Noticed, Watched
from advisories.words import Alarm, MatchedBy, Stage

SETTLES = timedelta(days=1)  # a series and its reverts are pushed within the day
_TITLE_CHARS = 90
_TAKEN = (Stage.REVERTED, Stage.DROPPED)
_STANDS = (Stage.APPLIED, Stage.NEXT, Stage.MAINLINE, Stage.STABLE_QUEUE, Stage.STABLE)


def lost_prerequisites(watched: Watched) -> Iterator[Noticed]:
    """One for each pair of patches and each tree or branch in which the prerequisite is lost."""
    asking = watched.asking(Alarm.PREREQUISITE_LOST)
    if not asking:
        return
    named = _Named(watched.patches)
    told: set[tuple[str, str]] = set()
    for patch in asking:
        for need, other in named.needs_of(patch):
            for one in (*_taken(patch, need, other), *_missing(patch, need, other, watched)):
                if watched.reading.is_past(one.due_at) and (patch.id, one.cause) not in told:
                    told.add((patch.id, one.cause))
                    yield one


class _Named:
    """The followed patches by what lines may name them by."""

    def __init__(self, patches: Sequence[Patch]) -> None:
        self._by_key: dict[str, list[Patch]] = defaultdict(list)
        self._for_commit: dict[str, list[tuple[Need, Patch]]] = defaultdict(list)
        for patch in patches:
            for key in _keys(patch):
                self._by_key[key].append(patch)
            for need in patch.needed_by:
                self._for_commit[_short(need.key)].append((need, patch))

    def needs_of(self, patch: Patch) -> Iterator[tuple[Need, Patch]]:
        """What it names itself, then what was taken into a branch for its sake; never itself."""
        for need in patch.needs:
            for other in self._by_key.get(_short(need.key), ()):
                if other.id != patch.id and _is_named(need, other):
                    yield need, other
        for key in dict.fromkeys(_short(f"commit:{one}") for one in patch.commits):
            for need, other in self._for_commit.get(key, ()):
                if other.id != patch.id and any(one.startswith(_value(need)) for one in patch.commits):
                    yield need, other


def _keys(patch: Patch) -> Iterable[str]:
    keys = [f"message:{one}" for one in (*patch.message_ids, *patch.covers)]
    keys += [f"diff:{one}" for one in patch.patch_ids]
    keys += [f"change:{one}" for one in patch.change_ids]
    keys += [_short(f"commit:{one}") for one in patch.commits]
    return dict.fromkeys(keys)


def _short(key: str) -> str:
    return key[: len("commit:") + SHORT_ID] if key.startswith("commit:") else key


def _value(need: Need) -> str:
    return need.key.partition(":")[2]


def _is_named(need: Need, other: Patch) -> bool:
    return not need.key.startswith("commit:") or any(one.startswith(_value(need)) for one in other.commits)


def _taken(patch: Patch, need: Need, other: Patch) -> Iterator[Noticed]:
    """The prerequisite was reverted or dropped where the patch is, or while it is only posted: one, of the first loss.

    Of a fix of something the loss is its end, not its lack; and who posted after the loss knew of it.
    """
    if need.said == FIXES:
        return
    posted = max((one.at for one in patch.revisions if one.at), default=None)
    for loss in other.landed(*_TAKEN):
        if loss.at is None or loss.said_only or (need.branch or _branch(loss)) != _branch(loss):
            continue
        if need.branch is None and (posted is None or loss.at <= posted):
            continue
        if _concerns(patch, loss):
            verb = "reverted in" if loss.stage is Stage.REVERTED else "dropped from"
            happened = f"was {verb} {_where(loss)} on {loss.at:%Y-%m-%d}"
            yield _lost(patch, need, other, loss, at=loss.at, cause="taken", happened=happened)
            return


def _concerns(patch: Patch, loss: Landing) -> bool:
    """Whether the patch is still in the tree that lost its prerequisite, or on its way into it."""
    if any(_same_place(one, loss) for one in patch.landed(*_TAKEN)):
        return False
    stands = [one for one in patch.landed(*_STANDS) if not one.said_only and not one.guessed]
    if any(_same_place(one, loss) for one in stands):
        return True
    if loss.tree == MAINLINE:
        return not patch.landed(Stage.DROPPED, Stage.REVERTED)
    return not patch.landed(*_STANDS, *_TAKEN) and _branch(loss) is None


def _same_place(one: Landing, loss: Landing) -> bool:
    return (one.tree, _branch(one)) == (loss.tree, _branch(loss))


def _branch(one: Landing) -> str | None:
    """The stable branch of a landing; a revert names it as git does ("linux-6.12.y")."""
    return branch_named(one.branch or "") if one.tree in (STABLE, QUEUE) else None


def _missing(patch: Patch, need: Need, other: Patch, watched: Watched) -> Iterator[Noticed]:
    """The patch is in a stable branch that is older than the mainline release of its prerequisite, and has it not."""
    if need.said == BASE_COMMIT:
        return  # what stood below it is not what it needs
    mainline = next((one for one in other.landed(Stage.MAINLINE) if one.version and not one.said_only), None)
    if mainline is None or mainline.version is None or mainline.guessed:
        return
    fixed = watched.carried_by(other).fixed
    there = {_branch(one) for one in other.landed(Stage.STABLE, Stage.STABLE_QUEUE, Stage.REVERTED)} | set(fixed)
    for one in patch.landed(Stage.STABLE):
        if one.branch is None or one.at is None or one.said_only or one.matched_by is MatchedBy.AUTHOR_SUBJECT:
            continue
        if (need.branch or one.branch) != one.branch or one.branch in there or _reverted_in(patch, one.branch):
            continue
        if release_order(one.branch) < release_order(mainline.version):
            happened = f"is in mainline {mainline.version}, not in {one.branch}.y"
            yield _lost(patch, need, other, one, at=one.at, cause=one.branch, happened=happened)


def _reverted_in(patch: Patch, branch: str) -> bool:
    return any(_branch(one) == branch for one in patch.landed(Stage.REVERTED))


def _lost(
    patch: Patch, need: Need, other: Patch, where: Landing, *, at: datetime, cause: str, happened: str
) -> Noticed:
    title = f'"{other.title[:_TITLE_CHARS]}" ({need.said})'
    return Noticed(
        alarm=Alarm.PREREQUISITE_LOST,
        patch=patch,
        cause=f"{other.id} {cause}",
        due_at=at + SETTLES,
        text=f"Prerequisite lost: {title} {happened}; needed by {patch.title[:_TITLE_CHARS]}",
        evidence=where.evidence,
        tree=where.tree,
        branch=_branch(where),
    )


def _where(loss: Landing) -> str:
    branch = _branch(loss)
    return f"{branch}.y" if branch else loss.tree
