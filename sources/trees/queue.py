"""The stable queue: patches that the next point release of a branch will hold, one file each (queue-6.12/NAME.patch).

Read by what is in the queue, not by its history: a file that goes was released or dropped; its absence says neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import GitError
from sources.formats.watched import WatchedTerms
from sources.git import MirrorUpdate
from sources.trees.document import KIND, LONGEST_PATCH, QueuedDocument, encode
from sources.trees.mirror import HEADS, MOST_COMMITS
from sources.trees.progress import Progress
from sources.trees.tree import DEFAULT_BRANCHES, Tree

BATCH: Final = 50
OBJECTS_AT_ONCE: Final = 500
LARGEST_FILE: Final = 64 * 1024 * 1024
_QUEUED = re.compile(r"queue-([0-9]{1,4}\.[0-9]{1,4})/[A-Za-z0-9][A-Za-z0-9._+-]{0,250}\.patch")


def fetch_queue(tree: Tree, context: FetchContext) -> Iterator[Batch]:
    """The queued patches that changed and may matter. Raises FetchError."""
    progress = Progress.read(context.checkpoint)
    update = context.git.mirror(
        tree.name,
        context.url(),
        refspecs=(f"+{HEADS}*:{HEADS}*",),
        source=context.source,
        filter=tree.filter,
        shallow_since=context.watch.since.date(),
    )
    ref = _branch(update)
    tip, read_to = update.refs_after.get(ref), progress.tips.get(ref)
    if tip is None:
        raise GitError(
            "the repository has no branch: an empty or wrong answer came in its place",
            source=context.source,
            url=context.url(),
        )
    if tip == read_to:
        return
    if read_to is not None and not context.git.has_commit(update.path, read_to):
        read_to = None
    files = _changed(context, update, tip, read_to)
    documents: list[RawDocument] = []
    for file, patch in _wanted(context, update.path, tip, files):
        documents.append(_document(tree, context, update.path, tip, file, patch))
        if len(documents) == BATCH:
            yield Batch(documents=tuple(documents), checkpoint=progress.saved(), more=True)
            documents = []
    progress.tips[ref] = tip
    yield Batch(documents=tuple(documents), checkpoint=progress.saved())


def _branch(update: MirrorUpdate) -> str:
    """The default branch, or the one that stands for it."""
    heads = sorted(ref for ref in update.refs_after if ref.startswith(HEADS))
    default = HEADS + DEFAULT_BRANCHES[0]
    return default if default in heads or not heads else heads[0]


def _changed(context: FetchContext, update: MirrorUpdate, tip: str, read_to: str | None) -> dict[str, str]:
    """File -> its blob, of the queue files at `tip` that are not as they were at `read_to`."""
    changed = None if read_to is None else set(context.git.diff_tree(update.path, read_to, tip, deleted=False))
    return {
        entry.path: entry.id
        for entry in context.git.list_tree(update.path, tip)
        if _QUEUED.fullmatch(entry.path) and (changed is None or entry.path in changed)
    }


def _wanted(context: FetchContext, path: Path, tip: str, files: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    terms = WatchedTerms.of(context.watch)
    names = sorted(files)
    for start in range(0, len(names), OBJECTS_AT_ONCE):
        some = names[start : start + OBJECTS_AT_ONCE]
        context.git.fetch_objects(path, [files[name] for name in some])
        contents = context.git.read_blobs(path, ((tip, name) for name in some), LARGEST_FILE)
        for name, content in zip(some, contents, strict=True):
            if content is not None and terms.are_in(content):
                yield name, content


def _document(tree: Tree, context: FetchContext, path: Path, tip: str, file: str, patch: bytes) -> RawDocument:
    """commit: the newest one of the queue that touched the file."""
    touched = context.git.rev_list(path, tip, None, paths=(file,), max_count=MOST_COMMITS)
    (commit,) = context.git.read_commits(path, touched[-1:] or [tip])
    found = _QUEUED.fullmatch(file)
    document = QueuedDocument(
        tree=tree.name,
        branch=found[1] if found else "",
        file=file,
        commit=commit.id,
        committed_at=commit.committed_at,
        patch=patch[:LONGEST_PATCH].decode("utf-8", "replace"),
    )
    return RawDocument(
        source=context.source, url=f"{context.url()}/plain/{file}", at=context.now, body=encode(document), kind=KIND
    )
