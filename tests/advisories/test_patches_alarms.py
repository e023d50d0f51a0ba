"""The alarms that a topic turns on: what is noticed, from which records, and what is not known well enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisories.landings_missing import Carried
from advisories.model import RecordVersion
from advisories.observation import Observation, RefsObservation
from advisories.patches_fold import fold_patches
from advisories.patches_pickup import early_pickups
from advisories.patches_prerequisites import lost_prerequisites
from advisories.patches_stalled import stalled_series
from advisories.patches_watch import Noticed, Reading, Watched
from advisories.words import ASKED_ALARMS
from tests.advisories.lives import (
    HERBERT,
    TITLE,
    TOPIC,
    at,
    changelog,
    commit,
    commit_id,
    mail,
    patch_mail,
    seen,
    stable,
)

ON = replace(TOPIC, alarms=ASKED_ALARMS)
DAY = 24.0
OTHER = "crypto: algif_hash - Copy the state before it is used"
Judge = Callable[[Watched], Iterable[Noticed]]


def watched(*records: RecordVersion, hours: float = 90 * DAY, topic: object = ON, **more: object) -> Watched:
    """Everything folded, and a cycle `hours` after the first mail; mainline read until then."""
    reading = Reading(at=at(hours), mainline=at(hours))
    patches = fold_patches(records, (ON,)).patches
    return Watched(patches=patches, topics=(topic,), reading=replace(reading, **more))  # type: ignore[arg-type]


def noticed(judge: Judge, *observations: Observation, **more: object) -> list[tuple[str, str]]:
    found = judge(watched(*seen(*observations), **more))  # type: ignore[arg-type]
    return [(one.patch.title, one.cause) for one in found]


POSTED = patch_mail("v1@x", f"[PATCH] {TITLE}")
AGAIN = patch_mail("v2@x", f"[PATCH v2] {TITLE}", hours=10 * DAY, change="better", reply_to="v1@x")
REPLY = mail("r@x", f"Re: [PATCH] {TITLE}", "What of arm64?\n", sender="A B <a@b.org>", hours=5 * DAY, reply_to="v1@x")
NACK = mail("n@x", f"Re: [PATCH] {TITLE}", "NACK. It breaks iwd.\n", sender="A B <a@b.org>", hours=2, reply_to="v1@x")
APPLIED = mail("ap@x", f"Re: [PATCH] {TITLE}", "Patch applied.  Thanks.\n", sender=HERBERT, hours=9, reply_to="v1@x")


@pytest.mark.parametrize(
    ("records", "hours", "told"),
    [
        ([POSTED], 21 * DAY - 1, []),
        ([POSTED], 21 * DAY, ["2026-05-04T06:00:00Z"]),
        ([POSTED, REPLY], 21 * DAY, []),
        ([POSTED, REPLY], 26 * DAY, ["2026-05-09T06:00:00Z"]),
        ([POSTED, AGAIN], 26 * DAY, []),
        ([POSTED, AGAIN], 31 * DAY, ["2026-05-14T06:00:00Z"]),
        ([POSTED, NACK], 90 * DAY, []),
        ([POSTED, APPLIED], 90 * DAY, []),
        ([POSTED, commit(1, tree="cryptodev", hours=20)], 90 * DAY, []),
        ([POSTED, changelog("6.12.96-1", TITLE, days=10)], 90 * DAY, []),
        ([commit(1, tree="cryptodev", hours=20)], 90 * DAY, []),
    ],
)
def test_a_series_stalls_when_nobody_speaks_of_it(records: list[Observation], hours: float, told: list[str]) -> None:
    """Three weeks after the last word of its thread; never when somebody did something with it, or is against it."""
    assert noticed(stalled_series, *records, hours=hours) == [(TITLE, one) for one in told]


def test_a_stall_says_what_stalls_and_since_when() -> None:
    """The newest revision, its list, the mail as evidence; three weeks after the last word it is due."""
    (one,) = stalled_series(watched(*seen(POSTED, AGAIN, REPLY)))
    assert one.text == f"No word since 2026-05-14, in no tree: v2 of {TITLE}"
    assert (one.due_at, one.tree) == (at(31 * DAY), "linux-crypto.vger.kernel.org")
    assert one.evidence.url.endswith("/v2@x/raw")


def test_a_date_that_is_set_back_hides_no_word() -> None:
    """The archive's time counts where it is later."""
    set_back = replace(REPLY, sent_at=at(-90 * DAY), received_at=at(5 * DAY))
    assert noticed(stalled_series, POSTED, set_back, hours=26 * DAY - 1) == []
    assert noticed(stalled_series, POSTED, set_back, hours=26 * DAY) == [(TITLE, "2026-05-09T06:00:00Z")]


