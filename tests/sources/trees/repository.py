"""A repository on a real git and cgit server, and sources that follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sources.base import Watch
from tests.servers.trees import DAY, Commit, GitServer, Tree, git_server
from tests.sources.trees.following import Following, watching

__all__ = ["git_server"]  # a fixture, used by its name

START = 1_777_000_000  # 2026-04-24T03:06:40Z
LONG_AGO = 1_700_000_000
Follow = Callable[..., Following]
FIX = "crypto: algif_aead - Revert to operating out-of-place"


@pytest.fixture
def tree(git_server: GitServer, request: pytest.FixtureRequest) -> Tree:
    """A repository with three old commits and three young ones that no topic wants."""
    made = git_server.create(f"pub/scm/linux/kernel/git/f/{abs(hash(request.node.nodeid))}.git")
    made.commit(*[plain(number, at=LONG_AGO + number * DAY) for number in range(3)])
    made.commit(*[plain(number, at=START + number * 60) for number in range(3, 6)])
    return made


@pytest.fixture
def follow(git_server: GitServer, tree: Tree, tmp_path: Path) -> Iterator[Follow]:
    """Follows the repository as the source of that name."""
    made: list[Following] = []

    def start(name: str, *, watch: Watch | None = None, **settings: str | tuple[str, ...]) -> Following:
        one = Following(
            name=name,
            settings={"url": tree.url, **settings},
            folder=tmp_path,
            hosts=git_server.allowed_hosts,
            watch=watch or watching(),
        )
        made.append(one)
        return one

    yield start
    for one in made:
        one.close()


def plain(number: int, at: int = START) -> Commit:
    return Commit(message=f"net: change {number}\n\nNothing to see.", files={f"net/{number}.c": f"{number}\n"}, at=at)


def wanted(
    subject: str = FIX, body: str = "It operates in place.", *, file: str = "crypto/algif_aead.c", at: int = START
) -> Commit:
    text = f"{subject}\n\n{body}\n\nSigned-off-by: Ada Author <ada@example.org>"
    return Commit(message=text, files={file: f"{subject} {body} {at}\n"}, at=at)


def requests(following: Following) -> int:
    return sum(one.requests for one in following.http.traffic()) if following.http is not None else 0


def refs_of(following: Following) -> dict[str, str]:
    return following.context().git.refs(following.folder / "git" / following.name)
