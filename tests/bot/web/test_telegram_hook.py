"""Telegram's webhook: off by default, nothing without the secret, each update answered once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any  # JSON, as the wire has it

import httpx
import pytest
from sqlalchemy import select

from bot.app import App
from bot.channels.registry import serve_channels
from bot.config import ConfigError
from bot.web.routes import make_web
from bot.web.site import make_site
from bot.web.telegram_hook import MAX_UPDATE_BYTES
from storage.delivery import list_subscriptions
from storage.tables import operator_notes
from tests.bot.web.stores import make_app
from tests.servers.fake_telegram import TOKEN, FakeTelegram, fake_telegram

SECRET = "s3cret-Token_of-a-test"
RIGHT = {"X-Telegram-Bot-Api-Secret-Token": SECRET}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeTelegram]:
    with fake_telegram() as served:
        yield served


def with_telegram(app: App, fake: FakeTelegram, **more: str) -> App:
    values = {
        ("telegram", "token"): TOKEN,
        ("telegram", "api_base"): fake.url,
        ("telegram", "webhook_secret"): SECRET,
        ("web", "base_url"): "https://pw.example.org/",
        **{("telegram", name): value for name, value in more.items()},
    }
    return replace(app, config=replace(app.config, values={**app.config.values, **values}))


@pytest.fixture
def app(tmp_path: Path, fake: FakeTelegram) -> Iterator[App]:
    for kept in (fake.messages, fake.asked, fake.webhook, fake.faults, fake.calls):
        kept.clear()
    made = make_app(tmp_path)
    yield with_telegram(made, fake)
    made.store.close()


def update(number: int, text: str) -> dict[str, Any]:
    chat = {"id": 7, "type": "private", "first_name": "P"}
    person = {"id": 7, "is_bot": False, "first_name": "P"}
    return {
        "update_id": number,
        "message": {"message_id": number, "date": 1, "chat": chat, "from": person, "text": text},
    }


def post(app: App, posts: Sequence[tuple[dict[str, str], bytes]]) -> list[int]:
    """The statuses of these requests, one after the other to one application."""

    async def send() -> list[int]:
        transport = httpx.ASGITransport(app=make_web(make_site(app, fresh_seconds=0)))
        async with httpx.AsyncClient(transport=transport, base_url="https://pw.example.org") as client:
            return [
                (await client.post("/telegram/webhook", headers=headers, content=body)).status_code
                for headers, body in posts
            ]

    return asyncio.run(send())


def test_an_update_is_answered_once(app: App, fake: FakeTelegram) -> None:
    """Telegram repeats what it got no answer for: the word is done once, and the chat has one subscription."""
    body = json.dumps(update(5, "/subscribe copy-fail debian/12")).encode()
    assert post(app, [(RIGHT, body), (RIGHT, body)]) == [200, 200]
    assert [one.text.split("\n")[0] for one in fake.messages] == ["Subscription 1: copy-fail debian/12"]
    with app.store.read() as connection:
        assert [one.filter for one in list_subscriptions(connection)] == ["copy-fail debian/12"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Telegram-Bot-Api-Secret-Token": ""},
        {"X-Telegram-Bot-Api-Secret-Token": SECRET[:-1]},
        {"X-Telegram-Bot-Api-Secret-Token": SECRET + "x"},
        {"X-Telegram-Bot-Api-Secret-Token": SECRET.upper()},
        {"X-Telegram-Bot-Api-Secret-Token": TOKEN},
        {"Authorization": f"Bearer {SECRET}"},
    ],
)
def test_without_the_secret_nothing_happens(app: App, fake: FakeTelegram, headers: dict[str, str]) -> None:
    """A missing or wrong secret is answered 401, and no word is read."""
    assert post(app, [(headers, json.dumps(update(6, "/help")).encode())]) == [401]
    assert (fake.messages, fake.calls) == ([], {})


def test_a_secret_that_is_no_ascii(app: App, fake: FakeTelegram) -> None:
    """Bytes above ASCII in the header are a wrong secret like any other."""

    async def send() -> int:
        transport = httpx.ASGITransport(app=make_web(make_site(app, fresh_seconds=0)))
        async with httpx.AsyncClient(transport=transport, base_url="https://pw.example.org") as client:
            headers = [(b"X-Telegram-Bot-Api-Secret-Token", "sécret".encode())]
            return (await client.post("/telegram/webhook", headers=headers, content=b"{}")).status_code

    assert asyncio.run(send()) == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"a;a;a;a=1&b", 400),
        (b"[" * 100_000, 400),
        (b'{"update_id": "x"}', 200),
        (b'{"update_id": 9, "message": {"text": 4}}', 200),
        (b"x" * (MAX_UPDATE_BYTES + 1), 413),
    ],
)
def test_odd_bodies(app: App, fake: FakeTelegram, body: bytes, status: int) -> None:
    """What is no JSON object is refused, what is too large is not read, an update that nobody knows is let be."""
    assert post(app, [(RIGHT, body)]) == [status]
    assert fake.messages == []


@pytest.mark.parametrize("missing", ["webhook_secret", "token"])
def test_off_by_default(app: App, fake: FakeTelegram, missing: str) -> None:
    """Without a secret or a token the address is not there, whatever the request says."""
    bare = with_telegram(app, fake, **{missing: ""})
    assert post(bare, [(RIGHT, json.dumps(update(7, "/help")).encode()), ({}, b"")]) == [404, 404]


def test_a_secret_that_telegram_refuses(app: App, fake: FakeTelegram) -> None:
    """Telegram's secrets have letters, digits, _ and - alone: another one is an error of the configuration."""
    with pytest.raises(ConfigError, match="webhook_secret must be"):
        make_web(make_site(with_telegram(app, fake, webhook_secret="two words")))


