"""The outbound door for git: mirrors of repositories, and reading them.

Fetching happens in `mirror` and `fetch_objects` alone; everything else reads what is there and cannot reach the
network: no transport is permitted to it, no address is configured, lazy fetching is off. git runs in a clean
environment (transport.git_process), to checked addresses (transport.git_address), with checked names
(transport.git_names). Every failure is a GitError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Literal

from sources.errors import GitError
from sources.http import HttpPolicy
from sources.transport import git_names, guard
from sources.transport.git_commits import LONGEST_MESSAGE, RawCommit, parse_commit
from sources.transport.git_mirrors import FETCH_FLAGS, Mirrors, MirrorUpdate
from sources.transport.git_needed import DEEPEST, MOST_OBJECTS, Pair, differing, read_tree
from sources.transport.git_process import GitFailure, ObjectReader
from sources.transport.git_runner import GitRunner

__all__ = ["GitDoor", "MirrorUpdate", "RawCommit", "TreeEntry"]

LONGEST_COMMIT: Final = LONGEST_MESSAGE + 64 * 1024
LARGEST_PATCH: Final = 8 * 1024 * 1024
_DIFF: Final = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all")


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """One file of a tree: mode "100644", its blob's id, its path from the root."""

    path: str
    mode: str
    id: str


