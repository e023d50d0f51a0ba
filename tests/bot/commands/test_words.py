"""Chat words: what each answers, who may say it, and what it keeps."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from advisories.fold import Facts, fold_advisory
from advisories.observation import FixedVersion
from bot.commands.base import Desk
from bot.commands.words import BURST, WORDS, Talk, changes_something
from bot.delivery.outbox import enqueue_changes
from bot.messages.compose import Composer
from bot.messages.conversation import Answer, Request
from bot.messages.model import plain_text
from bot.messages.timing import Timing, read_timing
from storage import delivery, identity
from storage import delivery_settings as wishes
from storage.advisories import save_advisory
from storage.changes import add_changes
from storage.store import Store, open_store
from storage.tables import metadata
from tests import build
from tests.advisories.test_filters import DRAFT, KEV, NOW

ALONE = Request(kind="telegram", address="7", thread="", text="")
RHEL = FixedVersion(version="5.14.0-611.54.1.el9_7", branch="el9_7")
TOLD = "2026-05-01 CVE-2026-31431 Zero-copy fixed in Debian 12 (debian)"
GROUP = Request(kind="telegram", address="-5", thread="", text="", group=True, may_change=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """One advisory: fixed in Debian 12 and two branches of RHEL 9, affected in Debian 11."""
    opened = open_store(None, tmp_path)
    metadata.create_all(opened.engine)
    observations = (
        build.cve("6.12.85", "7.0"),
        build.cell(fixed="6.1.170-1"),
        build.cell(release="11"),
        replace(build.cell(distro="rhel", release="9", package="kernel", fixed="x"), fixed=(RHEL,)),
    )
    with opened.write() as connection:
        identity.open_advisory(connection, aliases=[build.CVE], kind="vulnerability", year=2026, at=NOW)
        folded = fold_advisory(build.identity(), [build.version(*observations)], Facts(package_versions=()))
        save_advisory(connection, folded, at=NOW)
        add_changes(connection, [KEV, DRAFT])
    yield opened
    opened.close()


@pytest.fixture
def talk(store: Store) -> Talk:
    row = {"name": "debian", "state": "good", "last_good": "2026-05-01T00:00:00Z", "why": None}
    landing = {"at": "2026-04-03", "stage": "mainline", "version": "7.0"}
    life = {"patches": [{"subject": "crypto: fix", "landings": [landing]}]}
    desk = Desk(
        store=store,
        topics=[build.topic(cves=frozenset({build.CVE}))],
        composer=Composer(titles={"copy-fail": "Copy Fail"}),
        sources=lambda: [row],
        path=lambda connection, name: life if name == build.CVE else None,
        clock=lambda: NOW + timedelta(days=1),
    )
    return Talk(desk, clock=lambda: 0.0)


def lines(answer: Answer | None) -> list[str]:
    assert answer is not None
    return plain_text(answer.message).split("\n")


def hear(talk: Talk, text: str, request: Request = ALONE) -> list[str]:
    return lines(talk.answer(replace(request, text=text)))


def labels(answer: Answer | None) -> list[tuple[str, str]]:
    assert answer is not None
    return [(one.label, one.words) for row in answer.buttons for one in row]


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ("topics", ["Topics", "copy-fail Copy Fail: "]),
        (
            "status cve-2026-31431 rhel/9",
            [
                "Copy Fail",
                "CVE-2026-31431 CVE-2026-31431",
                "Fixed upstream in 6.12.85, 7.0",
                "Red Hat Enterprise Linux 9: kernel fixed 5.14.0-611.54.1.el9_7",
            ],
        ),
        ("status CVE-1999-0001", ["I know no advisory CVE-1999-0001. Try: latest"]),
        ("path CVE-2026-31431", ["Path of CVE-2026-31431", "crypto: fix", "2026-04-03 mainline 7.0"]),
        ("path x", ["I know no way of x"]),
        ("latest", ["Latest", TOLD, TOLD]),
        (
            "check 6.1.169-1 debian/12",
            [
                "Check of 6.1.169-1",
                "CVE-2026-31431: AFFECTED. 6.1.169-1 of debian 12 linux is before the first fixed 6.1.170-1",
            ],
        ),
        (
            "check 6.1.170-1 debian/12",
            [
                "Check of 6.1.170-1",
                "CVE-2026-31431: FIXED. 6.1.170-1 has the fix of debian 12 linux: 6.1.170-1 is at or past 6.1.170-1",
            ],
        ),
        ("check 1 debian/99", ["Check of 1", "this is no kernel version; send the line of: cat /proc/version"]),
        (
            "check 6.1.0-44-amd64 debian/12",
            [
                "Check of 6.1.0-44-amd64",
                "6.1.0-44-amd64 is the name of an ABI, not a version; send the line of: cat /proc/version",
            ],
        ),
        ("check", ["check needs a version and a distribution: check 6.1.169-1 debian/12"]),
        ("sources", ["Sources", "debian good, last good 2026-05-01 00:00"]),
        ("preview debian/12", ["2 changes in the last 30 days", TOLD, TOLD]),
        ("why", ["Nothing was sent here yet."]),
        ("list", ["No subscription here.", "For example: subscribe copy-fail debian/12"]),
        ("hello", ["I do not know that word.", "help lists all of them."]),
        ("subscribe copy-fial", ["copy-fial is no topic, advisory or distribution; did you mean copy-fail?"]),
        ("unsubscribe \u0661", ["unsubscribe needs the number of a subscription; list shows them"]),
        ("mute", ["mute needs an advisory: mute CVE-2026-31431, or: mute CVE-2026-31431 for 7d"]),
        ("quiet tonight", ["quiet hours look like this: quiet 22:00-07:00 Europe/Berlin (or: quiet off)"]),
        ("digest hourly", ["digest daily, digest weekly or digest off"]),
        ("import {", ["import needs the text that export gave: import {…}"]),
        ("export", ["I keep nothing of this chat."]),
    ],
)
def test_answers(talk: Talk, text: str, answered: list[str]) -> None:
    """Each word's answer, whole."""
    assert hear(talk, text) == answered


