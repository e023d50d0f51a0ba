"""What a poll costs that finds nothing new, in CPU time: `poll` of a source against reader's update of a feed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from bot.app import App, open_app
from bot.ingest.poll import Poller
from scripts.benches.catalogue import kev_catalogue, rss_feed
from scripts.benches.figure import Figure
from scripts.benches.loopback import serving
from scripts.benches.peers import load_peer
from scripts.benches.rounds import MILLI, compared
from sources.git import GitDoor
from sources.http import HttpDoor, HttpPolicy

POLLS = 30
ENTRIES = 25


def write_config(folder: Path, base: str, more: str = "") -> Path:
    config = folder / "patchwatch.toml"
    config.write_text(f'{more}[sources.kev]\nurl = "{base}/kev.json"\n', encoding="utf-8")
    return config


def make_poller(app: App, base: str) -> Poller:
    """The application's own, without the pause that one host is given between two requests."""
    policy = HttpPolicy(
        contact="https://example.org",
        version="0",
        min_interval_seconds=0,
        allowed_hosts=frozenset({base.removeprefix("http://")}),
    )
    git = GitDoor(root=app.config.data_dir / "git", policy=policy)
    return Poller(config=app.config, intake=app.intake, http=HttpDoor(policy), git=git)


def poll_all(poller: Poller) -> None:
    for _ in range(POLLS):
        report = poller.poll("kev")
        if report.error or report.documents:
            raise RuntimeError(f"not an idle poll: {report}")


def update_all(reader: Any, feeds: list[str]) -> None:  # Any: a peer's
    for feed in feeds:
        updated = reader.update_feed(feed)
        if updated is not None:  # it says None when nothing is new
            raise RuntimeError(f"not an idle update: {updated}")


def open_reader(path: Path) -> Any:  # Any: a peer's
    """reader's own copy of feedparser wants sgmllib, which feedparser itself now brings by another name."""
    sys.modules.setdefault("sgmllib", load_peer("feedparser_sgmllib"))
    return load_peer("reader").make_reader(str(path))


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as base:
        folder = Path(name)
        (folder / "kev.json").write_bytes(kev_catalogue([f"CVE-2024-{number}" for number in range(10_000, 10_025)]))
        (folder / "feed.xml").write_bytes(rss_feed(ENTRIES))
        with open_app(config=write_config(folder, base), data=folder / "store") as app:
            poller = make_poller(app, base)
            first = poller.poll("kev")
            if first.error or first.documents != 1:
                raise RuntimeError(f"the first poll failed: {first}")
            reader = open_reader(folder / "reader.db")
            feeds = [f"{base}/{number}/feed.xml" for number in range(POLLS)]
            for feed in feeds:
                reader.add_feed(feed)
                if reader.update_feed(feed).new != ENTRIES:
                    raise RuntimeError("reader did not take the feed in")
            figure = compared(
                "a poll without news, a source",
                lambda: poll_all(poller),
                "reader",
                lambda: update_all(reader, feeds),
                limit=0.8,
                scale=MILLI / POLLS,
            )
            reader.close()
    return [figure]
