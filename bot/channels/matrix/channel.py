"""Sending and editing in rooms. The message's id is the transaction id: a repeat is the same event (PUT …/send)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import msgspec
import structlog

from bot.channels.base import ChannelError, Gone, NotSent, Refused, Unknown
from bot.channels.matrix.encryption import Encryption
from bot.channels.matrix.errors import Limited, NoKeys, NotReady, NotThere, OddRelation, TooLarge
from bot.channels.matrix.homeserver import Homeserver
from bot.channels.matrix.pace import Pace
from bot.channels.matrix.text import MAX_CONTENT_BYTES, Content, content_of, edit_of, fitting, in_thread
from bot.messages.model import Message, thaw
from storage.delivery import DueDestination

log = structlog.get_logger("patchwatch")

_SMALLEST_BYTES = 2048
_KEPT_EDITS = 1000
_FOLLOW_WAIT_SECONDS = 3600.0
_FOLLOW_MS = 14 * 24 * 3600 * 1000  # so long an invitation to the new room is waited for


class Sent(msgspec.Struct):
    event_id: str


class StateEvent(msgspec.Struct):
    """sender: who set it. origin_server_ts: milliseconds."""

    sender: str = ""
    origin_server_ts: int = 0
    content: dict[str, Any] = {}  # Any: JSON
    unsigned: dict[str, Any] = {}  # Any: JSON


class MatrixChannel:
    """note: takes a line for the operator. clock: seconds since 1970, as the homeserver's own events have it.
    encryption: the keys for encrypted rooms, or why there are none; such a room then gets nothing."""

    kind = "matrix"
    keyed = True
    folds = True

    def __init__(
        self,
        server: Homeserver,
        *,
        pace: Pace | None = None,
        note: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.time,
        encryption: Encryption | str = "it is not set up",
    ) -> None:
        self.server = server
        self.encryption = encryption if isinstance(encryption, Encryption) else None
        self._why_plain = encryption if isinstance(encryption, str) else ""
        self._pace = pace or Pace()
        self._note = note
        self._clock = clock
        self._edits: dict[str, tuple[str, str]] = {}  # event -> content that is on its way to it, and its transaction
        self._noted: set[str] = set()
        self._encrypted: set[str] = set()  # rooms; it is never undone

    def wait_seconds(self, destination: DueDestination) -> float:
        return self._pace.wait_seconds()

    async def ready(self, destination: DueDestination) -> None:
        await self._pace.turn()

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        shown = thaw(content)
        root, answers = _relation(destination, shown)

        def make(each: Message) -> Content:
            made = content_of(each)
            return in_thread(made, root=root, answers=answers) if root else made

        try:
            return await self._send_fitting(destination, message, shown, make)
        except OddRelation:
            return await self._send_fitting(destination, message, shown, content_of)

    async def edit(self, destination: DueDestination, remote_id: str, content: str) -> None:
        await self._look_for(destination, remote_id)
        known, transaction = self._edits.get(remote_id, ("", ""))
        if known != content:
            transaction = str(uuid4())
            while len(self._edits) >= _KEPT_EDITS:
                del self._edits[next(iter(self._edits))]
            self._edits[remote_id] = (content, transaction)
        try:
            await self._send_fitting(destination, transaction, thaw(content), lambda each: edit_of(each, remote_id))
        except OddRelation:
            raise Gone("the message is in another room") from None
        self._edits.pop(remote_id, None)

    async def say(self, room: str, transaction: str, content: Content) -> str:
        """One event with this content, encrypted where the room is. Raises ChannelError."""
        try:
            kind, made = await self._sealed(room, content)
            path = ("rooms", room, "send", kind, transaction)
            return (await self.server.call("PUT", path, made, shape=Sent)).event_id
        except Limited as error:
            self._pace.limited(error.retry_after)
            raise

    async def close(self) -> None:
        await self.server.close()
        if self.encryption is not None:
            self.encryption.close()

    async def is_encrypted(self, room: str) -> bool:
        """Asked each time until it is: a room may be encrypted at any moment. Raises ChannelError."""
        if room not in self._encrypted and await self.state(room, "m.room.encryption") is not None:
            self._encrypted.add(room)
        return room in self._encrypted

    async def state(self, room: str, kind: str) -> StateEvent | None:
        """A state event of the room; None where it has none. Raises ChannelError."""
        path = ("rooms", room, "state", kind, "")
        try:
            return await self.server.call("GET", path, query={"format": "event"}, shape=StateEvent)
        except NotThere:
            return None

    def tell_once(self, line: str) -> None:
        """A line for the operator, once in this process."""
        if line not in self._noted:
            self._noted.add(line)
            log.warning("matrix", reason=line)
            self._note(line)

    async def _sealed(self, room: str, content: Content) -> tuple[str, Content]:
        """Kind and content of the event. Nothing goes into an encrypted room as plain text. Raises ChannelError."""
        try:
            if not await self.is_encrypted(room):
                return "m.room.message", content
            if self.encryption is None:
                raise NoKeys(f"the room is encrypted, and the bot cannot write there: {self._why_plain}")
            return "m.room.encrypted", await self.encryption.encrypt(room, content)
        except Unknown as error:
            raise NotReady(str(error), retry_after=error.retry_after, outage=True) from None

    async def _send_fitting(
        self, destination: DueDestination, transaction: str, message: Message, make: Callable[[Message], Content]
    ) -> str:
        """Nothing is kept of a refused transaction, so its id serves for the shorter event, too."""

        def send(limit: int) -> Awaitable[str]:
            return self.say(destination.address, transaction, fitting(message, make, limit=limit))

        try:
            return await shortened(send)
        except Refused as refusal:
            raise await self._judged(destination, refusal) from None

    async def _judged(self, destination: DueDestination, refusal: Refused) -> ChannelError:
        """Refused for good, unless the room was replaced: then the message waits until we are let into the new one."""
        try:
            stone = await self.state(destination.address, "m.room.tombstone")
            if stone is None or not successor_of(stone):
                return refusal
        except ChannelError as error:
            return refusal if isinstance(error, Refused) else error
        if self._clock() * 1000 - stone.origin_server_ts > _FOLLOW_MS:
            return Refused("the room was replaced, and no administrator of the new one invited the bot")
        self.tell_once(replaced_line(destination.id))
        return NotSent(
            "the room was replaced; an invitation to the new one is needed", retry_after=_FOLLOW_WAIT_SECONDS
        )

    async def _look_for(self, destination: DueDestination, event: str) -> None:
        """Raises Gone when the event was deleted."""
        try:
            found = await self.server.call("GET", ("rooms", destination.address, "event", event), shape=StateEvent)
        except NotThere:
            raise Gone("the message is not there any more") from None
        if "redacted_because" in found.unsigned or not found.content:
            raise Gone("the message was deleted")


async def shortened(send: Callable[[int], Awaitable[str]]) -> str:
    """Sends with ever smaller limits (bytes) until the homeserver does not find it too large. Raises ChannelError."""
    limit = MAX_CONTENT_BYTES
    while True:
        try:
            return await send(limit)
        except TooLarge:
            limit //= 2
            if limit < _SMALLEST_BYTES:
                raise


def _relation(destination: DueDestination, message: Message) -> tuple[str, str | None]:
    """(root of the thread or "", the event that is answered within it)."""
    answered = message.reply_to if message.reply_to and message.reply_to.startswith("$") else None
    if destination.thread.startswith("$"):
        return destination.thread, answered
    return answered or "", None


def successor_of(tombstone: StateEvent | None) -> str:
    """The room that a tombstone points to, "" for none."""
    room = tombstone.content.get("replacement_room") if tombstone is not None else None
    return room if isinstance(room, str) and room.startswith("!") and len(room) <= 255 else ""


def predecessor_of(create: StateEvent | None) -> str:
    """The room that this one says it replaces, "" for none."""
    before = create.content.get("predecessor") if create is not None else None
    room = before.get("room_id") if isinstance(before, dict) else None
    return room if isinstance(room, str) else ""


def replaced_line(destination: int) -> str:
    return (
        f"matrix destination {destination}: its room was replaced; an administrator of the new room must invite the bot"
    )
