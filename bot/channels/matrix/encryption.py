"""Encrypted rooms: the keys of the room's devices, the session that they share, and what comes back from them.

The protocol's arithmetic is matrix-nio's and vodozemac's; the requests go through `Homeserver`, bounded and classified.
A message is encrypted for every device that is in the room now, verified or not (docs/design-notes.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from bot.channels.base import NotSent
from bot.channels.matrix.devices import (
    KeysClaimed,
    KeysFound,
    KeysTaken,
    ed25519_of,
    take_devices,
    take_one_time_keys,
)
from bot.channels.matrix.errors import PUZZLING_TRIES
from bot.channels.matrix.events import Event, Members, Nothing, Sync, Whoami
from bot.channels.matrix.homeserver import Homeserver
from bot.channels.matrix.keystore import KeyStore, KeysUnusable, keys_in_use

if TYPE_CHECKING:
    from nio.crypto import Olm

Json = dict[str, Any]  # Any: JSON
_PATIENCE_MS = 10_000  # so long the homeserver asks others for their people's keys
_PEOPLE_AT_ONCE = 200
_MAX_TO_DEVICE = 500
_MAX_WAITING = 100
_ONE_TIME_KEYS = "signed_curve25519"
_NO_DEVICE = "this access token belongs to no device; log in as the bot and use that token"
_LOST = "the homeserver has other keys of this login (the folder matrix was lost); log in anew and use that token"


class Encryption:
    """One event loop only. The keys are opened at first use. Raises ChannelError."""

    def __init__(self, server: Homeserver, folder: Path) -> None:
        self._server = server
        self._keys = KeyStore(folder)
        self._machine: Olm | None = None
        self._turn = asyncio.Lock()  # keys and sessions change in one order, whoever asks
        self._known: set[str] = set()  # people whose devices we know as they are now
        self._shared: dict[str, frozenset[tuple[str, str]]] = {}  # room -> the devices that share its session
        self._waiting: list[tuple[str, Event]] = []  # said under a key that has not come yet

    async def encrypt(self, room: str, content: Mapping[str, Any]) -> Json:  # Any: JSON
        """The content of an m.room.encrypted event that all devices of the room can read."""
        async with self._turn:
            machine = await self._opened()
            members = await self._server.call("GET", ("rooms", room, "joined_members"), shape=Members)
            people = sorted(members.joined)
            await self._learn(machine, people)
            await self._share(machine, room, people)
            made: Json = machine.group_encrypt(room, {"type": "m.room.message", "content": dict(content)})
            if "m.relates_to" in content:  # the homeserver puts threads and edits together, so it stays readable
                made["m.relates_to"] = content["m.relates_to"]
            return made

    async def hear(self, sync: Sync) -> list[tuple[str, Event]]:
        """Takes keys and news of devices; returns what had been said in rooms and can be read only now."""
        async with self._turn:
            machine = await self._opened()
            with keys_in_use():
                for raw in islice(sync.to_device.events, _MAX_TO_DEVICE):
                    _take_to_device(machine, raw)
            self._known.difference_update(sync.device_lists.changed, sync.device_lists.left)
            if sync.device_one_time_keys_count is not None:
                machine.uploaded_key_count = sync.device_one_time_keys_count.get(_ONE_TIME_KEYS, 0)
            await self._upload(machine)
            await self._mend(machine)
            if not sync.to_device.events:
                return []
            waiting, self._waiting = self._waiting, []
            read = [(room, await self._read(machine, room, event)) for room, event in waiting]
            return [(room, event) for room, event in read if event is not None]

    async def read(self, room: str, event: Event) -> Event | None:
        """What an m.room.encrypted event says; None where it cannot be read, or not yet."""
        async with self._turn:
            return await self._read(await self._opened(), room, event)

    def forget_devices(self) -> None:
        """There is a gap in what we heard: everybody's devices are asked for again."""
        self._known.clear()

    def close(self) -> None:
        self._machine = None
        self._keys.close()

    async def _opened(self) -> Olm:
        if self._machine is None:
            who = await self._server.call("GET", ("account", "whoami"), shape=Whoami)
            if not who.device_id:
                raise KeysUnusable(_NO_DEVICE)
            machine = self._keys.open(who.user_id, who.device_id, self._server.derive_key("keys of encrypted rooms"))
            if not machine.account.shared:
                await self._introduce(machine)
            self._machine = machine
        return self._machine

    async def _introduce(self, machine: Olm) -> None:
        """The keys of a new device; what the homeserver has of it already must be ours."""
        found = await self._query([machine.user_id])
        known = ed25519_of(machine.user_id, machine.device_id, found)
        if known is not None and known != machine.account.identity_keys["ed25519"]:
            raise KeysUnusable(_LOST)
        await self._upload(machine)

    async def _upload(self, machine: Olm) -> None:
        from nio.responses import KeysUploadResponse

        if not machine.should_upload_keys:
            return
        with keys_in_use():
            body = machine.share_keys()
            machine.save_account()  # before anybody can use them: a kill loses none
        try:
            taken = await self._server.call("POST", ("keys", "upload"), body, shape=KeysTaken)
        except NotSent as error:
            if error.tries != PUZZLING_TRIES:
                raise
            raise KeysUnusable(f"the homeserver refuses the bot's keys ({error}); log in anew") from None
        with keys_in_use():
            machine.handle_response(KeysUploadResponse(0, taken.one_time_key_counts.get(_ONE_TIME_KEYS, 0)))

    async def _learn(self, machine: Olm, people: Iterable[str]) -> None:
        """Asks for the devices of those whose devices we do not know, or not any more."""
        unknown = [one for one in people if one not in self._known]
        for start in range(0, len(unknown), _PEOPLE_AT_ONCE):
            asked = unknown[start : start + _PEOPLE_AT_ONCE]
            found = await self._query(asked)
            with keys_in_use():
                for person in asked:
                    if person in found.device_keys:
                        take_devices(machine, person, found.device_keys[person])
                        self._known.add(person)

    async def _query(self, people: Sequence[str]) -> KeysFound:
        body = {"device_keys": {one: [] for one in people}, "timeout": _PATIENCE_MS}
        return await self._server.call("POST", ("keys", "query"), body, shape=KeysFound)

    async def _share(self, machine: Olm, room: str, people: Sequence[str]) -> None:
        """A session is kept while exactly the devices that have it are in the room; else there is a new one."""
        active = machine.device_store.active_user_devices
        wanted = frozenset((person, device.id) for person in people for device in active(person))
        session = machine.outbound_group_sessions.get(room)
        if session is not None and session.shared and not session.expired and self._shared.get(room) == wanted:
            return
        with keys_in_use():
            machine.create_outbound_group_session(room)
        await self._claim(machine, machine.get_missing_sessions(people))
        session = machine.outbound_group_sessions[room]
        with keys_in_use():
            for devices, body in machine.share_group_session_parallel(room, people, ignore_unverified_devices=True):
                await self._send_to_devices(body)
                session.users_shared_with.update(devices)
        session.mark_as_shared()
        self._shared[room] = wanted

    async def _claim(self, machine: Olm, missing: Mapping[str, Sequence[str]]) -> None:
        """Sessions with devices that we have none with; a device that offers no key goes without the message."""
        people = sorted(missing)
        for start in range(0, len(people), _PEOPLE_AT_ONCE):
            asked = {
                one: dict.fromkeys(missing[one], _ONE_TIME_KEYS) for one in people[start : start + _PEOPLE_AT_ONCE]
            }
            body = {"one_time_keys": asked, "timeout": _PATIENCE_MS}
            claimed = await self._server.call("POST", ("keys", "claim"), body, shape=KeysClaimed)
            with keys_in_use():
                take_one_time_keys(machine, claimed)

    async def _mend(self, machine: Olm) -> None:
        """Begins anew with devices whose session broke. Requests for room keys are dropped: who wrote what we could
        not read is asked to write it again."""
        from nio.event_builders import DummyMessage
        from nio.responses import ToDeviceResponse

        if machine.wedged_devices:
            await self._claim(machine, machine.get_users_for_key_claiming())
            machine.wedged_devices.clear()
        for message in [one for one in machine.outgoing_to_device_messages if isinstance(one, DummyMessage)]:
            await self._send_to_devices(message.as_dict())
            machine.handle_response(ToDeviceResponse(message))
        machine.outgoing_to_device_messages.clear()
        machine.key_re_requests_events.clear()

    async def _send_to_devices(self, body: Json) -> None:
        path = ("sendToDevice", "m.room.encrypted", str(uuid4()))
        await self._server.call("PUT", path, body, shape=Nothing)

    async def _read(self, machine: Olm, room: str, event: Event) -> Event | None:
        from nio.events import MegolmEvent
        from nio.exceptions import EncryptionError

        sealed = MegolmEvent.from_dict({**msgspec.to_builtins(event), "room_id": room})
        if not isinstance(sealed, MegolmEvent):
            return None
        session = machine.inbound_group_store.get(room, sealed.sender_key, sealed.session_id)
        if session is None:
            if len(self._waiting) < _MAX_WAITING:
                self._waiting.append((room, event))
            return None
        try:
            opened = machine.decrypt_megolm_event(sealed, room)
        except (EncryptionError, ValueError, RecursionError):
            return None
        if not await self._is_of(machine, event.sender, sealed.sender_key, session.ed25519):
            return None
        return _plain(event, room, opened.source)

    async def _is_of(self, machine: Olm, person: str, curve25519: str, ed25519: str) -> bool:
        """Whether the keys are those of a device of this person: nobody else may speak in their name."""
        for fresh in (False, True):
            if fresh:
                self._known.discard(person)
            await self._learn(machine, [person])
            device = machine.device_store.device_from_sender_key(person, curve25519)
            if device is not None:
                return bool(device.ed25519 == ed25519)
        return False


def _take_to_device(machine: Olm, raw: msgspec.Raw) -> None:
    """Only what was encrypted for us alone; that carries the keys of rooms. What cannot be read is passed over."""
    from nio.events import OlmEvent

    try:
        event = msgspec.json.decode(raw, type=ToDevice)
        if event.type != "m.room.encrypted":
            return
        sealed = OlmEvent.from_dict(msgspec.json.decode(raw))
        if isinstance(sealed, OlmEvent):
            machine.handle_to_device_event(sealed)
    except (msgspec.DecodeError, ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError):
        return


class ToDevice(msgspec.Struct):
    type: str
    sender: str


def _plain(event: Event, room: str, source: Json) -> Event | None:
    """The event as it would be in a room without encryption; only messages are taken, and only those of this room."""
    content = source.get("content")
    if source.get("room_id") != room or source.get("type") != "m.room.message" or not isinstance(content, dict):
        return None
    return Event(type="m.room.message", sender=event.sender, event_id=event.event_id, content=content)
