"""One epoch of a list: its git repository holds one commit a mail, parents first, the mail in the file `m`.

A commit with the file `d` takes a mail back from the archive: it moves the cursor and says nothing, as absence does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sources.base import FetchContext
from sources.errors import GitError
from sources.lore.manifest import Epoch
from sources.lore.progress import Cursor

AT_ONCE: Final = 200
LARGEST_MAIL: Final = 32 * 1024 * 1024
MOST_COMMITS: Final = 5_000_000
OVERLAP: Final = timedelta(days=1)
_MAIL_FILE: Final = "m"
_HEADS: Final = "refs/heads/"
_EVERY_BRANCH: Final = ("+refs/heads/*:refs/heads/*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedMail:
    """A mail as archived. received_at: the archive's own time of it."""

    raw: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Some mails in their order, and the cursor after them."""

    mails: tuple[ArchivedMail, ...]
    cursor: Cursor


class EpochReader:
    """The mirror of one epoch after it was fetched. rewritten: its history is not what was read before."""

    def __init__(self, context: FetchContext, path: Path, tip: str | None, cursor: Cursor | None) -> None:
        self._context = context
        self._path = path
        self._tip = tip
        self._cursor = cursor
        known = tip is not None and cursor is not None
        self._holds_cursor = known and cursor is not None and context.git.has_commit(path, cursor.commit)
        self.rewritten = known and not (self._holds_cursor and self._descends())

    @classmethod
    def fetch(cls, context: FetchContext, origin: str, name: str, epoch: Epoch, cursor: Cursor | None) -> EpochReader:
        """Bring the mirror up to date from one origin. Raises GitError."""
        update = context.git.mirror(
            f"lore/{name}/{epoch.number}",
            f"{origin}/{name}/git/{epoch.number}.git",
            refspecs=_EVERY_BRANCH,
            source=context.source,
            shallow_since=context.watch.since.date(),
        )
        heads = {ref: tip for ref, tip in update.refs_after.items() if ref.startswith(_HEADS)}
        tip = heads.get(f"{_HEADS}master") or next(iter(heads.values()), None)
        return cls(context, update.path, tip, cursor)

    def _descends(self) -> bool:
        return (
            self._cursor is not None
            and self._tip is not None
            and self._context.git.merge_base_is_ancestor(self._path, self._cursor.commit, self._tip)
        )

    def read(self) -> Iterator[Read]:
        """What was not read yet, some at a time. After a rewrite: by date, a day of what is known again among it."""
        if self._tip is None:
            return
        after = self._cursor.commit if self._cursor is not None and self._holds_cursor else None
        since = self._context.watch.since
        if self.rewritten and self._cursor is not None:
            since = max(since, self._cursor.at - OVERLAP)
        by_date = self._cursor is None or self.rewritten
        ids = self._context.git.rev_list(self._path, self._tip, after, max_count=MOST_COMMITS)
        for start in range(0, len(ids), AT_ONCE):
            yield self._some(ids[start : start + AT_ONCE], since if by_date else None)

    def _some(self, ids: Sequence[str], since: datetime | None) -> Read:
        commits = list(self._context.git.read_commits(self._path, ids))
        young = [one for one in commits if since is None or one.committed_at >= since]
        contents = self._contents([one.id for one in young])
        return Read(
            mails=tuple(
                ArchivedMail(raw=content, received_at=one.committed_at)
                for one, content in zip(young, contents, strict=True)
                if content is not None
            ),
            cursor=Cursor(commit=commits[-1].id, at=commits[-1].committed_at),
        )

    def _contents(self, ids: Sequence[str]) -> list[bytes | None]:
        files = [(commit, _MAIL_FILE) for commit in ids]
        try:
            return list(self._context.git.read_blobs(self._path, files, LARGEST_MAIL))
        except GitError as error:
            if error.kind != "too_large":
                raise
        return [self._content(commit) for commit in ids]

    def _content(self, commit: str) -> bytes | None:
        """One mail; None for one that is larger than any mail should be."""
        try:
            return next(self._context.git.read_blobs(self._path, [(commit, _MAIL_FILE)], LARGEST_MAIL), None)
        except GitError as error:
            if error.kind != "too_large":
                raise
            return None
