"""The bot's keys: they outlive a kill, stay in their folder, serve one process, and nobody speaks with another's."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any  # JSON, as the wire has it

import msgspec
import pytest
from nio import Api
from vodozemac import Account

from bot.channels.base import ChannelError, Unknown
from bot.channels.matrix.events import Event, Events, Sync
from bot.channels.matrix.keystore import KeysBusy, KeysUnusable
from bot.messages.model import freeze, make_message
from storage.store import Store
from tests.bot.channels.matrix.ciphering import NUMBERS, bot_at, keys_of, listening, only_encrypted, seen
from tests.bot.channels.matrix.sending import at, new_id
from tests.conftest import ROOT
from tests.servers.confidant import ENCRYPTED, Confidant
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.synapse import Person, Synapse

pytestmark = pytest.mark.server
TEXT = freeze(make_message("T", []))


@pytest.fixture
def alice(synapse: Synapse) -> Person:
    return synapse.person(f"keys-alice-{next(NUMBERS)}")


@pytest.fixture
def bot(synapse: Synapse) -> Person:
    return synapse.person(f"keys-bot-{next(NUMBERS)}")


@pytest.fixture
def room(alice: Person, bot: Person) -> str:
    made = alice.create_room(bot.user, initial_state=ENCRYPTED)
    bot.join(made)
    return made


def kill_after_sending(synapse: Synapse, bot: Person, folder: Path, room: str, message: str) -> None:
    command = [sys.executable, "-m", "tests.bot.channels.matrix.killed", synapse.url, bot.user, str(folder), room]
    environment = {**os.environ, "PATCHWATCH_MATRIX_TOKEN": bot.token}
    ran = subprocess.run([*command, message], cwd=ROOT, env=environment, capture_output=True, check=False, timeout=60)
    assert ran.returncode == -signal.SIGKILL, ran.stderr


def heard_by(bot: Person, since: str = "") -> Sync:
    """A /sync, as the bot gets it."""
    found = bot.call("GET", "sync", since=since) if since else bot.call("GET", "sync")
    return msgspec.json.decode(json.dumps(found), type=Sync)


def last_event(sync: Sync, room: str) -> Event:
    return msgspec.json.decode(sync.rooms.join[room].timeline.events[-1], type=Event)


def test_kill_9_after_a_send(
    store: Store, synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str
) -> None:
    """The next process is the same device with the same keys: it repeats the message as the same event, sends on, and
    reads what was said meanwhile."""
    devices = [one["device_id"] for one in bot.call("GET", "devices")["devices"]]

    async def run() -> list[str]:
        async with Confidant(synapse.url, alice, tmp_path / "alice") as reader:
            async with bot_at(synapse.url, bot, tmp_path / "bot") as channel:
                await listening(store, channel).step()
            await asyncio.to_thread(kill_after_sending, synapse, bot, tmp_path / "bot", room, "m1")
            await reader.say(room, "!subscribe copy-fail")
            async with bot_at(synapse.url, bot, tmp_path / "bot") as channel:
                for message in ("m1", "m2"):
                    await channel.send(at(room), message, freeze(make_message(message, [])))
                await listening(store, channel).step()
            assert reader.sealed == 0
            return [one["body"].split("\n")[0] for one in await reader.hear(room, bot.user)]

    assert asyncio.run(run()) == ["m1", "m2", "Subscription 1: copy-fail"]
    assert [one["device_id"] for one in bot.call("GET", "devices")["devices"]] == devices
    keys = alice.call("POST", "keys", "query", body={"device_keys": {bot.user: []}})["device_keys"][bot.user]
    assert list(keys) == devices
    assert len(seen(alice, room, bot)) == 3
    assert only_encrypted(alice, room, bot)


def test_a_cut_answer_is_repeated_as_one_event(
    synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str
) -> None:
    """Encrypted anew under the same transaction, by another process too, it is the event that is there."""

    async def run() -> list[dict[str, Any]]:
        async with Confidant(synapse.url, alice, tmp_path / "alice") as reader:
            with fault_proxy("127.0.0.1", synapse.port) as proxy:
                proxy.fault = Fault(cut_at=0, from_request=b"PUT /_matrix/client/v3/rooms/")
                async with bot_at(f"http://127.0.0.1:{proxy.port}", bot, tmp_path / "bot") as channel:
                    with pytest.raises(ChannelError):
                        await channel.send(at(room), "cut", TEXT)
            for _ in range(2):
                async with bot_at(synapse.url, bot, tmp_path / "bot") as channel:
                    await channel.send(at(room), "cut", TEXT)
            return await reader.hear(room, bot.user)

    assert [one["body"] for one in asyncio.run(run())] == ["T"]
    assert len(seen(alice, room, bot)) == 1


def test_files_and_logs(
    synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The folder is its owner's alone whatever the umask, and the token is in no file and no log."""
    caplog.set_level(logging.DEBUG)
    folder, before = tmp_path / "state" / "matrix", os.umask(0)

    async def run() -> None:
        async with bot_at(synapse.url, bot, folder) as channel:
            await channel.send(at(room), new_id(), TEXT)

    try:
        asyncio.run(run())
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {(one.name, stat.S_IMODE(one.stat().st_mode)) for one in folder.iterdir()} == {
        ("keys.db", 0o600),
        ("keys.lock", 0o600),
    }
    assert bot.token.encode() not in (folder / "keys.db").read_bytes()
    assert bot.token not in caplog.text


