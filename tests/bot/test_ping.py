"""The dead man's switch: asked after a good cycle, not after a bad one, and never in anybody's way."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from bot.app import App, make_poller
from bot.channels.ping import ping
from bot.config import load_config
from bot.service import Schedule
from sources.registry import source_names
from tests.bot.stores import application
from tests.bot.test_poll import catalogue
from tests.servers.raw_http import RawServer, Script, answer, raw_server

SECRET = "/ping/0f6e-secret"  # a test's path


@pytest.mark.parametrize(
    ("script", "good"),
    [
        (answer(b"OK"), True),
        (answer(b"", status="204 No Content"), True),
        (answer(b"", "Content-Length: 99999999", length=False), True),
        (answer(b"", "Location: http://192.0.2.1/", status="302 Found"), False),
        (answer(b"", status="500 Internal Server Error"), False),
        (b"nonsense\r\n\r\n", False),
        (b"", False),
    ],
)
def test_answers(caplog: pytest.LogCaptureFixture, script: Script, good: bool) -> None:
    """2xx is good, whatever comes after the head; no redirect is followed; no log names the address."""
    caplog.set_level(logging.INFO, "patchwatch")
    with raw_server(script) as server:
        assert asyncio.run(ping(server.url + SECRET)) is good
    assert [one.split("\r\n")[0] for one in server.requests] == [f"GET {SECRET} HTTP/1.1"]
    assert "secret" not in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "ftp://127.0.0.1/", "no address", "http://[", ""])
def test_addresses_that_lead_nowhere(url: str) -> None:
    """They are only logged."""
    assert asyncio.run(ping(url)) is False


def only_kev(folder: Path, url: str) -> str:
    others = [f"[sources.{name}]\nenabled = false" for name in source_names() if name != "kev"]
    return "\n".join([*others, f'[sources.kev]\nurl = "{url}/kev.json"\ninterval = 3600'])


def cycle(app: App, server: RawServer) -> None:
    """One cycle of the schedule, with the ping that the configuration names."""

    async def run() -> None:
        poller = make_poller(app)
        schedule = Schedule(app, poller, ping=lambda: ping(server.url + SECRET))
        await schedule.tick()
        await asyncio.gather(*schedule.running)
        poller.http.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("body", "pings"), [(answer(catalogue(), "Content-Type: application/json"), 1), (answer(b"<html>"), 0)]
)
def test_after_a_cycle(tmp_path: Path, body: bytes, pings: int) -> None:
    """A good cycle is told, one with a failed source is not."""
    with raw_server(body) as source, raw_server(answer(b"OK")) as switch:
        with application(tmp_path, config=only_kev(tmp_path, source.url)) as app:
            config = load_config(config=tmp_path / "patchwatch.toml", data=tmp_path / "data", environment={})
            cycle(App(config=config, topics=app.topics, store=app.store), switch)
        assert len(source.requests) >= 1
    assert len(switch.requests) == pings
