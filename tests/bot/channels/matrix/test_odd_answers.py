"""Answers that no homeserver should give, over the wire: each one has its kind, and the token goes nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from threading import Event

import msgspec
import pytest

from bot.channels.base import ChannelError, NotSent, Refused, Unknown
from bot.channels.matrix import Homeserver
from bot.channels.matrix.errors import Limited
from bot.channels.matrix.homeserver import MAX_ANSWER_BYTES, BadAnswer
from tests.servers.raw_http import Script, answer, raw_server

TOKEN = "syt_Y2FuYXJ5_CanaryCanaryCanary_000000"
PAGE = b"<html><body>502 Bad Gateway</body></html>"
JSON = "Content-Type: application/json"


class Sent(msgspec.Struct):
    event_id: str


def said(**content: object) -> bytes:
    return json.dumps(content).encode()


def ask(url: str, *, seconds: float = 5.0) -> str:
    """One request; the event's id. Raises ChannelError."""

    async def run() -> str:
        server = Homeserver(url, "@bot:x", TOKEN)
        try:
            return (await server.call("PUT", ("rooms", "!a/b"), seconds=seconds, shape=Sent)).event_id
        finally:
            await server.close()

    return asyncio.run(run())


def endless(stop: Event) -> Iterator[bytes]:
    yield answer(b"", JSON, f"Content-Length: {MAX_ANSWER_BYTES * 2}", length=False)
    for _ in range(MAX_ANSWER_BYTES // 2**20 + 2):
        yield b" " * 2**20


def silent(stop: Event) -> Iterator[bytes]:
    stop.wait(1.0)
    yield b""


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (answer(PAGE, status="502 Bad Gateway"), Unknown),
        (answer(PAGE), BadAnswer),
        (answer(b"[]", JSON), BadAnswer),
        (answer(b"[" * 100_000, JSON), BadAnswer),
        (answer(b"\xff\xfe", JSON), BadAnswer),
        (answer(said(event_id=5), JSON), BadAnswer),
        (answer(said(errcode=5), JSON, status="403 Forbidden"), Unknown),
        (answer(said(errcode="M_FORBIDDEN"), JSON, status="403 Forbidden"), Refused),
        (answer(said(errcode="M_NEW"), JSON, status="403 Forbidden"), NotSent),
        (endless, BadAnswer),
        (silent, Unknown),
        (b"", Unknown),
        (b"HTTP/1.1 2", Unknown),
        (answer(b"{", "Content-Length: 50", length=False), Unknown),
    ],
)
def test_odd_answers(script: Script, kind: type[ChannelError]) -> None:
    """A page, rubbish, the wrong shape, too much, nothing, or half of it: never more than its kind of error."""
    with raw_server(script) as server, pytest.raises(ChannelError) as caught:
        ask(server.url, seconds=0.5 if script is silent else 5.0)
    assert type(caught.value) is kind
    assert "Canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "header", "wait"),
    [
        (said(errcode="M_LIMIT_EXCEEDED", retry_after_ms=2500), "X-A: b", 2.5),
        (said(errcode="M_LIMIT_EXCEEDED"), "Retry-After: 7", 7.0),
        (said(errcode="M_LIMIT_EXCEEDED"), "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT", 5.0),
        (said(errcode="M_LIMIT_EXCEEDED", retry_after_ms=10**12), "X-A: b", 3600.0),
        (PAGE, "Retry-After: 30", 30.0),
    ],
)
def test_how_long_to_wait(content: bytes, header: str, wait: float) -> None:
    """The answer's own milliseconds, else the header's seconds; an hour at most."""
    limited = answer(content, header, status="429 Too Many Requests")
    with raw_server(limited) as server, pytest.raises(Limited) as caught:
        ask(server.url)
    assert caught.value.retry_after == wait


def test_nobody_there() -> None:
    """Without a connection, or an address, nothing was sent."""
    with raw_server(b"") as gone:
        pass
    for url in (gone.url, "http://[", "matrix.example"):
        with pytest.raises(NotSent):
            ask(url)


def test_the_token_is_in_one_header_only() -> None:
    """Not in the address; the room's name is one part of the path; and it does not follow a redirect elsewhere."""
    good = answer(said(event_id="$1"), JSON)
    with raw_server(good) as elsewhere:
        moved = answer(b"", f"Location: {elsewhere.url}/x", status="307 Temporary Redirect")
        with raw_server(good, moved) as server:
            assert ask(server.url) == "$1"
            with pytest.raises(Unknown):
                ask(server.url)
        line, _, headers = server.requests[0].partition("\r\n")
        assert line == "PUT /_matrix/client/v3/rooms/!a%2Fb HTTP/1.1"
        assert headers.count(TOKEN) == 1
        assert elsewhere.requests == []