def test_one_process_at_a_time(synapse: Synapse, tmp_path: Path, bot: Person, room: str) -> None:
    """Two would encrypt different texts under one key: the second waits."""

    async def run() -> None:
        async with bot_at(synapse.url, bot, tmp_path) as first, bot_at(synapse.url, bot, tmp_path) as second:
            await first.send(at(room), "1", TEXT)
            with pytest.raises(KeysBusy, match="another patchwatch"):
                await second.send(at(room), "2", TEXT)
            await first.close()
            await second.send(at(room), "2", TEXT)

    asyncio.run(run())


def test_keys_that_cannot_be_used(
    store: Store, synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str
) -> None:
    """A lost folder and another token of the same device are told, with what to do; rooms without encryption go on."""
    told: list[str] = []
    device = bot.call("GET", "account", "whoami")["device_id"]
    plain = alice.create_room(bot.user)
    bot.join(plain)

    async def run(folder: Path, token: str = "") -> str:
        async with bot_at(synapse.url, bot, folder, token=token, note=told.append) as channel:
            await listening(store, channel).step()
            await channel.send(at(plain), new_id(), TEXT)
            with pytest.raises(KeysUnusable) as caught:
                await channel.send(at(room), new_id(), TEXT)
            return str(caught.value)

    async def begin() -> None:
        async with bot_at(synapse.url, bot, tmp_path / "first") as channel:
            await channel.send(at(room), new_id(), TEXT)

    asyncio.run(begin())
    lost = asyncio.run(run(tmp_path / "second"))
    other = asyncio.run(run(tmp_path / "first", synapse.log_in(bot, device)))
    assert lost.startswith("the homeserver has other keys of this login")
    assert other == "the keys in matrix belong to another access token; log in anew and use that token"
    assert told == [f"Matrix: encrypted rooms are not served: {one}" for one in (lost, other)]
    assert len(seen(alice, room, bot)) == 1
    assert len(seen(alice, plain, bot)) == 2


def test_a_damaged_file(synapse: Synapse, tmp_path: Path, bot: Person, room: str) -> None:
    """Is no end of the process."""
    (tmp_path / "keys.db").write_bytes(b"no database at all" * 100)

    async def run() -> None:
        async with bot_at(synapse.url, bot, tmp_path) as channel:
            with pytest.raises(KeysUnusable, match=r"keys\.db in the folder matrix cannot be used: DatabaseError"):
                await channel.send(at(room), new_id(), TEXT)

    asyncio.run(run())


