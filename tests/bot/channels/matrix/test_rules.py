"""The rules of Matrix that need no server: who may change a room, what each error means, how fast we send."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any  # JSON, as the wire has it

import msgspec
import pytest

from bot.channels.base import ChannelError, NotSent, Permanent, Refused, Stopped, Unknown
from bot.channels.matrix.channel import StateEvent, predecessor_of, successor_of
from bot.channels.matrix.errors import Limited, NotThere, OddRelation, TooLarge, classify
from bot.channels.matrix.events import Event, Sync, edited_text, read_events, said_text, server_of, thread_of
from bot.channels.matrix.invites import Policy
from bot.channels.matrix.pace import Pace
from bot.channels.matrix.power import level_of, needed_level

TOKEN = "syt_Ym90_AbCdEfGhIjKlMnOpQrSt_0123ab"
OLD = StateEvent(sender="@alice:x", content={"room_version": "11"})
NEW = StateEvent(sender="@alice:x", content={"room_version": "12", "additional_creators": ["@bob:x"]})


def levels(**content: Any) -> StateEvent:
    return StateEvent(content=content)


@pytest.mark.parametrize(
    ("person", "create", "state", "level"),
    [
        ("@alice:x", OLD, None, 100.0),
        ("@bob:x", OLD, None, 0.0),
        ("@alice:x", OLD, levels(users={}), 0.0),
        ("@alice:x", NEW, levels(users={}), math.inf),
        ("@bob:x", NEW, levels(), math.inf),
        ("@carl:x", NEW, levels(), 0.0),
        ("@carl:x", NEW, levels(users={"@carl:x": 50}), 50.0),
        ("@carl:x", OLD, levels(users={"@carl:x": "50"}), 50.0),
        ("@carl:x", OLD, levels(users={"@carl:x": True}), 0.0),
        ("@carl:x", OLD, levels(users={"@carl:x": []}), 0.0),
        ("@carl:x", OLD, levels(users_default=60), 60.0),
        ("@carl:x", OLD, levels(users=["@carl:x"]), 0.0),
        ("@carl:x", StateEvent(sender="@a:x", content={"room_version": "xii"}), levels(), 0.0),
        ("@carl:x", None, None, 0.0),
    ],
)
def test_levels(person: str, create: StateEvent | None, state: StateEvent | None, level: float) -> None:
    """Levels are numbers, in old rooms also as text; from version 12 on the creators are above all of them."""
    assert level_of(person, create, state) == level


@pytest.mark.parametrize(
    ("state", "needed"),
    [
        (None, 50.0),
        (levels(), 50.0),
        (levels(state_default=0), 0.0),
        (levels(state_default=75), 75.0),
        (levels(state_default="100"), 100.0),
        (levels(state_default={}), math.inf),
    ],
)
def test_the_level_that_is_needed(state: StateEvent | None, needed: float) -> None:
    """`state_default`, 50 without one; what cannot be read lets nobody through."""
    assert needed_level(state) == needed


@pytest.mark.parametrize(
    ("status", "code", "text", "kind"),
    [
        (429, "M_LIMIT_EXCEEDED", "Too Many Requests", Limited),
        (429, "", "", Limited),
        (401, "M_UNKNOWN_TOKEN", "Invalid access token passed.", Stopped),
        (401, "M_MISSING_TOKEN", "", Stopped),
        (403, "M_USER_DEACTIVATED", "", Stopped),
        (403, "M_FORBIDDEN", "User @bot:x not in room !a", Refused),
        (403, "M_RESOURCE_LIMIT_EXCEEDED", "", NotSent),
        (403, "M_NEW_RULE", "", NotSent),
        (403, "", "", Unknown),
        (413, "M_TOO_LARGE", "event too large", TooLarge),
        (413, "", "", TooLarge),
        (404, "M_NOT_FOUND", "Event not found.", NotThere),
        (404, "M_UNRECOGNIZED", "Unrecognized request", NotSent),
        (400, "M_BAD_JSON", "", Permanent),
        (400, "M_UNKNOWN", "Can't send relation to unknown event", OddRelation),
        (400, "M_UNKNOWN", "Cannot start threads from an event with a relation", OddRelation),
        (400, "M_UNKNOWN", "", NotSent),
        (500, "M_UNKNOWN", "Internal server error", Unknown),
        (502, "", "", Unknown),
        (301, "", "", Unknown),
    ],
)
def test_errors(status: int, code: str, text: str, kind: type[ChannelError]) -> None:
    """Only M_FORBIDDEN refuses for good; what nobody knows is tried again."""
    assert type(classify(status, code, text, retry_after=None, secret=TOKEN)) is kind


@pytest.mark.parametrize(
    ("asked", "waited"), [(None, 5.0), (0.25, 0.25), (86_400.0, 3600.0), (-1.0, 5.0), (math.nan, 5.0), (math.inf, 5.0)]
)
def test_waits_are_bounded(asked: float | None, waited: float) -> None:
    """What the homeserver asks for, an hour at most, five seconds where it makes no sense."""
    assert classify(429, "M_LIMIT_EXCEEDED", "", retry_after=asked, secret=TOKEN).retry_after == waited


def test_no_token_in_an_error() -> None:
    """Neither ours nor one that looks like it."""
    said = str(
        classify(400, "M_UNKNOWN", f"{TOKEN} secretsecret mct_Zm9vYmFyYmF6", retry_after=None, secret="secretsecret")
    )
    assert said == "M_UNKNOWN [token] [token] [token]"


def test_errors_name_nobody() -> None:
    """Who and where are not kept in logs and notes; other words and addresses are."""
    said = "User @bob:x.example:8448 (#a:x) not in room !6i3:x, event $AbC-d_e; $5 ! see https://x.example/@bob"
    told = str(classify(400, "M_UNKNOWN", said, retry_after=None, secret=TOKEN))
    assert told == "M_UNKNOWN User [person] ([room] not in room [room] event [event] $5 ! see https://x.example/@bob"


def test_pace() -> None:
    """Free until the homeserver complains; then as far apart as it asked, and less and less after twenty sends."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    async def turns(pace: Pace) -> None:
        for _ in range(3):
            await pace.turn()
        pace.limited(4.0)
        assert round(pace.wait_seconds(), 3) == 4.1
        for _ in range(3):
            await pace.turn()

    asyncio.run(turns(Pace(clock=lambda: 100.0, sleep=sleep)))
    assert slept == [4.1, 8.1, 12.1]


