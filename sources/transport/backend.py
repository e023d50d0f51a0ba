"""The connection under httpx: guarded addresses, one deadline over everything, and no more bytes than agreed."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from sources.transport import guard

# httpx would read cookies with the standard library's parser; none is ever kept, so none is parsed.
_DROPPED_HEADERS: Final = frozenset({b"set-cookie", b"set-cookie2"})
_SOCKETS: Final = httpcore.SyncBackend()


class Deadline(threading.local):
    """When the request of the current thread must be over (time.monotonic). One request at a time per thread."""

    until: float = float("inf")

    def remaining(self) -> float:
        return self.until - time.monotonic()

    def bound(self, seconds: float | None) -> float:
        """`seconds` cut to what is left. Raises httpcore.ReadTimeout when nothing is."""
        remaining = self.remaining()
        if remaining <= 0:
            raise httpcore.ReadTimeout("the deadline of the whole request has passed")
        return remaining if seconds is None else min(seconds, remaining)


class _DeadlineStream(httpcore.NetworkStream):
    """A network stream whose every wait is cut to the deadline, so that a drip cannot stretch it."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.bound(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.bound(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._inner.start_tls(ssl_context, server_hostname, self._deadline.bound(timeout))
        return _DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedBackend(httpcore.NetworkBackend):
    """Opens connections to checked addresses only. AddressRefused and ResolveError pass through httpcore unchanged."""

    allowed: frozenset[str]
    resolver: guard.Resolver
    deadline: Deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = guard.checked_addresses(
            host, port, resolver=self.resolver, allowed=self.allowed, seconds=self.deadline.bound(timeout)
        )
        failure: httpcore.NetworkError | httpcore.TimeoutException = httpcore.ConnectError("no address to connect to")
        for address in addresses:
            try:
                inner = _SOCKETS.connect_tcp(address, port, timeout=self.deadline.bound(timeout))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(inner, self.deadline)
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        raise httpcore.ConnectError(f"no source is behind a socket file: {path}")


class _BodyStream(httpx.SyncByteStream):
    def __init__(self, chunks: Iterable[bytes], close: Callable[[], None]) -> None:
        self._chunks = chunks
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks

    def close(self) -> None:
        self._close()


class DoorTransport(httpx.BaseTransport):
    """httpx over a httpcore pool with our backend. Errors of httpcore reach the caller as they are."""

    def __init__(self, *, backend: GuardedBackend, tls: ssl.SSLContext, proxy: str | None) -> None:
        # Connections are not kept: bytes that a server sends behind one answer can never become the next one,
        # every request passes the guard anew, and at one request a second the handshake costs nobody anything.
        if proxy is None:
            self._pool: httpcore.ConnectionPool = httpcore.ConnectionPool(
                ssl_context=tls, max_keepalive_connections=0, http1=True, http2=False, network_backend=backend
            )
        else:
            through = httpx.Proxy(proxy)
            self._pool = httpcore.HTTPProxy(
                proxy_url=str(through.url),
                proxy_auth=through.raw_auth,
                ssl_context=tls,
                max_keepalive_connections=0,
                network_backend=backend,
            )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=b"",
                extensions=request.extensions,
            )
        )
        headers = [(name, value) for name, value in answer.headers if name.lower() not in _DROPPED_HEADERS]
        return httpx.Response(
            answer.status,
            headers=headers,
            stream=_BodyStream(answer.iter_stream(), answer.close),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()
