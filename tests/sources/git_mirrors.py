"""A repository on the server, a door with mirrors of this test's own, and the referee for patch ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from sources.git import GitDoor, MirrorUpdate
from sources.http import HttpPolicy
from tests.servers.trees import DAY, Commit, GitServer, Tree, git_server

__all__ = ["git_server"]  # a fixture, used by its name

REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
START = 1_777_000_000  # 2026-04-24T03:06:40Z
MASTER = "refs/heads/master"


@pytest.fixture
def tree(git_server: GitServer, request: pytest.FixtureRequest) -> Tree:
    """A repository with five commits a day apart: crypto/a.c grows, crypto/0.c ... crypto/4.c are added."""
    made = git_server.create(f"pub/scm/linux/kernel/git/t/{abs(hash(request.node.nodeid))}.git")
    made.commit(
        *[
            Commit(
                message=f"crypto: change {number}\n\nBody {number}.",
                files={"crypto/a.c": "line\n" * (number + 1), f"crypto/{number}.c": f"{number}\n"},
                at=START + number * DAY,
            )
            for number in range(5)
        ]
    )
    return made


def ids_of(tree: Tree) -> list[str]:
    return tree.git("rev-list", "--reverse", MASTER).split()


@pytest.fixture
def door(git_server: GitServer, tmp_path: Path) -> GitDoor:
    """A door whose mirrors are this test's own."""
    return make_door(tmp_path, git_server.allowed_hosts)


def make_door(
    folder: Path, hosts: frozenset[str], *, deadline: float = 60, paths: frozenset[str] = frozenset()
) -> GitDoor:
    policy = HttpPolicy(contact="x", version="1", allowed_hosts=hosts, allowed_paths=paths)
    return GitDoor(root=folder / "git", policy=policy, deadline_seconds=deadline)


def update(door: GitDoor, tree: Tree, **changes: object) -> MirrorUpdate:
    settings: dict[str, object] = {"refspecs": REFSPECS, "source": "crypto", **changes}
    return door.mirror("crypto", tree.url, **settings)  # type: ignore[arg-type]  # each test changes one by its name


def patch_id_of(tree: Tree, commit: str) -> str:
    patch = tree.git("format-patch", "-1", "--stdout", commit)
    return tree.git("patch-id", "--stable", stdin=patch + "\n").split()[0]
