"""A source's fetch against a server on loopback: its context, and answers chosen by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import cast

from sources.base import FetchContext, SourceSpec, Watch
from sources.git import GitDoor
from sources.http import HttpDoor, HttpPolicy, Validators
from tests.sources.http_answers import FakeTime

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class PathServer:
    """Answers by path: a body, or a status with headers. Bodies get an ETag, and a matching If-None-Match a 304."""

    answers: dict[str, bytes | tuple[int, dict[str, str]]]
    url: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")


class _PathHttpServer(ThreadingHTTPServer):
    paths: PathServer


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the name is the standard library's
        paths = cast(_PathHttpServer, self.server).paths
        paths.asked.append(self.path)
        found = paths.answers.get(self.path, (404, {}))
        if isinstance(found, tuple):
            self._send(found[0], found[1], b"")
        elif self.headers.get("If-None-Match") == '"same"':
            self._send(304, {"ETag": '"same"'}, b"")
        else:
            self._send(200, {"ETag": '"same"'}, found)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed: a test asserts on what it asked."""


@contextmanager
def path_server(answers: Mapping[str, bytes | tuple[int, dict[str, str]]]) -> Iterator[PathServer]:
    """A server for the time of a with block."""
    server = _PathHttpServer(("127.0.0.1", 0), _Answer)
    server.paths = PathServer(dict(answers), f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.paths
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


@dataclass(frozen=True, slots=True)
class HeldEtags:
    """What a store holds: the ETag "same" for these addresses."""

    urls: frozenset[str] = frozenset()

    def validators(self, url: str) -> Validators:
        return Validators(etag='"same"') if url in self.urls else Validators()


def watch(*cves: str) -> Watch:
    return Watch(
        cves=frozenset(cves),
        every_kernel_cve=False,
        commits=frozenset(),
        paths=(),
        subjects=(),
        words=(),
        kconfig=(),
        lists=(),
        since=datetime(2026, 1, 1, tzinfo=UTC),
    )


def make_context(
    spec: SourceSpec,
    server: PathServer,
    folder: Path,
    settings: Mapping[str, str | tuple[str, ...]],
    *,
    checkpoint: Mapping[str, str] | None = None,
    held: frozenset[str] = frozenset(),
    cves: tuple[str, ...] = ("CVE-2026-31431",),
) -> FetchContext:
    """The source's context with `settings` over its defaults; the clock of the door moves only when it sleeps."""
    time = FakeTime()
    policy = HttpPolicy(contact="ops@example.org", version="1.2", allowed_hosts=frozenset({server.host}))
    return FetchContext(
        source=spec.name,
        settings={**spec.settings, **settings},
        http=HttpDoor(policy, clock=time.clock, sleep=time.sleep, now=lambda: NOW),
        git=GitDoor(root=folder / "git", policy=policy),
        checkpoint=checkpoint or {},
        held=HeldEtags(held),
        watch=watch(*cves),
        now=NOW,
    )
