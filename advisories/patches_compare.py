"""Two states of a patch to the changes between them: stages reached, and what turned against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from advisories import wording
from advisories.model import ChangeDraft, Evidence
from advisories.patches import Landing, Patch, PatchAlarm
from advisories.patches_watch import Noticed
from advisories.words import Alarm, ChangeType, Stage

_TITLE_CHARS = 120
_URGENT = frozenset({Alarm.REVERTED, Alarm.FIXES_THE_FIX})


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """The advisory under which a patch's changes are told; advisory None: it has none."""

    advisory: str | None = None
    aliases: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()


def compare_patches(old: Iterable[Patch], new: Patch, *, at: datetime, under: Under) -> list[ChangeDraft]:
    """The changes from the patches that `new` continues (none: first sight). at: when the facts became known."""
    before = tuple(old)
    known = _Known(before)
    alarmed = {(one.alarm, one.cause) for patch in before for one in patch.alarms}
    drafts = [_reached(new, one, at, under, again) for one, again in known.news(new)]
    drafts += [_turned(new, one, at, under) for one in new.alarms if (one.alarm, one.cause) not in alarmed]
    return drafts


class _Known:
    """The landings that were there before, by what proved them."""

    def __init__(self, before: tuple[Patch, ...]) -> None:
        landings = [one for patch in before for one in patch.landings]
        self._proven = {one.place for one in landings if not one.said_only}
        self._said = {one.place for one in landings}
        self._said_stages = {(one.stage, one.branch) for one in landings if one.said_only}

    def news(self, new: Patch) -> Iterator[tuple[Landing, bool]]:
        """Landings that are new, and those that only mail said before and that are proven now (then True)."""
        for one in new.landings:
            if one.stage is Stage.REVERTED:
                continue  # the alarm tells it
            if one.said_only:
                if one.place not in self._said:
                    yield one, False
            elif one.place not in self._proven:
                yield one, (one.stage, one.branch) in self._said_stages


def _reached(patch: Patch, one: Landing, at: datetime, under: Under, confirmed: bool) -> ChangeDraft:
    distro, _, release = one.tree.partition("/") if one.stage is Stage.PACKAGED else ("", "", "")
    return _draft(
        patch,
        ChangeType.STAGE_REACHED,
        at,
        under,
        one.evidence,
        field="landing.said" if one.said_only else "landing",
        old="said" if confirmed else None,
        new=one.ref if one.stage is Stage.POSTED else one.version,
        text=f"{_where(one)}: {patch.title[:_TITLE_CHARS]}{_doubt(one)}",
        stage=one.stage,
        tree=one.tree,
        branch=one.branch,
        version=one.version,
        distro=distro or None,
        release=release or None,
        package=one.package,
        wakes=not one.said_only and not one.guessed,
    )


def _doubt(one: Landing) -> str:
    if one.said_only:
        return "" if one.stage is Stage.POSTED else " (by list mail only)"
    return " (matched by author and title only: a guess)" if one.guessed else ""


def _where(one: Landing) -> str:
    """The stage in plain words: "In 6.12.96 (6.12.y)", "In Debian 12 as linux 6.1.180-1"."""
    dated = f" on {one.at:%Y-%m-%d}" if one.at else ""
    match one.stage:
        case Stage.POSTED:
            return f"Posted {one.ref}{dated}"
        case Stage.APPLIED:
            tree = "by the maintainer" if "." in one.tree else f"to {one.tree}"
            return f"Applied {tree}{dated}"
        case Stage.NEXT:
            return f"In linux-next, {one.version}"
        case Stage.MAINLINE:
            return f"In mainline{f', first in {one.ref}' if one.version else ''}{dated}"
        case Stage.STABLE_QUEUE:
            return f"Queued for {one.branch}.y{dated}" if one.branch else f"In the stable queue{dated}"
        case Stage.STABLE:
            return f"In {one.version} ({one.branch}.y){dated}"
        case Stage.PACKAGED:
            distro, _, release = one.tree.partition("/")
            return f"In {wording.place(distro, release or None)} as {one.package} {one.version}{dated}"
        case Stage.DROPPED:
            return f"Dropped from {one.tree}{dated}"
        case _:
            return f"{one.stage.value.capitalize()} in {one.tree}{dated}"


def turned_words(one: PatchAlarm) -> str:
    """ "Reverted in mainline on 2026-07-01 by 0123456789ab Revert …"."""
    verb = "Reverted" if one.alarm is Alarm.REVERTED else "Needs a further fix"
    return f"{verb} in {one.tree} on {one.at:%Y-%m-%d} by {one.commit[:12]} {one.title[:_TITLE_CHARS]}"


def _turned(patch: Patch, one: PatchAlarm, at: datetime, under: Under) -> ChangeDraft:
    return _alarm(patch, one.alarm, at, under, one.evidence, new=one.cause, text=turned_words(one), tree=one.tree)


def branch_missing(patch: Patch, branch: str, *, at: datetime, under: Under, because: Evidence) -> ChangeDraft:
    """A live branch that still lacks the patch two weeks after another got it."""
    text = f"Still missing in {branch}.y: {patch.title[:_TITLE_CHARS]}"
    return _alarm(patch, Alarm.BRANCH_MISSING, at, under, because, new=branch, text=text, branch=branch)


def noticed(one: Noticed, *, at: datetime, under: Under) -> ChangeDraft:
    """An alarm that a topic asked for."""
    return _alarm(
        one.patch,
        one.alarm,
        at,
        under,
        one.evidence,
        new=one.cause,
        text=one.text,
        tree=one.tree,
        branch=one.branch,
        distro=one.distro,
        release=one.release,
        package=one.package,
        version=one.version,
        wakes=one.wakes,
    )


def _alarm(
    patch: Patch, alarm: Alarm, at: datetime, under: Under, evidence: Evidence, *, new: str, text: str, **more: object
) -> ChangeDraft:
    return _draft(
        patch,
        ChangeType.ALARM,
        at,
        under,
        evidence,
        field=f"alarm.{alarm.value}",
        old=None,
        new=new,
        text=text,
        alarm=alarm,
        urgent=alarm in _URGENT,
        **more,
    )


def _draft(
    patch: Patch, change: ChangeType, at: datetime, under: Under, evidence: Evidence, **more: object
) -> ChangeDraft:
    values: dict[str, object] = {
        "at": at,
        "advisory": under.advisory,
        "aliases": under.aliases,
        "topics": under.topics or patch.topics,
        "change": change,
        "source": evidence.source,
        "evidence": evidence,
        "patch": patch.id,
        **more,
    }
    return ChangeDraft(**values)  # type: ignore[arg-type]  # the names are checked by the dataclass itself
