"""A weekly digest to many readers: our channel with its four mails on their way at once, and aiosmtplib as its own
documentation shows it, a connection for each mail. Both send the same bytes to a sink in another process.

A thousand readers a round; `--whole` is ten thousand.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import aiosmtplib

from bot.channels.mail.channel import MailChannel
from bot.channels.mail.connection import Connections, Envelope, Mta
from bot.channels.mail.writing import Sender, Writer
from bot.delivery.deliver import IN_FLIGHT, Deliverer
from bot.delivery.folding import Folder
from bot.digest.keys import MailKeys
from bot.messages.compose import Composer
from bot.messages.digest import (
    Digest,
    Health,
    Matter,
    News,
    ReleaseRow,
    SourceLine,
    digest_letter,
    freeze_letter,
    thaw_letter,
)
from scripts.benches.figure import Figure
from scripts.benches.rounds import interleaved
from scripts.benches.sizes import size
from scripts.benches.smtp_sink import sinking
from storage import delivery
from storage.delivery import DueDestination
from storage.delivery_ledger import owe_notice
from storage.migrate import upgrade
from storage.store import open_store

NOW = datetime(2026, 5, 4, 6, tzinfo=UTC)
BOARD = "https://patchwatch.example.org"
LEAST = 5.0


def digest() -> Digest:
    """Thirty changes of ten advisories, twenty rows of the reader's releases."""
    news = tuple(
        News(day="2026-05-03", text=f"Fixed in Debian 12: linux 6.1.170-{number} (DSA-6243-1)", source="debian")
        for number in range(3)
    )
    matters = tuple(
        Matter(name=f"CVE-2026-{number}", title="crypto: a buffer is released early", advisory="PW-2026-1", news=news)
        for number in range(31_431, 31_441)
    )
    rows = tuple(
        ReleaseRow(
            name=f"CVE-2026-{31_431 + number}",
            advisory="PW-2026-1",
            place="Debian 12",
            package="linux",
            status="fixed",
            state="fixed",
            version="6.1.170-1",
            erratum="DSA-6243-1",
        )
        for number in range(20)
    )
    health = Health(good=39, total=40, lines=(SourceLine(name="ubuntu", state="failing", why="HTTP 503"),))
    return Digest(
        kind="weekly",
        title="30 changes in week 19 of 2026",
        period="2026-W19",
        matters=matters,
        more=0,
        rows=rows,
        more_rows=0,
        unknown=(),
        health=health,
        follows=("copy-fail debian/12",),
        base_url=BOARD,
    )


def make_writer() -> Writer:
    return Writer(Sender.parse("bot@example.org"), MailKeys(secret=b"k" * 32), base_url=BOARD, signed=True)


def readers(count: int) -> list[tuple[DueDestination, str, str]]:
    """(where, the message's id, its frozen content) of each."""
    found = digest()
    return [
        (
            DueDestination(id=number, kind="mail", address=f"reader{number}@example.org", thread=""),
            f"0b6f0f1e-5a70-4d0c-9c07-{number:012}",
            freeze_letter(digest_letter(found, at=NOW, salt=f"{number:032x}")),
        )
        for number in range(count)
    ]


async def send_all(port: int, owed: Sequence[tuple[DueDestination, str, str]]) -> None:
    """Through our channel, as many at once as delivery sends."""
    channel = MailChannel(Connections(mta(port)), make_writer())
    waiting = iter(owed)

    async def work() -> None:
        for where, message, content in waiting:
            await channel.send(where, message, content)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    await channel.close()


def mta(port: int) -> Mta:
    return Mta(host="127.0.0.1", port=port, hello="example.org", starttls=False)


async def send_each(port: int, mails: Sequence[Envelope]) -> None:
    """The peer's way; its mails were written before, so that only its sending counts."""
    waiting = iter(mails)

    async def work() -> None:
        for one in waiting:
            await aiosmtplib.send(
                one.content,
                sender=one.sender,
                recipients=[one.recipient],
                hostname="127.0.0.1",
                port=port,
                start_tls=False,
            )

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


def deliver(port: int, owed: Sequence[tuple[DueDestination, str, str]]) -> float:
    """Seconds of wall time for the whole of delivery: lease, send and record each in the ledger, on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(None, Path(folder))
        upgrade(store)
        with store.write() as connection:
            for where, _, content in owed:
                one = delivery.ensure_destination(connection, kind="mail", address=where.address, now=NOW)
                owe_notice(connection, one, content, now=NOW)

        async def run() -> None:
            channel = MailChannel(Connections(mta(port)), make_writer())
            deliverer = Deliverer(store, {"mail": channel}, folder=Folder(Composer()), clock=lambda: NOW)
            if await deliverer.deliver_due() != len(owed):
                raise RuntimeError("not every mail was delivered")
            await channel.close()

        before = time.perf_counter()
        asyncio.run(run())
        spent = time.perf_counter() - before
        store.close()
    return spent


def run() -> list[Figure]:
    count = size(1_000, 10_000)
    owed = readers(count)
    writer = make_writer()
    mails = [writer.write(where, message, thaw_letter(content)) for where, message, content in owed]
    with sinking() as sink:

        def ours() -> None:
            asyncio.run(send_all(sink.port, owed))

        def peer() -> None:
            asyncio.run(send_each(sink.port, mails))

        before = sink.taken()
        mine, theirs = interleaved(ours, peer)
        if sink.taken() - before != 2 * 6 * count:
            raise RuntimeError("mails were lost on the way to the sink")
        wall = interleaved(ours, peer, clock=time.perf_counter)
        whole = deliver(sink.port, owed)
    name = f"mail digest of {len(mails[0].content) // 1024} KiB, {count:,} readers"
    peer_name = "aiosmtplib, a connection per mail"
    rates = ((name, "mails/s CPU", mine, theirs, LEAST), (f"{name}: wall time", "mails/s", *wall, None))
    return [
        *(
            Figure(
                name=one,
                unit=unit,
                ours=count / own,
                peer=peer_name,
                peers=count / other,
                limit=least,
                at_least=True,
            )
            for one, unit, own, other, least in rates
        ),
        Figure(name="the same with the ledger on SQLite", unit="mails/s", ours=count / whole, limit=None),
    ]
