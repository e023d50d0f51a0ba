"""What turns against a patch, on real git servers: a forced push, a revert, a fix of the fix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app import App, make_poller, open_app
from bot.ingest.poll import PollReport
from bot.views.changes import change_view
from bot.views.path import path_document
from storage.changes import list_changes
from tests.life_documents import source_tables
from tests.life_world import seconds
from tests.servers.trees import Commit, GitServer, Tree, git_server

__all__ = ["git_server"]  # a fixture, used by its name

pytestmark = pytest.mark.server

ERIC = "Eric Biggers <ebiggers@kernel.org>"
DEMI = "Demi Marie Obenour <demiobenour@gmail.com>"
FIRST_PUSH, FORCED_PUSH = seconds("2026-05-29", 5.95), seconds("2026-05-29", 6.1)
HARDENING = (
    ("net: Remove support for AIO on sockets", "net/socket.c"),
    ("crypto: af_alg - Drop support for off-CPU cryptography", "crypto/af_alg.c"),
    ("crypto: af_alg - Document that it is *always* slower", "Documentation/crypto/userspace-if.rst"),
)


@dataclass
class Watched:
    """An application over trees of its own; `poll` is one cycle and the changes that it told."""

    app: App
    trees: dict[str, Tree]

    def poll(self, *names: str) -> list[Any]:  # Any: JSON documents
        before = len(self.told())
        for name in names:
            self.report(name)
        return self.told()[before:]

    def report(self, name: str) -> PollReport:
        report = make_poller(self.app).poll(name)
        assert report.error is None
        return report

    def told(self) -> list[Any]:  # Any: JSON documents
        with self.app.store.read() as connection:
            return [change_view(one) for one in list_changes(connection, with_quiet=False)]

    def path(self, name: str) -> Any:  # Any: a JSON document
        with self.app.store.read() as connection:
            return path_document(connection, name)


@pytest.fixture
def watched(git_server: GitServer, tmp_path: Path) -> Iterator[Watched]:
    """Three trees at v7.1, each read once."""
    names = ("mainline", "cryptodev", "stable")
    trees = {one: git_server.create(f"pub/scm/turns/{tmp_path.name}/{one}.git") for one in names}
    mainline = trees["mainline"]
    files: dict[str, str | None] = {file: "as it was\n" for _, file in HARDENING}
    _, released = mainline.commit(
        Commit(message="Before", files=files, at=seconds("2025-12-02")),
        Commit(message="Linux 7.1", files={"Makefile": "7.1\n"}, at=seconds("2026-05-20")),
    )
    mainline.tag("v7.1", released, at=seconds("2026-05-20"))
    trees["cryptodev"].take(mainline, "refs/heads/master:refs/heads/master")
    trees["stable"].take(mainline, "refs/heads/master:refs/heads/linux-7.1.y", "refs/tags/v7.1:refs/tags/v7.1")
    settings = source_tables({name: {"url": tree.url} for name, tree in trees.items()})
    config = tmp_path / "patchwatch.toml"
    config.write_text(settings, encoding="utf-8")
    with open_app(config=config, data=tmp_path / "data") as app:
        followed = Watched(app, trees)
        assert followed.poll(*names) == []
        yield followed


def harden(tree: Tree, *, at: int, parent: str | None = None) -> list[str]:
    commits = [
        Commit(
            message=f"{title}\n\nWhy.\n\nSigned-off-by: {DEMI}",
            files={file: f"{title}\n"},
            at=at,
            written=seconds("2026-05-23"),
            author=DEMI,
        )
        for title, file in HARDENING
    ]
    return tree.commit(*commits, parent=parent)


def alarms(told: list[Any]) -> list[tuple[str, str]]:  # Any: JSON documents
    return [(one["alarm"], one["tree"]) for one in told if one["change"] == "alarm"]


def test_a_forced_push_of_the_same_changes_is_no_news(watched: Watched) -> None:
    """No message, the landing keeps its day and takes the new id, the old one still finds it."""
    tree = watched.trees["cryptodev"]
    base = tree.tip()
    before = harden(tree, at=FIRST_PUSH)
    told = watched.poll("cryptodev")
    assert [(one["change"], one["stage"]) for one in told if one["stage"]] == [("stage_reached", "applied")] * 3
    other = Commit(message="crypto: qat - fix a leak", files={"drivers/qat.c": "x\n"}, at=FORCED_PUSH)
    (base,) = tree.commit(other, parent=base)
    after = harden(tree, at=FORCED_PUSH, parent=base)
    count = len(watched.told())
    report = watched.report("cryptodev")
    assert report.notes == ["history of cryptodev was rewritten"]
    assert len(watched.told()) == count
    for old, new in zip(before, after, strict=True):
        assert watched.path(old) == watched.path(new)
        (landing,) = watched.path(new)["patches"][0]["landings"]
        assert (landing["stage"], landing["commit"], landing["at"]) == ("applied", new, "2026-05-29T05:57:00Z")


def test_a_revert_is_one_alarm_however_many_trees_take_it(watched: Watched) -> None:
    """In mainline, then its backport; a Fixes: that names the patch is one alarm of its own."""
    mainline, stable = watched.trees["mainline"], watched.trees["stable"]
    ids = harden(mainline, at=seconds("2026-06-16"))
    watched.poll("mainline")
    title, file = HARDENING[0]
    words = f'Revert "{title}"\n\nThis reverts commit {ids[0]}.\n\nIt broke a program.\n\nSigned-off-by: {ERIC}'
    (revert,) = mainline.commit(Commit(message=words, files={file: "as it was\n"}, at=seconds("2026-07-01")))
    assert alarms(watched.poll("mainline")) == [("reverted", "mainline")]
    backport = words.replace("\n\n", f"\n\ncommit {revert} upstream.\n\n", 1)
    picked = Commit(message=backport, files={file: "again\n"}, at=seconds("2026-07-09"))
    stable.commit(picked, ref="refs/heads/linux-7.1.y")
    assert alarms(watched.poll("stable")) == []
    trailer = f'Fixes: {ids[1][:12]} ("{HARDENING[1][0]}")'
    fixing = f"crypto: af_alg - Refuse what is left\n\nWhy.\n\n{trailer}\nSigned-off-by: {ERIC}"
    mainline.commit(Commit(message=fixing, files={"crypto/af_alg.c": "b\n"}, at=seconds("2026-07-10")))
    assert alarms(watched.poll("mainline", "mainline")) == [("fixes_the_fix", "mainline")]
    reverted = watched.path(ids[0])["patches"][0]
    assert [(one["stage"], one["tree"]) for one in reverted["landings"]] == [
        ("mainline", "mainline"), ("reverted", "mainline"), ("reverted", "stable"),
    ]  # fmt: skip
    assert [one["alarm"] for one in watched.path(ids[1])["patches"][0]["alarms"]] == ["fixes_the_fix"]
