"""A small server in a process of its own, so that its CPU time is not ours: documents with validators, and a Bot API.

python -m scripts.benches.loopback FOLDER        prints its port; GET /NAME gives FOLDER/NAME, POST is answered as sent
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_TYPES = {".json": "application/json", ".xml": "application/rss+xml"}
_PROFILE = {"id": 1, "is_bot": True, "first_name": "bench", "username": "bench_bot"}
_SENT = {"message_id": 1, "date": 1, "chat": {"id": 7, "type": "private", "first_name": "A"}}


class Documents(BaseHTTPRequestHandler):
    """`folder` is set by `main`."""

    folder: Path
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.folder / self.path.rpartition("/")[2]
        if not path.is_file():
            self._answer(404, {}, b"")
            return
        body = path.read_bytes()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if self.headers.get("If-None-Match") == etag:
            self._answer(304, {"ETag": etag}, b"")
            return
        self._answer(200, {"ETag": etag, "Content-Type": _TYPES.get(path.suffix, "application/octet-stream")}, body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        result = _PROFILE if self.path.lower().endswith("getme") else _SENT
        self._answer(200, {"Content-Type": "application/json"}, json.dumps({"ok": True, "result": result}).encode())

    def log_message(self, format: str, *args: object) -> None:
        return

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server over the folder."""
    command = [sys.executable, "-m", "scripts.benches.loopback", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    Documents.folder = Path(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), Documents) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
