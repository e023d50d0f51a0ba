"""Pictures of the chat for docs/: a reader's messages from a replayed recording, and a dialogue, as a phone shows them.

    python -m scripts.chat_pictures RECORDING [docs/pictures]

The text and its marks are those that Telegram is sent; the page around them is our own. Needs Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import sync_playwright

from advisories.topics import Topic
from bot.channels.cards import Cards
from bot.channels.telegram.text import Part, render
from bot.config import load_config
from bot.delivery.deliver import Deliverer
from bot.delivery.folding import Folder
from bot.delivery.listening import Listener
from bot.delivery.outbox import Outbox
from bot.ingest.cycle import Intake
from bot.ingest.recording import Entry
from bot.ingest.replay import prepare, replay
from bot.messages.compose import Composer
from bot.messages.conversation import Answer, Request
from bot.messages.model import Message, thaw
from bot.topic_files import load_topics
from storage import delivery
from storage.delivery import DueDestination
from storage.migrate import upgrade
from storage.store import Store, open_store

WIDTH = 360
CHAT = "7"
FILTER = "copy-fail debian/12"
DIALOGUE = ("subscribe copy-fail debian/12", "check 6.1.164-1 debian/12", "list", "quiet 22:00-07:00 Europe/Berlin")
TAGS = {"bold": "b", "code": "code", "text_link": "u"}
STYLE = """
body { margin: 0; padding: 10px 8px; background: #dfe6ea; font: 15px/1.36 sans-serif; color: #16191c; }
p { max-width: 82%; margin: 0 0 8px; padding: 7px 10px; border-radius: 12px; background: #fff; white-space: pre-wrap;
    overflow-wrap: anywhere; width: fit-content; }
p.own { margin-left: auto; background: #d7f2cf; }
q { display: block; quotes: none; margin: 0 0 4px; padding-left: 7px; border-left: 3px solid #3a7bbf; color: #2a5d92;
    font-size: 13px; }
small { display: block; text-align: right; color: #5a6570; font-size: 12px; }
em { font: bold 17px sans-serif; color: #c41e1e; }
code { font: 14px monospace; background: #eef1f3; }
i { display: inline-block; font-style: normal; margin: 0 6px 8px 0; padding: 5px 10px; border-radius: 10px;
    background: #c4d3dd; }
"""


@dataclass(slots=True)
class Shown:
    message: Message
    at: datetime
    edited: datetime | None = None


@dataclass(slots=True)
class Phone:
    """A chat that keeps what it is sent, as a channel for people that can edit. now: the recording's time."""

    kind: str = "telegram"
    keyed: bool = False
    folds: bool = True
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    shown: list[Shown] = field(default_factory=list)

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        self.shown.append(Shown(thaw(content), self.now))
        return str(len(self.shown) - 1)

    async def edit(self, destination: DueDestination, remote_id: str, content: str) -> None:
        one = self.shown[int(remote_id)]
        one.message, one.edited = thaw(content), self.now


def replayed(store: Store, recording: Path, topics: Sequence[Topic]) -> Phone:
    """What a reader of FILTER has on the phone after the recording, each cycle delivered in its time."""
    phone, composer, outbox = Phone(), composer_of(topics), Outbox()

    def deliver(now: datetime) -> None:
        async def run() -> None:
            channels = {"telegram": phone}
            await Deliverer(store, channels, folder=Folder(composer), clock=lambda: now).deliver_due()
            await Cards(store, channels, composer, clock=lambda: now).repair()

        phone.now = now
        asyncio.run(run())

    def before(entry: Entry) -> None:
        if entry.at > phone.now:
            deliver(entry.at)

    with store.write() as connection:
        chat = delivery.ensure_destination(connection, kind="telegram", address=CHAT, now=phone.now)
        delivery.add_subscription(connection, chat, FILTER, now=phone.now)
    prepare(store)
    intake = Intake(
        store=store,
        topics=tuple(topics),
        enqueue=lambda connection, changes, now: outbox.enqueue(connection, changes, now=now),
    )
    report = replay(intake, recording, progress=before)
    deliver(report.changes[-1].draft.at + timedelta(days=1))
    return phone


def composer_of(topics: Sequence[Topic]) -> Composer:
    return Composer(base_url="https://patchwatch.example.org", titles={one.slug: one.title for one in topics})


def marked(part: Part) -> str:
    """The part as HTML; its entities as elements."""
    encoded = part.text.encode("utf-16-le")
    edges = {0, len(encoded) // 2}
    for one in part.entities:
        edges |= {one.offset, one.offset + one.length}
    places = sorted(edges)
    html = ""
    for start, end in pairwise(places):
        piece = escape(encoded[2 * start : 2 * end].decode("utf-16-le"))
        for one in part.entities:
            if one.offset <= start < one.offset + one.length:
                piece = f"<{TAGS[one.type]}>{piece}</{TAGS[one.type]}>"
        html += piece
    return html.replace("\u2757", "<em>!</em>")  # not every machine has a font with that sign


def bubbles(phone: Phone, most: int) -> Iterator[str]:
    """The card and the last answers to it."""
    card = next(index for index, one in enumerate(phone.shown) if one.message.advisory)
    answers = [index for index, one in enumerate(phone.shown) if one.message.reply_to == str(card)]
    for index in [card, *answers[-most:]]:
        one = phone.shown[index]
        quoted = f"<q>{escape(phone.shown[card].message.title)}</q>" if index in answers else ""
        when = f"edited {one.edited:%-d %b %H:%M}" if one.edited else f"{one.at:%-d %b %H:%M}"
        yield f"<p>{quoted}{marked(render(one.message)[0])}<small>{when}</small></p>"


def dialogue(store: Store, topics: Sequence[Topic]) -> Iterator[str]:
    """Words and their answers in a chat of its own."""
    listener = Listener(store, load_config(data=Path(), environment={}), topics, composer_of(topics))
    for words in DIALOGUE:
        yield f'<p class="own">/{escape(words)}</p>'
        answer = listener.answer(Request(kind="telegram", address="8", thread="", text=words))
        if answer is not None:
            yield from answered(answer)


def answered(answer: Answer) -> Iterator[str]:
    for part in render(answer.message):
        yield f"<p>{marked(part)}</p>"
    yield from (f"<i>{escape(key.label)}</i>" for row in answer.buttons for key in row)


def take_picture(content: str, file: Path) -> None:
    page = f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{content}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": WIDTH, "height": 100}, device_scale_factor=2)
        view.set_content(page)
        view.screenshot(path=file, full_page=True)
        browser.close()
    print(file)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts.chat_pictures", description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("docs/pictures"))
    chosen = parser.parse_args()
    topics = load_topics(())
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(None, Path(folder))
        upgrade(store)
        phone = replayed(store, chosen.recording, topics)
        take_picture("".join(bubbles(phone, 3)), chosen.out / "card.png")
        take_picture("".join(dialogue(store, topics)), chosen.out / "chat.png")
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
