"""From a poll that finds one new entry of 25 to the message sent, with 100,000 filters: CPU time of all processes.

The peer is what people put together today: httpx, feedparser, a loop over all filters, aiogram. Both fetch from and
send to a server on loopback, whose time does not count. Each sample is a process of its own, filled before.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from scripts.benches.catalogue import kev_catalogue, rss_feed
from scripts.benches.documents import cna_record, cve_name
from scripts.benches.figure import Figure, middle
from scripts.benches.idle import session_of
from scripts.benches.loopback import serving
from scripts.benches.rounds import MILLI, ROUNDS

FILTERS = 100_000
PER_CHAT = 20
ENTRIES = 25
POLLS = 6
WARM = 2  # rounds before these: a baseline, and one that loads and fills what is kept
TOKEN = "123456789:" + "A" * 35  # of no bot
_TOPIC = 'slug = "every"\ntitle = "Every kernel CVE"\nsince = 2025-01-01\ncves = ["*"]\n'


def session_seconds() -> float:
    """CPU time of every process of this session and of those that have ended in it."""
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if session_of(stat) == os.getsid(0):
            ticks += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def filter_words(number: int) -> str:
    if number == 0:
        return "every change:exploitation_changed"
    return (
        f"PW-2025-{10_000 + number}" if number % 2 else f"topic-{number % 500} debian/{11 + number % 4} severity:high"
    )


def ours(folder: Path, base: str) -> float:
    from sqlalchemy import insert

    from bot.app import open_app
    from bot.channels.registry import composer_of, opened_channels
    from bot.delivery.deliver import Deliverer
    from bot.digest.folding import make_folder
    from bot.ingest.cycle import Mode, ingest
    from bot.ingest.parsing import load_parsers, parse_here
    from scripts.benches.idle_poll import make_poller
    from sources.base import RawDocument
    from sources.registry import find_source
    from storage.delivery import ensure_destination, next_generation
    from storage.delivery_tables import subscriptions

    (folder / "every.toml").write_text(_TOPIC, encoding="utf-8")
    config = folder / "patchwatch.toml"
    config.write_text(
        f'[topics]\npaths = ["{folder}/every.toml"]\n[sources.kev]\nurl = "{base}/{folder.name}.json"\n'
        f'[telegram]\napi_base = "{base}"\n',
        encoding="utf-8",
    )
    os.environ["PATCHWATCH_TELEGRAM_TOKEN"] = TOKEN
    document = folder.parent / f"{folder.name}.json"
    document.write_bytes(kev_catalogue([f"CVE-2024-{number}" for number in range(10_000, 10_000 + ENTRIES - 1)]))
    with open_app(config=config, data=folder / "store") as app:
        now = datetime.now(UTC)
        spec = find_source("kernel-cna")
        raws = [
            RawDocument(
                source="kernel-cna", url=f"https://cna.example/{cve_name(one)}.json", at=now, body=cna_record(one, 9)
            )
            for one in range(POLLS + WARM)
        ]
        ingest(app.intake, spec, [parse_here(spec, raw) for raw in raws], now=now, mode=Mode(quiet=True))
        with app.store.write() as connection:
            chats = [
                ensure_destination(connection, kind="telegram", address=str(one + 1), now=now)
                for one in range(FILTERS // PER_CHAT)
            ]
            rows = [
                {
                    "destination": chats[one // PER_CHAT],
                    "number": one % PER_CHAT,
                    "filter": filter_words(one),
                    "created_at": now,
                }
                for one in range(FILTERS)
            ]
            connection.execute(insert(subscriptions), rows)
            next_generation(connection)
        load_parsers(["kev"])  # as `run` does
        poller = make_poller(app, base)

        async def rounds() -> float:
            composer = composer_of(app.config, app.topics)
            began = 0.0
            async with opened_channels(app.store, app.config) as channels:
                deliverer = Deliverer(app.store, channels, folder=make_folder(app, composer))
                for number in range(POLLS + WARM):
                    found = [cve_name(one) for one in range(number + 1)]
                    rest = [f"CVE-2024-{one}" for one in range(10_000, 10_000 + ENTRIES - 1)]
                    document.write_bytes(kev_catalogue([*rest, *found]))
                    if number == WARM:
                        began = session_seconds()
                    report = poller.poll("kev")
                    sent = await deliverer.deliver_due()
                    if report.error or (number and (report.changes, sent) != (1, 1)):
                        raise RuntimeError(f"round {number}: {report}, sent {sent}")
            return session_seconds() - began

        return asyncio.run(rounds())


def peer(folder: Path, base: str) -> float:
    import feedparser
    import httpx
    from aiogram import Bot
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer

    from advisories.filters import matches, parse_stored
    from scripts.benches.filters import make_change

    change = make_change()
    wanted = [(number, parse_stored(filter_words(number))) for number in range(FILTERS)]
    wanted[0] = (0, parse_stored("watched"))
    document = folder.parent / f"{folder.name}.xml"
    seen: set[str] = set()

    async def rounds() -> float:
        began = 0.0
        session = AiohttpSession(api=TelegramAPIServer.from_base(base))
        async with httpx.AsyncClient() as client, Bot(TOKEN, session=session) as bot:
            for number in range(POLLS + WARM):
                document.write_bytes(rss_feed(ENTRIES, POLLS + WARM - number))
                if number == WARM:
                    began = session_seconds()
                answer = await client.get(f"{base}/{folder.name}.xml")
                entries = [one for one in feedparser.parse(answer.content).entries if one.id not in seen]
                seen.update(one.id for one in entries)
                chats = [chat for one in entries[:1] for chat, words in wanted if matches(words, change)]
                for chat in chats:
                    await bot.send_message(chat + 1, f"{entries[0].title}\n{entries[0].link}")
                if number and (len(entries), len(chats)) != (1, 1):
                    raise RuntimeError(f"round {number}: {len(entries)} entries, {len(chats)} sent")
        return session_seconds() - began

    return asyncio.run(rounds())


def sample(kind: str, folder: Path, base: str, number: int) -> float:
    """Seconds a round."""
    own = folder / f"{kind}{number}"
    own.mkdir()
    # not as a module: a parse worker loads its parent's main module, which is as good as empty in `patchwatch run`
    command = [sys.executable, "-c", f"from {__name__} import main; main()", kind, str(own), base]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, start_new_session=True)
    spent: float = json.loads(done.stdout.splitlines()[-1])
    return spent / POLLS


def run() -> list[Figure]:
    mine: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as base:
        for number in range(ROUNDS):
            mine.append(sample("ours", Path(name), base, number))
            theirs.append(sample("peer", Path(name), base, number))
    return [
        Figure(
            name=f"poll to sent, {ENTRIES} entries, {FILTERS:,} filters",
            unit="ms CPU",
            ours=middle(mine) * MILLI,
            peer="httpx, feedparser, loop, aiogram",
            peers=middle(theirs) * MILLI,
            limit=1 / 8,
        )
    ]


def main() -> None:
    print(json.dumps({"ours": ours, "peer": peer}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])))