def series(prefix: str, *titles: str, version: str = "", hours: float = 0, cover: bool = True) -> list[Observation]:
    """A cover letter and its parts; without a cover all answer the first."""
    total = len(titles)
    head = f"{prefix}0@x" if cover else f"{prefix}1@x"
    found: list[Observation] = [mail(head, f"[PATCH{version} 0/{total}] AF_ALG: Harden", hours=hours)] if cover else []
    for number, title in enumerate(titles, start=1):
        msgid = f"{prefix}{number}@x"
        parent = None if msgid == head else head
        subject = f"[PATCH{version} {number}/{total}] {title}"
        found.append(patch_mail(msgid, subject, f"crypto/af_alg{number}.c", hours=hours, reply_to=parent))
    return found


@pytest.mark.parametrize("cover", [True, False])
def test_a_series_is_one_stall(cover: bool) -> None:
    """However many parts; an answer to one of them, or one that is applied, keeps all of it going."""
    parts = series("s", "AF_ALG: Take away one thing", "AF_ALG: Take away another", cover=cover)
    (one,) = stalled_series(watched(*seen(*parts)))
    assert one.text.endswith("v1 of AF_ALG: Take away one thing and 1 more of its series")
    late = mail(
        "r@x", "Re: [PATCH 2/2] AF_ALG: Take away another", "Why?\n", sender=HERBERT, hours=89 * DAY, reply_to="s2@x"
    )
    assert noticed(stalled_series, *parts, late) == []
    taken = commit(3, "AF_ALG: Take away another", tree="cryptodev", hours=3, files=("crypto/af_alg2.c",))
    assert noticed(stalled_series, *parts, taken) == []


def test_a_series_whose_cover_letter_is_not_kept_never_stalls() -> None:
    """Who answers that alone is not heard."""
    parts = series("s", "AF_ALG: Take away one thing", "AF_ALG: Take away another")
    assert len(noticed(stalled_series, *parts)) == 1
    assert noticed(stalled_series, *parts[1:]) == []


def test_a_part_that_a_later_revision_leaves_out_does_not_stall() -> None:
    """The series went on without it."""
    first = series("a", "AF_ALG: Take away one thing", "AF_ALG: Take away another")
    second = series("b", "AF_ALG: Take away one thing", version=" v2", hours=5 * DAY)
    (one,) = stalled_series(watched(*seen(*first, *second)))
    assert one.patch.title == "AF_ALG: Take away one thing"
    assert one.cause == "2026-05-09T06:00:00Z"


def test_what_was_not_read_since_is_not_missing() -> None:
    """By a list or tree whose last good reading is older, or whose first goes on; a known fix; a topic that is off."""
    due = at(21 * DAY)
    for read, told in (({"lore": due}, 1), ({"lore": due - timedelta(hours=1)}, 0), ({"lore": due, "crypto": None}, 0)):
        assert len(noticed(stalled_series, POSTED, read=read)) == told
    fixed = replace(watched(*seen(POSTED)), carried_by=lambda patch: Carried(fixed={"6.12": "6.12.96"}))
    assert list(stalled_series(fixed)) == []
    for judge in (stalled_series, lost_prerequisites, early_pickups):
        assert noticed(judge, *LIFE, topic=TOPIC) == []


