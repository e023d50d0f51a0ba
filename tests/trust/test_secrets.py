"""Canary secrets in a run at -vv where every channel and source fails and echoes what it was sent (TRUST S17, G10)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server

import pytest

from sources.registry import source_names
from storage import delivery
from tests.bot.stores import application, parsed, record, spec, take
from tests.build import at, cell
from tests.trust.recordings import load_advisory

CANARIES = {
    "telegram": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "matrix": "syt_Y2FuYXJ5_abcdefghijklmnopqrst_0CaNaR",
    "smtp": "canary-of-the-mail-server-7f3a",
    "webhook": "canary-of-the-webhook-91c4e0d2",
    "source": "canary-of-a-source-55aa01",
}
READY_SECONDS = 40.0


class Echo(BaseHTTPRequestHandler):
    """Answers every request with an error that repeats its path and headers."""

    asked: set[str] = set()  # noqa: RUF012  # one server in one test
    all_asked = threading.Event()
    wanted = frozenset({"telegram", "matrix", "webhook", "source"})

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = f"{self.command} {self.path}\n{self.headers}".encode()
        self.send_response(500)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        Echo.asked.add(self._who())
        if Echo.wanted <= Echo.asked:
            Echo.all_asked.set()

    def _who(self) -> str:
        if "/bot" in self.path:
            return "telegram"
        if "/_matrix" in self.path:
            return "matrix"
        return "webhook" if self.path == "/hook" else "source"

    do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815  # the names of http.server

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@contextmanager
def echo_server() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def configuration(folder: Path, port: int, web: int) -> str:
    (folder / "webhook-secret").write_text(CANARIES["webhook"], encoding="utf-8")
    here = f"http://127.0.0.1:{port}"
    others = "".join(f"[sources.{name}]\nenabled = false\n" for name in source_names() if name != "kev")
    return f"""{others}
[web]
listen = "127.0.0.1:{web}"
[telegram]
api_base = "{here}"
[matrix]
homeserver = "{here}"
user = "@patchwatch:example.org"
[mail]
host = "127.0.0.1"
port = {port}
user = "patchwatch"
from = "patchwatch@example.org"
starttls = false
[webhook.ops]
url = "{here}/hook"
secret_file = "{folder / "webhook-secret"}"
[sources.kev]
url = "{here}/kev.json?token={CANARIES["source"]}"
"""


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def owe_to_all(folder: Path, config: str) -> None:
    """A message for each channel."""
    with application(folder, config=config) as app:
        with app.store.write() as connection:
            for kind, address in (
                ("telegram", "4711"),
                ("matrix", "!room:example.org"),
                ("mail", "reader@example.org"),
                ("webhook", "ops"),
            ):
                reader = delivery.ensure_destination(connection, kind=kind, address=address, now=at())
                delivery.add_subscription(connection, reader, "copy-fail", now=at())
        take(app, parsed(record("tracker/x", cell(fixed="6.1.170-1")), at=at()), source=spec())
        assert load_advisory(app) is not None


def test_no_secret_is_in_any_log_database_document_or_feed(tmp_path: Path) -> None:
    """Tokens, passwords and signing keys leave only in the requests they are for."""
    web = free_port()
    with echo_server() as port:
        config = configuration(tmp_path, port, web)
        owe_to_all(tmp_path, config)
        environment = os.environ | {
            "PATCHWATCH_TELEGRAM_TOKEN": CANARIES["telegram"],
            "PATCHWATCH_MATRIX_TOKEN": CANARIES["matrix"],
            "PATCHWATCH_SMTP_PASSWORD": CANARIES["smtp"],
        }
        command = [sys.executable, "-m", "bot", "--config", str(tmp_path / "patchwatch.toml")]
        log = tmp_path / "log"
        with log.open("wb") as output:
            service = subprocess.Popen(
                [*command, "--data", str(tmp_path / "data"), "-vv", "run"],
                stdout=output,
                stderr=output,
                env=environment,
            )
            asked = Echo.all_asked.wait(READY_SECONDS)
            pages = [read(web, path) for path in ("/feeds/all.rss", "/sources", "/api/v1/sources", "/metrics", "/")]
            service.send_signal(signal.SIGTERM)
            status = service.wait(timeout=20)
        assert asked, f"only {sorted(Echo.asked)} were asked: {log.read_text(encoding='utf-8')[-2000:]}"
        assert status == 0
        assert "poll failed" in log.read_text(encoding="utf-8")
    written = {file: file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()}
    found = {
        f"{name} in {place}"
        for name, secret in CANARIES.items()
        for place, content in [("the log", log.read_bytes()), *((str(file), text) for file, text in written.items())]
        if secret.encode() in content
    }
    found |= {f"{name} in a page" for name, secret in CANARIES.items() for page in pages if secret in page}
    assert found == set()


def read(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def test_the_echo_would_be_noticed(tmp_path: Path) -> None:
    """The server does repeat a token that is in the address."""
    with echo_server() as port, pytest.raises(urllib.error.HTTPError) as failed:
        read(port, f"/bot{CANARIES['telegram']}/getMe")
    with failed.value as answer:
        assert CANARIES["telegram"] in answer.read().decode()