def test_a_key_that_comes_late(synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str) -> None:
    """What was said under it is read when it comes; in the name of another it is never read."""

    async def run() -> None:
        async with (
            bot_at(synapse.url, bot, tmp_path / "bot") as channel,
            Confidant(synapse.url, alice, tmp_path / "alice") as reader,
        ):
            keys, before = keys_of(channel), heard_by(bot)
            await keys.hear(before)
            await reader.say(room, "!help")
            sync = heard_by(bot, before.next_batch)
            said = last_event(sync, room)
            assert await keys.read(room, said) is None
            ((where, opened),) = await keys.hear(sync)
            assert (where, opened.content["body"], opened.sender) == (room, "!help", alice.user)
            again = await keys.read(room, said)
            assert again is not None
            assert again.content["body"] == "!help"
            assert await keys.read(room, msgspec.structs.replace(said, sender=bot.user)) is None
            assert await keys.read(room, msgspec.structs.replace(said, event_id="$replayed")) is None
            assert await keys.read("!elsewhere", said) is None

    asyncio.run(run())


def test_a_kill_while_keys_are_given_away(
    store: Store, synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str
) -> None:
    """The homeserver took our keys and we did not hear of it: they serve the next process all the same."""

    async def run() -> list[str]:
        async with Confidant(synapse.url, alice, tmp_path / "alice") as reader:
            with fault_proxy("127.0.0.1", synapse.port) as proxy:
                proxy.fault = Fault(cut_at=0, from_request=b"POST /_matrix/client/v3/keys/upload")
                async with bot_at(f"http://127.0.0.1:{proxy.port}", bot, tmp_path / "bot") as channel:
                    with pytest.raises(Unknown):
                        await listening(store, channel).step()
            async with bot_at(synapse.url, bot, tmp_path / "bot") as channel:
                talk = listening(store, channel)
                await talk.step()
                await reader.say(room, "!list")
                await talk.step()
            return [one["body"].split("\n")[0] for one in await reader.hear(room, bot.user)]

    assert asyncio.run(run()) == ["No subscription here."]


@pytest.mark.parametrize(("curve", "one_time", "left"), [("", "!!", 0), ("!!", "", 1)])
def test_signed_keys_that_are_none(
    synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str, curve: str, one_time: str, left: int
) -> None:
    """A device whose signature holds, with an identity or one-time key that is rubbish, goes without."""
    second = Person(synapse.url, alice.user, synapse.log_in(alice))
    device, account = second.call("GET", "account", "whoami")["device_id"], Account()
    keys: dict[str, Any] = {
        "user_id": alice.user,
        "device_id": device,
        "algorithms": [],
        "keys": {
            f"ed25519:{device}": account.ed25519_key.to_base64(),
            f"curve25519:{device}": curve or account.curve25519_key.to_base64(),
        },
    }

    def sign(what: dict[str, Any]) -> dict[str, Any]:
        signature = account.sign(Api.to_canonical_json(what).encode()).to_base64()
        return {**what, "signatures": {alice.user: {f"ed25519:{device}": signature}}}

    offered = {"signed_curve25519:A": sign({"key": one_time or account.curve25519_key.to_base64()})}
    second.call("POST", "keys", "upload", body={"device_keys": sign(keys), "one_time_keys": offered})

    async def run() -> list[dict[str, Any]]:
        async with (
            bot_at(synapse.url, bot, tmp_path / "bot") as channel,
            Confidant(synapse.url, alice, tmp_path / "alice") as reader,
        ):
            await channel.send(at(room), new_id(), TEXT)
            return await reader.hear(room, bot.user)

    assert [one["body"] for one in asyncio.run(run())] == ["T"]
    counts = second.call("POST", "keys", "upload", body={})["one_time_key_counts"]
    second.close()
    assert counts["signed_curve25519"] == left