def standing(msgid: str, lines: str, **more: object) -> Observation:
    """A posting of OTHER that says what it stands on, as git format-patch --base writes it."""
    posted = patch_mail(msgid, f"[PATCH] {OTHER}", "crypto/algif_hash.c", **more)  # type: ignore[arg-type]
    return replace(posted, prerequisites=tuple(lines.split()))


REVERT = commit(14, f'Revert "{TITLE}"', author=HERBERT, hours=30 * DAY, reverts=commit_id(11))
UPSTREAM = commit(11, tag="v7.2-rc1")
DEPENDENT = commit(21, OTHER, hours=20 * DAY, files=("crypto/algif_hash.c",), tag="v7.2-rc2")
PATCH_ID = POSTED.patch_id or ""


@pytest.mark.parametrize(
    "line",
    [f"patch-id:{PATCH_ID}", "message-id:v1@x", f"base-commit:{commit_id(11)}", "change-id:20260504-zero-abcdef123456"],
)
def test_a_prerequisite_that_is_reverted_is_lost(line: str) -> None:
    """Whichever line names it; told a day after the revert, once, however many trees take it."""
    first = replace(POSTED, change_id="20260504-zero-abcdef123456")
    records = seen(
        first, standing("d@x", line, hours=10), UPSTREAM, DEPENDENT, REVERT, replace(REVERT, tree="cryptodev")
    )
    assert list(lost_prerequisites(watched(*records, hours=31 * DAY - 1))) == []
    (one,) = lost_prerequisites(watched(*records, hours=31 * DAY))
    said = line.partition(":")[0].replace("base-commit", "") or "base-commit"
    prefix = "" if said == "base-commit" else "prerequisite-"
    assert one.text == (
        f'Prerequisite lost: "{TITLE[:90]}" ({prefix}{said}) was reverted in mainline on 2026-06-03; needed by {OTHER}'
    )


def test_a_prerequisite_is_lost_while_the_patch_is_only_posted() -> None:
    """Dropped by a forced push; not by one that only gave it a new id."""
    gone = RefsObservation(tree="cryptodev", rewritten=(commit_id(10),))
    records = seen(POSTED, standing("d@x", "message-id:v1@x", hours=10), commit(10, tree="cryptodev", hours=50))
    records += seen(gone, hours=60)
    (one,) = lost_prerequisites(watched(*records))
    assert (one.patch.title, one.due_at) == (OTHER, at(60 + DAY))
    assert "was dropped from cryptodev on 2026-05-06" in one.text
    assert list(lost_prerequisites(watched(*records, *seen(commit(12, tree="cryptodev", hours=51))))) == []


@pytest.mark.parametrize(
    "records",
    [
        [standing("d@x", "message-id:unknown@x"), UPSTREAM, REVERT],  # we follow nothing of that name
        [standing("d@x", f"patch-id:{'0' * 40}"), UPSTREAM, REVERT],
        [standing("d@x", "message-id:v1@x", hours=40 * DAY), UPSTREAM, REVERT],  # posted when the revert was known
        [standing("d@x", "message-id:v1@x"), UPSTREAM],  # nothing happened to it
        [  # reverted with it
            standing("d@x", "message-id:v1@x"), UPSTREAM, DEPENDENT, REVERT,
            commit(24, f'Revert "{OTHER}"', author=HERBERT, hours=30 * DAY - 1, reverts=commit_id(21)),
        ],
        [standing("d@x", ""), replace(DEPENDENT, fixes=(commit_id(11)[:12],)), UPSTREAM, REVERT],  # its fix is moot
        [  # in a stable branch that keeps the prerequisite
            standing("d@x", "message-id:v1@x"), UPSTREAM, DEPENDENT,
            replace(REVERT, tree="stable", branch="linux-6.6.y"), stable(12, 11, "v6.6.120"),
        ],
    ],
)  # fmt: skip
def test_no_prerequisite_is_lost_by_not_knowing(records: list[Observation]) -> None:
    assert noticed(lost_prerequisites, POSTED, *records) == []