def test_pace_eases() -> None:
    """After a complaint each twenty sends without another halve the distance, down to none."""
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def turns() -> list[float]:
        pace = Pace(clock=lambda: now[0], sleep=sleep)
        pace.limited(0.2)
        for _ in range(80):
            await pace.turn()
        before = now[0]
        await pace.turn()
        return [round(before, 3), round(now[0] - before, 3)]

    assert asyncio.run(turns()) == [round(0.3 + 20 * 0.2 + 20 * 0.1, 3), 0.0]


@pytest.mark.parametrize(
    ("content", "said", "edited", "thread"),
    [
        ({"msgtype": "m.text", "body": " !list "}, "!list", "", ""),
        ({"msgtype": "m.notice", "body": "!list"}, "", "", ""),
        ({"msgtype": "m.text", "body": ["!list"]}, "", "", ""),
        ({"msgtype": "m.text", "body": "x" * 20_000}, "x" * 16_384, "", ""),
        (
            {"msgtype": "m.text", "body": "!a", "m.relates_to": {"rel_type": "m.thread", "event_id": "$r"}},
            "!a",
            "",
            "$r",
        ),
        ({"msgtype": "m.text", "body": "!a", "m.relates_to": {"rel_type": "m.thread", "event_id": 5}}, "!a", "", ""),
        ({"msgtype": "m.text", "body": "!a", "m.relates_to": "odd"}, "!a", "", ""),
        (
            {
                "msgtype": "m.text",
                "body": "* !b",
                "m.relates_to": {"rel_type": "m.replace", "event_id": "$r"},
                "m.new_content": {"body": "!b"},
            },
            "",
            "!b",
            "",
        ),
        ({}, "", "", ""),
    ],
)
def test_what_was_said(content: dict[str, Any], said: str, edited: str, thread: str) -> None:
    """A person's words and where they stand; edits and notices are none."""
    event = Event(type="m.room.message", sender="@a:x", content=content)
    assert (said_text(event), edited_text(event), thread_of(event)) == (said, edited, thread)


def test_a_bad_event_spoils_no_other() -> None:
    """Events of the wrong shape are left out, those around them are read."""
    good = {"type": "m.room.message", "sender": "@a:x", "content": {"body": "1"}}
    events = [good, 5, {"type": 5}, {"type": "t", "sender": "@a:x", "content": []}, None, good]
    answer = {"next_batch": "s2", "rooms": {"join": {"!r": {"timeline": {"events": events}}}}}
    heard = msgspec.json.decode(json.dumps(answer).encode(), type=Sync)
    assert [one.content for one in read_events(heard.rooms.join["!r"].timeline.events)] == [good["content"]] * 2


@pytest.mark.parametrize(
    ("content", "room"),
    [
        ({"replacement_room": "!new:x"}, "!new:x"),
        ({"replacement_room": "#new:x"}, ""),
        ({"replacement_room": 5}, ""),
        ({"replacement_room": "!" + "x" * 300}, ""),
        ({}, ""),
    ],
)
def test_where_a_tombstone_points(content: dict[str, Any], room: str) -> None:
    """A room id, or nowhere."""
    assert successor_of(StateEvent(content=content)) == room
    assert successor_of(None) == ""


def test_what_a_room_replaces() -> None:
    """Its own word, whatever its shape."""
    assert predecessor_of(StateEvent(content={"predecessor": {"room_id": "!old:x", "event_id": "$e"}})) == "!old:x"
    assert [predecessor_of(StateEvent(content={"predecessor": one})) for one in ("!old:x", {}, {"room_id": 5})] == [
        ""
    ] * 3
    assert predecessor_of(None) == ""


@pytest.mark.parametrize(
    ("person", "accepted"),
    [
        ("@admin:far.example", True),
        ("@other:far.example", False),
        ("@any:own.example", True),
        ("@any:OWN.example", True),
        ("@own.example:far.example", False),
        ("@x:own.example.far.example", False),
        ("own.example", False),
        ("", False),
    ],
)
def test_whose_invitations_are_accepted(person: str, accepted: bool) -> None:
    """The administrators', and those of the servers that were named."""
    policy = Policy(admins=frozenset({"@admin:far.example"}), servers=frozenset({"own.example"}))
    assert policy.accepts(person) is accepted
    assert not Policy().accepts(person)
    assert server_of("@a:x:8448") == "x:8448"
