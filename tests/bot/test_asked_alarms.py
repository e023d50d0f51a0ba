"""The alarms that a topic turns on, through the store: told once, never when off, not of before our looking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import QueryParams

from advisories.filter_index import FilterIndex
from advisories.filters import parse_filter
from advisories.model import ChangeDraft
from advisories.words import Alarm
from bot.app import App
from bot.cli.path import print_patch
from bot.ingest.cycle import Mode
from bot.views.path import path_document
from bot.web.feeds import read_filter
from storage import source_health
from storage.changes import list_changes
from tests.advisories.lives import (
    HERBERT,
    START,
    TITLE,
    TOPIC,
    at,
    changelog,
    commit,
    commit_id,
    mail,
    patch_mail,
)
from tests.bot.stores import application
from tests.bot.test_paths import comes

DAY = 24.0
ON = replace(TOPIC, alarms=frozenset({Alarm.STALLED, Alarm.PREREQUISITE_LOST, Alarm.EARLY_PICKUP}))
POSTED = patch_mail("v1@x", f"[PATCH] {TITLE}")
OTHER = "crypto: algif_hash - Copy the state before it is used"
BETWEEN = commit(90, "net: socket - Anything", files=("net/socket.c",), hours=1)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with application(tmp_path, topics=[ON]) as opened:
        yield opened


def passes(app: App, days: float, number: int = 90) -> list[ChangeDraft]:
    """Any document of that day, of no topic; the alarms of its cycle."""
    other = commit(number, f"net: socket - Thing {days}", files=("net/socket.c",), hours=days * DAY)
    return alarms(comes(app, other, hours=days * DAY))


def alarms(drafts: list[ChangeDraft]) -> list[ChangeDraft]:
    return [one for one in drafts if one.alarm]


def path(app: App, name: str = "v1@x") -> Any:  # Any: a JSON document
    with app.store.read() as connection:
        document = path_document(connection, name)
    assert document is not None
    return document["patches"][0]


def test_a_stall_is_told_once_and_again_after_the_next_word(app: App) -> None:
    """By the time of the documents; the mail that ends it takes it off the path."""
    assert alarms(comes(app, POSTED)) == []
    assert passes(app, 20.9) == []
    (told,) = passes(app, 21)
    assert (told.alarm, told.at, told.new, told.topics) == (
        "stalled",
        at(21 * DAY),
        "2026-05-04T06:00:00Z",
        ("af-alg",),
    )
    assert (told.urgent, told.wakes, told.quiet, told.advisory) == (False, True, False, None)
    assert [one["text"] for one in path(app)["alarms"]] == [told.text]
    assert passes(app, 22) == passes(app, 40) == []
    reply = mail("r@x", f"Re: [PATCH] {TITLE}", "Ping?\n", hours=41 * DAY, reply_to="v1@x")
    assert alarms(comes(app, reply, hours=41 * DAY)) == []
    assert path(app)["alarms"] == []
    assert passes(app, 61.9) == []
    (again,) = passes(app, 62)
    assert again.new == "2026-06-14T06:00:00Z"
    assert passes(app, 63) == []


def test_a_topic_that_does_not_ask_hears_nothing(tmp_path: Path) -> None:
    """Though it watches the same patch: the change is told to the other alone."""
    silent = replace(TOPIC, slug="crypto", alarms=frozenset())
    with application(tmp_path, topics=[silent, ON]) as app:
        comes(app, POSTED)
        (told,) = passes(app, 21)
    assert told.topics == ("af-alg",)


def test_the_days_are_the_topics_own(tmp_path: Path) -> None:
    with application(tmp_path, topics=[replace(ON, stalled_after=timedelta(days=60))]) as app:
        comes(app, POSTED)
        assert passes(app, 59.9) == []
        assert len(passes(app, 60)) == 1


@pytest.mark.parametrize("kind", [None, Alarm.EARLY_PICKUP, Alarm.PREREQUISITE_LOST, Alarm.STALLED])
def test_each_is_told_where_it_is_on_alone(tmp_path: Path, kind: Alarm | None) -> None:
    """A life with all three: nothing when off, else exactly that one."""
    topic = replace(TOPIC, alarms=frozenset([kind] if kind else []))
    with application(tmp_path, topics=[topic]) as app:
        found = a_life(app)
    assert [str(one.alarm) for one in found if one.alarm is not Alarm.REVERTED] == ([str(kind)] if kind else [])


def a_life(app: App) -> list[ChangeDraft]:
    """A patch that is reverted below another that needs it, one that stalls, one that a package takes early."""
    needing = patch_mail("d@x", f"[PATCH] {OTHER}", "crypto/algif_hash.c", hours=3)
    needing = replace(needing, prerequisites=("message-id:v1@x",))
    early = patch_mail("e@x", "[PATCH] crypto: af_alg - Another thing that is early", change="early")
    stalls = patch_mail("s@x", "[PATCH] crypto: af_alg - Forgotten by everybody", change="forgotten")
    found = comes(app, POSTED, needing, early, stalls)
    merged = commit(21, OTHER, hours=10 * DAY, files=("crypto/algif_hash.c",), tag="v7.2-rc1")
    found += comes(app, commit(11, hours=10 * DAY, tag="v7.2-rc1"), merged, hours=11 * DAY)
    found += comes(app, changelog("6.19.12-2", "crypto: af_alg - Another thing that is early", days=12), hours=12 * DAY)
    revert = commit(14, f'Revert "{TITLE}"', author=HERBERT, hours=13 * DAY, reverts=commit_id(11))
    found += comes(app, revert, hours=13 * DAY)
    for days in (14, 15, 21, 22, 30):
        found += passes(app, days)
    return alarms(found)


def test_a_life_tells_each_once(app: App) -> None:
    """And its path keeps what holds."""
    found = a_life(app)
    assert sorted((str(one.alarm), f"{one.at:%m-%d}") for one in found) == [
        ("early_pickup", "05-17"), ("prerequisite_lost", "05-18"), ("reverted", "05-17"), ("stalled", "05-25"),
    ]  # fmt: skip
    assert [one["alarm"] for one in path(app, "d@x")["alarms"]] == ["prerequisite_lost"]
    assert [one["alarm"] for one in path(app, "v1@x")["alarms"]] == ["reverted"]
    assert [one["alarm"] for one in path(app, "e@x")["alarms"]] == ["early_pickup"]
    assert [one["alarm"] for one in path(app, "s@x")["alarms"]] == ["stalled"]
    comes(app, commit(31, "crypto: af_alg - Another thing that is early", hours=31 * DAY), hours=31 * DAY)
    assert path(app, "e@x")["alarms"] == []


def test_the_terminal_shows_the_whole_sentence(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    a_life(app)
    print_patch(path(app, "d@x"))
    printed = " ".join(capsys.readouterr().out.split())
    assert (
        f'ALARM: Prerequisite lost: "{TITLE}" (prerequisite-message-id) was reverted in mainline on 2026-05-17'
        in printed
    )


def test_a_patch_that_joins_an_advisory_is_not_told_again(app: App) -> None:
    """A change's key has its advisory; the same alarm under another is the same."""
    early = patch_mail("e@x", f"[PATCH] {OTHER}", "crypto/algif_hash.c")
    comes(app, early, changelog("6.19.12-2", OTHER, days=2))
    comes(app, changelog("6.19.12-2", OTHER, days=2), hours=2 * DAY)
    assert len(passes(app, 3)) == 1
    taken = commit(21, OTHER, tree="cryptodev", hours=4 * DAY, files=("crypto/algif_hash.c",))
    assert alarms(comes(app, taken, hours=4 * DAY)) == []
    assert path(app, "e@x")["advisories"] == ["PW-2026-1"]
    assert passes(app, 5) == []


