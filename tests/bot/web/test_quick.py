"""Answers from the shelf over raw connections: the same bytes as the usual way, and only where that is certain."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from bot.app import App
from bot.web.quick import MAX_REQUEST_BYTES, QuickAnswers, protocol_for, read_request
from bot.web.shelf import Rendered, Shelf
from tests.bot.web.asking import served
from tests.bot.web.stores import make_app

PATHS = ("/feeds/all.atom", "/feeds/all.json?distro=debian/12", "/advisories/PW-2026-1", "/matrix/PW-2026-1", "/opml")


@pytest.fixture(scope="module")
def place(filled: App) -> Iterator[tuple[str, int]]:
    with served(filled) as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        yield host, int(port)


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: pw.example.org", *headers, "", ""]).encode()


def exchange(place: tuple[str, int], *parts: bytes, answers: int = 1) -> list[tuple[bytes, dict[bytes, bytes], bytes]]:
    """Sends the parts on one connection; returns (status line, headers but Date, body) of each answer."""
    found = []
    with socket.create_connection(place, timeout=10) as line, line.makefile("rb") as stream:
        for part in parts:
            line.sendall(part)
        for _ in range(answers):
            status = stream.readline()
            pairs = [one.split(b": ", 1) for one in iter(lambda: stream.readline().strip(), b"")]
            headers = {name.lower(): value for name, value in pairs}
            assert headers.pop(b"date").endswith(b" GMT")
            body = stream.read(int(headers.get(b"content-length", b"0")))
            found.append((status.strip(), headers, body))
    return found


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_quick_and_usual_are_the_same(place: tuple[str, int], path: str, coding: str) -> None:
    """The quick answer has the status, headers and bytes of the usual one, whole and as 304."""
    asked = request(path, f"Accept-Encoding: {coding}")
    usual = exchange(place, request(path, f"Accept-Encoding: {coding}", "Range: bytes=0-"))[0]
    first, second = exchange(place, asked)[0], exchange(place, asked)[0]
    assert (usual[0], first, second) == (b"HTTP/1.1 200 OK", usual, usual)
    tag = usual[1][b"etag"].decode()
    held = request(path, f"Accept-Encoding: {coding}", f"If-None-Match: {tag}")
    usual_held = exchange(place, request(path, *held.decode().split("\r\n")[2:-2], "Range: bytes=0-"))[0]
    assert exchange(place, held)[0] == usual_held
    assert usual_held[0] == b"HTTP/1.1 304 Not Modified"


def test_many_on_one_connection(place: tuple[str, int]) -> None:
    """Quick and usual answers keep the order of the requests on one connection, also when these are sent at once."""
    feed, live = request("/feeds/all.atom"), request("/healthz")
    exchange(place, feed)
    for parts in ((feed, live, feed, feed, live), (feed + live + feed + feed + live,)):
        bodies = [body[:5] for _, _, body in exchange(place, *parts, answers=5)]
        assert bodies == [b"<?xml", b"ok\n", b"<?xml", b"<?xml", b"ok\n"]


def test_in_pieces(place: tuple[str, int]) -> None:
    """A request that comes in pieces is answered like a whole one."""
    asked = request("/feeds/all.atom")
    whole = exchange(place, asked)[0]
    assert exchange(place, asked[:10], asked[10:40], asked[40:])[0] == whole


@pytest.mark.parametrize(
    "data",
    [
        request("/x", method="HEAD"),
        request("/x", method="POST"),
        request("/x", "Content-Length: 3"),
        request("/x", "Transfer-Encoding: chunked"),
        request("/x", "Connection: close"),
        request("/x", "Connection: upgrade", "Upgrade: websocket"),
        request("/x", "Expect: 100-continue"),
        request("/x", "Host: other.example"),
        request("/x", "No colon"),
        request("/x", " Folded: x"),
        request("/x", "Bad name: x"),
        request("/x", "A: \x01"),
        request("/x%41"),
        request("/x y"),
        request("http://pw.example.org/x"),
        request("/api/v1/changes"),
        request("/x", "A: " + "y" * MAX_REQUEST_BYTES),
        request("/x") + request("/y"),
        request("/x")[:-1],
        b"GET /x HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"",
        b"\r\n\r\n",
    ],
)
def test_everything_unusual_goes_the_usual_way(data: bytes) -> None:
    """Only one whole plain GET is read here; whatever is odd is left to the full parser."""
    assert read_request(data) is None


def test_plain_get_is_read() -> None:
    """A plain GET gives the key of the shelf with its query, and whether gzip is taken."""
    asked = read_request(
        request("/feeds/all.atom?distro=debian/12", "Accept-Encoding: br, gzip", "Connection: keep-alive")
    )
    assert asked is not None
    assert (asked.key, asked.zips) == ("/feeds/all.atom?distro=debian/12", True)


def test_nothing_old_is_given(tmp_path: Path) -> None:
    """When the look at the store is not fresh, or the answer is an error, there is no quick answer."""
    app = make_app(tmp_path)
    old, fresh = Shelf(app.store, fresh_seconds=0), Shelf(app.store, fresh_seconds=3600)
    for shelf in (old, fresh):
        shelf.get("/x", lambda: Rendered(body=b"x", media="text/plain"))
        shelf.get("/bad", lambda: Rendered(body=b"x", media="text/plain", status=500))
    assert QuickAnswers(old).find(request("/x")) is None
    ready = QuickAnswers(fresh).find(request("/x"))
    assert ready is not None
    assert ready.body == b"x"
    assert [QuickAnswers(fresh).find(request(path)) for path in ("/y", "/bad")] == [None, None]
    app.store.close()


def test_many_requests_are_not_remembered_for_ever(tmp_path: Path) -> None:
    """What is remembered of requests is bounded."""
    app = make_app(tmp_path)
    shelf = Shelf(app.store, fresh_seconds=3600)
    shelf.get("/x", lambda: Rendered(body=b"x", media="text/plain"))
    quick = QuickAnswers(shelf)
    for number in range(3000):
        assert quick.find(request("/x", f"A: {number}")) is not None
    assert len(quick._asked) <= 1024
    assert len(quick._ready) <= 64
    app.store.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HT"])
def test_who_does_not_come_to_the_point_is_let_go(tmp_path: Path, sent: bytes) -> None:
    """A connection that sends nothing, or never ends its request, is closed by us."""
    app = make_app(tmp_path)
    protocol = protocol_for(Shelf(app.store), idle_seconds=0.2)

    async def wait_for_end() -> bytes:
        config = uvicorn.Config(lambda *_: None, http=protocol, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        config.load()
        listening = await asyncio.get_running_loop().create_server(
            lambda: protocol(config=config, server_state=server.server_state, app_state={}), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        listening.close()
        return answer

    assert asyncio.run(wait_for_end()) == b""
    app.store.close()


def test_garbage_is_refused(place: tuple[str, int]) -> None:
    """What is no HTTP gets 400 and the end of the connection."""
    with socket.create_connection(place, timeout=10) as line:
        line.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    assert re.match(rb"HTTP/1\.1 400 ", answer)