def backport(**more: object) -> Observation:
    return stable(
        22, 21, "v6.12.97", subject=OTHER, files=("crypto/algif_hash.c",), hours=40 * DAY, tag_hours=41 * DAY, **more
    )


@pytest.mark.parametrize(
    "needs",
    [
        [standing("d@x", "message-id:v1@x")],
        [replace(DEPENDENT, fixes=(commit_id(11)[:12],))],
        [patch_mail("b@x", f"[PATCH 6.12 1/2] {TITLE}", trailers=f'Stable-dep-of: {commit_id(21)[:12]} ("x")\n')],
    ],
)
def test_a_backport_without_its_prerequisite(needs: list[Observation]) -> None:
    """Named by the author, by Fixes:, or by whoever took it into the branch; a day after the release."""
    records = [POSTED, UPSTREAM, DEPENDENT, *needs, backport()]
    ((title, cause),) = noticed(lost_prerequisites, *records)
    assert (title, cause.split()[1:]) == (OTHER, ["6.12"])
    assert noticed(lost_prerequisites, *records, hours=42 * DAY - 1) == []
    assert noticed(lost_prerequisites, *records, stable(13, 11, "v6.12.97")) == []
    assert noticed(lost_prerequisites, *records, commit(9, tree="stable-queue", branch="queue-6.12")) == []


def test_a_backport_that_needs_nothing_there() -> None:
    """It was taken out again; it only stood on the other's commit; it names another commit that begins alike."""
    needs = standing("d@x", "message-id:v1@x")
    revert = commit(
        30, f'Revert "{OTHER}"', tree="stable", branch="linux-6.12.y", reverts=commit_id(22), hours=50 * DAY
    )
    assert noticed(lost_prerequisites, POSTED, UPSTREAM, DEPENDENT, needs, backport(), revert) == []
    base = standing("d@x", f"base-commit:{commit_id(11)}")
    assert noticed(lost_prerequisites, POSTED, UPSTREAM, DEPENDENT, base, backport()) == []
    alike = replace(DEPENDENT, fixes=(commit_id(11)[:12] + "ffff",))
    assert noticed(lost_prerequisites, POSTED, UPSTREAM, alike, backport()) == []


@pytest.mark.parametrize(("branch", "told"), [("6.12", 1), ("6.6", 0)])
def test_what_was_taken_for_it_is_reverted_in_that_branch(branch: str, told: int) -> None:
    """Stable-dep-of speaks of the branch where it is said, of no other."""
    dep = f'commit {commit_id(11)} upstream.\n\nStable-dep-of: {commit_id(21)[:12]} ("x")'
    records = [UPSTREAM, DEPENDENT, backport(), stable(12, 11, "v6.12.97", message=dep), stable(13, 11, "v6.6.120")]
    records.append(stable(23, 21, "v6.6.121", subject=OTHER, files=("crypto/algif_hash.c",)))
    gone = commit_id(12 if branch == "6.12" else 13)
    where = {"tree": "stable", "branch": f"linux-{branch}.y", "reverts": gone, "hours": 50 * DAY}
    records.append(commit(30, f'Revert "{TITLE}"', author=HERBERT, **where))  # type: ignore[arg-type]
    found = list(lost_prerequisites(watched(*seen(*records))))
    assert [one.branch for one in found] == [branch] * told
    assert all(f"was reverted in {branch}.y on 2026-06-23" in one.text for one in found)