def serve(app: App, fake: FakeTelegram, until: str) -> None:
    """Serves the channels until that method was called, at most for twenty seconds."""

    async def run() -> None:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve_channels(app.store, app.config, app.topics, stop))
        for _ in range(400):
            if fake.calls[until] or serving.done():
                break
            await asyncio.wait([serving], timeout=0.05)
        stop.set()
        await asyncio.wait_for(serving, 10)

    asyncio.run(run())


def test_telegram_is_told_where_to_send(app: App, fake: FakeTelegram) -> None:
    """With a secret the webhook is announced, with the kinds of updates that we read, and nobody polls."""
    serve(app, fake, "setMyCommands")
    assert fake.webhook == {
        "url": "https://pw.example.org/telegram/webhook",
        "secret_token": SECRET,
        "allowed_updates": '["message", "channel_post", "callback_query", "inline_query", "my_chat_member"]',
        "max_connections": "4",
    }
    assert fake.calls["getUpdates"] == 0


def test_back_to_polling(app: App, fake: FakeTelegram) -> None:
    """Without a secret a webhook of before is taken back first: polling would get nothing else."""
    fake.webhook["url"] = "https://pw.example.org/telegram/webhook"
    serve(with_telegram(app, fake, webhook_secret=""), fake, "getUpdates")
    assert (fake.webhook, fake.calls["deleteWebhook"]) == ({}, 1)


def test_a_token_that_is_refused(app: App, fake: FakeTelegram) -> None:
    """Where Telegram does not know the token, the operator is told once that nobody listens."""
    fake.faults["setWebhook"].append("401:Unauthorized")

    async def run() -> None:
        stop = asyncio.Event()
        serving = asyncio.create_task(serve_channels(app.store, app.config, app.topics, stop))
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(notes, app):
                await asyncio.wait([serving], timeout=0.05)
        stop.set()
        await asyncio.wait_for(serving, 10)

    asyncio.run(run())
    assert notes(app) == [
        "Telegram: no chat word is answered any more: Telegram does not know the bot token; it was revoked or is wrong"
    ]


def notes(app: App) -> list[str]:
    with app.store.read() as connection:
        return list(connection.execute(select(operator_notes.c.text)).scalars())


@pytest.mark.parametrize(("headers", "status", "most"), [({}, 401, 0), (RIGHT, 413, MAX_UPDATE_BYTES // 65536 + 1)])
def test_a_body_of_fifty_megabytes(app: App, headers: dict[str, str], status: int, most: int) -> None:
    """Without the secret no byte of it is read, with the secret no more than an update can have."""
    read: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(800):
            read.append(number)
            yield b"x" * 65536

    async def send() -> int:
        transport = httpx.ASGITransport(app=make_web(make_site(app, fresh_seconds=0)))
        async with httpx.AsyncClient(transport=transport, base_url="https://pw.example.org") as client:
            return (await client.post("/telegram/webhook", headers=headers, content=body())).status_code

    assert asyncio.run(send()) == status
    assert len(read) <= most
