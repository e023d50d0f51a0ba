"""A distribution's package that has a patch before mainline has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from advisories import wording
from advisories.patches import Landing, Patch
from advisories.patches_watch import Noticed, Watched
from advisories.words import Alarm, Stage

_TITLE_CHARS = 120
_LATER = (Stage.MAINLINE, Stage.STABLE)  # a stable release takes nothing that mainline does not have


def early_pickups(watched: Watched) -> Iterator[Noticed]:
    """One for each release and package: the package dated after the posting, mainline read past the package's date and
    without the patch, whoever says so. A changelog that names the title alone is a guess and wakes nobody."""
    until = watched.reading.mainline
    if until is None:
        return
    for patch in watched.asking(Alarm.EARLY_PICKUP):
        if patch.landed(*_LATER) or watched.carried_by(patch).fixed:
            continue
        posted = min((one.at for one in patch.revisions if one.at), default=None)
        since = min(one.since for one in watched.topics if one.slug in patch.topics)
        if posted is None or posted < since:
            continue  # what mainline took before was not looked for
        for one in patch.landed(Stage.PACKAGED):
            if one.at and posted <= one.at <= until and watched.reading.is_past(one.at):
                yield _pickup(patch, one, at=one.at, until=until)


def _pickup(patch: Patch, one: Landing, *, at: datetime, until: datetime) -> Noticed:
    distro, _, release = one.tree.partition("/")
    where = wording.place(distro, release or None)
    guess = " (the changelog names the title only: a guess)" if one.guessed else ""
    return Noticed(
        alarm=Alarm.EARLY_PICKUP,
        patch=patch,
        cause=f"{one.tree} {one.package}",
        due_at=at,
        text=(
            f"{where} has it in {one.package} {one.version} of {at:%Y-%m-%d}, "
            f"mainline (read until {until:%Y-%m-%d}) not yet: {patch.title[:_TITLE_CHARS]}{guess}"
        ),
        evidence=one.evidence,
        wakes=not one.guessed,
        tree=one.tree,
        distro=distro,
        release=release or None,
        package=one.package,
        version=one.version,
    )
