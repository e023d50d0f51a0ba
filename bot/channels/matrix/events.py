"""What /sync brings (client-server API, "Syncing"): each event is read by itself, so that a bad one spoils no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

MAX_BODY_CHARS = 16_384


class Event(msgspec.Struct):
    """origin_server_ts: milliseconds."""

    type: str
    sender: str
    event_id: str = ""
    origin_server_ts: int = 0
    state_key: str | None = None
    content: dict[str, Any] = {}  # Any: JSON


class Events(msgspec.Struct):
    events: list[msgspec.Raw] = []


class Timeline(msgspec.Struct):
    """limited: there is a gap before these events."""

    events: list[msgspec.Raw] = []
    limited: bool = False


class JoinedRoom(msgspec.Struct):
    timeline: Timeline = msgspec.field(default_factory=Timeline)
    state: Events = msgspec.field(default_factory=Events)


class LeftRoom(msgspec.Struct):
    timeline: Timeline = msgspec.field(default_factory=Timeline)
    state: Events = msgspec.field(default_factory=Events)


class InvitedRoom(msgspec.Struct):
    invite_state: Events = msgspec.field(default_factory=Events)


class Rooms(msgspec.Struct):
    join: dict[str, JoinedRoom] = {}
    invite: dict[str, InvitedRoom] = {}
    leave: dict[str, LeftRoom] = {}


class DeviceLists(msgspec.Struct):
    """changed: people who have other devices now. left: people whom we meet in no room any more."""

    changed: list[str] = []
    left: list[str] = []


class Sync(msgspec.Struct):
    """device_one_time_keys_count: how many keys of each kind the homeserver can still give away for us."""

    next_batch: str
    rooms: Rooms = msgspec.field(default_factory=Rooms)
    to_device: Events = msgspec.field(default_factory=Events)
    device_lists: DeviceLists = msgspec.field(default_factory=DeviceLists)
    device_one_time_keys_count: dict[str, int] | None = None


class Whoami(msgspec.Struct):
    user_id: str
    device_id: str = ""


class Members(msgspec.Struct):
    joined: dict[str, msgspec.Raw]


class Nothing(msgspec.Struct):
    """An answer of which nothing is read."""


def read_events(raws: Iterable[msgspec.Raw]) -> Iterator[Event]:
    """Those that can be read."""
    for raw in raws:
        try:
            yield msgspec.json.decode(raw, type=Event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue


def said_text(event: Event) -> str:
    """What a person wrote, "" for anything else: notices are other bots', edits are of what was said before."""
    body = event.content.get("body")
    if event.type != "m.room.message" or event.content.get("msgtype") != "m.text" or not isinstance(body, str):
        return ""
    return "" if relation_of(event).get("rel_type") == "m.replace" else body[:MAX_BODY_CHARS].strip()


def edited_text(event: Event) -> str:
    """What an edit puts in the place of earlier words, "" where it is none."""
    if event.type != "m.room.message" or relation_of(event).get("rel_type") != "m.replace":
        return ""
    fresh = event.content.get("m.new_content")
    body = fresh.get("body") if isinstance(fresh, dict) else None
    return body[:MAX_BODY_CHARS].strip() if isinstance(body, str) else ""


def thread_of(event: Event) -> str:
    """The root of the thread that an event stands in, "" for none."""
    relation = relation_of(event)
    root = relation.get("event_id") if relation.get("rel_type") == "m.thread" else None
    return root if isinstance(root, str) and root.startswith("$") else ""


def relation_of(event: Event) -> Mapping[str, Any]:  # Any: JSON
    relation = event.content.get("m.relates_to")
    return relation if isinstance(relation, dict) else {}


def membership_of(events: Iterable[Event], person: str) -> Event | None:
    """The last word on whether this person is in the room."""
    found = None
    for one in events:
        if one.type == "m.room.member" and one.state_key == person:
            found = one
    return found


def server_of(person: str) -> str:
    """ "example.org" of "@somebody:example.org"."""
    return person.partition(":")[2].lower() if person.startswith("@") else ""
