"""The CNA's repository by git: what changed since the last commit we read, and of it what the topics want.

The mirror has every tree and no file (`blob:none`); the wanted files are fetched by their ids, a batch at a time. A
file is wanted when its CVE is, or when its CVE's JSON names a watched file or commit. A file that cannot be read is not
asked for again until it changes: the same content would be the same failure. Checkpoint:

    commit   what was read to its end; absent before the first full reading
    target   the commit that is being read, `done` the last CVE of it that was yielded
    watch    what the topics looked for then: when they look for something else, everything is read again
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import translate
from itertools import groupby
from pathlib import Path
from typing import Final

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import GitError
from sources.git import GitDoor, MirrorUpdate
from sources.kernel_cna.files import CnaFile, read_tree_path

FOLDERS: Final = ("cve/published", "cve/rejected")
BRANCHES: Final = ("refs/heads/master", "refs/heads/main")
FILES_PER_BATCH: Final = 200
FETCHED_AT_ONCE: Final = 2_000
MOST_RESTATED: Final = 2_000
LARGEST_FILE: Final = 4 * 1024 * 1024
HISTORY: Final = timedelta(days=30)

_PATH_IN_JSON = re.compile(rb'"([A-Za-z0-9_.+,-]{1,100}(?:/[A-Za-z0-9_.+,-]{1,100}){0,30})"')
_COMMIT_IN_JSON = re.compile(rb'"([0-9a-f]{40})"')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """One reading: the files of `target` that differ from `commit` (None: all), CVE by CVE."""

    commit: str | None
    target: str
    done: str


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Yields batches whose checkpoint covers what was yielded so far. Raises GitError."""
    update = context.git.mirror(
        "kernel-cna",
        context.url(),
        refspecs=("+refs/heads/*:refs/heads/*",),
        source=context.source,
        filter="blob:none",
        shallow_since=(context.now - HISTORY).date(),
    )
    reading = _Reading(context, update.path)
    head = _head(context, update)
    notes = _notes(update)
    for plan in _plans(context, update.path, reading.watch, head):
        for batch in reading.read(plan):
            yield replace(batch, notes=notes)
            notes = ()
    yield Batch(
        documents=(), checkpoint={"commit": head, "watch": reading.watch}, same=reading.unchanged(head), notes=notes
    )


def _head(context: FetchContext, update: MirrorUpdate) -> str:
    for branch in BRANCHES:
        if branch in update.refs_after:
            return update.refs_after[branch]
    raise GitError(
        "the repository has neither master nor main",
        source=context.source,
        url=context.url(),
        action="set [sources.kernel-cna] url to a copy of vulns.git",
    )


def _notes(update: MirrorUpdate) -> tuple[str, ...]:
    notes = []
    if update.rewritten:
        notes.append("the history of the kernel CNA's repository was rewritten; compared by content")
    if not update.refs_before and not update.filtered:
        notes.append("the kernel CNA's git server ignores filters: the mirror holds every file")
    return tuple(notes)


def _plans(context: FetchContext, path: Path, watch: str, head: str) -> Iterator[_Plan]:
    """First what an earlier fetch began and did not end, then what came since."""
    known = context.checkpoint
    commit: str | None = known.get("commit") or None
    if known.get("watch") != watch or (commit is not None and not context.git.has_commit(path, commit)):
        commit, known = None, {}
    target = known.get("target", "")
    if target and target != head and context.git.has_commit(path, target):
        yield _Plan(commit=commit, target=target, done=known.get("done", ""))
        commit, known = target, {}
    if commit != head:
        yield _Plan(commit=commit, target=head, done=known.get("done", "") if target == head else "")


