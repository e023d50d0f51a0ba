"""git over one mirror folder: reading runs without any transport, fetching runs with one judged address."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sources.errors import GitError, one_line
from sources.transport import guard
from sources.transport.git_address import AddressError, GitAddress, judge_address
from sources.transport.git_process import GitFailure, GitProcess, ObjectReader, Output, environment, run_git
from sources.transport.values import HttpPolicy

READ_OUTPUT: Final = 256 * 1024 * 1024
FETCH_OUTPUT: Final = 1024 * 1024
SUSPECT_MARK: Final = "patchwatch-suspect"
DEFAULT_WAIT_SECONDS: Final = 30.0

_CORRUPT = re.compile(
    r"is corrupt|corrupt (?:loose )?object|inflate|inflater|bad pack|packfile .* (?:cannot|is far too short|index)"
    r"|pack has bad|wrong index|index file .* (?:is too small|is corrupt)|not a git repository|hash mismatch"
    r"|object file .* is empty|garbage at end of loose|does not match index|unable to unpack|bad packed object",
    re.IGNORECASE,
)
_STATUS = re.compile(r"returned error: ([0-9]{3})")
_NETWORK = re.compile(
    r"unable to access|could not resolve|failed to connect|couldn't connect|connection (?:refused|reset|timed out)"
    r"|RPC failed|early EOF|hung up unexpectedly|gnutls|SSL|operation too slow|unexpected disconnect",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Whose mirror a folder is, for the texts of errors."""

    source: str
    url: str


