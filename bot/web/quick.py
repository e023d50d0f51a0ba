"""Answers from the shelf without a detour: a request for what is rendered already is answered where it arrives.

uvicorn's HTTP/1.1 protocol, with two additions. A plain GET whose answer lies fresh on the shelf is written at once;
everything else takes the usual way and gives the very same bytes. And a connection that does not come to its point
(nothing sent, or a request that trickles in) is closed after `IDLE_SECONDS`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

import h11
from starlette.datastructures import Headers
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.web.answers import SECURITY_HEADERS, accepts_gzip, is_held, response_headers
from bot.web.shelf import Answer, Shelf

IDLE_SECONDS = 15.0
MAX_REQUEST_BYTES = 2048
MAX_KNOWN = 1024
MAX_READY = 64
_SLOW_PREFIXES = ("/api/", "/static/")  # their answers depend on more than the shelf
_UNUSUAL = frozenset({"connection", "content-length", "expect", "range", "te", "transfer-encoding", "upgrade"})
_GUARDS = "".join(f"{name.lower()}: {value}\r\n" for name, value in SECURITY_HEADERS.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a plain GET asks for: the key of the shelf, and its headers."""

    key: str
    headers: Headers
    zips: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An answer as the bytes before and after the Date header."""

    answer: Answer
    head: bytes
    body: bytes


def read_request(data: bytes) -> Asked | None:
    """The request when it is one whole plain GET of HTTP/1.1 that the shelf alone can answer; else None."""
    if len(data) > MAX_REQUEST_BYTES or not data.endswith(b"\r\n\r\n") or not data.isascii():
        return None
    line, *rest = data[:-4].decode("ascii").split("\r\n")
    method, _, target = line.partition(" ")
    key, _, version = target.rpartition(" ")
    if method != "GET" or version != "HTTP/1.1" or not key.startswith("/") or key.startswith(_SLOW_PREFIXES):
        return None
    if not key.isprintable() or any(char in key for char in " %#\\"):
        return None
    raw: list[tuple[bytes, bytes]] = []
    for one in rest:
        name, colon, value = one.partition(":")
        if not colon or not name.replace("-", "").isalnum() or not value.strip().isprintable():
            return None
        if name.lower() in _UNUSUAL and (name.lower(), value.strip().lower()) != ("connection", "keep-alive"):
            return None
        raw.append((name.lower().encode(), value.strip().encode()))
    if [name for name, _ in raw].count(b"host") != 1:
        return None
    headers = Headers(raw=raw)
    return Asked(key=key, headers=headers, zips=accepts_gzip(headers))


class QuickAnswers:
    """Requests that were understood and answers that were put together, by the bytes that came; bounded."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._asked: dict[bytes, Asked | None] = {}
        self._ready: dict[bytes, Ready] = {}

    def find(self, data: bytes) -> Ready | None:
        """The ready answer to a request, when there is one."""
        if data in self._asked:
            asked = self._asked[data]
        else:
            if len(self._asked) >= MAX_KNOWN:
                self._asked.clear()
            asked = self._asked[data] = read_request(data)
        answer = self._shelf.peek(asked.key) if asked is not None else None
        if asked is None or answer is None or answer.rendered.status != 200:
            return None
        ready = self._ready.get(data)
        if ready is None or ready.answer is not answer:
            if len(self._ready) >= MAX_READY:
                self._ready.clear()  # what is old goes with it
            ready = self._ready[data] = put_together(asked, answer)
        return ready


def put_together(asked: Asked, answer: Answer) -> Ready:
    """The same response as `answers.respond` gives."""
    zips = asked.zips and answer.zipped is not None
    headers = response_headers(answer, zips=zips)
    held = is_held(asked.headers, answer, headers["ETag"])
    body = b"" if held else (answer.zipped or b"") if zips else answer.rendered.body
    if not held:
        headers["Content-Type"] = answer.rendered.media
        if zips:
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
    status = HTTPStatus.NOT_MODIFIED if held else HTTPStatus.OK
    lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} {status.phrase}\r\n{lines}{_GUARDS}"
    return Ready(answer=answer, head=head.encode("latin-1"), body=body)


class QuickProtocol(H11Protocol):
    """One connection. `quick` and `idle_seconds` are set by `protocol_for`."""

    quick: QuickAnswers
    idle_seconds: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._point_at = self.loop.time()
        self._watch = self.loop.call_later(self.idle_seconds, self._close_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        ready = self.quick.find(data) if self._is_between_requests() else None
        if ready is None:
            super().data_received(data)
            return
        self._unset_keepalive_if_required()
        self._point_at = self.loop.time()
        self.transport.write(b"".join((ready.head, b"date: ", self._date(), b"\r\n\r\n", ready.body)))

    def on_response_complete(self) -> None:
        self._point_at = self.loop.time()
        super().on_response_complete()

    def _is_between_requests(self) -> bool:
        """Nothing is being answered, nothing half read, and what was written has gone out."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and self.conn.our_state is h11.IDLE
            and self.conn.their_state is h11.IDLE
            and not self.conn.trailing_data[0]
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )

    def _date(self) -> bytes:
        for name, value in self.server_state.default_headers:
            if name == b"date":
                return value
        return b"Thu, 01 Jan 1970 00:00:00 GMT"

    def _close_idle(self) -> None:
        """Closes what has waited for too long without a request being answered; looks again later else."""
        answering = self.cycle is not None and not self.cycle.response_complete
        left = self._point_at + self.idle_seconds - self.loop.time()
        if left <= 0 and not answering:
            self.transport.close()
            return
        self._watch = self.loop.call_later(self.idle_seconds if answering else max(left, 0.1), self._close_idle)


def protocol_for(shelf: Shelf, idle_seconds: float = IDLE_SECONDS) -> type[QuickProtocol]:
    """The protocol class that answers from this shelf."""
    return type("ShelfProtocol", (QuickProtocol,), {"quick": QuickAnswers(shelf), "idle_seconds": idle_seconds})
