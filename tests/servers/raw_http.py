"""A loopback server that answers with exactly the bytes a test gives it, right or wrong."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

Script = bytes | Callable[[threading.Event], Iterable[bytes]]


def answer(body: bytes = b"", *headers: str, status: str = "200 OK", length: bool = True) -> bytes:
    """A whole HTTP/1.1 answer; `length` adds the right Content-Length."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class RawServer:
    """Gives the scripts in order, the last one for ever. A script is bytes, or a function of the stop event that
    yields pieces. `requests` holds what was asked: the request line and headers as text."""

    def __init__(self, scripts: Iterable[Script]) -> None:
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._open: list[socket.socket] = []
        self.requests: list[str] = []
        self.connections = 0
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.host = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._accept, name="raw-http", daemon=True)
        self._thread.start()

    def header(self, name: str, number: int = 0) -> str | None:
        """A header of the request with that number."""
        for line in self.requests[number].split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def close(self) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):  # wakes accept()
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with client, contextlib.suppress(OSError):
                client.settimeout(5)
                self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = client.recv(4096)
            if not chunk:
                return
            head += chunk
        self.requests.append(head.decode("latin-1"))
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        for piece in [script] if isinstance(script, bytes) else script(self._stop):
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)


@contextmanager
def raw_server(*scripts: Script) -> Iterator[RawServer]:
    """A server for the time of a with block."""
    server = RawServer(scripts)
    try:
        yield server
    finally:
        server.close()
