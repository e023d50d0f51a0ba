"""A real public-inbox on loopback: v2 inboxes that grow, lose mails and roll their epochs as lore's do."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.trees import clean_variables, free_port

READY_SECONDS = 60.0
HTTPD = "public-inbox-httpd"
MASTER = "refs/heads/master"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A mail and when the archive received it, in seconds."""

    raw: bytes
    at: int


class Inbox:
    """One list. Mails are put into the newest epoch as public-inbox does: one commit each, its file `m`."""

    def __init__(self, name: str, folder: Path, variables: dict[str, str]) -> None:
        self.name = name
        self.epoch = 0
        self._folder = folder
        self._variables = variables

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """git on the newest epoch."""
        done = subprocess.run(
            ["git", "--git-dir", str(self._epoch_folder()), *arguments],
            input=stdin,
            env=clean_variables(),
            capture_output=True,
            check=True,
            timeout=60,
        )
        return done.stdout.decode().removesuffix("\n")

    def append(self, *mails: Received) -> None:
        """Mails one after another; git alone sees them until `index`."""
        self._import([("m", mail) for mail in mails])

    def delete(self, mail: Received) -> None:
        """As public-inbox-learn rm does: a commit whose only file is `d`, with the mail that goes."""
        self._import([("d", mail)])

    def rewrite(self, *mails: Received) -> None:
        """As public-inbox-purge does: the history of the newest epoch made anew, of these mails."""
        self.git("update-ref", "-d", MASTER)
        self.append(*mails)

    def roll(self) -> None:
        """Begin the next epoch."""
        self.epoch += 1
        folder = self._epoch_folder()
        subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], env=clean_variables(), check=True, timeout=60)
        with (self._folder / "all.git" / "objects" / "info" / "alternates").open("a", encoding="utf-8") as alternates:
            alternates.write(f"../../git/{self.epoch}.git/objects\n")

    def index(self) -> None:
        """Make pages and feeds know what was put in."""
        command = ["public-inbox-index", "-L", "basic", "-j0", str(self._folder)]
        subprocess.run(command, env=self._variables, check=True, capture_output=True, timeout=120)

    def _epoch_folder(self) -> Path:
        return self._folder / "git" / f"{self.epoch}.git"

    def _import(self, entries: Sequence[tuple[str, Received]]) -> None:
        parent = self.git("for-each-ref", "--format=%(objectname)", MASTER)
        stream = b""
        for number, (file, mail) in enumerate(entries):
            who = b"A <a@example.org> %d +0000" % mail.at
            stream += b"commit %b\nauthor %b\ncommitter %b\ndata 4\nmail\n" % (MASTER.encode(), who, who)
            if number == 0 and parent:
                stream += b"from %b\n" % parent.encode()
            stream += b"deleteall\nM 100644 inline %b\ndata %d\n%b\n" % (file.encode(), len(mail.raw), mail.raw)
        self.git("fast-import", "--quiet", stdin=stream)
        self.git("symbolic-ref", "HEAD", MASTER)


class InboxServer:
    """`base_url` + "/NAME/" is a list, as on lore."""

    def __init__(self, folder: Path, port: int, variables: dict[str, str]) -> None:
        self._folder = folder
        self._variables = variables
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"

    def create(self, name: str) -> Inbox:
        """A new empty list, before the server starts."""
        folder = self._folder / name
        address = f"{name}@vger.kernel.org"
        command = [
            "public-inbox-init",
            "-V2",
            "-L",
            "basic",
            "-j1",
            name,
            str(folder),
            f"{self.base_url}/{name}",
            address,
        ]
        subprocess.run(command, env=self._variables, check=True, capture_output=True, timeout=60)
        return Inbox(name, folder, self._variables)


def missing_part() -> str:
    """What the server lacks on this machine, or ""."""
    return "" if shutil.which(HTTPD) and shutil.which("public-inbox-init") else "public-inbox"


def _variables(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder), "PI_CONFIG": str(folder / "config")}


def _wait_until_ready(port: int, path: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_SECONDS
    while not _answers(port, path):
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{HTTPD} did not answer on port {port}")
        time.sleep(0.02)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


LISTS = (
    "linux-crypto", "stable", "other", "first", "idle", "cross-a", "cross-b", "deleting", "rolling", "rewritten",
    "stand-in-a", "stand-in-b", "present", "next-to-it", "feeds", "of-topics", "whole-way",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """The server with its lists by name."""

    base_url: str
    port: int
    inboxes: dict[str, Inbox]

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """What HttpPolicy must allow for this server."""
        return frozenset({f"127.0.0.1:{self.port}"})


@pytest.fixture(scope="session")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lists]:
    """The server with the lists of LISTS, all empty; each test uses lists of its own."""
    with serve_lists(tmp_path_factory.mktemp("lists"), LISTS) as served:
        yield served


@contextmanager
def serve_lists(folder: Path, names: Sequence[str]) -> Iterator[Lists]:
    """A server of its own with these lists, all empty. Skips the test where public-inbox is not installed."""
    if missing := missing_part():
        pytest.skip(f"{missing} is not installed: no lists to test against")
    variables = _variables(folder)
    port = free_port()
    server = InboxServer(folder, port, variables)
    inboxes = {name: server.create(name) for name in names}
    with (folder / "config").open("a", encoding="utf-8") as config:
        config.write("[publicinbox]\n\twwwlisting = all\n")
    command = [HTTPD, "-W0", "-l", server.base_url, "-1", str(folder / "out"), "-2", str(folder / "err")]
    process = subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(port, "/", process)
        yield Lists(base_url=server.base_url, port=port, inboxes=inboxes)
    finally:
        process.terminate()
        process.wait(timeout=10)