class GitRunner:
    """Runs git for the door. Every failure leaves as a GitError that names source, address and what was tried."""

    def __init__(self, *, root: Path, policy: HttpPolicy, deadline_seconds: float, resolver: guard.Resolver) -> None:
        self.root = root
        self._policy = policy
        self._deadline_seconds = deadline_seconds
        self._resolver = resolver
        self._home = root / ".home"
        self._origins: dict[Path, Origin] = {}
        self._hosts: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def remember(self, path: Path, origin: Origin) -> None:
        with self._lock:
            self._origins[path] = origin

    def origin(self, path: Path) -> Origin:
        with self._lock:
            known = self._origins.get(path)
        return known or Origin(source=path.name, url=path.name)

    def error(self, path: Path, what: str, *, kind: str = "git", action: str = "") -> GitError:
        origin = self.origin(path)
        return GitError(what, source=origin.source, url=origin.url, kind=kind, action=action)

    def judge(self, path: Path, url: str) -> GitAddress:
        """The address, checked and pinned. Raises GitError."""
        try:
            return judge_address(url, self._policy, self._resolver)
        except (AddressError, guard.AddressRefused) as error:
            action = f"nothing was sent; if this address is meant, set it in [sources.{self.origin(path).source}]"
            raise self.error(path, str(error), kind="not_allowed", action=action) from None
        except guard.ResolveError as error:
            raise self.error(path, str(error), kind="network", action="the next poll tries again") from None

    # Reading: no transport

    def read(
        self,
        path: Path,
        arguments: Sequence[str],
        *,
        what: str,
        stdin: bytes = b"",
        accept: frozenset[int] = frozenset({0}),
        max_output: int = READ_OUTPUT,
        partial: str | None = None,
    ) -> Output:
        """Run a command that stays on this machine; `what` begins the error's text. partial: see `partial_config`."""
        try:
            return run_git(
                arguments,
                folder=path,
                variables=self._variables(partial_config(partial)),
                deadline_seconds=self._deadline_seconds,
                max_output=max_output,
                stdin=stdin,
                accept=accept,
            )
        except GitFailure as failure:
            raise self._read_error(path, what, failure) from None

    @contextmanager
    def objects(self, path: Path) -> Iterator[ObjectReader]:
        """Read objects one by one. The deadline covers the whole of it."""
        try:
            with GitProcess(
                ["cat-file", "--batch"],
                folder=path,
                variables=self._variables({}),
                deadline_seconds=self._deadline_seconds,
            ) as process:
                yield ObjectReader(process)
        except GitFailure as failure:
            raise self._read_error(path, "an object cannot be read", failure) from None

    def _read_error(self, path: Path, what: str, failure: GitFailure) -> GitError:
        if _CORRUPT.search(failure.text):
            self.mark_suspect(path)
            return self.error(path, f"{what}: {_last_line(failure.text)}", action="the mirror is cloned anew next time")
        kind = "timeout" if failure.timed_out else "git"
        return self.error(path, f"{what}: {_last_line(failure.text)}", kind=kind)

    def mark_suspect(self, path: Path) -> None:
        if path.is_dir():
            (path / SUSPECT_MARK).touch()

    # Fetching: one address

    def fetch(
        self,
        path: Path,
        address: GitAddress,
        arguments: Sequence[str],
        *,
        partial: str | None,
        stdin: bytes = b"",
        single: bool = False,
    ) -> Output:
        """`git fetch` from `address` into the repository at `path`; one fetch at a time per host. Raises GitFailure.

        single: the objects asked for are to come although the server would think that we have them: a commits-only
        mirror has a commit and not its tree.
        """
        config = {**address.config, **partial_config(partial), "remote.origin.url": address.url}
        if single:
            config["fetch.negotiationAlgorithm"] = "noop"
        with self._host_lock(address.host):
            return run_git(
                ["fetch", *arguments],
                folder=path,
                variables=self._variables(config),
                deadline_seconds=self._deadline_seconds,
                max_output=FETCH_OUTPUT,
                stdin=stdin,
            )

    def fetch_error(self, path: Path, failure: GitFailure) -> GitError:
        """The GitError for a failed fetch, with the machine word that its text means."""
        origin = self.origin(path)
        status = int(found[1]) if (found := _STATUS.search(failure.text)) else 0
        return GitError(
            f"git fetch failed: {_last_line(failure.text)}",
            source=origin.source,
            url=origin.url,
            kind=_fetch_kind(failure, status),
            action=_fetch_action(failure.text),
            retry_after=DEFAULT_WAIT_SECONDS if status == 429 else None,
            status=status,
        )

    def _variables(self, config: dict[str, str]) -> dict[str, str]:
        self._home.mkdir(parents=True, exist_ok=True)
        return environment(self._home, config)

    def _host_lock(self, host: str) -> threading.Lock:
        with self._lock:
            return self._hosts.setdefault(host, threading.Lock())


def partial_config(object_filter: str | None) -> dict[str, str]:
    """What tells git that objects may be missing here because `object_filter` left them out.

    Told to the runs that fetch, check and repack, and never written into the mirror: to all others a missing object is
    just missing, where a known promisor would make git (before 2.45) try to fetch it and die.
    """
    if object_filter is None:
        return {}
    return {"remote.origin.promisor": "true", "remote.origin.partialclonefilter": object_filter}


def is_network_failure(failure: GitFailure) -> bool:
    """Whether the failure lies on the way or at the other end, so that our copy is not to blame."""
    return failure.timed_out or _NETWORK.search(failure.text) is not None or "not allowed" in failure.text


def _fetch_kind(failure: GitFailure, status: int) -> str:
    if failure.timed_out:
        return "timeout"
    if 300 <= status < 400 or "not allowed" in failure.text or "redirect" in failure.text:
        return "not_allowed"
    if status:
        return "status"
    return "network" if _NETWORK.search(failure.text) else "git"


def _fetch_action(text: str) -> str:
    if "is this a git repository" in text:
        return "the address is wrong or a bot wall answers; the old state stays"
    return "the old state stays; the next poll tries again"


def _last_line(text: str) -> str:
    """The line of git's complaint that says most: the last fatal or error line, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return one_line((telling or lines or ["no reason given"])[-1], 200)
