"""A homeserver on loopback that answers what a test tells it to, in order, the last answer for ever."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any  # JSON, as the wire has it

API = "/_matrix/client/v3/"
Answer = tuple[int, Any]  # status and JSON; bytes go as they are, None cuts the connection


class Scripted:
    """`asked`: method and path without the API's prefix and the query; `queries` and `sizes` in the same order."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self._lock = threading.Lock()
        self.asked: list[str] = []
        self.queries: list[str] = []
        self.sizes: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def take(self, method: str, path: str, size: int) -> Answer:
        with self._lock:
            bare, _, query = path.partition("?")
            if bare.endswith(
                "/state/m.room.encryption/"
            ):  # no room of these is encrypted; it is asked before each event
                return 404, {"errcode": "M_NOT_FOUND"}
            self.asked.append(f"{method} {bare.removeprefix(API)}")
            self.queries.append(query)
            self.sizes.append(size)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(size)
                status, content = scripted.take(self.command, self.path, size)
                if content is None:
                    return
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = answer  # noqa: N815  # the names that http.server looks for

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing is printed."""

        return Handler


@contextmanager
def scripted(*answers: Answer) -> Iterator[Scripted]:
    """A server for the time of a with block."""
    server = Scripted(*answers)
    try:
        yield server
    finally:
        server.close()
