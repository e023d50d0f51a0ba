"""Who may change what a room gets: alone with the bot everybody, else who may set the room's state.

The rules are those of the client-server API, "m.room.power_levels", and of room version 12 for its creators.
"""

from __future__ import annotations

import math
import re
from typing import Any

from bot.channels.base import Refused
from bot.channels.matrix.channel import MatrixChannel, StateEvent
from bot.channels.matrix.errors import NotThere
from bot.channels.matrix.events import Members
from bot.channels.matrix.homeserver import BadAnswer

_STATE_DEFAULT = 50.0
_CREATOR_BEFORE_LEVELS = 100.0
_WHOLE = re.compile(r"-?[0-9]{1,16}")
_CREATORS_RULE = ("org.matrix.hydra.11",)  # the trial name of version 12's rules
_FIRST_WITH_CREATORS = 12


async def is_direct(channel: MatrixChannel, room: str) -> bool:
    """Whether at most one person is there with the bot. Raises ChannelError."""
    try:
        members = await channel.server.call("GET", ("rooms", room, "joined_members"), shape=Members)
    except BadAnswer:  # too many to be listed
        return False
    return len(members.joined) <= 2


async def may_change(channel: MatrixChannel, room: str, person: str) -> bool:
    """Whether the person may set the room's state. Raises ChannelError."""
    create = await channel.state(room, "m.room.create")
    levels = await channel.state(room, "m.room.power_levels")
    return level_of(person, create, levels) >= needed_level(levels)


async def may_change_or_not(channel: MatrixChannel, room: str, person: str) -> bool:
    """As `may_change`; no where we may not look."""
    try:
        return await may_change(channel, room, person)
    except (Refused, NotThere):
        return False


def needed_level(levels: StateEvent | None) -> float:
    """`state_default`; what cannot be read asks for more than anybody has."""
    given = levels.content.get("state_default") if levels is not None else None
    return _STATE_DEFAULT if given is None else _number(given, otherwise=math.inf)


def level_of(person: str, create: StateEvent | None, levels: StateEvent | None) -> float:
    """From version 12 on, the creators of a room are above all levels."""
    if create is not None and person in _creators(create):
        return math.inf
    if levels is None:
        return _CREATOR_BEFORE_LEVELS if create is not None and person == create.sender else 0.0
    users = levels.content.get("users")
    if isinstance(users, dict) and person in users:
        return _number(users[person], otherwise=0.0)
    return _number(levels.content.get("users_default", 0), otherwise=0.0)


def _creators(create: StateEvent) -> list[Any]:  # Any: JSON
    version = create.content.get("room_version")
    if not isinstance(version, str):
        return []
    if not (version in _CREATORS_RULE or (_WHOLE.fullmatch(version) and int(version) >= _FIRST_WITH_CREATORS)):
        return []
    more = create.content.get("additional_creators")
    return [create.sender, *(more if isinstance(more, list) else [])]


def _number(given: Any, *, otherwise: float) -> float:  # Any: JSON; old rooms hold numbers as strings
    if isinstance(given, bool):
        return otherwise
    if isinstance(given, int | float):
        return float(given)
    return float(given) if isinstance(given, str) and _WHOLE.fullmatch(given) else otherwise
