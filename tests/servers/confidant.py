"""Somebody with a device that encrypts: matrix-nio's own client, as people's clients do it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from nio import AsyncClient, AsyncClientConfig, KeysUploadResponse, MegolmEvent, RoomSendResponse, SyncResponse

from tests.servers.synapse import Person

Json = dict[str, Any]  # Any: JSON, as the wire has it
ALGORITHM = "m.megolm.v1.aes-sha2"
ENCRYPTED: list[Json] = [{"type": "m.room.encryption", "state_key": "", "content": {"algorithm": ALGORITHM}}]


class Confidant:
    """A person's client for the time of an `async with` block, which holds one event loop."""

    def __init__(self, url: str, person: Person, folder: Path, *, token: str = "") -> None:
        self.person = person
        self._token = token or person.token
        folder.mkdir(exist_ok=True)
        config = AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0, encryption_enabled=True)
        self._client = AsyncClient(url, person.user, store_path=str(folder), config=config)
        self._heard: dict[str, list[Json]] = {}
        self.sealed = 0  # what came and could not be read

    async def __aenter__(self) -> Confidant:
        self._client.access_token = self._token
        device = (await self._client.whoami()).device_id
        self._client.restore_login(self.person.user, device, self._token)
        assert isinstance(await self._client.keys_upload(), KeysUploadResponse)
        await self.sync()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.store.database.close()
        await self._client.close()

    async def sync(self) -> None:
        """Takes what happened since the last time, and does what clients do about it."""
        client = self._client
        found = await client.sync(
            timeout=0, full_state=not client.next_batch, sync_filter={"room": {"timeline": {"limit": 100}}}
        )
        assert isinstance(found, SyncResponse), found
        for room, joined in found.rooms.join.items():
            for event in joined.timeline.events:
                if isinstance(event, MegolmEvent):
                    self.sealed += 1
                elif event.source["type"] == "m.room.message":
                    self._heard.setdefault(room, []).append({**event.source, "decrypted": event.decrypted})
        if client.should_upload_keys:
            await client.keys_upload()
        if client.should_query_keys:
            with suppress(ValueError):  # this client gives up over one odd device
                await client.keys_query()
        await client.send_to_device_messages()

    async def say(self, room: str, text: str, **more: Any) -> str:  # Any: JSON
        """An encrypted message to all devices of the room."""
        await self.sync()
        content = {"msgtype": "m.text", "body": text, **more}
        sent = await self._client.room_send(room, "m.room.message", content, ignore_unverified_devices=True)
        assert isinstance(sent, RoomSendResponse), sent
        return str(sent.event_id)

    async def hear(self, room: str, sender: str) -> list[Json]:
        """The contents of all that this sender said here and we could read; each of them came encrypted."""
        events = await self.events(room, sender)
        assert all(one["decrypted"] for one in events)
        return [one["content"] for one in events]

    async def events(self, room: str, sender: str) -> list[Json]:
        """As `hear`, plain ones too: whole events, with "decrypted"."""
        await self.sync()
        return [one for one in self._heard.get(room, []) if one["sender"] == sender]