def test_what_was_so_before_we_looked_is_not_sent(app: App) -> None:
    """A stall of last year, found today, and one that was due before the first reading of the list ended."""
    comes(app, POSTED)
    (old,) = passes(app, 21 + 31)
    assert old.quiet
    with app.store.write() as connection:
        source_health.set_baseline_done(connection, "lore", "linux-crypto", at=at(90 * DAY))
    second = patch_mail("s@x", "[PATCH] crypto: af_alg - Forgotten by everybody", change="2", hours=60 * DAY)
    comes(app, second, hours=60 * DAY)
    (before,) = passes(app, 91)
    assert before.quiet
    with app.store.read() as connection:
        assert [one.draft.alarm for one in list_changes(connection, with_quiet=False) if one.draft.alarm] == []


def test_a_source_that_is_not_read_tells_nothing(app: App) -> None:
    """The list fails for days: it says nothing of silence. The first reading of another source hides no alarm."""
    comes(app, POSTED)
    with app.store.write() as connection:
        source_health.claim(connection, "lore", now=START, until=START, due_only=False)
    assert passes(app, 21) == []
    with app.store.write() as connection:
        source_health.record_good(connection, "lore", now=at(22 * DAY), next_due_at=at(23 * DAY))
    first = commit(91, "net: socket - First", files=("net/socket.c",), hours=1)
    assert alarms(comes(app, first, hours=22 * DAY, mode=Mode(quiet=True))) == []
    assert len(passes(app, 22.5)) == 1


def test_subscribers_ask_for_one_alarm(app: App) -> None:
    """change:alarm is every alarm, change:stalled that one; in a subscription, the index and a feed alike."""
    told = {str(one.alarm): one for one in a_life(app)}
    index = FilterIndex()
    for number, words in enumerate(
        ("change:alarm", "change:stalled", "af-alg change:prerequisite_lost", "change:fixed_in")
    ):
        index.add(number, parse_filter(words, known_topics=frozenset({"af-alg"})))
    assert index.match(told["stalled"]) == {0, 1}
    assert index.match(told["prerequisite_lost"]) == {0, 2}
    assert index.match(told["reverted"]) == {0}
    assert read_filter(QueryParams("change=early_pickup"))[1] == "?change=early_pickup"
    by_release = parse_filter("af-alg debian/12", known_topics=frozenset({"af-alg"}))
    index.add(9, by_release)
    assert 9 not in index.match(replace(told["early_pickup"], release="sid"))
    assert 9 in index.match(replace(told["early_pickup"], release="12"))
