"""Requests that no decent client sends, over raw connections: each has its answer, and the board goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from bot.app import App
from tests.bot.web.asking import served

FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def place(filled: App) -> Iterator[tuple[str, int]]:
    with served(filled) as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        yield host, int(port)


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: pw.example.org", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def statuses(place: tuple[str, int], sent: bytes) -> list[int]:
    """The status of every answer until the board closes the connection."""
    received = b""
    with socket.create_connection(place, timeout=20) as line:
        with suppress(BrokenPipeError, ConnectionResetError):
            line.sendall(sent)  # refused before all of it was sent; what was answered can still be read
        with suppress(ConnectionResetError):
            while part := line.recv(65536):
                received += part
    return [int(one.split(b" ", 1)[0]) for one in received.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (request("/%00"), 404),
        (request("/%ff%fe"), 404),
        (request("/advisories/%F0%9F%98%80"), 404),
        (request("/..%2f..%2fetc/passwd"), 404),
        (request("/static/../../site.py"), 404),
        (request("/static/%2e%2e/%2e%2e/site.py"), 404),
        (request("/static/%00"), 404),
        (request("/static/"), 404),
        (request("//evil.example/"), 404),
        (request("http://evil.example/"), 404),
        (request("*"), 404),
        (request("/matrix/%0d%0aSet-Cookie:x"), 404),
        (request("/csaf/../osv/all.zip"), 404),
        (request("/feeds/.atom"), 404),
        (request("/changes/-1"), 404),
        (request("/?status=%00"), 400),
        (request("/a b"), 400),
        (request("/api/v1/changes?since=9999-12-31T23:59:59-23:59"), 400),
        (request("/?distro=" + "x" * 30_000), 414),
        (request("/advisories/" + "%41" * 5000), 414),
        (request("/", "A: " + "y" * 10_000_000), 400),
        (request("/", "If-None-Match: " + '"a",' * 4000), 200),
        (request("/", "If-None-Match: *"), 304),
        (request("/", "If-Modified-Since: Thu, 01 Jan 99999999999999 00:00:00 GMT"), 200),
        (request("/", "Accept-Encoding: gzip;q=,,;;;"), 200),
        (request("/", "Range: bytes=0-1,5-9999999999999999999"), 200),
        (request("/static/style.css", "Range: bytes=5-1"), 400),
        (request("/", method="HEAD"), 200),
        (request("/", method="OPTIONS"), 405),
        (request("/", method="TRACE"), 405),
        (request("/api/v1/changes", method="DELETE"), 405),
        (request("/digest/subscribe", FORM, "Content-Length: 20000", method="POST") + b"a=1&" * 5000, 404),
        (request("/", "Content-Length: 5") + b"hello", 200),
        (request("/", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n", 200),
        (request("/", "Host: other.example"), 400),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    ],
    ids=lambda value: None if isinstance(value, int) else repr(value[:50]),
)
def test_odd_requests(place: tuple[str, int], sent: bytes, wanted: int) -> None:
    """One answer with the status that says best what is wrong, never a 5xx; and the next reader is served."""
    assert statuses(place, sent) == [wanted]
    assert statuses(place, request("/healthz")) == [200]


def test_head_has_the_length_and_no_body(place: tuple[str, int]) -> None:
    """HEAD of a kept answer ends with its headers, which are those of GET."""
    for path in ("/", "/feeds/all.atom", "/static/style.css", "/csaf/index.txt"):
        with socket.create_connection(place, timeout=20) as line, line.makefile("rb") as stream:
            line.sendall(request(path, method="HEAD"))
            head, _, body = stream.read().partition(b"\r\n\r\n")
        with socket.create_connection(place, timeout=20) as line, line.makefile("rb") as stream:
            line.sendall(request(path))
            whole_head, _, whole = stream.read().partition(b"\r\n\r\n")
        assert body == b""
        assert b"content-length: %d" % len(whole) in head.lower()
        assert without_date(head) == without_date(whole_head)


def without_date(head: bytes) -> list[bytes]:
    return sorted(one for one in head.lower().split(b"\r\n") if not one.startswith(b"date:"))