def test_help_names_every_word(talk: Talk) -> None:
    """help lists the registry."""
    told = hear(talk, "help")
    assert [one for one in WORDS if not any(line.startswith(one.whole) for line in told)] == []


def test_subscribing_shows_how_things_stand(store: Store, talk: Talk) -> None:
    """The answer to the first subscription is the summary; nothing of the past is owed."""
    assert hear(talk, "subscribe copy-fail debian/12") == [
        "Subscription 1: copy-fail debian/12",
        "CVE-2026-31431 CVE-2026-31431",
        "Debian 12: linux fixed 6.1.170-1",
        "unsubscribe takes it back.",
    ]
    assert hear(talk, "list") == ["Subscriptions", "1: copy-fail debian/12"]
    assert hear(talk, "unsubscribe 1") == ["Subscription 1 is gone."]
    assert hear(talk, "unsubscribe 1") == ["There is no subscription 1 here; list shows them."]


def test_a_chat_keeps_twenty_filters(store: Store, talk: Talk) -> None:
    """The 21st is refused; one that is kept already is not."""
    with store.write() as connection:
        chat = delivery.ensure_destination(connection, kind="telegram", address="7", now=NOW)
        for number in range(20):
            delivery.add_subscription(connection, chat, f"copy-fail branch:6.{number}", now=NOW)
    assert hear(talk, "subscribe copy-fail") == ["A chat keeps at most 20 filters; unsubscribe one first."]
    assert hear(talk, "subscribe copy-fail branch:6.3")[0] == "Subscription 4: copy-fail branch:6.3"


def test_choosing_by_buttons(talk: Talk) -> None:
    """Topic, distribution, changes: the last button says a whole subscription."""
    assert labels(talk.answer(replace(ALONE, text="subscribe"))) == [("Copy Fail", "choose copy-fail")]
    second = labels(talk.answer(replace(ALONE, text="choose copy-fail", pressed=True)))
    assert second == [
        ("All distributions", "subscribe copy-fail"),
        ("Debian 11", "choose copy-fail debian/11"),
        ("Debian 12", "choose copy-fail debian/12"),
        ("Red Hat Enterprise Linux 9", "choose copy-fail rhel/9"),
    ]
    third = labels(talk.answer(replace(ALONE, text=second[2][1], pressed=True)))
    assert third[:2] == [
        ("Everything", "subscribe copy-fail debian/12"),
        ("Fixes only", "subscribe copy-fail debian/12 change:fixed_in change:correction"),
    ]
    assert hear(talk, "choose copy-fail debian/12 evil:x")[0].startswith("evil:x is no topic")


@pytest.mark.parametrize("word", [one.name for one in WORDS if one.changes])
def test_only_administrators_change_a_group(talk: Talk, word: str) -> None:
    """A member of a group is refused every word that changes something; an administrator is not."""
    assert changes_something(word)
    assert hear(talk, word, GROUP) == ["Only administrators of this chat can do that."]
    assert hear(talk, word, replace(GROUP, may_change=True)) != ["Only administrators of this chat can do that."]


def test_groups_hear_only_words(talk: Talk) -> None:
    """What is no word of ours is not answered in a group."""
    assert talk.answer(replace(GROUP, text="hello all")) is None
    assert hear(talk, "topics", GROUP)[0] == "Topics"


