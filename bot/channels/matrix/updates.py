"""Listening on Matrix: /sync from where it ended, invitations, who may change what, and the answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

import structlog

from bot.channels.base import ChannelError, NotSent, Stopped, Unknown, finishes, rest
from bot.channels.matrix.channel import MatrixChannel, replaced_line, shortened, successor_of
from bot.channels.matrix.errors import PUZZLING_TRIES, Limited, NoKeys, NotReady
from bot.channels.matrix.events import Event, JoinedRoom, Sync, Whoami, edited_text, read_events, said_text, thread_of
from bot.channels.matrix.homeserver import BadAnswer
from bot.channels.matrix.invites import Doorkeeper, Policy
from bot.channels.matrix.keystore import KeysUnusable
from bot.channels.matrix.power import is_direct, may_change_or_not
from bot.channels.matrix.rooms import RoomStore
from bot.channels.matrix.text import Content, answer_message, content_of, file_parts, fitting, in_thread
from bot.messages.conversation import Answer, Request
from bot.messages.model import Message, make_message
from storage.delivery import DueDestination
from storage.errors import StorageError

log = structlog.get_logger("patchwatch")

POLL_SECONDS = 25
_WAIT_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 300.0
_ANSWER_TRIES = 3
_MAX_EVENTS = 50  # of one room in one answer; what is older was not heard
_REMEMBERED = 5000
_MARK = "!"
_HEARD = ["m.room.message", "m.room.encrypted", "m.room.tombstone", "m.room.member"]
_NO_EVENTS: dict[str, list[str]] = {"types": []}
_SEALED = "I cannot read this: its key has not come to me. If no answer follows, please write it again."
_EDITED = "I do not read edits. Please write the words anew."


def sync_filter(*, events: int) -> str:
    """The filter of a /sync with so many events of a room at most; with 0, what happened in rooms is skipped."""
    room = {
        "timeline": {"types": _HEARD, "limit": events} if events else _NO_EVENTS,
        "state": {"types": ["m.room.member"], "lazy_load_members": True} if events else _NO_EVENTS,
        "ephemeral": _NO_EVENTS,
        "account_data": _NO_EVENTS,
    }
    return json.dumps({"room": room, "presence": _NO_EVENTS, "account_data": _NO_EVENTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """Words of a person, and whether the room has more people than that one."""

    room: str
    event: Event
    words: str
    group: bool


class Conversation:
    """answer: what to say to a request (None: nothing). changes: whether a text needs an administrator. policy: whose
    invitations are accepted."""

    def __init__(
        self,
        channel: MatrixChannel,
        rooms: RoomStore,
        policy: Policy,
        *,
        answer: Callable[[Request], Answer | None],
        changes: Callable[[str], bool],
        poll_seconds: int = POLL_SECONDS,
    ) -> None:
        self._channel = channel
        self._rooms = rooms
        self._door = Doorkeeper(channel, rooms, policy)
        self._answer = answer
        self._changes = changes
        self._poll_seconds = poll_seconds
        self._known = False
        self._direct: dict[str, bool] = {}
        self._answering = asyncio.Lock()  # answers take one turn at a time: news does not starve behind a flood
        self._hinted: set[tuple[str, str]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Listens until `stop`, or until the token is refused; the operator is told then."""
        failures = 0
        while not stop.is_set():
            try:
                if not await finishes(self.step(), stop):
                    return
                failures = 0
            except Stopped as error:
                log.error("matrix does not listen any more", reason=str(error))
                await asyncio.to_thread(self._rooms.note, f"Matrix: no chat word is answered any more: {error}")
                return
            except ChannelError as error:
                failures += 1
                log.warning("matrix was not heard", reason=str(error))
                own = min(_WAIT_SECONDS * 2 ** min(failures - 1, 10), _LONGEST_WAIT_SECONDS)
                await rest(stop, max(own, min(error.retry_after, _LONGEST_WAIT_SECONDS)))
            except StorageError as error:
                log.error("matrix: listening waits", reason=str(error))
                await rest(stop, _WAIT_SECONDS)

    async def step(self) -> int:
        """One /sync and its answers; returns in how many rooms something happened. Raises ChannelError.

        The first /sync of all takes nothing but the position and open invitations: history is no request.
        """
        await self._know_ourselves()
        since = await asyncio.to_thread(self._rooms.load_position)
        heard = await self._sync(since)
        rooms = heard.rooms
        late = await self._take_keys(heard)
        await self._door.answer(rooms.invite)
        for room, left in rooms.leave.items():
            self._direct.pop(room, None)
            await self._door.take_leave(room, left)
        if since:
            await asyncio.gather(*(self._take_room(room, joined) for room, joined in rooms.join.items()))
            await asyncio.gather(*(self._take_events(room, [event]) for room, event in late))
        await asyncio.to_thread(self._rooms.save_position, heard.next_batch)
        return len(rooms.join) + len(rooms.invite) + len(rooms.leave)

    async def _know_ourselves(self) -> None:
        """Whose token it is, asked once: a bot that does not know its own name would answer itself."""
        if self._known:
            return
        server = self._channel.server
        found = (await server.call("GET", ("account", "whoami"), shape=Whoami)).user_id
        if server.user and server.user != found:
            self._channel.tell_once(f"Matrix: [matrix] user is {server.user}, but the token is {found}'s")
        server.user = found
        self._known = True

    async def _sync(self, since: str) -> Sync:
        """An answer that cannot be read would come again for ever: then what happened in the rooms is skipped."""
        try:
            return await self._ask(since, events=_MAX_EVENTS if since else 0)
        except BadAnswer as error:
            self._miss_keys()
            self._channel.tell_once(f"Matrix: a /sync could not be read, what was said meanwhile is lost ({error})")
            return await self._ask(since, events=0)
        except NotSent as error:
            if not since or error.tries != PUZZLING_TRIES:
                raise
            self._miss_keys()
            # the homeserver does not know this position (it was restored or set up anew)
            log.warning("matrix: the position in /sync is refused; starting from now", reason=str(error))
            return await self._ask("", events=0)

    async def _take_keys(self, heard: Sync) -> list[tuple[str, Event]]:
        """Keys for encrypted rooms; returns what can be read only now. Unusable keys hold no other room up."""
        if self._channel.encryption is None:
            return []
        try:
            return await self._channel.encryption.hear(heard)
        except KeysUnusable as error:
            self._channel.tell_once(f"Matrix: encrypted rooms are not served: {error}")
            return []

    def _miss_keys(self) -> None:
        if self._channel.encryption is not None:
            self._channel.encryption.forget_devices()

    async def _ask(self, since: str, *, events: int) -> Sync:
        query = {"filter": sync_filter(events=events), "timeout": str(self._poll_seconds * 1000) if events else "0"}
        if since:
            query["since"] = since
        seconds = self._poll_seconds + 30.0
        return await self._channel.server.call("GET", ("sync",), query=query, seconds=seconds, shape=Sync)

    async def _take_room(self, room: str, joined: JoinedRoom) -> None:
        """The events of one room, in order; what fails is said in the log and holds no other room up."""
        if joined.timeline.limited or joined.state.events:
            self._direct.pop(room, None)
        await self._take_events(room, read_events(joined.timeline.events))

    async def _take_events(self, room: str, events: Iterable[Event]) -> None:
        for event in events:
            try:
                await self._take(room, event)
            except Stopped:
                raise
            except ChannelError as error:
                log.warning("matrix: no answer given", reason=str(error))
                if isinstance(error, NoKeys):
                    self._channel.tell_once(f"Matrix: somebody wants an answer, but {error}")

    async def _take(self, room: str, event: Event) -> None:
        if event.type == "m.room.member":
            self._direct.pop(room, None)
        elif event.sender == self._channel.server.user:
            return
        elif event.type == "m.room.tombstone":
            await self._take_tombstone(room)
        elif event.type == "m.room.encrypted":
            await self._take_encrypted(room, event)
        else:
            await self._take_message(room, event)

    async def _take_encrypted(self, room: str, event: Event) -> None:
        encryption = self._channel.encryption
        opened = await encryption.read(room, event) if encryption is not None else None
        if opened is None:
            await self._hint(room, event, "encrypted", _SEALED)
        else:
            await self._take_message(room, opened)

    async def _take_message(self, room: str, event: Event) -> None:
        if edited_text(event).startswith(_MARK):
            await self._hint(room, event, "edited", _EDITED)
        elif text := said_text(event):
            await self._take_text(room, event, text)

    async def _take_tombstone(self, room: str) -> None:
        successor = successor_of(await self._channel.state(room, "m.room.tombstone"))
        served = await asyncio.to_thread(self._rooms.destination_of, room)
        if successor and served is not None:
            self._channel.tell_once(replaced_line(served))

    async def _take_text(self, room: str, event: Event, text: str) -> None:
        """In a group only marked words are for us; alone with the bot the mark may be left out."""
        group = not await self._is_direct(room)
        if group and not text.startswith(_MARK):
            return
        words = text.removeprefix(_MARK).strip()
        if words:
            await self._reply(_Said(room=room, event=event, words=words, group=group))

    async def _is_direct(self, room: str) -> bool:
        if room not in self._direct:
            while len(self._direct) >= _REMEMBERED:
                del self._direct[next(iter(self._direct))]
            self._direct[room] = await is_direct(self._channel, room)
        return self._direct[room]

    async def _reply(self, said: _Said) -> None:
        free = not said.group or not self._changes(said.words)
        allowed = free or await may_change_or_not(self._channel, said.room, said.event.sender)
        request = Request(
            kind="matrix",
            address=said.room,
            thread="",
            text=said.words,
            group=said.group,
            may_change=allowed,
            pressed=said.words.startswith("choose "),
        )
        answer = await asyncio.to_thread(self._answer, request)
        if answer is None:
            return
        await self._say(said.room, said.event, "", answer_message(answer))
        for number, part in enumerate(file_parts(answer.attachment)):
            await self._say_content(said.room, said.event, f"part {number}", part)

    async def _hint(self, room: str, event: Event, what: str, words: str) -> None:
        """Once per room and reason."""
        if (room, what) not in self._hinted and len(self._hinted) < _REMEMBERED:
            self._hinted.add((room, what))
            await self._say(room, event, "", make_message(words, []))

    async def _say(self, room: str, event: Event, which: str, message: Message) -> None:
        def send(limit: int) -> Awaitable[str]:
            content = fitting(message, lambda each: content_of(each, notice=True), limit=limit)
            return self._say_content(room, event, which, content)

        await shortened(send)

    async def _say_content(self, room: str, event: Event, which: str, content: Content) -> str:
        """An answer; its transaction is made of what it answers, so that it is given once, also after a crash."""
        root = thread_of(event)
        placed = in_thread(content, root=root, answers=event.event_id) if root else content
        transaction = sha256(f"{event.event_id} {which}".encode("utf-8", "replace")).hexdigest()[:40]
        where = DueDestination(id=0, kind="matrix", address=room, thread="")
        tries = 1
        while True:
            try:
                async with self._answering:
                    await self._channel.ready(where)
                    return await self._channel.say(room, transaction, placed)
            except (Limited, NotReady, Unknown):  # the transaction is the same: it is said once
                if tries == _ANSWER_TRIES:
                    raise
                tries += 1
