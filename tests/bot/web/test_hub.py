"""WebSub: the feeds name the configured hub, and a real hub on loopback is told of news."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from lxml import etree

from bot.app import App
from bot.config import ConfigError
from bot.web.hub import feeds_of, hub_of, tell_hub
from bot.web.site import make_site
from storage.changes import add_changes
from tests.advisories.test_filters import DRAFT, KEV
from tests.bot.web.asking import asker
from tests.bot.web.stores import make_app

BASE = "https://pw.example.org"
Forms = queue.Queue[tuple[str, dict[str, list[str]]]]


@contextmanager
def hub(answers: list[int]) -> Iterator[tuple[str, Forms]]:
    """A hub that gives these answers in turn (204 after them) and keeps what it is told."""
    forms: Forms = queue.Queue()

    class Hub(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            forms.put((self.headers["Content-Type"], parse_qs(body)))
            self.send_response(answers.pop(0) if answers else 204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", forms
    server.shutdown()
    thread.join()
    server.server_close()


def told_of(app: App, forms: Forms, wanted: int) -> list[tuple[str, dict[str, list[str]]]]:
    """Starts telling, stores two changes, and returns what the hub was told up to `wanted` times."""

    async def tell() -> list[tuple[str, dict[str, list[str]]]]:
        stop, site = asyncio.Event(), make_site(app)
        telling = asyncio.create_task(tell_hub(site, stop, told=1, every_seconds=0.05))
        await asyncio.to_thread(store_news, app)
        found = [await asyncio.to_thread(forms.get, timeout=20) for _ in range(wanted)]
        stop.set()
        await telling
        return found

    return asyncio.run(tell())


def store_news(app: App) -> None:
    with app.store.write() as connection:
        add_changes(connection, [DRAFT, KEV])


@pytest.mark.parametrize("answers", [[], [500, 503]])
def test_the_hub_is_told(tmp_path: Path, answers: list[int]) -> None:
    """What is stored is told once, as a form with every feed that has it; a hub that fails is told again."""
    tries = len(answers) + 1
    with hub(answers) as (address, forms):
        app = make_app(tmp_path, PATCHWATCH_WEB_BASE_URL=BASE, PATCHWATCH_WEB_HUB=address)
        with app.store.write() as connection:
            add_changes(connection, [replace(DRAFT, release="11")])
        found = told_of(app, forms, tries)
        app.store.close()
    names = ("all", "copy-fail", "advisories/PW-2026-1")
    feeds = [f"{BASE}/feeds/{name}.{kind}" for name in names for kind in ("rss", "atom", "json")]
    assert found == [("application/x-www-form-urlencoded", {"hub.mode": ["publish"], "hub.url": feeds})] * tries
    assert forms.empty()


def test_feeds_name_the_hub(tmp_path: Path) -> None:
    """Each format links the hub, and none does without one."""
    app = make_app(tmp_path, PATCHWATCH_WEB_BASE_URL=BASE, PATCHWATCH_WEB_HUB="https://hub.example.org/")
    ask = asker(app)
    for kind in ("rss", "atom"):
        links = etree.fromstring(ask(f"/feeds/all.{kind}").content).iter("{http://www.w3.org/2005/Atom}link")
        assert [one.get("href") for one in links if one.get("rel") == "hub"] == ["https://hub.example.org/"]
    assert ask("/feeds/all.json").json()["hubs"] == [{"type": "WebSub", "url": "https://hub.example.org/"}]
    app.store.close()
    bare = make_app(tmp_path / "bare", PATCHWATCH_WEB_BASE_URL=BASE)
    assert "hub" not in asker(bare)("/feeds/all.json").text
    assert hub_of(make_site(bare)) == ""
    bare.store.close()


def test_quiet_edits_are_no_news() -> None:
    """Without a change that is told, no feed has news."""
    assert feeds_of([], BASE) == []


@pytest.mark.parametrize(
    ("address", "base"), [("hub", BASE), ("ftp://hub.example.org/", BASE), ("https://h.example/", "")]
)
def test_a_wrong_hub_is_a_clear_line(tmp_path: Path, address: str, base: str) -> None:
    """A hub that is no web address, or that could fetch nothing, is an error of the configuration."""
    app = make_app(tmp_path, PATCHWATCH_WEB_BASE_URL=base, PATCHWATCH_WEB_HUB=address)
    with pytest.raises(ConfigError, match=r"\[web\] hub: "):
        hub_of(make_site(app))
    app.store.close()
