"""Hostile text over the wire: it arrives as plain text on Telegram and at webhooks, pings nobody and links nowhere."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from advisories.model import Change
from bot.channels.telegram import Limits, Pace, TelegramChannel
from bot.channels.telegram.text import render
from bot.channels.webhook import WebhookChannel
from bot.delivery.deliver import Deliverer, body_of
from bot.delivery.folding import Folder
from bot.messages.compose import Composer
from bot.messages.model import freeze, make_message, thaw
from bot.messages.safe import show_text, undefused
from storage import delivery
from storage.changes import add_changes
from storage.codec import clean
from storage.delivery import DueDestination, Owed
from storage.store import Store, open_store
from storage.tables import metadata
from tests.advisories.test_filters import DRAFT, NOW
from tests.bot.channels.tricks import TRICKS, generated
from tests.servers.fake_telegram import TOKEN, fake_telegram
from tests.servers.far_ends import far_ends

FAST = Limits(per_second=5000, chat_seconds=0.001, group_seconds=0.001)
HOOK = DueDestination(id=1, kind="webhook", address="ops", thread="")
# what Telegram's clients and servers make something of by themselves: mentions, links, mail, tags, commands
LIVE = re.compile(
    r"@\w|\w://\w|[\w-]\.(?:org|com|example|me|рф|xn--p1ai)\b|(?<!\w)#\w|(?<!\w)\$[A-Z]{1,8}\b|(?<![\w/.<])/[A-Za-z]\w*",
    re.IGNORECASE,
)


def owing_store(folder: Path, kind: str, texts: Sequence[str]) -> Store:
    """One change of each text, each for a destination of its own (1, 2, …)."""
    store = open_store(None, folder)
    metadata.create_all(store.engine)
    with store.write() as connection:
        for number, text in enumerate(texts, start=1):
            (change,) = add_changes(connection, [replace(DRAFT, text=clean(text), new=str(number))])
            one = delivery.ensure_destination(connection, kind=kind, address=str(number), now=NOW)
            owed = Owed(
                change_seq=change.seq,
                destination=one,
                urgent=True,
                wakes=True,
                number=1,
                words="copy-fail",
                fold="copy-fail",
            )
            delivery.add_deliveries(connection, [owed], now=NOW)
    return store


def test_on_telegram(tmp_path: Path) -> None:
    """Each trick is one line of visible text in a message that Telegram takes at once; only our own name is marked."""
    store = owing_store(tmp_path, "telegram", list(TRICKS.values()))
    with fake_telegram() as fake:

        async def run() -> None:
            channel = TelegramChannel(TOKEN, api_base=fake.url, pace=Pace(FAST))
            await Deliverer(store, {"telegram": channel}, folder=Folder(Composer()), clock=lambda: NOW).deliver_due()
            await channel.close()

        asyncio.run(run())
    store.close()
    arrived = {int(one.chat): one for one in fake.messages}
    assert fake.refused == {}
    assert len(fake.messages) == len(arrived) == len(TRICKS)
    for number, (name, text) in enumerate(TRICKS.items(), start=1):
        sent = arrived[number]
        shown = show_text(f"{clean(text)} (debian)", limit=500)
        assert undefused(sent.text) == f"copy-fail\nCVE-2026-31431\n• {shown}", name
        assert [one["type"] for one in sent.entities] == ["bold", "bold"], name
        assert LIVE.findall(sent.text) == [], name
        assert not sent.preview, name


def test_at_a_webhook(tmp_path: Path) -> None:
    """The JSON that arrives says each text letter by letter, without NULs and lone surrogates, and nothing else."""
    store = owing_store(tmp_path, "webhook", list(TRICKS.values()))
    with far_ends() as ends:
        hooks = {str(number): (f"{ends.url}/hooks/{number}", "s3") for number in range(1, len(TRICKS) + 1)}

        async def run() -> None:
            async with httpx.AsyncClient() as client:
                channel = WebhookChannel(client, hooks)
                await Deliverer(store, {"webhook": channel}, clock=lambda: NOW).deliver_due()

        asyncio.run(run())
    store.close()
    said = {json.loads(body)["new"]: json.loads(body)["text"] for kept in ends.bodies.values() for body in kept}
    assert said == {str(number): clean(text) for number, text in enumerate(TRICKS.values(), start=1)}


@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_generated_strings_on_telegram(count: int) -> None:
    """Frozen, thawed and rendered, each text comes back; nothing of it is live, only the title is marked."""
    for text in generated(count, seed=17):
        shown = show_text(text)
        (part,) = render(thaw(freeze(make_message("T", [shown]))))
        assert undefused(part.text) == f"T\n{shown}".strip()
        assert [(one.type, one.offset, one.length) for one in part.entities] == [("bold", 0, 1)]
        assert LIVE.findall(part.text) == []


@pytest.mark.parametrize("count", [3000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_generated_strings_at_a_webhook(count: int) -> None:
    """Each body is JSON in UTF-8 that says the text that was stored."""
    bodies: list[bytes] = []

    def receive(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(200)

    texts = [clean(one) for one in generated(count, seed=23)]

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(receive)) as client:
            channel = WebhookChannel(client, {"ops": ("https://ops.test/", "s3")})
            for number, text in enumerate(texts):
                change = Change(seq=number, uuid="u", draft=replace(DRAFT, text=text))
                await channel.send(HOOK, str(number), clean(body_of(change)))

    asyncio.run(run())
    assert [json.loads(one.decode("utf-8"))["text"] for one in bodies] == texts