def test_settings_are_kept(store: Store, talk: Talk) -> None:
    """Quiet hours, digest and mutes, and what export and import make of them in another chat."""
    hear(talk, "subscribe copy-fail")
    assert hear(talk, "quiet 22:00-07:00 Europe/Berlin")[0] == "Quiet from 22:00 to 07:00 Europe/Berlin."
    assert hear(talk, "digest weekly") == ["Every Monday at 08:00 Europe/Berlin; what is urgent comes at once."]
    assert hear(talk, "mute CVE-2026-31431 for 7d")[0] == "CVE-2026-31431 is muted until 2026-05-09 00:00 UTC."
    exported = talk.answer(replace(ALONE, text="export"))
    assert exported is not None
    assert json.loads(exported.attachment) == {
        "subscriptions": ["copy-fail"],
        "settings": {"quiet_from": 1320, "quiet_to": 420, "zone": "Europe/Berlin", "digest": "weekly"},
        "mutes": [["CVE-2026-31431", "2026-05-09T00:00:00Z"]],
        "patchwatch": 1,
    }
    other = replace(ALONE, address="8")
    assert hear(talk, f"import {exported.attachment}", other) == ["Taken back: 1 subscription and the settings."]
    with store.read() as connection:
        first, second = wishes.list_destinations(connection)
        assert (
            read_timing(second.settings)
            == read_timing(first.settings)
            == Timing(quiet_from=1320, quiet_to=420, zone="Europe/Berlin", digest="weekly")
        )
        assert wishes.mutes_of(connection, second.id) == wishes.mutes_of(connection, first.id)
    assert hear(talk, "unmute CVE-2026-31431") == ["CVE-2026-31431 is heard again."]
    assert hear(talk, "unmute CVE-2026-31431") == ["CVE-2026-31431 is not muted here."]
    assert hear(talk, "quiet off") == ["No quiet hours."]


def test_forgetting_leaves_no_byte(store: Store, talk: Talk, tmp_path: Path) -> None:
    """After forget the chat's id is in no file of the database."""
    chat = replace(ALONE, address="987654321987")
    hear(talk, "subscribe copy-fail", chat)
    with store.write() as connection:
        enqueue_changes(connection, add_changes(connection, [replace(KEV, new="x")]), now=NOW)
    assert hear(talk, "forget", chat)[1] == "Write forget yes to do it."
    assert any(b"987654321987" in one.read_bytes() for one in tmp_path.glob("patchwatch.db*"))
    assert hear(talk, "forget yes", chat) == ["Forgotten."]
    assert [one.name for one in tmp_path.glob("patchwatch.db*") if b"987654321987" in one.read_bytes()] == []


def test_why(store: Store, talk: Talk) -> None:
    """A delivery's change, filter and evidence; another chat's deliveries are not shown."""
    hear(talk, "subscribe copy-fail debian/12")
    with store.write() as connection:
        enqueue_changes(connection, add_changes(connection, [replace(DRAFT, new="x")]), now=NOW)
    assert hear(talk, "why 1") == [
        "Why",
        "1: Zero-copy fixed in Debian 12",
        "  pending, urgent; subscription 1: copy-fail debian/12",
        "  from debian, vendor: https://d.test/",
    ]
    assert hear(talk, "list", replace(ALONE, address="8"))[0] == "No subscription here."
    assert hear(talk, "why 1", replace(ALONE, address="8")) == ["Nothing was sent here yet."]


def test_a_flood_is_not_answered(talk: Talk) -> None:
    """After a burst a chat gets silence, and another one its answer."""
    answers = [talk.answer(replace(ALONE, text="topics")) for _ in range(BURST + 5)]
    assert [one is None for one in answers] == [False] * BURST + [True] * 5
    assert talk.answer(replace(ALONE, address="8", text="topics")) is not None


@pytest.mark.parametrize(
    "text",
    [
        "subscribe " + "x" * 5000,
        "subscribe (a+)+$",
        "start " + "x" * 10_000,
        "status " + "y" * 300,
        "import " + "[" * 5000,
        "check \u202e debian/12",
        "why 99999999999999999999",
        "mute \x00 for 7d",
        'subscribe text:"\u202e"',
        "path \ud800",
    ],
)
def test_odd_words_are_answered(talk: Talk, text: str) -> None:
    """What is too long, no filter or full of tricks gets an answer that can be shown."""
    assert all(line.isprintable() and len(line) < 600 for line in hear(talk, text))


def test_any_words_are_answered(talk: Talk) -> None:
    """Random words, real and broken, of any characters: an answer that can be shown, never an error."""
    chance = random.Random(5)  # a test's data, no secret
    odd = ["\u202e", "\ud800", "\x00", "{", "/", "@", "\U0001f9df", "-1", "99999999999", "...", 'text:"x"']
    good = ["copy-fail", "debian/12", "CVE-2026-31431", "for", "7d", "22:00-07:00", "yes", "1", "UTC", "weekly"]
    pieces = [one.name for one in WORDS] + odd + good + ["severity:high", "choose", "PW-2026-1"]
    for number in range(400):
        text = " ".join(chance.choices(pieces, k=chance.randint(1, 5)))
        answer = talk.answer(replace(ALONE, address=str(number), text=text))
        assert answer is not None
        plain_text(answer.message).encode()