class _Reading:
    """One fetch: the mirror, and what is looked for."""

    def __init__(self, context: FetchContext, path: Path) -> None:
        self._context = context
        self._path = path
        self._wanted = _Wanted(context)
        self.watch = self._wanted.digest
        self._changed: set[str] = set()
        self._listed: dict[tuple[str, str], dict[str, str]] = {}

    @property
    def _git(self) -> GitDoor:
        return self._context.git

    def read(self, plan: _Plan) -> Iterator[Batch]:
        files = self._files(plan)
        after = _order(plan.done) if plan.done else None
        groups = [list(group) for _, group in groupby(files, key=lambda one: one.cve)]
        groups = [group for group in groups if after is None or _order(group[0].cve) > after]
        for ahead in self._portions(groups, FETCHED_AT_ONCE):
            self._fetch_ahead(plan.target, ahead)
            for portion in self._portions(ahead, FILES_PER_BATCH):
                documents = self._documents(plan.target, portion)
                yield Batch(documents=documents, checkpoint=self._checkpoint(plan, portion[-1][0].cve), more=True)

    def _checkpoint(self, plan: _Plan, done: str) -> Mapping[str, str]:
        begun = {"target": plan.target, "done": done, "watch": self.watch}
        return begun if plan.commit is None else {**begun, "commit": plan.commit}

    def _files(self, plan: _Plan) -> list[CnaFile]:
        """The files that differ, in the order of reading; on a first reading of the years that the topics look at."""
        if plan.commit is not None:
            paths = self._git.diff_tree(self._path, plan.commit, plan.target, paths=FOLDERS, deleted=False)
            found = [file for path in paths if (file := read_tree_path(path)) is not None]
        else:
            since = self._context.watch.since.year
            listed = (read_tree_path(path) for path in self._ids(plan.target))
            found = [
                one for one in listed if one is not None and (one.year >= since or self._context.wants_cve(one.cve))
            ]
        return sorted(found, key=lambda one: (_order(one.cve), one.path))

    def _portions(self, groups: Sequence[list[CnaFile]], limit: int) -> Iterator[list[list[CnaFile]]]:
        """Portions of about `limit` files to read; those of one CVE stay together."""
        portion: list[list[CnaFile]] = []
        weight = 0
        for group in groups:
            own = len(group) if self._context.wants_cve(group[0].cve) else 1
            if portion and weight + own > limit:
                yield portion
                portion, weight = [], 0
            portion.append(group)
            weight += own
        if portion:
            yield portion

    def _fetch_ahead(self, commit: str, groups: Sequence[Sequence[CnaFile]]) -> None:
        """One request for what several batches will read: of a CVE that no topic names its JSON alone."""
        wants = self._context.wants_cve
        paths = [file.path for group in groups if wants(group[0].cve) for file in group]
        self._complete(commit, paths + [_record_of(group) for group in groups if self._may_be_found(group)])

    def _complete(self, commit: str, paths: Sequence[str]) -> list[str]:
        """Fetches the content of those of `paths` that are there, and returns them."""
        folders = sorted({path.rpartition("/")[0] for path in paths})
        ids = {path: one for folder in folders for path, one in self._ids(commit, folder).items()}
        there = [path for path in paths if path in ids]
        self._git.fetch_objects(self._path, [ids[path] for path in there])
        return there

    def _ids(self, commit: str, folder: str = "cve") -> dict[str, str]:
        """Path -> blob of every file below a folder."""
        if (commit, folder) not in self._listed:
            entries = self._git.list_tree(self._path, commit, folder)
            self._listed[commit, folder] = {entry.path: entry.id for entry in entries}
        return self._listed[commit, folder]

    def _documents(self, commit: str, groups: Sequence[Sequence[CnaFile]]) -> tuple[RawDocument, ...]:
        by_name = [group for group in groups if self._context.wants_cve(group[0].cve)]
        others = [group for group in groups if self._may_be_found(group)]
        records = self._contents(commit, [_record_of(group) for group in others])
        found = [group for group in others if self._wanted.named_in(records.get(_record_of(group), b""))]
        wanted = [file.path for group in [*by_name, *found] for file in group]
        contents = self._contents(commit, wanted)
        self._changed.update(wanted)
        return tuple(self._raw(path, contents[path]) for path in wanted if contents.get(path))

    def _may_be_found(self, group: Sequence[CnaFile]) -> bool:
        """Whether its JSON decides: not named by a topic, and not taken back before we ever heard of it."""
        return not self._context.wants_cve(group[0].cve) and group[0].folder == "published"

    def _raw(self, path: str, body: bytes) -> RawDocument:
        return RawDocument(source=self._context.source, url=self._url(path), at=self._context.now, body=body)

    def _url(self, path: str) -> str:
        """cgit's address of the file: the same identity whether it came by git or by its page."""
        return f"{self._context.url()}/plain/{path}"

    def _contents(self, commit: str, paths: Sequence[str]) -> dict[str, bytes]:
        """Path -> content; without those that are not there or too large."""
        if not paths:
            return {}
        there = self._complete(commit, paths)
        try:
            read = self._git.read_blobs(self._path, [(commit, path) for path in there], LARGEST_FILE)
            return {path: body for path, body in zip(there, read, strict=True) if body is not None}
        except GitError as error:
            if error.kind != "too_large":
                raise
            return {path: body for path in there if (body := self._one(commit, path)) is not None}

    def _one(self, commit: str, path: str) -> bytes | None:
        try:
            return self._git.read_blob(self._path, commit, path, LARGEST_FILE)
        except GitError as error:
            if error.kind != "too_large":
                raise
            return None

    def unchanged(self, head: str) -> tuple[str, ...]:
        """Addresses of the files that still say what they said: those of the CVEs that are followed by name."""
        cves = self._context.watch.cves | self._context.known_advisories
        years = sorted({cve[4:8] for cve in cves}, reverse=True)
        found: list[str] = []
        for year in years:
            for folder in FOLDERS:
                listed = (read_tree_path(path) for path in self._ids(head, f"{folder}/{year}"))
                found += [one.path for one in listed if one is not None and one.cve in cves]
        return tuple(self._url(path) for path in found if path not in self._changed)[:MOST_RESTATED]


class _Wanted:
    """What makes a CVE matter that no topic names: a watched file or commit in its JSON."""

    def __init__(self, context: FetchContext) -> None:
        watch = context.watch
        self._paths = [re.compile(translate(pattern)) for pattern in watch.paths]
        self._commits = tuple(commit for commit in sorted(watch.commits) if len(commit) >= 12)
        looked_for = [sorted(watch.cves), watch.every_kernel_cve, sorted(watch.commits), list(watch.paths)]
        looked_for.append(watch.since.year)
        self.digest = hashlib.sha256(json.dumps(looked_for).encode()).hexdigest()[:16]

    def named_in(self, record: bytes) -> bool:
        commits = {found.decode() for found in _COMMIT_IN_JSON.findall(record)}
        if any(one.startswith(commit) for commit in self._commits for one in commits):
            return True
        files = {found.decode() for found in _PATH_IN_JSON.findall(record)}
        return any(pattern.match(file) for pattern in self._paths for file in files)


def _record_of(group: Sequence[CnaFile]) -> str:
    """The path of the JSON of these files' CVE."""
    return group[0].path.rpartition(".")[0] + ".json"


def _order(cve: str) -> tuple[int, int]:
    """Newest year first, then by number."""
    return -int(cve[4:8]), int(cve[9:])
