"""A TCP proxy that breaks connections on purpose: delay, cut at byte N, drip, RST, blackhole."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_CHUNK = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to a connection. Bytes are counted from the server to the client.

    delay_seconds: before the first byte of the answer. cut_at: close in order after so many bytes. reset_at: RST after
    so many bytes. drip_seconds: one byte at a time, this long apart. blackhole: accept, read, never answer.
    from_request: answers pass whole until the client sends something that begins so; bytes are counted from there.
    """

    delay_seconds: float = 0.0
    cut_at: int | None = None
    reset_at: int | None = None
    drip_seconds: float | None = None
    blackhole: bool = False
    from_request: bytes = b""


class FaultProxy:
    """`port` on loopback leads to the target; `fault` may be changed between connections. `connections` counts them."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.fault = Fault()
        self.connections = 0
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):  # wakes accept()
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            still_open = list(self._open)
        for sock in still_open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client, self.fault), daemon=True).start()

    def _serve(self, client: socket.socket, fault: Fault) -> None:
        with self._kept(client):
            if fault.blackhole:
                self._swallow(client)
                return
            try:
                server = socket.create_connection(self._target, timeout=10)
            except OSError:
                return
            with self._kept(server):
                begun = threading.Event()
                forward = threading.Thread(
                    target=self._forward, args=(client, server, fault.from_request, begun), daemon=True
                )
                forward.start()
                with contextlib.suppress(OSError):
                    self._answer(client, server, fault, begun)
                with contextlib.suppress(OSError):  # a socket that is read from elsewhere would not really close
                    client.shutdown(socket.SHUT_RD)
                forward.join(timeout=5)

    @contextmanager
    def _kept(self, sock: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(sock)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _swallow(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while client.recv(_CHUNK):
                pass

    def _forward(
        self, client: socket.socket, server: socket.socket, from_request: bytes, begun: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := client.recv(_CHUNK):
                if chunk.startswith(from_request):
                    begun.set()
                server.sendall(chunk)
            server.shutdown(socket.SHUT_WR)

    def _answer(self, client: socket.socket, server: socket.socket, fault: Fault, begun: threading.Event) -> None:
        passed = 0
        self._stop.wait(fault.delay_seconds)
        limit = fault.cut_at if fault.cut_at is not None else fault.reset_at
        while not self._stop.is_set():
            chunk = server.recv(_CHUNK)
            if fault.from_request and chunk and not begun.is_set():
                client.sendall(chunk)
                continue
            if limit is not None:
                chunk = chunk[: limit - passed]
            self._pass_on(client, chunk, fault)
            passed += len(chunk)
            if limit is not None and passed >= limit and fault.reset_at is not None:
                # Lingering for zero seconds makes close() send a RST.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if not chunk or (limit is not None and passed >= limit):
                return

    def _pass_on(self, client: socket.socket, chunk: bytes, fault: Fault) -> None:
        if fault.drip_seconds is None:
            client.sendall(chunk)
            return
        for byte in chunk:
            client.sendall(bytes([byte]))
            if self._stop.wait(fault.drip_seconds):
                return


@contextmanager
def fault_proxy(host: str, port: int) -> Iterator[FaultProxy]:
    """A proxy in front of host:port for the time of a with block."""
    proxy = FaultProxy((host, port))
    try:
        yield proxy
    finally:
        proxy.close()