ODD_KEYS: tuple[dict[str, Any], ...] = (
    {"keys": {"ed25519:DEVICE": "!!", "curve25519:DEVICE": "!!"}, "signatures": {"USER": {"ed25519:DEVICE": "x"}}},
    {"keys": {"ed25519:DEVICE": "KEY", "curve25519:DEVICE": "KEY"}, "signatures": {}},
    {"keys": {"ed25519:DEVICE": "KEY", "curve25519:DEVICE": "!!"}, "signatures": {"USER": {"ed25519:DEVICE": "x"}}},
    {"keys": {"ed25519:DEVICE": "KEY", "curve25519:DEVICE": "KEY"}, "signatures": {"USER": {"ed25519:DEVICE": "x"}}},
    {"keys": {"other:DEVICE": "KEY"}, "signatures": {"USER": {"ed25519:DEVICE": "x"}}},
)


@pytest.mark.parametrize("odd", ODD_KEYS)
def test_odd_devices_keep_nothing_from_the_others(
    synapse: Synapse, tmp_path: Path, alice: Person, bot: Person, room: str, odd: dict[str, Any]
) -> None:
    """A device with keys that are none, which the homeserver lets through, is passed over."""
    second = Person(synapse.url, alice.user, synapse.log_in(alice))
    device = second.call("GET", "account", "whoami")["device_id"]
    filled = json.dumps(odd).replace("USER", alice.user).replace("DEVICE", device).replace("KEY", "A" * 43)
    keys = {"user_id": alice.user, "device_id": device, "algorithms": [], **json.loads(filled)}
    one_time = {f"signed_curve25519:{one}": {"key": "!!", "signatures": keys["signatures"]} for one in "AB"}
    second.call("POST", "keys", "upload", body={"device_keys": keys, "one_time_keys": one_time})
    second.close()

    async def run() -> list[dict[str, Any]]:
        async with (
            bot_at(synapse.url, bot, tmp_path / "bot") as channel,
            Confidant(synapse.url, alice, tmp_path / "alice") as reader,
        ):
            await channel.send(at(room), new_id(), TEXT)
            return await reader.hear(room, bot.user)

    assert [one["body"] for one in asyncio.run(run())] == ["T"]


ODD_EVENTS: tuple[Any, ...] = (
    5,
    {},
    {"type": "m.room.encrypted", "sender": "@x:y", "content": 5},
    {"type": "m.room_key_request", "sender": "@x:y", "content": {"action": "request"}},
    {
        "type": "m.room.encrypted",
        "sender": "@x:y",
        "content": {
            "algorithm": "m.olm.v1.curve25519-aes-sha2",
            "sender_key": "!!",
            "ciphertext": {"KEY": {"type": 0, "body": "!!"}},
        },
    },
    {
        "type": "m.room.encrypted",
        "sender": "@x:y",
        "content": {
            "algorithm": "m.olm.v1.curve25519-aes-sha2",
            "sender_key": "A" * 43,
            "ciphertext": {"KEY": {"type": 1, "body": "AwgA"}},
        },
    },
)


def test_odd_keys_and_ciphers_are_passed_over(synapse: Synapse, tmp_path: Path, bot: Person, room: str) -> None:
    """Rubbish sent to our device, and rubbish in a room, is none of our keys and no word."""

    async def run() -> None:
        async with bot_at(synapse.url, bot, tmp_path) as channel:
            keys = keys_of(channel)
            await keys.hear(Sync(next_batch="s"))
            device = bot.call("GET", "account", "whoami")["device_id"]
            own = bot.call("POST", "keys", "query", body={"device_keys": {bot.user: []}})
            curve = own["device_keys"][bot.user][device]["keys"][f"curve25519:{device}"]
            raws = [msgspec.Raw(json.dumps(one).replace("KEY", curve).encode()) for one in ODD_EVENTS]
            assert await keys.hear(Sync(next_batch="s", to_device=Events(events=raws))) == []
            for content in ({}, {"algorithm": "x"}, {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgA"}):
                event = Event(type="m.room.encrypted", sender="@x:y", event_id="$1", content=content)
                assert await keys.read(room, event) is None
            await channel.send(at(room), new_id(), TEXT)

    asyncio.run(run())