class GitDoor:
    """Mirrors below `root`, one folder each. Safe to share between threads.

    deadline_seconds: for one run of git with all of its children.
    """

    def __init__(
        self,
        *,
        root: Path,
        policy: HttpPolicy,
        deadline_seconds: float = 600,
        resolver: guard.Resolver = guard.resolve,
    ) -> None:
        self._runner = GitRunner(root=root, policy=policy, deadline_seconds=deadline_seconds, resolver=resolver)
        self._mirrors = Mirrors(self._runner)

    def mirror(
        self,
        name: str,
        url: str,
        *,
        refspecs: tuple[str, ...],
        source: str,
        filter: Literal["blob:none", "tree:0"] | None = None,
        shallow_since: date | None = None,
    ) -> MirrorUpdate:
        """Make the mirror `name` of `url`, or bring it up to date.

        refspecs: as git's, "+refs/heads/*:refs/heads/*". shallow_since counts for the first fetch only.
        A failed fetch leaves refs and objects as they were; a damaged copy is made anew aside and then replaced.
        """
        return self._mirrors.update(
            name, url, refspecs=refspecs, source=source, object_filter=filter, shallow_since=shallow_since
        )

    def refs(self, path: Path) -> dict[str, str]:
        """Full names -> object ids of a mirror."""
        return self._mirrors.refs(path)

    # Commits

    def has_commit(self, path: Path, commit: str) -> bool:
        self._check_ids(path, [commit])
        with self._runner.objects(path) as objects:
            found = objects.read(commit, 0)
        return found is not None and found[1] == "commit"

    def rev_list(
        self, path: Path, new: str, old: str | None, *, paths: tuple[str, ...] = (), max_count: int
    ) -> list[str]:
        """Commits that `new` (an id or a full ref name) has and `old` has not, parents first.

        At most max_count: the oldest, so that a linear history can be read on from the last one returned.
        """
        self._check_revision(path, new)
        exclude = []
        if old is not None:
            self._check_revision(path, old)
            exclude = [f"^{old}"]
        self._check_paths(path, paths)
        output = self._runner.read(
            path,
            ["rev-list", "--topo-order", "--reverse", "--end-of-options", new, *exclude, "--", *paths],
            what=f"the commits of {new} cannot be listed",
        )
        return output.stdout.decode("ascii", "replace").split()[:max_count]

    def read_commits(self, path: Path, ids: Iterable[str]) -> Iterator[RawCommit]:
        """The commits in the order of `ids`, read one by one. Raises GitError for an id that is no commit here."""
        with self._runner.objects(path) as objects:
            for commit in ids:
                self._check_ids(path, [commit])
                found = objects.read(commit, LONGEST_COMMIT)
                parsed = parse_commit(found[0], found[3]) if found is not None and found[1] == "commit" else None
                if parsed is None:
                    raise self._runner.error(path, f"{commit} is no commit of this mirror")
                yield parsed

    def merge_base_is_ancestor(self, path: Path, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` contains `ancestor` (ids or full ref names)."""
        for revision in (ancestor, descendant):
            self._check_revision(path, revision)
        output = self._runner.read(
            path,
            ["merge-base", "--is-ancestor", "--end-of-options", ancestor, descendant],
            what=f"{ancestor} and {descendant} cannot be compared",
            accept=frozenset({0, 1}),
        )
        return output.status == 0

    # Tags

    def tags_containing(self, path: Path, commit: str, pattern: str = "*") -> list[str]:
        """Short names of the tags that match the glob `pattern` and contain `commit`, oldest first."""
        self._check_ids(path, [commit])
        return list(self._tags(path, pattern, ["--contains", commit]))

    def tag_dates(self, path: Path, pattern: str = "*") -> dict[str, datetime]:
        """Short tag name -> when it was made (the commit's time for a lightweight tag), oldest first."""
        return self._tags(path, pattern, [])

    def _tags(self, path: Path, pattern: str, arguments: Sequence[str]) -> dict[str, datetime]:
        if git_names.TAG_PATTERN.fullmatch(pattern) is None:
            raise self._runner.error(path, f"{pattern!r} is no pattern for tags")
        output = self._runner.read(
            path,
            [
                "for-each-ref",
                "--sort=creatordate",
                "--format=%(creatordate:unix) %(refname)",
                *arguments,
                f"refs/tags/{pattern}",
            ],
            what="the tags cannot be read",
        )
        dates: dict[str, datetime] = {}
        for line in output.stdout.decode("utf-8", "replace").splitlines():
            seconds, _, name = line.partition(" ")
            if git_names.is_ref_name(name) and seconds.isascii() and seconds.isdigit() and len(seconds) <= 11:
                dates[name.removeprefix("refs/tags/")] = datetime.fromtimestamp(int(seconds), tz=UTC)
        return dates

    # Files

    def read_blob(self, path: Path, commit: str, file_path: str, max_bytes: int) -> bytes:
        """A file as of `commit`. Raises GitError when it is not there or larger than max_bytes."""
        for content in self.read_blobs(path, [(commit, file_path)], max_bytes):
            if content is not None:
                return content
        raise self._runner.error(path, f"{file_path} is not in {commit}, or its content is not in this mirror")

    def read_blobs(self, path: Path, files: Iterable[tuple[str, str]], max_bytes: int) -> Iterator[bytes | None]:
        """The content of each (commit, path) in order, None where it is not there; one run of git for all of them."""
        with self._runner.objects(path) as objects:
            for commit, file_path in files:
                self._check_revision(path, commit)
                self._check_paths(path, [file_path])
                found = objects.read(f"{commit}:{file_path}", max_bytes)
                if found is not None and found[2] > max_bytes:
                    raise self._runner.error(path, f"{file_path} has more than {max_bytes} bytes", kind="too_large")
                yield found[3] if found is not None and found[1] == "blob" else None

    def list_tree(self, path: Path, commit: str, prefix: str = "") -> list[TreeEntry]:
        """Every file below `prefix` (a folder, "" for all) as of `commit`."""
        self._check_revision(path, commit)
        self._check_paths(path, [prefix] if prefix else [])
        output = self._runner.read(
            path,
            ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit, *([prefix] if prefix else [])],
            what=f"the files of {commit} cannot be listed",
        )
        entries = []
        for line in output.stdout.split(b"\0"):
            meta, tab, name = line.partition(b"\t")
            fields = meta.decode("ascii", "replace").split()
            if tab and len(fields) == 3:
                entries.append(TreeEntry(path=_path_text(name), mode=fields[0], id=fields[2]))
        return entries

    def diff_tree(
        self, path: Path, old: str, new: str, *, paths: tuple[str, ...] = (), deleted: bool = True
    ) -> tuple[str, ...]:
        """Paths that differ between two commits; without those that are gone in `new` when `deleted` is False."""
        for revision in (old, new):
            self._check_revision(path, revision)
        self._check_paths(path, paths)
        output = self._runner.read(
            path,
            [
                "diff-tree",
                "-r",
                "-z",
                "--name-only",
                "--no-renames",
                *(() if deleted else ("--diff-filter=d",)),
                *_DIFF,
                "--end-of-options",
                old,
                new,
                "--",
                *paths,
            ],
            what=f"{old} and {new} cannot be compared",
        )
        return tuple(_path_text(name) for name in output.stdout.split(b"\0") if name)

    def changed_paths(self, path: Path, commit: str) -> tuple[str, ...]:
        """Paths that a commit changes against its parent; () for a merge."""
        parsed = self._commit(path, commit)
        if len(parsed.parents) > 1:
            return ()
        if not parsed.parents:
            return tuple(entry.path for entry in self.list_tree(path, commit))
        return self.diff_tree(path, parsed.parents[0], commit)

    def patch_id(self, path: Path, commit: str, lazy: bool = False) -> str | None:
        """`git patch-id --stable` of the commit's change. None for a merge, an empty or a very large change, and where
        objects are missing that `lazy` does not allow to fetch."""
        parsed = self._commit(path, commit)
        if len(parsed.parents) != 1:
            return None
        if lazy:
            self.fetch_objects(path, [commit])
        try:
            patch = self._runner.read(
                path,
                ["diff-tree", "-r", "-p", "-M", *_DIFF, "--end-of-options", parsed.parents[0], commit],
                what=f"the change of {commit} cannot be read",
                max_output=LARGEST_PATCH,
            )
        except GitError as error:
            if error.kind == "timeout" or lazy:
                raise
            return None
        output = self._runner.read(path, ["patch-id", "--stable"], what="no patch-id", stdin=patch.stdout)
        fields = output.stdout.decode("ascii", "replace").split()
        return fields[0] if fields else None

    # The one place that fetches single objects

    def fetch_objects(self, path: Path, ids: Iterable[str]) -> None:
        """Complete a filtered mirror: for a commit the trees and files of its own change, else the named tree or blob.

        Raises GitError, also when the server gives no single objects.
        """
        wanted = list(dict.fromkeys(ids))
        self._check_ids(path, wanted)
        try:
            plain, pairs = self._sort_out(path, wanted)
            self._fetch_missing(path, plain)
            blobs: set[str] = set()
            for _ in range(DEEPEST):
                if not pairs:
                    break
                self._fetch_missing(path, {tree for pair in pairs for tree in pair if tree is not None})
                pairs, more = self._one_level(path, pairs)
                blobs |= more
                if len(blobs) + len(pairs) > MOST_OBJECTS:
                    raise self._runner.error(path, f"a change has more than {MOST_OBJECTS} files", kind="too_large")
            self._fetch_missing(path, blobs)
        except GitFailure as failure:
            raise self._runner.fetch_error(path, failure) from None

    def _sort_out(self, path: Path, ids: Sequence[str]) -> tuple[set[str], list[Pair]]:
        """(objects to fetch as they are, pairs of root trees to compare)."""
        plain: set[str] = set()
        pairs: list[Pair] = []
        with self._runner.objects(path) as objects:
            for name in ids:
                found = objects.read(name, LONGEST_COMMIT)
                if found is None or found[1] != "commit":
                    plain.add(name)
                    continue
                pairs.append(self._root_trees(path, objects, name, found[3]))
        return plain, pairs

    def _root_trees(self, path: Path, objects: ObjectReader, commit: str, content: bytes) -> Pair:
        parsed = parse_commit(commit, content)
        if parsed is None or len(parsed.parents) > 1:
            return None, None
        if not parsed.parents:
            return None, parsed.tree
        found = objects.read(parsed.parents[0], LONGEST_COMMIT)
        parent = parse_commit(parsed.parents[0], found[3]) if found is not None else None
        if parent is None:
            raise self._runner.error(path, f"{commit} is where this mirror's history begins: its parent is not here")
        return parent.tree, parsed.tree

    def _one_level(self, path: Path, pairs: Iterable[Pair]) -> tuple[list[Pair], set[str]]:
        below: list[Pair] = []
        blobs: set[str] = set()
        with self._runner.objects(path) as objects:
            for old, new in pairs:
                trees, files = differing(read_tree(objects, old), read_tree(objects, new))
                below += trees
                blobs |= files
        return below, blobs

    def _fetch_missing(self, path: Path, ids: set[str]) -> None:
        with self._runner.objects(path) as objects:
            missing = sorted(name for name in ids if objects.read(name, 0) is None)
        if not missing:
            return
        url = self._runner.read(path, ["config", "--get", "patchwatch.url"], what="the mirror has no address")
        address = self._runner.judge(path, url.stdout.decode("utf-8", "replace").strip())
        flags = [*FETCH_FLAGS, "--filter=tree:0", "--no-prune", "--stdin"]
        self._runner.fetch(
            path,
            address,
            [*flags, "--end-of-options", "origin"],
            partial="tree:0",
            single=True,
            stdin="".join(f"{name}\n" for name in missing).encode(),
        )

    # Checks

    def _commit(self, path: Path, commit: str) -> RawCommit:
        return next(iter(self.read_commits(path, [commit])))

    def _check_ids(self, path: Path, ids: Iterable[str]) -> None:
        for text in ids:
            if not git_names.is_object_id(text):
                raise self._runner.error(path, f"{text[:80]!r} is no commit id")

    def _check_revision(self, path: Path, text: str) -> None:
        if not git_names.is_object_id(text) and not git_names.is_ref_name(text):
            raise self._runner.error(path, f"{text[:80]!r} is neither a commit id nor a full ref name")

    def _check_paths(self, path: Path, paths: Iterable[str]) -> None:
        for text in paths:
            if not git_names.is_tree_path(text):
                raise self._runner.error(path, f"{text[:80]!r} is no path inside a tree")


def _path_text(name: bytes) -> str:
    return name.decode("utf-8", "replace").replace("\0", "")
