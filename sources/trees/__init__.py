"""The kernel's git trees, one source each, and further trees of the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, Fetch, FetchContext, SourceSpec
from sources.trees.parse import parse
from sources.trees.tree import Tree

__all__ = ["SOURCES", "further_tree"]

_BASE: Final = "https://git.kernel.org/pub/scm/linux/kernel/git/"
_MINUTE: Final = 60
_DAY: Final = 86_400
_LICENCE: Final = "GPL-2.0-only, https://www.kernel.org/doc/html/latest/process/license-rules.html"


def _fetch_tree(tree: Tree, context: FetchContext) -> Iterator[Batch]:
    from sources.trees.fetch import fetch_tree

    yield from fetch_tree(tree, context)


def _fetch_queue(tree: Tree, context: FetchContext) -> Iterator[Batch]:
    from sources.trees.queue import fetch_queue

    yield from fetch_queue(tree, context)


def _source(
    tree: Tree, title: str, gives: str, url: str, *, fetch: Fetch | None = None, every: int, stale: int
) -> SourceSpec:
    return SourceSpec(
        name=tree.name,
        title=title,
        gives=gives,
        evidence_class=EvidenceClass.GIT,
        fetch=fetch or partial(_fetch_tree, tree),
        parse=parse,
        settings={"url": url, "branches": ()},
        interval_seconds=every,
        stale_after_seconds=stale,
        canary=Canary.READ_ONCE,
        max_bytes=64 * 1024 * 1024,
        licence=_LICENCE,
        home=f"{url}/log/" if url else "https://git.kernel.org/",
    )


def further_tree(name: str) -> SourceSpec:
    """A git tree of the configuration, `[sources.tree-NAME] url, branches`: its commits, per live branch."""
    tree = Tree(name=name, filter="tree:0", per_branch=True)
    gives = "commits of a further tree, in every branch that moves"
    return _source(tree, f"Tree {name.removeprefix('tree-')}", gives, "", every=15 * _MINUTE, stale=30 * _DAY)


_QUEUE: Final = Tree(name="stable-queue", filter="blob:none")
_ALL: Final = (
    _source(
        Tree(name="cryptodev", filter="blob:none"),
        "cryptodev-2.6",
        "applied: features of the crypto subsystem, before linux-next",
        f"{_BASE}herbert/cryptodev-2.6.git",
        every=5 * _MINUTE,
        stale=30 * _DAY,
    ),
    _source(
        Tree(name="crypto", filter="blob:none"),
        "crypto-2.6",
        "applied: fixes of the crypto subsystem, on their way to mainline",
        f"{_BASE}herbert/crypto-2.6.git",
        every=5 * _MINUTE,
        stale=60 * _DAY,
    ),
    _source(
        Tree(name="linux-next", filter="tree:0", tags="next", rebuilt=True),
        "linux-next",
        "next: the first next-YYYYMMDD that holds a commit",
        f"{_BASE}next/linux-next.git",
        every=30 * _MINUTE,
        stale=14 * _DAY,
    ),
    _source(
        Tree(name="mainline", filter="tree:0", tags="mainline"),
        "Linux mainline",
        "mainline: the first vX.Y or vX.Y-rcN that holds a commit; reverts",
        f"{_BASE}torvalds/linux.git",
        every=5 * _MINUTE,
        stale=7 * _DAY,
    ),
    _source(
        Tree(name="stable", filter="tree:0", tags="stable", branch_prefix="linux-", per_branch=True),
        "Linux stable",
        "stable: backports in each linux-X.Y.y and the first point release that holds them; reverts",
        f"{_BASE}stable/linux.git",
        every=5 * _MINUTE,
        stale=21 * _DAY,
    ),
    _source(
        _QUEUE,
        "Stable queue",
        "stable-queue: patches taken for the next point release of a branch",
        f"{_BASE}stable/stable-queue.git",
        fetch=partial(_fetch_queue, _QUEUE),
        every=10 * _MINUTE,
        stale=21 * _DAY,
    ),
)
SOURCES: Final = {source.name: source for source in _ALL}
