"""What a maintainer's tree has by way of a release of mainline was not applied there."""

from __future__ import annotations

import pytest

from tests.servers.trees import Commit, Tree
from tests.sources.trees.repository import START, Follow, follow, git_server, tree, wanted

__all__ = ["follow", "git_server", "tree"]  # fixtures, used by their names

pytestmark = pytest.mark.server


def grow_by_a_release(tree: Tree) -> tuple[str, str]:
    """The tree goes on from a release that holds a fix of another tree: the fix, and a commit of its own on top."""
    (fix,) = tree.commit(wanted(at=START + 100), ref="refs/heads/of-mainline", parent=tree.tip())
    release = Commit(message="Linux 7.1-rc2\n", files={"Makefile": "7.1-rc2\n"}, at=START + 200)
    (released,) = tree.commit(release, ref="refs/heads/of-mainline")
    tree.merge(released, "Merge tag 'v7.1-rc2'", at=START + 300)
    (own,) = tree.commit(wanted("crypto: algif_aead - Say so", "Words.", at=START + 400))
    return fix, own


def test_a_release_that_is_merged_applies_nothing(tree: Tree, follow: Follow) -> None:
    """Of the merge and what lies behind it only the tree's own commit is told."""
    cryptodev = follow("cryptodev")
    assert cryptodev.commits() == []
    _, own = grow_by_a_release(tree)
    assert cryptodev.commits() == [(own, None)]


def test_the_first_reading_keeps_what_the_tree_may_have_applied(tree: Tree, follow: Follow) -> None:
    """Of a tree known by name everything; of a further tree only what no release holds."""
    fix, own = grow_by_a_release(tree)
    assert follow("cryptodev").commits() == [(fix, None), (own, None)]
    assert follow("tree-further", branches=("master",)).commits() == [(own, None)]
