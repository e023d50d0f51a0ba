"""Each source in turn is given what broken and hostile servers give: it fails alone, by name, and says nothing wrong.

An empty body, the Anubis page, an HTML error with status 200, a truncated gzip, a body cut short, 503 with Retry-After.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from bot.app import App, allowed_hosts
from bot.config import load_config
from bot.ingest.poll import Poller, PollReport
from sources.base import SourceSpec
from sources.git import GitDoor
from sources.http import HttpDoor, HttpPolicy
from sources.registry import MODULES, find_source, source_names
from storage import changes as change_store
from storage import source_health
from tests.bot.stores import application
from tests.servers.raw_http import RawServer, answer, raw_server

PRESENT = [name for name in source_names() if find_spec(MODULES[name]) is not None]
ANUBIS = (
    b"<!doctype html><html><head><title>Making sure you're not a bot!</title></head><body>"
    b'<script id="anubis_challenge" type="application/json">{}</script></body></html>'
)
ERROR_PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
PACKED = gzip.compress(b'{"vulnerabilities": []}' * 200)
ANSWERS = {
    "an empty body": answer(b"", "Content-Type: application/json"),
    "the Anubis page": answer(ANUBIS, "Content-Type: text/html"),
    "an HTML error with 200": answer(ERROR_PAGE, "Content-Type: text/html"),
    "a truncated gzip": answer(PACKED[:-9], "Content-Type: application/json", "Content-Encoding: gzip"),
    "a body cut short": answer(b'{"a": [1, 2', "Content-Length: 4000", length=False),
    "503 with Retry-After": answer(b"later", "Retry-After: 1200", status="503 Service Unavailable"),
}


def settings_towards(spec: SourceSpec, url: str) -> str:
    """The configuration that points every address of a source at one server."""
    lines = [f"[sources.{spec.name}]"]
    for key, value in spec.settings.items():
        first = value if isinstance(value, str) else next(iter(value), "")
        if "://" in first:
            lines.append(f'{key} = "{url}/{key}"' if isinstance(value, str) else f'{key} = ["{url}/{key}"]')
    return "\n".join(lines)


@dataclass(frozen=True)
class Tried:
    app: App
    report: PollReport


def poll_against(folder: Path, name: str, url: str) -> Iterator[Tried]:
    spec = find_source(name)
    with application(folder, config=settings_towards(spec, url)) as app:
        config = load_config(config=folder / "patchwatch.toml", data=folder / "data", environment={})
        policy = HttpPolicy(
            contact="https://example.org/contact",
            version="0",
            allowed_hosts=allowed_hosts(config),
            min_interval_seconds=0,
        )
        http = HttpDoor(policy, sleep=lambda seconds: None)
        git = GitDoor(root=folder / "git", policy=policy, deadline_seconds=20)
        report = Poller(config=config, intake=app.intake, http=http, git=git).poll(name)
        http.close()
        yield Tried(app, report)


@pytest.mark.parametrize("given", ANSWERS)
@pytest.mark.parametrize("name", PRESENT)
def test_a_source_fails_alone_and_by_name(name: str, given: str, tmp_path: Path) -> None:
    """An error that names the address, no change, nothing owed, the next poll set; and no other source is touched."""
    with raw_server(ANSWERS[given]) as server:
        for tried in poll_against(tmp_path, name, server.url):
            _judge(tried, name, server)


def _judge(tried: Tried, name: str, server: RawServer) -> None:
    assert server.requests, "the source asked nothing"
    assert tried.report.error, tried.report
    assert (tried.report.changes, tried.report.held) == (0, None)
    with tried.app.store.read() as connection:
        assert change_store.list_changes(connection) == []
        (health,) = [one for one in source_health.list_health(connection) if one.state != "waiting"]
    assert (health.name, health.state, health.failures) == (name, "failing", 1)
    assert health.error_text
    assert "\n" not in health.error_text
    assert health.next_due_at is not None
