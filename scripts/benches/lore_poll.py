"""Bytes of a poll of a list on which nothing happened, from a real public-inbox: the manifest against new.atom."""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.app import open_app
from scripts.benches.documents import varied_mail
from scripts.benches.figure import Figure
from scripts.benches.idle_poll import make_poller
from tests.servers import inbox
from tests.servers.trees import free_port

MAILS = 60
LIST = "linux-crypto"


@contextmanager
def archive(folder: Path) -> Iterator[str]:
    """A public-inbox with one list of MAILS mails; its address."""
    port, variables = free_port(), inbox._variables(folder)
    server = inbox.InboxServer(folder, port, variables)
    mails = server.create(LIST)
    mails.append(*(inbox.Received(raw=varied_mail(number), at=1_777_000_000 + number) for number in range(MAILS)))
    with (folder / "config").open("a", encoding="utf-8") as config:
        config.write("[publicinbox]\n\twwwlisting = all\n")
    mails.index()
    command = [inbox.HTTPD, "-W0", "-l", server.base_url, "-1", str(folder / "out"), "-2", str(folder / "err")]
    process = subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL)
    try:
        inbox._wait_until_ready(port, f"/{LIST}/", process)
        yield server.base_url
    finally:
        process.terminate()
        process.wait()


def feed_bytes(base: str) -> int:
    """What a feed reader receives for new.atom, compressed; the archive has no validator for it."""
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=30)
    connection.request("GET", f"/{LIST}/new.atom", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    received = len(answer.read())
    if answer.status != 200 or answer.headers["ETag"] or answer.headers["Last-Modified"]:
        raise RuntimeError(f"new.atom answered {answer.status} with {answer.headers.items()}")
    connection.close()
    return received


def poll_bytes(folder: Path, base: str) -> int:
    """What the second poll of the lists received, when nothing came since the first."""
    config = folder / "patchwatch.toml"
    config.write_text(f'[sources.lore]\nurl = "{base}"\nlists = "{LIST}"\n', encoding="utf-8")
    with open_app(config=config, data=folder / "store") as app:
        poller = make_poller(app, base)
        first = poller.poll("lore")
        before = sum(one.received for one in poller.http.traffic())
        second = poller.poll("lore")
        received = sum(one.received for one in poller.http.traffic()) - before
    if first.error or first.documents != MAILS or second.error or second.documents:
        raise RuntimeError(f"the polls went wrong: {first} {second}")
    return received


def run() -> list[Figure]:
    if missing := inbox.missing_part():
        print(f"skipped: {missing} is not installed", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "lists").mkdir()
        with archive(folder / "lists") as base:
            theirs, ours = feed_bytes(base), poll_bytes(folder, base)
    return [
        Figure(name="idle poll of a list", unit="bytes", ours=ours, peer="new.atom (gzip)", peers=theirs, limit=1 / 100)
    ]
