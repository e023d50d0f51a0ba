"""MTAs for tests: aiosmtpd in the test's own loop, with an answer or a cut at any stage; and a real Postfix."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, AnyStr

import pytest
from aiosmtpd.smtp import SMTP

CUT = "cut"
Envelope = Any  # Any: aiosmtpd has no types
Session = Any


@dataclass(frozen=True, slots=True)
class Fault:
    """What one mail meets. stage: connect | MAIL | RCPT | DATA | BODY (before the dot) | END (after the dot).
    answer: a reply, or CUT."""

    stage: str
    answer: str


@dataclass(frozen=True, slots=True)
class Received:
    sender: str
    recipients: tuple[str, ...]
    content: bytes


@dataclass(slots=True)
class Script:
    """The faults that come, one after the other; None lets a mail pass. connections: how many were made. pipelining:
    what EHLO says of it."""

    faults: list[Fault | None] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    user: str = ""
    pipelining: bool = False

    def meets(self, stage: str) -> str | None:
        """The answer that is due at this stage; it is used up."""
        if self.faults and self.faults[0] is not None and self.faults[0].stage == stage:
            fault = self.faults.pop(0)
            return fault.answer if fault else None
        return None

    def passed(self) -> None:
        if self.faults and self.faults[0] is None:
            self.faults.pop(0)


class _Handler:
    def __init__(self, script: Script) -> None:
        self.script = script

    async def handle_EHLO(  # noqa: N802  # aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.script.pipelining else responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await met(server, self.script, "MAIL"):
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := await met(server, self.script, "RCPT"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.script.meets("END")
        if answer is None or answer == CUT:
            mail = Received(envelope.mail_from, tuple(envelope.rcpt_tos), envelope.original_content)
            self.script.received.append(mail)
        if answer == CUT:
            abort(server)
            return "250 OK"
        if answer is None:
            self.script.passed()
        return answer or "250 OK"


class _Server(SMTP):
    """aiosmtpd's, with faults where its hooks do not reach."""

    def __init__(self, script: Script, **options: Any) -> None:  # Any: those of SMTP
        super().__init__(_Handler(script), hostname="mx.test.example", ident="test", **options)
        self.script = script

    async def push(self, status: AnyStr) -> None:
        text = status.decode() if isinstance(status, bytes) else status
        if text.startswith("220 mx.test.example"):
            self.script.connections += 1
            if answer := await met(self, self.script, "connect"):
                await super().push(answer)
                assert self.transport is not None
                self.transport.close()
                return
        await super().push(status)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if answer := await met(self, self.script, "DATA"):
            await self.push(answer)
            return
        if self.script.meets("BODY"):
            await self.push("354 go on")
            abort(self)
            return
        await super().smtp_DATA(arg)


def abort(server: SMTP) -> None:
    """Cuts the connection without a word."""
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


async def met(server: SMTP, script: Script, stage: str) -> str | None:
    answer = script.meets(stage)
    if answer == CUT:
        abort(server)
        return "421 gone"
    return answer


@asynccontextmanager
async def smtp_server(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on loopback that follows the script; yields its port."""
    options: dict[str, Any] = {"tls_context": tls, "require_starttls": tls is not None}  # Any: those of SMTP
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Server(script, loop=loop, **options), "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.sleep(0)


POSTFIX_READY_SECONDS = 30.0
_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.test.example
mydomain = test.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost =
default_transport = error:no mail leaves the tests
virtual_mailbox_domains = example.org
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
alias_maps =
alias_database =
local_recipient_maps =
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
smtpd_peername_lookup = no
message_size_limit = 1048576
smtpd_recipient_restrictions = check_recipient_access
  inline:{{{{gone@example.org=550 5.1.1 no such user}},{{later@example.org=450 4.2.1 greylisted}}}}
  permit_mynetworks reject
"""
_MASTER = """\
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    port: int
    folder: Path

    def delivered(self, number: int, *, seconds: float = 20.0) -> list[bytes]:
        """The mails in the Maildir, as soon as there are that many. Fails the test when they do not come."""
        until = time.monotonic() + seconds
        while True:
            found = sorted((self.folder / "mail" / "all" / "new").glob("*"))
            if len(found) >= number:
                return [path.read_bytes() for path in found]
            if time.monotonic() > until:
                pytest.fail(f"{len(found)} mails came, not {number}: {self.log()}")
            time.sleep(0.02)

    def log(self) -> str:
        log = self.folder / "maillog"
        return log.read_text(encoding="utf-8", errors="replace")[-1500:] if log.exists() else "no log"


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
            return probe.recv(3) == b"220"
    except OSError:
        return False


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    """An instance of its own on loopback: every address of example.org ends in one Maildir, none leaves."""
    with postfix_running() as server:
        yield server


@contextmanager
def postfix_running(further: str = "") -> Iterator[Postfix]:
    """A Postfix of its own. further: lines of its main.cf that count more than ours."""
    if shutil.which("postfix") is None:
        pytest.skip("Postfix is not installed (Debian package postfix)")
    if os.geteuid() != 0:
        pytest.skip("Postfix needs root to start its parts")
    folder = Path(tempfile.mkdtemp(prefix="patchwatch-postfix-"))
    folder.chmod(0o755)
    for name in ("etc", "queue", "data", "mail"):
        (folder / name).mkdir(mode=0o755)
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", "nobody", "nogroup")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    (folder / "etc" / "main.cf").write_text(_MAIN.format(folder=folder) + further, encoding="utf-8")
    (folder / "etc" / "master.cf").write_text(_MASTER.format(port=port), encoding="utf-8")
    command = ["postfix", "-c", str(folder / "etc")]
    started = subprocess.run([*command, "start"], capture_output=True, text=True, timeout=60, check=False)
    server = Postfix(port, folder)
    try:
        until = time.monotonic() + POSTFIX_READY_SECONDS
        while not _answers(port):
            if time.monotonic() > until:
                pytest.fail(f"Postfix did not start: {started.stderr[-800:]} {server.log()}")
            time.sleep(0.02)
        yield server
    finally:
        subprocess.run([*command, "stop"], capture_output=True, timeout=60, check=False)
        shutil.rmtree(folder, ignore_errors=True)
