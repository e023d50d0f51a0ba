"""AlmaLinux' OSV database from git: a mirror, and of it the files that changed since the commit of the checkpoint.

A document's address is that of the raw file on GitHub, whichever git repository is configured: so the same record has
the same identity in a recording, in a mirror of a company and here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import GitError
from sources.git import MirrorUpdate

RAW_FILES: Final = "https://raw.githubusercontent.com/AlmaLinux/osv-database/master"
FOLDER: Final = "advisories"
MOST_BYTES: Final = 16 * 1024 * 1024
BATCH: Final = 100
BRANCHES: Final = ("refs/heads/master", "refs/heads/main")

_KERNEL: Final = (b'"kernel', b'"kpatch-patch')


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Raises GitError. Every batch but the last keeps the old commit: a cycle that breaks off starts there again."""
    update = context.git.mirror(
        context.source, context.url(), refspecs=("+refs/heads/*:refs/heads/*",), source=context.source
    )
    commit = _newest_commit(context, update)
    old = context.checkpoint.get("commit")
    if old == commit:
        yield Batch(documents=(), checkpoint={"commit": commit})
        return
    notes: tuple[str, ...] = ()
    if old is not None and not context.git.has_commit(update.path, old):
        notes, old = ("almalinux: the history of the database was rewritten; every file is read again",), None
    documents: list[RawDocument] = []
    for document in _documents(context, update.path, commit, _changed_files(context, update.path, old, commit)):
        documents.append(document)
        if len(documents) >= BATCH:
            yield Batch(documents=tuple(documents), checkpoint=dict(context.checkpoint), notes=notes, more=True)
            documents, notes = [], ()
    yield Batch(documents=tuple(documents), checkpoint={"commit": commit}, notes=notes)


def _newest_commit(context: FetchContext, update: MirrorUpdate) -> str:
    refs = update.refs_after
    named = [refs[branch] for branch in BRANCHES if branch in refs] or list(refs.values())[:1]
    if not named:
        raise GitError(
            "the repository has no branch",
            source=context.source,
            url=context.url(),
            action="nothing was taken in; see [sources.almalinux] url",
        )
    return named[0]


def _changed_files(context: FetchContext, path: Path, old: str | None, commit: str) -> list[str]:
    if old is None:
        names: Sequence[str] = [entry.path for entry in context.git.list_tree(path, commit, FOLDER)]
    else:
        names = context.git.diff_tree(path, old, commit, paths=(FOLDER,), deleted=False)
    return [name for name in names if name.endswith(".json")]


def _documents(context: FetchContext, path: Path, commit: str, names: Sequence[str]) -> Iterator[RawDocument]:
    """Files about a kernel or a CVE that is watched; most of the database is about other packages."""
    wanted = [*_KERNEL, *(cve.encode() for cve in sorted(context.watch.cves | context.known_advisories))]
    files = [(commit, name) for name in names]
    for name, body in zip(names, context.git.read_blobs(path, files, MOST_BYTES), strict=True):
        if body is not None and any(word in body for word in wanted):
            yield RawDocument(source=context.source, url=f"{RAW_FILES}/{name}", at=context.now, body=body, kind="osv")
