"""A door on a raw server, one call long, and the pages that stand in the way of documents."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sources.errors import SourceError
from sources.http import FetchedDocument, HttpDoor, HttpPolicy
from tests.servers.raw_http import RawServer, Script, raw_server

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ANUBIS = b"""<!doctype html><html lang="en"><head><title>Making sure you&#39;re not a bot!</title>
<link rel="stylesheet" href="/.within.website/x/xess/xess.min.css"></head><body>wait</body></html>"""
ANUBIS_TITLE_ONLY = b"<html><head><title>Making sure you\xe2\x80\x99re not a bot!</title></head><body></body></html>"
CLOUDFLARE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
LOGIN = b'<html><head><title>Sign in - Example</title></head><body><form><input type="password"></form></body></html>'
MAINTENANCE = b"<html><head><title>Down for maintenance</title></head><body>soon</body></html>"
PAGE = b"<!doctype html><html><head><title>CVE-2026-31431</title></head><body>a page</body></html>"


class FakeTime:
    """A clock that moves only when something sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def make_door(server: RawServer, time: FakeTime | None = None, *, port: int | None = None) -> HttpDoor:
    time = time or FakeTime()
    hosts = frozenset({server.host if port is None else f"127.0.0.1:{port}"})
    policy = HttpPolicy(contact="ops@example.org", version="1.2", allowed_hosts=hosts)
    return HttpDoor(policy, clock=time.clock, sleep=time.sleep, now=lambda: NOW)


def fetch_one(*scripts: Script, expect: str = "json", max_bytes: int | None = None) -> FetchedDocument:
    with raw_server(*scripts) as server:
        got = make_door(server).get(
            server.url + "/x", source="kev", expect=expect, max_bytes=max_bytes, deadline_seconds=20
        )
    assert isinstance(got, FetchedDocument)
    return got


def fail(*scripts: Script, expect: str = "json", max_bytes: int | None = None, deadline: float = 20) -> SourceError:
    with raw_server(*scripts) as server:
        with pytest.raises(SourceError) as caught:
            make_door(server).get(
                server.url + "/x", source="kev", expect=expect, max_bytes=max_bytes, deadline_seconds=deadline
            )
        return caught.value
