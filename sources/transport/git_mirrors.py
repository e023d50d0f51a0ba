"""Keeping bare mirrors: made aside and renamed, fetched atomically, cloned anew when damaged."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from sources.errors import GitError
from sources.transport import git_names
from sources.transport.git_address import GitAddress
from sources.transport.git_process import GitFailure
from sources.transport.git_runner import SUSPECT_MARK, GitRunner, Origin, is_network_failure

MOST_PACKS: Final = 50
FETCH_FLAGS: Final = (
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--recurse-submodules=no",
)
_FILTER_IGNORED: Final = "filtering not recognized by server"
_REF_IN_THE_WAY: Final = "cannot lock ref"
_NOTHING_SINCE: Final = ("no commits selected for shallow", "error processing shallow info", "dulwich")


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorUpdate:
    """What a fetch changed. Refs are full names -> object ids (of the tag object for annotated tags).

    filtered: the server left out what the filter names; False when it ignored the filter or none was asked.
    rewritten: refs whose new commit does not descend from the old one. recloned: the copy was damaged and made anew.
    """

    path: Path
    refs_before: dict[str, str]
    refs_after: dict[str, str]
    filtered: bool
    rewritten: tuple[str, ...]
    recloned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorOrder:
    """What is to be mirrored, checked."""

    path: Path
    address: GitAddress
    refspecs: tuple[str, ...]
    filter: str | None
    shallow_since: date | None


class Mirrors:
    def __init__(self, runner: GitRunner) -> None:
        self._runner = runner
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def update(
        self,
        name: str,
        url: str,
        *,
        refspecs: tuple[str, ...],
        source: str,
        object_filter: str | None,
        shallow_since: date | None,
    ) -> MirrorUpdate:
        """Make or bring up to date the mirror `name`. Raises GitError; then refs and objects are as before."""
        path = self._runner.root / name
        self._runner.remember(path, Origin(source=source, url=url))
        if not git_names.is_mirror_name(name):
            raise self._runner.error(path, f"{name!r} is no name for a mirror")
        for refspec in refspecs:
            if git_names.REFSPEC.fullmatch(refspec) is None:
                raise self._runner.error(path, f"{refspec!r} is no refspec that we fetch")
        order = MirrorOrder(
            path=path,
            address=self._runner.judge(path, url),
            refspecs=refspecs,
            filter=object_filter,
            shallow_since=shallow_since,
        )
        with self._locked(name):
            return self._update(order)

    def _update(self, order: MirrorOrder) -> MirrorUpdate:
        path = order.path
        aside = path.with_name(path.name + ".new")
        shutil.rmtree(aside, ignore_errors=True)
        if not path.exists():
            _recover_rename(path)
        before = self._refs_or_none(path) if path.exists() else {}
        damaged = path.exists() and (before is None or (path / SUSPECT_MARK).exists())
        if path.exists() and not damaged:
            filtered = self._fetch_into_existing(order)
            if filtered is not None:
                return self._compare(order, before or {}, filtered=filtered, recloned=False)
            damaged = True
        filtered = self._clone(order, aside)
        self._put_in_place(path, aside)
        return self._compare(order, before or {}, filtered=filtered, recloned=damaged)

    def _fetch_into_existing(self, order: MirrorOrder) -> bool | None:
        """Fetch; whether the filter was obeyed, or None when our copy turned out to be damaged. Raises GitError."""
        _remove_leftovers(order.path)
        try:
            filtered = self._fetch(order, order.path, shallow=())
        except GitFailure as failure:
            if is_network_failure(failure) or self._is_sound(order):
                raise self._runner.fetch_error(order.path, failure) from None
            return None
        self._repack_when_many(order)
        return filtered

    def _clone(self, order: MirrorOrder, aside: Path) -> bool:
        aside.mkdir(parents=True)
        self._runner.remember(aside, self._runner.origin(order.path))
        try:
            self._runner.read(aside, ["init", "--quiet", "--bare", "--template=", "."], what="a mirror cannot be made")
            self._runner.read(aside, ["config", "patchwatch.url", order.address.url], what="a mirror cannot be set up")
            return self._first_fetch(order, aside)
        except GitFailure as failure:
            shutil.rmtree(aside, ignore_errors=True)
            raise self._runner.fetch_error(order.path, failure) from None
        except GitError:
            shutil.rmtree(aside, ignore_errors=True)
            raise

    def _first_fetch(self, order: MirrorOrder, aside: Path) -> bool:
        if order.shallow_since is None:
            return self._fetch(order, aside, shallow=())
        try:
            return self._fetch(
                order, aside, shallow=(f"--shallow-since={order.shallow_since.isoformat()}T00:00:00+0000",)
            )
        except GitFailure as failure:
            if not any(text in failure.text for text in _NOTHING_SINCE):
                raise
            # Nothing is that young: the newest commit of each ref is where later fetches go on from.
            return self._fetch(order, aside, shallow=("--depth=1",))

    def _fetch(self, order: MirrorOrder, path: Path, *, shallow: tuple[str, ...]) -> bool:
        flags = [*FETCH_FLAGS, "--prune", *shallow]
        if order.filter is not None:
            flags.append(f"--filter={order.filter}")
        wanted = [*flags, "--end-of-options", "origin", *order.refspecs]
        try:
            output = self._runner.fetch(path, order.address, ["--atomic", *wanted], partial=order.filter)
        except GitFailure as failure:
            if _REF_IN_THE_WAY not in failure.text:
                raise
            # A branch took the place of a folder of branches: one transaction cannot do that, prune and update can.
            output = self._runner.fetch(path, order.address, wanted, partial=order.filter)
        return order.filter is not None and _FILTER_IGNORED not in output.stderr

    def _put_in_place(self, path: Path, aside: Path) -> None:
        old = path.with_name(path.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        if path.exists():
            path.rename(old)
        aside.rename(path)
        shutil.rmtree(old, ignore_errors=True)

    def _compare(self, order: MirrorOrder, before: dict[str, str], *, filtered: bool, recloned: bool) -> MirrorUpdate:
        after = self.refs(order.path)
        moved = [ref for ref in before if ref in after and before[ref] != after[ref]]
        rewritten = tuple(ref for ref in moved if not self._descends(order.path, before[ref], after[ref], ref))
        return MirrorUpdate(
            path=order.path,
            refs_before=before,
            refs_after=after,
            filtered=filtered,
            rewritten=rewritten,
            recloned=recloned,
        )

    def _descends(self, path: Path, old: str, new: str, ref: str) -> bool:
        if ref.startswith("refs/tags/"):
            return False  # a tag never moves by itself
        output = self._runner.read(
            path,
            ["merge-base", "--is-ancestor", "--end-of-options", old, new],
            what="two commits cannot be compared",
            accept=frozenset({0, 1, 128}),
        )
        return output.status == 0

    def refs(self, path: Path) -> dict[str, str]:
        """Full names -> object ids. Names that no honest repository needs are left out. Raises GitError."""
        output = self._runner.read(
            path, ["for-each-ref", "--format=%(objectname) %(refname)"], what="the refs cannot be read"
        )
        pairs = (line.partition(" ") for line in output.stdout.decode("utf-8", "replace").splitlines())
        return {
            name: commit for commit, _, name in pairs if git_names.is_object_id(commit) and git_names.is_ref_name(name)
        }

    def _refs_or_none(self, path: Path) -> dict[str, str] | None:
        try:
            return self.refs(path)
        except GitError:
            return None

    def _is_sound(self, order: MirrorOrder) -> bool:
        try:
            self._runner.read(
                order.path,
                ["fsck", "--connectivity-only", "--no-dangling", "--no-progress"],
                what="the mirror cannot be checked",
                partial=order.filter,
            )
        except GitError as error:
            return error.kind == "timeout"
        return True

    def _repack_when_many(self, order: MirrorOrder) -> None:
        packs = sum(1 for _ in (order.path / "objects" / "pack").glob("*.pack"))
        if packs > MOST_PACKS:
            # A mirror with many packs is slow, not wrong: the next fetch tries again.
            with suppress(GitError):
                self._runner.read(
                    order.path, ["gc", "--quiet"], what="the mirror cannot be repacked", partial=order.filter
                )

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """One update of a mirror at a time, over threads and processes."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        folder = self._runner.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        with lock:
            file = os.open(folder / (name.replace("/", "%") + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
            finally:
                os.close(file)


def _recover_rename(path: Path) -> None:
    """A stop between the two renames of a reclone leaves the old copy beside its place."""
    old = path.with_name(path.name + ".old")
    if old.is_dir():
        old.rename(path)


def _remove_leftovers(path: Path) -> None:
    """Lock files and half packs of a git that was killed; the caller holds the mirror's own lock."""
    for lock in [*path.glob("*.lock"), *(path / "refs").rglob("*.lock")]:
        lock.unlink(missing_ok=True)
    for half in (path / "objects" / "pack").glob("tmp_*"):
        half.unlink(missing_ok=True)
