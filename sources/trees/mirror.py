"""The mirror of one tree: which branches and tags are fetched, and what is in it afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from sources.base import FetchContext
from sources.errors import FetchError, GitError
from sources.git import MirrorUpdate
from sources.transport import git_names
from sources.trees.document import Tag
from sources.trees.listing import ask_listing, can_list
from sources.trees.progress import Progress
from sources.trees.tree import DEFAULT_BRANCHES, NEXT_TAGS_LOOKED_AT, Tree

MOST_BRANCHES: Final = 60
MOST_COMMITS: Final = 2_000_000
MOST_NEW_TAGS: Final = 400
HEADS: Final = "refs/heads/"
TAGS: Final = "refs/tags/"
# A merge of today brings work that began earlier. Where its beginning is not here, a later fetch would bring all of
# the history below it, so mirrors begin this long before the date that is asked for; less where commits bring trees.
MARGIN: Final = {"tree:0": timedelta(days=90), "blob:none": timedelta(days=30)}
_NO_SUCH_REF: Final = "couldn't find remote ref"


class TreeMirror:
    """One cycle's view of a tree. `update` first; the rest reads what it brought."""

    def __init__(self, tree: Tree, context: FetchContext, progress: Progress) -> None:
        self.tree = tree
        self.notes: list[str] = []
        self._context = context
        self._progress = progress
        self._listing: dict[str, str] | None = None
        self._asked = False
        self._branches: tuple[str, ...] = ()
        self._refspecs: tuple[str, ...] = ()
        self._update: MirrorUpdate | None = None

    @property
    def path(self) -> Path:
        return self._known().path

    @property
    def holds_trees(self) -> bool:
        """Whether commits can be asked for by path: their trees were not left out."""
        return self.tree.filter == "blob:none" or not self._known().filtered

    def _known(self) -> MirrorUpdate:
        if self._update is None:
            raise RuntimeError("the mirror is read before it is updated")
        return self._update

    def tips(self) -> dict[str, str]:
        """Short branch name -> its newest commit."""
        refs = self._update.refs_after if self._update is not None else {}
        return {ref.removeprefix(HEADS): tip for ref, tip in sorted(refs.items()) if ref.startswith(HEADS)}

    def update(self) -> None:
        """Fetch the branches. Raises GitError, or FetchError when live branches cannot be found out."""
        self._branches = self._wanted_branches()
        if not self._branches:
            return
        self._refspecs = _exact(HEADS, self._branches)
        try:
            self._update = self._fetch(self._refspecs)
        except GitError as error:
            if _NO_SUCH_REF not in error.what:
                raise
            self._refspecs = self._after_a_branch_went()
            self._update = self._fetch(self._refspecs)
        if not any(ref.startswith(HEADS) for ref in self._update.refs_after):
            # git takes an empty answer for a repository without commits: no tree that we follow is one
            raise GitError(
                "the repository has no branch: an empty or wrong answer came in its place",
                source=self._context.source,
                url=self._context.url(),
            )
        if not self._update.refs_before and not self._update.filtered:
            self.notes.append(f"{self.tree.name}: the server left nothing out of the mirror; it holds whole files")

    def _fetch(self, refspecs: tuple[str, ...]) -> MirrorUpdate:
        if not can_list(self._context.url()) and self.tree.tags != "none":
            glob = TAGS + self.tree.tag_glob()
            refspecs = (*refspecs, f"+{glob}:{glob}")
        return self._context.git.mirror(
            self.tree.name,
            self._context.url(),
            refspecs=refspecs,
            source=self._context.source,
            filter=self.tree.filter,
            shallow_since=self._since() - MARGIN[self.tree.filter],
        )

    # Branches

    def _wanted_branches(self) -> tuple[str, ...]:
        configured = self._context.settings.get("branches", ())
        named = tuple(configured.split()) if isinstance(configured, str) else configured
        if named:
            return named
        if not self.tree.per_branch:
            return DEFAULT_BRANCHES
        if not can_list(self._context.url()):
            return (f"{self.tree.branch_prefix}*",)
        if not self._progress.branches or self._progress.listing_due(self._context.now):
            self._find_live_branches()
        return self._progress.branches

    def _after_a_branch_went(self) -> tuple[str, ...]:
        """Refspecs for when a branch is not there (any more): every branch, of many the live ones."""
        if self.tree.per_branch and can_list(self._context.url()):
            self._find_live_branches()
            self._branches = self._progress.branches
            return _exact(HEADS, self._branches)
        self.notes.append(f"{self.tree.name}: {', '.join(self._branches)} is not there; every branch is read")
        return (f"+{HEADS}*:{HEADS}*",)

    def _find_live_branches(self) -> None:
        """The branches that moved since the topics' date, by their tips alone."""
        listing = self.listing(needed=not self._progress.branches)
        if listing is None:
            return
        names = sorted(
            ref.removeprefix(HEADS)
            for ref in listing
            if ref.startswith(HEADS) and self.tree.counts(ref.removeprefix(HEADS)) and _exact(HEADS, [ref[11:]])
        )
        mark = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        if mark != self._progress.probed or not self._progress.branches:
            self._progress.branches = self._live(mark) if names else ()
            self._progress.probed = mark

    def _live(self, mark: str) -> tuple[str, ...]:
        """A mirror of nothing but tips: no commit is younger than the day after tomorrow, so each ref is cut at one."""
        glob = f"{HEADS}{self.tree.branch_prefix}*"
        update = self._context.git.mirror(
            f"{self.tree.name}.tips/{mark}",
            self._context.url(),
            refspecs=(f"+{glob}:{glob}",),
            source=self._context.source,
            filter="tree:0",
            shallow_since=self._context.now.date() + timedelta(days=2),
        )
        refs = [ref for ref in update.refs_after if self.tree.counts(ref.removeprefix(HEADS))]
        tips = self._context.git.read_commits(update.path, [update.refs_after[ref] for ref in refs])
        dated = sorted(((tip.committed_at, ref) for ref, tip in zip(refs, tips, strict=True)), reverse=True)
        live = [ref.removeprefix(HEADS) for at, ref in dated if at >= self._context.watch.since]
        return tuple(sorted(live[:MOST_BRANCHES]))

    # Tags

    def listing(self, *, needed: bool = False) -> dict[str, str] | None:
        """The server's refs, asked for once a cycle; None when they could not be had. Raises FetchError when needed."""
        if not self._asked:
            self._asked = True
            try:
                self._listing, size = ask_listing(self._context)
            except FetchError as error:
                if needed:
                    raise
                if not self._progress.unlisted:
                    self.notes.append(f"{self.tree.name}: the server's refs could not be listed: {error.what}")
                self._progress.unlisted = True
                return None
            self._progress.listed(self._context.now, size)
        return self._listing

    def fetch_tags(self) -> None:
        """Bring the release tags of what the branches hold; old tags would bring their whole history."""
        if self.tree.tags == "none" or self._update is None or not can_list(self._context.url()):
            return
        listing = self.listing()
        if listing is None:
            return
        names = [ref.removeprefix(TAGS) for ref in listing if ref.startswith(TAGS)]
        wanted: list[str] = []
        for branch in self.tips():
            wanted += self._tags_to_fetch(branch, names, listing)
        if wanted:
            tags = _exact(TAGS, dict.fromkeys(wanted[-MOST_NEW_TAGS:]))
            self._update = self._fetch((*self._refspecs, *tags))

    def _tags_to_fetch(self, branch: str, names: list[str], listing: dict[str, str]) -> list[str]:
        have = self._known().refs_after
        tags = self.tree.tags_of(branch, names, self._since())
        if self.tree.tags == "next":
            return [tag for tag in tags[-NEXT_TAGS_LOOKED_AT - 1 :] if TAGS + tag not in have]
        base = self.tree.base_tag(branch)
        missing = [tag for tag in (base, *tags) if tag in names and TAGS + tag not in have]
        if not missing:
            return []
        held = set(self.commits(HEADS + branch, None))
        return [tag for tag in missing if listing[TAGS + tag] in held]

    def release_tags(self, branch: str) -> list[Tag]:
        """The tags in the mirror that say when a commit of `branch` was released, oldest first, with their dates."""
        if self.tree.tags == "none":
            return []
        dates = self._context.git.tag_dates(self.path, self.tree.tag_glob())
        names = self.tree.tags_of(branch, dates, self._since())
        return [Tag(name=name, at=dates[name]) for name in names]

    def base_of(self, branch: str) -> str | None:
        """The ref below which a stable branch is mainline's, when it is in the mirror."""
        base = self.tree.base_tag(branch)
        ref = f"{TAGS}{base}"
        return ref if base is not None and ref in self._known().refs_after else None

    def _since(self) -> date:
        return self._context.watch.since.date()

    def commits(self, new: str, old: str | None, *, paths: tuple[str, ...] = ()) -> list[str]:
        return self._context.git.rev_list(self.path, new, old, paths=paths, max_count=MOST_COMMITS)


def _exact(folder: str, names: Iterable[str] | Sequence[str]) -> tuple[str, ...]:
    """A refspec for each name; names that no honest repository needs are left out."""
    refspecs = (f"+{folder}{name}:{folder}{name}" for name in names)
    return tuple(one for one in refspecs if git_names.REFSPEC.fullmatch(one))
