"""From a mirror to the commits that matter: what is new, what was dropped, first tags, files and patch ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sources.base import FetchContext
from sources.errors import GitError
from sources.formats.watched import COMMIT_DIGITS, WatchedTerms
from sources.git import RawCommit
from sources.transport.git_names import is_tree_path
from sources.trees.document import Tag
from sources.trees.mirror import TAGS, TreeMirror
from sources.trees.tree import NEXT_TAGS_LOOKED_AT

TRIES_ONE_BY_ONE: Final = 3
_RELEASE_COMMIT = re.compile(r"Linux [0-9]{1,4}\.[0-9]{1,4}(?:-rc[0-9]{1,3})?(?:\n|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWork:
    """commits: ids, parents first. dropped: what a forced push took out. first: nothing of the branch was read before.

    after: what was left out, with its ancestors. lost: the place up to which it was read is not in the mirror any more.
    """

    commits: list[str]
    dropped: list[str]
    after: str | None
    first: bool = False
    lost: bool = False


def new_work(context: FetchContext, mirror: TreeMirror, branch: str, tip: str, read_to: str | None) -> NewWork:
    """What `tip` has that was not read yet. Raises GitError."""
    if read_to is None or not context.git.has_commit(mirror.path, read_to):
        after = mirror.base_of(branch)
        return NewWork(
            commits=mirror.commits(tip, after), dropped=[], after=after, first=True, lost=read_to is not None
        )
    commits = mirror.commits(tip, read_to)
    if mirror.tree.rebuilt or context.git.merge_base_is_ancestor(mirror.path, read_to, tip):
        return NewWork(commits=commits, dropped=[], after=read_to)
    return NewWork(commits=commits, dropped=mirror.commits(read_to, tip), after=read_to)


def candidates(context: FetchContext, mirror: TreeMirror, work: NewWork) -> Iterator[RawCommit]:
    """The commits among new work that a topic may want, less what a maintainer's tree has from mainline.

    The first reading of a tree that we know by name keeps that too: the tree may have applied it before it was merged.
    """
    tree = mirror.tree
    if tree.tags != "none" or (work.first and not tree.per_branch):
        yield from _wanted(context, mirror, work, None)
        return
    history = _History()
    found = list(_wanted(context, mirror, work, history))
    brought = history.below_releases() if found else set()
    yield from (commit for commit in found if commit.id not in brought)


class _History:
    """Who is whose parent in some new work, and where a release of mainline is in it."""

    def __init__(self) -> None:
        self._parents: dict[str, tuple[str, ...]] = {}
        self._releases: list[str] = []

    def note(self, commit: RawCommit) -> None:
        self._parents[commit.id] = tuple(commit.parents)
        if _RELEASE_COMMIT.match(commit.message):
            self._releases.append(commit.id)

    def below_releases(self) -> set[str]:
        """The releases and everything that is in them."""
        below: set[str] = set()
        ahead = list(self._releases)
        while ahead:
            commit = ahead.pop()
            if commit in self._parents and commit not in below:
                below.add(commit)
                ahead += self._parents[commit]
        return below


def _wanted(context: FetchContext, mirror: TreeMirror, work: NewWork, history: _History | None) -> Iterator[RawCommit]:
    """The commits that a topic may want: by id, words, subject, or by the files where trees are here."""
    if not work.commits:
        return
    terms = WatchedTerms.of(context.watch)
    watched = tuple(commit[:COMMIT_DIGITS] for commit in context.watch.commits)
    by_path = _touching(context, mirror, work)
    new = set(work.commits)
    for commit in context.git.read_commits(mirror.path, work.commits):
        if history is not None:
            history.note(commit)
        if len(commit.parents) > 1 or (work.first and commit.committed_at < context.watch.since):
            continue
        # Where a shallow history begins, a commit seems to add every file of its tree.
        whole = work.after is not None or new.issuperset(commit.parents)
        if (whole and commit.id in by_path) or commit.id.startswith(watched) or terms.are_in_text(commit.message):
            yield commit


def _touching(context: FetchContext, mirror: TreeMirror, work: NewWork) -> set[str]:
    paths = tuple(path for path in context.watch.paths if is_tree_path(path))
    if not paths or not mirror.holds_trees:
        return set()
    # git's own wildcards are those of the topics: `*` matches `/` too (gitglossary, "pathspec")
    return set(mirror.commits(work.commits[-1], work.after, paths=paths))


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTags:
    """tags: commit -> the first release that holds it. unknown: in the oldest tag here, so perhaps in one before."""

    tags: dict[str, Tag]
    unknown: frozenset[str] = frozenset()


def first_tags(mirror: TreeMirror, branch: str, commits: Iterable[str]) -> FirstTags:
    """The first release tag that contains each commit. Each tag is walked from the one before it, oldest first."""
    left = set(commits)
    found: dict[str, Tag] = {}
    tags = mirror.release_tags(branch) if left else []
    cut = mirror.tree.tags == "next" and len(tags) > NEXT_TAGS_LOOKED_AT
    if cut:
        tags = tags[-NEXT_TAGS_LOOKED_AT - 1 :]
    before = mirror.base_of(branch) if tags else None
    unknown: set[str] = set()
    for number, tag in enumerate(tags):
        if not left:
            break
        here = left.intersection(mirror.commits(TAGS + tag.name, before))
        if cut and number == 0:
            unknown |= here
        else:
            found.update(dict.fromkeys(here, tag))
        left -= here
        before = TAGS + tag.name
    return FirstTags(tags=found, unknown=frozenset(unknown))


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """The files that a commit changes, and `git patch-id --stable` of the change."""

    files: tuple[str, ...] = ()
    patch_id: str | None = None


class Lookup:
    """Files and patch ids of candidates; their trees and blobs are fetched for that, many in one go."""

    def __init__(self, context: FetchContext, mirror: TreeMirror) -> None:
        self._context = context
        self._mirror = mirror
        self._refused = False

    def touched(self, commits: Sequence[str]) -> dict[str, Touched]:
        """What cannot be had is left empty: a commit counts without its files. One note a cycle."""
        whole = self._complete(commits)
        found: dict[str, Touched] = {}
        for commit in commits:
            found[commit] = self._read(commit) if commit in whole else Touched()
        return found

    def _complete(self, commits: Sequence[str]) -> set[str]:
        if self._refused or not commits:
            return set()
        whole: set[str] = set()
        failed = 0
        parts: list[Sequence[str]] = [commits]
        while parts and failed < TRIES_ONE_BY_ONE:
            part = parts.pop()
            if self._fetched(part):
                whole.update(part)
            elif len(part) > 1:  # one that has no parent here stops all that are asked for with it
                parts += [part[len(part) // 2 :], part[: len(part) // 2]]
            elif not whole:
                failed += 1
        if failed >= TRIES_ONE_BY_ONE:
            self._refused = True
            self._mirror.notes.append(
                f"{self._mirror.tree.name}: the server gives no single objects; files and patch ids are missing"
            )
        return whole

    def _fetched(self, commits: Sequence[str]) -> bool:
        try:
            self._context.git.fetch_objects(self._mirror.path, commits)
        except GitError:
            return False
        return True

    def _read(self, commit: str) -> Touched:
        try:
            files = self._context.git.changed_paths(self._mirror.path, commit)
            return Touched(files=files, patch_id=self._context.git.patch_id(self._mirror.path, commit))
        except GitError:  # where the mirror's history begins, a commit has no parent to compare with
            return Touched()
