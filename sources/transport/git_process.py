"""Running git: a clean environment, its own process group, a deadline on the whole group, bounded output.

Configuration comes from the environment alone (git-config(1), GIT_CONFIG_COUNT), so nothing of it shows in a process
list and nothing of the host's own configuration, hooks, helpers or attributes takes part.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from io import BufferedReader, BufferedWriter

STDERR_KEPT: Final = 16 * 1024
LARGEST_FILE: Final = 16 * 1024**3
_CHUNK: Final = 64 * 1024

_BASE_CONFIG: Final = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "core.quotePath": "false",
    "credential.helper": "",
    "init.defaultBranch": "master",
    "safe.directory": "*",
    "protocol.allow": "never",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.fsckObjects": "true",
    "transfer.fsckObjects": "true",
    "fetch.unpackLimit": "1",  # small packs are checked by index-pack too, and leave no loose files
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.detachedHead": "false",
    "pack.threads": "1",
    # Blemishes of old but honest history, which git itself only warns of when it reads it.
    "fetch.fsck.zeroPaddedFilemode": "warn",
    "fetch.fsck.badTimezone": "warn",
    "fetch.fsck.missingSpaceBeforeDate": "warn",
}


class GitFailure(Exception):
    """git ended with an error. `text` is the end of what it wrote to stderr; `status` its exit status."""

    def __init__(self, text: str, *, status: int = 0, timed_out: bool = False) -> None:
        self.text = text
        self.status = status
        self.timed_out = timed_out
        super().__init__(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    status: int
    stdout: bytes
    stderr: str


def environment(home: Path, config: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of one run: nothing of ours but PATH and the certificate file."""
    settings = {**_BASE_CONFIG, **config}
    variables = {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_SSH_COMMAND": "false",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    if certificates := os.environ.get("SSL_CERT_FILE"):
        variables["GIT_SSL_CAINFO"] = certificates
    return variables


class GitProcess:
    """One running git. Use as a context manager: leaving it ends the whole process group, whatever happened."""

    def __init__(
        self, arguments: Sequence[str], *, folder: Path, variables: Mapping[str, str], deadline_seconds: float
    ) -> None:
        try:
            self._process = subprocess.Popen(
                ["git", *arguments],
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise GitFailure(f"git cannot be started: {error}") from error
        with contextlib.suppress(OSError):  # it may be over already
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        self.stdin = cast("BufferedWriter", self._process.stdin)  # PIPE was asked for, so all three are there
        self.stdout = cast("BufferedReader", self._process.stdout)
        self._stderr = cast("BufferedReader", self._process.stderr)
        self.timed_out = False
        self._last: deque[bytes] = deque(maxlen=STDERR_KEPT // 1024)
        self._stderr_reader = threading.Thread(target=self._drain_stderr, name="git-stderr", daemon=True)
        self._stderr_reader.start()
        self._timer = threading.Timer(deadline_seconds, self._time_out)
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> GitProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def wait(self) -> int:
        """The exit status, after stdin was closed and stdout was read. The deadline goes on counting."""
        self._close(self.stdin)
        status = self._process.wait()
        self._stderr_reader.join(timeout=5.0)
        return status

    def stderr(self) -> str:
        return b"".join(self._last).decode("utf-8", "replace")

    def end(self) -> None:
        """Kill what is left of the group and release the pipes."""
        self._timer.cancel()
        self._kill_group()
        self._process.wait()
        for pipe in (self.stdin, self.stdout):
            self._close(pipe)
        self._stderr_reader.join(timeout=5.0)
        self._close(self._stderr)

    @staticmethod
    def _close(pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError):
            pipe.close()

    def _time_out(self) -> None:
        self.timed_out = True
        self._kill_group()

    def _kill_group(self) -> None:
        # The group outlives its leader: helpers (git-remote-https, index-pack) are children in the same session.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _drain_stderr(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while chunk := self._stderr.read1(1024):
                self._last.append(chunk)


def run_git(
    arguments: Sequence[str],
    *,
    folder: Path,
    variables: Mapping[str, str],
    deadline_seconds: float,
    max_output: int,
    stdin: bytes = b"",
    accept: frozenset[int] = frozenset({0}),
) -> Output:
    """Run git to its end. Raises GitFailure for a status outside `accept`, too much output or the deadline."""
    with GitProcess(arguments, folder=folder, variables=variables, deadline_seconds=deadline_seconds) as process:
        writer = threading.Thread(target=_write_all, args=(process.stdin, stdin), name="git-stdin", daemon=True)
        writer.start()
        stdout = b"".join(_bounded(process.stdout, max_output))
        writer.join()
        status = process.wait()
        if process.timed_out:
            raise GitFailure(f"no end within {deadline_seconds:.0f} s", timed_out=True)
        if status not in accept:
            raise GitFailure(process.stderr() or f"exit status {status}", status=status)
        return Output(status=status, stdout=stdout, stderr=process.stderr())


def _write_all(pipe: IO[bytes], content: bytes) -> None:
    with contextlib.suppress(OSError):  # git may end before it has read everything; its status tells
        pipe.write(content)
        pipe.close()


def _bounded(pipe: IO[bytes], limit: int) -> Iterator[bytes]:
    total = 0
    while chunk := pipe.read(_CHUNK):
        total += len(chunk)
        if total > limit:
            raise GitFailure(f"more than {limit} bytes of output")
        yield chunk


class ObjectReader:
    """`git cat-file --batch`, asked one object at a time. Objects past `limit` are cut, not refused."""

    def __init__(self, process: GitProcess) -> None:
        self._process = process

    def read(self, name: str, limit: int) -> tuple[str, str, int, bytes] | None:
        """(id, type, size, the first `limit` bytes) of the object; None when the repository lacks it."""
        try:
            self._process.stdin.write(name.encode() + b"\n")
            self._process.stdin.flush()
            header = self._process.stdout.readline(8192)
            fields = header.decode("utf-8", "replace").split()
            if len(fields) >= 2 and fields[-1] in ("missing", "ambiguous"):
                return None
            if len(fields) != 3 or not fields[2].isdigit():
                raise GitFailure(self._failure())
            size = int(fields[2])
            content = self._process.stdout.read(min(size, limit))
            self._skip(size - len(content) + 1)
        except (OSError, ValueError) as error:
            raise GitFailure(self._failure() or str(error)) from error
        if len(content) < min(size, limit):
            raise GitFailure(self._failure())
        return fields[0], fields[1], size, content

    def _skip(self, count: int) -> None:
        while count > 0:
            chunk = self._process.stdout.read(min(count, _CHUNK))
            if not chunk:
                raise GitFailure(self._failure())
            count -= len(chunk)

    def _failure(self) -> str:
        if self._process.timed_out:
            return "no end within the deadline"
        self._process.end()
        return self._process.stderr() or "git cat-file ended early"
