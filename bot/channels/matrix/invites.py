"""Invitations, removals, and rooms that replace others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from bot.channels.base import ChannelError, Permanent, Refused, Stopped
from bot.channels.matrix.channel import MatrixChannel, predecessor_of, successor_of
from bot.channels.matrix.errors import NotThere
from bot.channels.matrix.events import InvitedRoom, LeftRoom, Nothing, membership_of, read_events, server_of
from bot.channels.matrix.power import may_change_or_not
from bot.channels.matrix.rooms import RoomStore

log = structlog.get_logger("patchwatch")

_JOIN_SECONDS = 60.0  # a join over federation takes its time
_TRIES = 10
_MAX_WAITING = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Whose invitations are accepted: these people's, and those of everybody on these servers."""

    admins: frozenset[str] = frozenset()
    servers: frozenset[str] = frozenset()

    def accepts(self, person: str) -> bool:
        return person in self.admins or server_of(person) in self.servers


class Doorkeeper:
    """Joins where it may, declines the rest, and knows when the bot is put out."""

    def __init__(self, channel: MatrixChannel, rooms: RoomStore, policy: Policy) -> None:
        self._channel = channel
        self._rooms = rooms
        self._policy = policy
        self._waiting: dict[str, tuple[str, int]] = {}  # room -> who invited us, tries: /sync tells it only once

    async def answer(self, invitations: Mapping[str, InvitedRoom]) -> None:
        """Answers these and those that could not be answered before. Raises Stopped."""
        for room, invited in invitations.items():
            member = membership_of(read_events(invited.invite_state.events), self._channel.server.user)
            if (
                member is not None
                and member.content.get("membership") == "invite"
                and len(self._waiting) < _MAX_WAITING
            ):
                self._waiting[room] = (member.sender, 0)
        for room, (person, tries) in list(self._waiting.items()):
            try:
                await self._answer_one(room, person)
            except Stopped:
                raise
            except (Refused, NotThere, Permanent) as error:
                log.warning("matrix: an invitation cannot be answered", reason=str(error))
            except ChannelError as error:
                log.warning("matrix: an invitation waits", reason=str(error))
                if tries + 1 < _TRIES:
                    self._waiting[room] = (person, tries + 1)
                    continue
            del self._waiting[room]

    async def take_leave(self, room: str, left: LeftRoom) -> None:
        """The bot is in this room no more: whatever it got there is disabled with the reason."""
        self._waiting.pop(room, None)
        events = [*read_events(left.state.events), *read_events(left.timeline.events)]
        member = membership_of(events, self._channel.server.user)
        why = "left"
        if member is not None and member.sender != self._channel.server.user:
            why = "banned" if member.content.get("membership") == "ban" else "kicked"
        await asyncio.to_thread(self._rooms.lose, room, why)

    async def _answer_one(self, room: str, person: str) -> None:
        if not self._policy.accepts(person):
            log.warning("matrix: an invitation was declined", server=server_of(person)[:100])
            await self._channel.server.call("POST", ("rooms", room, "leave"), {}, shape=Nothing)
            return
        await self._channel.server.call("POST", ("join", room), {}, seconds=_JOIN_SECONDS, shape=Nothing)
        log.info("matrix: joined a room", server=server_of(person)[:100])
        await self._follow(room, person)

    async def _follow(self, room: str, person: str) -> None:
        """A room that replaces one of ours, said by both, gets its subscriptions when its administrator invited us."""
        before = predecessor_of(await self._channel.state(room, "m.room.create"))
        served = await asyncio.to_thread(self._rooms.destination_of, before) if before else None
        if served is None:
            return
        if successor_of(await self._channel.state(before, "m.room.tombstone")) != room:
            return
        if await may_change_or_not(self._channel, room, person):
            await asyncio.to_thread(self._rooms.follow, before, room)
            self._channel.tell_once(f"matrix destination {served}: followed its room to the one that replaced it")
        else:
            self._channel.tell_once(
                f"matrix destination {served}: not followed to the new room, no administrator of that invited the bot"
            )
