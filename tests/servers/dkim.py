"""A Postfix whose mail OpenDKIM signs as the guide tells, relayed to a receiver that keeps every byte; and a second
OpenDKIM as the referee, which knows the public key from a file."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.mta import Postfix, Received, Script, postfix_running, smtp_server

READY_SECONDS = 60.0
_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "mail.md"


def guide_block(first: str) -> str:
    """The lines of the guide's indented block that begins with this word."""
    lines = iter(_GUIDE.read_text(encoding="utf-8").splitlines())
    block: list[str] = []
    for line in lines:
        if line.startswith(f"        {first} ") or block:
            if not line.strip():
                break
            block.append(line.strip())
    return "\n".join(block) + "\n"


@dataclass(frozen=True, slots=True)
class Signing:
    """What a mail goes through. folder: holds the key."""

    postfix: Postfix
    script: Script
    folder: Path

    def received(self, number: int) -> list[Received]:
        """The mails that came, as soon as there are that many. Fails the test when they do not come."""
        until = time.monotonic() + READY_SECONDS
        while len(self.script.received) < number:
            if time.monotonic() > until:
                pytest.fail(f"{len(self.script.received)} mails came, not {number}: {self.postfix.log()}")
            time.sleep(0.02)
        return self.script.received[:number]

    def verify(self, mail: bytes) -> bool:
        """What OpenDKIM says of the signature. Fails the test when it says nothing of one."""
        (self.folder / "mail").write_bytes(mail)
        command = ["opendkim", "-x", str(self.folder / "verify.conf"), "-v", "-t", str(self.folder / "mail")]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        told = said.stdout + said.stderr
        if ("succeeded" in told) == ("failed" in told):
            pytest.fail(f"OpenDKIM has found no signature to verify: {told[-800:]}")
        return "succeeded" in told


@contextmanager
def receiving(script: Script) -> Iterator[int]:
    """An SMTP server in a thread of its own; yields its port."""
    loop = asyncio.new_event_loop()
    ports: list[int] = []
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with smtp_server(script) as port:
            ports.append(port)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="receiver", daemon=True)
    thread.start()
    assert ready.wait(READY_SECONDS)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(READY_SECONDS)
        loop.close()


@contextmanager
def opendkim_running(folder: Path) -> Iterator[int]:
    """The signer by the guide's configuration, with a key of its own; yields its port."""
    made = ["opendkim-genkey", "-b", "2048", "-d", "example.org", "-s", "patchwatch", "-D", str(folder)]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    record = (folder / "patchwatch.txt").read_text(encoding="ascii").split('"')[1::2]
    (folder / "keys").write_text(f"patchwatch._domainkey.example.org {''.join(record)}\n", encoding="ascii")
    (folder / "verify.conf").write_text(f"Mode v\nTestPublicKeys {folder / 'keys'}\n", encoding="ascii")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    guide = guide_block("Mode").replace("/etc/dkimkeys", str(folder)).replace("8891", str(port))
    shared = "RequireSafeKeys false\n"  # the folder for temporary files is everybody's
    (folder / "sign.conf").write_text(guide + shared, encoding="ascii")
    process = subprocess.Popen(["opendkim", "-f", "-x", str(folder / "sign.conf")], stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + READY_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"OpenDKIM did not start: {process.stderr.read()[-800:] if process.stderr else ''}")
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def signing() -> Iterator[Signing]:
    """All of it, on loopback: mail for example.org goes to the receiver."""
    for program, package in (("opendkim", "opendkim"), ("opendkim-genkey", "opendkim-tools")):
        if shutil.which(program) is None:
            pytest.skip(f"OpenDKIM is not installed (Debian package {package})")
    script = Script()
    with tempfile.TemporaryDirectory(prefix="patchwatch-dkim-") as name, opendkim_running(Path(name)) as milter:
        signed = guide_block("smtpd_milters").replace("8891", str(milter))
        with receiving(script) as port:
            relayed = f"virtual_transport = smtp:[127.0.0.1]:{port}\nsmtp_host_lookup = native\n"
            with postfix_running(signed + relayed) as server:
                yield Signing(server, script, Path(name))