def test_what_a_branch_has_from_the_start_is_not_missing_there() -> None:
    """The prerequisite came with 6.11, or nobody knows with which release it came."""
    needs = standing("d@x", "message-id:v1@x")
    for first in (commit(11, tag="v6.11-rc1"), commit(11), commit(11, tree="cryptodev")):
        assert noticed(lost_prerequisites, POSTED, first, DEPENDENT, needs, backport()) == []
    for_another = patch_mail("b@x", f"[PATCH 6.6 1/2] {TITLE}", trailers=f'Stable-dep-of: {commit_id(21)[:12]} ("x")\n')
    assert noticed(lost_prerequisites, POSTED, UPSTREAM, DEPENDENT, for_another, backport()) == []


PACKAGE = changelog("6.19.12-2", TITLE, release="sid", days=10)


def test_a_package_before_mainline() -> None:
    """Who, in which version, and until when mainline was read; by its title alone it is a guess that wakes nobody."""
    (one,) = early_pickups(watched(*seen(POSTED, PACKAGE), hours=12 * DAY))
    assert one.text == (
        "Debian sid has it in linux 6.19.12-2 of 2026-05-14, mainline (read until 2026-05-16) not yet: "
        f"{TITLE} (the changelog names the title only: a guess)"
    )
    assert (one.wakes, one.distro, one.release, one.package, one.version) == (
        False,
        "debian",
        "sid",
        "linux",
        "6.19.12-2",
    )
    named = replace(PACKAGE, titles=(), commits=(commit_id(10),))
    (sure,) = early_pickups(watched(*seen(POSTED, commit(10, tree="cryptodev", hours=50), named)))
    assert (sure.wakes, sure.cause) == (True, "debian/sid linux")
    assert "guess" not in sure.text


@pytest.mark.parametrize(
    ("records", "more"),
    [
        ([POSTED, PACKAGE, UPSTREAM], {}),
        ([POSTED, PACKAGE, stable(12, 11, "v6.12.96")], {}),
        ([POSTED, PACKAGE], {"mainline": at(10 * DAY - 1)}),  # mainline was not read since
        ([POSTED, PACKAGE], {"mainline": None}),
        ([POSTED, PACKAGE], {"read": {"mainline": None}}),
        ([POSTED, replace(PACKAGE, at=at(-1))], {}),  # of before the posting: another change of that name
        ([POSTED, replace(PACKAGE, at=None)], {}),
        ([PACKAGE, commit(10, tree="cryptodev", hours=50)], {}),  # nothing was posted
        ([POSTED, PACKAGE], {"topic": replace(ON, since=at(1))}),  # mainline was not looked at from the posting on
    ],
)
def test_no_pick_up_without_dates_on_both_sides(records: list[Observation], more: dict[str, object]) -> None:
    assert noticed(early_pickups, *records, **more) == []


LIFE = [
    POSTED, AGAIN, REPLY, standing("d@x", f"message-id:v1@x patch-id:{PATCH_ID}", hours=11), UPSTREAM, DEPENDENT,
    REVERT, backport(), *series("s", "AF_ALG: Take away one thing", "AF_ALG: Take away another"),
    patch_mail("e@x", "[PATCH] crypto: af_alg - Another thing that is early", change="early"),
    changelog("6.19.12-2", "crypto: af_alg - Another thing that is early", days=10),
]  # fmt: skip


def everything(records: Iterable[RecordVersion]) -> list[tuple[str, str, datetime, str]]:
    state = watched(*records)
    found = [one for judge in (stalled_series, lost_prerequisites, early_pickups) for one in judge(state)]
    return [(one.alarm.value, one.cause, one.due_at, one.text) for one in found]


@settings(max_examples=40, deadline=None)
@given(st.permutations(seen(*LIFE)))
def test_order_changes_no_alarm(order: list[RecordVersion]) -> None:
    whole = everything(seen(*LIFE))
    assert sorted(one[0] for one in whole) == ["early_pickup", "prerequisite_lost", "prerequisite_lost", "stalled"]
    assert everything(order) == whole
