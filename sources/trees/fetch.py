"""A git tree, cycle by cycle: fetch its mirror, read what is new, give each commit that matters as a document.

The checkpoint moves with the last batch of a branch: what a stop leaves half read is read again, and the same document
twice is one document. A commit is given at once, and again when a release tag holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import GitError
from sources.git import RawCommit
from sources.trees.document import (
    KIND,
    LONGEST_MESSAGE,
    MOST_DROPPED,
    MOST_FILES,
    CommitDocument,
    Person,
    RefsDocument,
    Tag,
    TreeDocument,
    encode,
)
from sources.trees.mirror import HEADS, TreeMirror
from sources.trees.pages import fetch_pages
from sources.trees.progress import Progress
from sources.trees.tree import Tree
from sources.trees.walk import Lookup, Touched, candidates, first_tags, new_work

BATCH: Final = 50


def fetch_tree(tree: Tree, context: FetchContext) -> Iterator[Batch]:
    """The batches of one cycle; cgit's pages take over when git fails. Raises FetchError."""
    progress = Progress.read(context.checkpoint)
    try:
        yield from _Cycle(tree, context, progress).batches()
    except GitError as error:
        if error.kind == "not_allowed":
            raise
        yield from fetch_pages(context, progress, error)


class _Cycle:
    def __init__(self, tree: Tree, context: FetchContext, progress: Progress) -> None:
        self._tree = tree
        self._context = context
        self._progress = progress
        self._mirror = TreeMirror(tree, context, progress)
        self._lookup = Lookup(context, self._mirror)
        self._saved = progress.saved()

    def batches(self) -> Iterator[Batch]:
        due = self._progress.listing_due(self._context.now)
        self._mirror.update()
        tips = self._mirror.tips()
        moved = {branch: tip for branch, tip in tips.items() if self._progress.tips.get(HEADS + branch) != tip}
        waiting = due and bool(self._progress.pending)
        if moved or waiting:
            self._mirror.fetch_tags()
        self._progress.from_pages = None
        for left, (branch, tip) in zip(range(len(moved) - 1, -1, -1), moved.items(), strict=True):
            for batch in self._branch(branch, tip):
                yield replace(batch, more=batch.more or (left > 0 and not self._tree.per_branch))
        if moved or waiting:
            for branch in dict.fromkeys(of for of, _ in self._progress.pending):
                yield from self._newly_tagged(branch)
        if self._mirror.notes or self._progress.saved() != self._saved:
            yield self._batch("", [])

    def _branch(self, branch: str, tip: str) -> Iterator[Batch]:
        read_to = self._progress.tips.get(HEADS + branch)
        work = new_work(self._context, self._mirror, branch, tip, read_to)
        documents: list[RawDocument] = []
        if work.dropped or work.lost:
            self._mirror.notes.append(self._rewritten(branch))
        if work.dropped and read_to is not None:
            self._progress.tagged(branch, work.dropped)
            documents.append(self._refs_document(branch, read_to, tip, work.dropped))
        found: list[RawCommit] = []
        for commit in candidates(self._context, self._mirror, work):
            found.append(commit)
            if len(found) == BATCH:
                yield replace(self._batch(branch, [*documents, *self._documents(branch, found)]), more=True)
                documents, found = [], []
        documents += self._documents(branch, found)
        self._progress.tips[HEADS + branch] = tip
        yield self._batch(branch, documents)

    def _rewritten(self, branch: str) -> str:
        where = f" ({branch})" if self._tree.per_branch else ""
        return f"history of {self._tree.name}{where} was rewritten"

    def _newly_tagged(self, branch: str) -> Iterator[Batch]:
        """Commits that were told without a release and are in one now."""
        pending = self._progress.pending_of(branch)
        tagged = first_tags(self._mirror, branch, pending).tags
        ids = [commit for commit in pending if commit in tagged]
        for start in range(0, len(ids), BATCH):
            commits = list(self._context.git.read_commits(self._mirror.path, ids[start : start + BATCH]))
            yield self._batch(branch, self._documents(branch, commits))

    def _batch(self, branch: str, documents: Sequence[RawDocument]) -> Batch:
        notes = tuple(self._mirror.notes)
        self._mirror.notes.clear()
        self._saved = self._progress.saved()
        return Batch(
            documents=tuple(documents),
            checkpoint=self._saved,
            notes=notes,
            stream=branch if self._tree.per_branch else "",
        )

    def _documents(self, branch: str, commits: Sequence[RawCommit]) -> list[RawDocument]:
        """The documents of these commits; those without a release are remembered."""
        ids = [commit.id for commit in commits]
        first = first_tags(self._mirror, branch, ids)
        touched = self._lookup.touched(ids)
        self._progress.tagged(branch, first.tags)
        if self._tree.tags != "none":
            known = first.unknown.union(first.tags)
            self._progress.wait_for_tag(branch, (one for one in ids if one not in known))
        return [self._commit_document(branch, one, first.tags.get(one.id), touched[one.id]) for one in commits]

    def _commit_document(self, branch: str, commit: RawCommit, tag: Tag | None, touched: Touched) -> RawDocument:
        document = CommitDocument(
            tree=self._tree.name,
            branch=branch,
            commit=commit.id,
            author=Person(name=commit.author_name, email=commit.author_email, at=commit.author_at),
            committed_at=commit.committed_at,
            message=commit.message[:LONGEST_MESSAGE],
            files=list(touched.files[:MOST_FILES]),
            patch_id=touched.patch_id,
            tags=[tag] if tag is not None else [],
        )
        of_branch = f"&h={branch}" if self._tree.per_branch else ""
        return self._raw(f"commit/?id={commit.id}{of_branch}", document)

    def _refs_document(self, branch: str, old: str, new: str, dropped: list[str]) -> RawDocument:
        document = RefsDocument(tree=self._tree.name, branch=branch, old=old, new=new, dropped=dropped[-MOST_DROPPED:])
        return self._raw(f"log/?h={branch}&qt=range&q={new}..{old}", document)

    def _raw(self, address: str, document: TreeDocument) -> RawDocument:
        return RawDocument(
            source=self._context.source,
            url=f"{self._context.url()}/{address}",
            at=self._context.now,
            body=encode(document),
            kind=KIND,
        )
