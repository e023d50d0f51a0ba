"""The kernel's trees as small repositories on a real server, made day by day from the tables of facts.

Subjects, authors, dates, tags and which tree took what are the real ones; ids are what git makes of them. `World.ids`
maps the real ids to those, and `World.translated` writes a document, which is read in place, in ours.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.servers.trees import Commit, GitServer, Tree

Fact = dict[str, Any]  # Any: a table of the files of facts
MASTER = "refs/heads/master"
AREAS = ("crypto", "cryptodev")


def read_facts() -> tuple[list[Fact], Fact]:
    """The changes with everything known of each, and the tables about the trees."""
    here = ROOT / "tests"
    changes = tomllib.loads((here / "bot" / "path_facts.toml").read_text(encoding="utf-8"))["changes"]
    trees = tomllib.loads((here / "life_facts.toml").read_text(encoding="utf-8"))
    joined: list[Fact] = [{**one, **trees["changes"][one["commit"][:12]]} for one in changes]
    return joined, trees


def seconds(day: date | str, hour: float = 12) -> int:
    on = date.fromisoformat(day) if isinstance(day, str) else day
    return int((datetime.combine(on, time(), UTC) + timedelta(hours=hour)).timestamp())


@dataclass
class World:
    """Six trees, growing by `happen`; `taken` are the commits of the changes by their real ids."""

    trees: dict[str, Tree]
    changes: list[Fact]
    facts: Fact
    ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, server: GitServer, name: str) -> World:
        changes, facts = read_facts()
        names = ("mainline", "crypto", "cryptodev", "linux-next", "stable")
        return cls({one: server.create(f"pub/scm/{name}/{one}.git") for one in names}, changes, facts)

    def translated(self, text: bytes) -> bytes:
        for real, ours in self.ids.items():
            text = text.replace(real.encode(), ours.encode())
        return text

    def happen(self) -> None:
        """Everything in the tables, in order of time."""
        for _, _, what, about in sorted(self._events(), key=lambda one: one[:3]):
            getattr(self, f"_{what}")(about)

    def _events(self) -> Iterator[tuple[int, int, str, Any]]:  # Any: what it is about, by its kind
        for number, (tag, day) in enumerate(self.facts["releases"].items()):
            yield seconds(day, 22), number, "release", tag
        for number, one in enumerate(self.changes):
            yield seconds(applied_on(one), 5), number, "apply", one
        for pull, day in self.facts["pulls"].items():
            yield seconds(day, 16), 0, "pull", pull
        for day in sorted({one["next"] for one in self.changes}):
            yield seconds(day, 18), 0, "next", day
        for number, (version, day) in enumerate(self.facts["stable"].items()):
            yield seconds(day, 12), number, "stable", version

    def _release(self, tag: str) -> None:
        at = seconds(self.facts["releases"][tag], 22)
        mainline = self.trees["mainline"]
        version = Commit(message=f"Linux {tag[1:]}", files={"Makefile": f"{tag}\n"}, at=at)
        (made,) = mainline.commit(version)
        mainline.tag(tag, made, at=at)
        for area in AREAS:
            # a maintainer's tree goes on from a release that has all of it
            tree = self.trees[area]
            tree.take(mainline, f"{MASTER}:refs/base")
            tip = tree.tip()
            if tip is None or tree.git("merge-base", tip, "refs/base") == tip:
                tree.git("update-ref", MASTER, made)

    def _apply(self, change: Fact) -> None:
        message: str = change.get("applied_as") or change["title"]
        (made,) = self.trees[change["tree"]].commit(self._commit(change, message, applied_on(change), hour=5))
        self.ids[change["commit"]] = made

    def _commit(self, change: Fact, message: str, day: date, hour: float, body: str = "What, and why.") -> Commit:
        trailers = [one for one in (change.get("trailer"),) if one]
        who = f"{change['author']} <{change['email']}>"
        return Commit(
            message="\n".join([message, "", body, "", *trailers, f"Signed-off-by: {who}"]),
            files={path: f"{path} after {message}\n" for path in change["files"]},
            at=seconds(day, hour),
            written=seconds(max(change["posted"].values()), 1),
            author=who,
        )

    def _pull(self, pull: str) -> None:
        area, tag = pull.split()
        at = seconds(self.facts["pulls"][pull], 16)
        mainline, tree = self.trees["mainline"], self.trees[area]
        tree.tag(tag, tree.tip() or "", at=at)
        mainline.take(tree, f"{MASTER}:refs/pulled/{tag}")
        mainline.merge(f"refs/pulled/{tag}", f"Merge tag '{tag}' of {area}", at=at)

    def _next(self, day: date) -> None:
        tree, tag = self.trees["linux-next"], f"next-{day:%Y%m%d}"
        tree.take(self.trees["mainline"], f"{MASTER}:{MASTER}")
        for area in AREAS:
            tree.take(self.trees[area], f"{MASTER}:refs/parts/{area}")
            tree.merge(f"refs/parts/{area}", f"Merge branch 'master' of {area}", at=seconds(day, 17))
        added = Commit(message=f"Add linux-next for {day}", files={"Next": f"{tag}\n"}, at=seconds(day, 18))
        (made,) = tree.commit(added)
        tree.tag(tag, made, at=seconds(day, 18))

    def _stable(self, version: str) -> None:
        branch = version.rpartition(".")[0]
        day = self.facts["stable"][version]
        tree, ref = self.trees["stable"], f"refs/heads/linux-{branch}.y"
        if tree.tip(ref) is None:
            tree.take(self.trees["mainline"], f"refs/tags/v{branch}:refs/tags/v{branch}")
            tree.git("update-ref", ref, tree.git("rev-parse", f"v{branch}^{{commit}}"))
        for change in self.changes:
            if change.get("stable", {}).get(branch) == version:
                upstream = f"commit {self.ids[change['commit']]} upstream."
                title: str = change.get("applied_as") or change["title"]
                (made,) = tree.commit(self._commit(change, title, day, 8, upstream), ref=ref)
                if real := change.get("backports", {}).get(branch):
                    self.ids[real] = made
        released = Commit(message=f"Linux {version}", files={"Makefile": f"{version}\n"}, at=seconds(day, 12))
        (tip,) = tree.commit(released, ref=ref)
        tree.tag(f"v{version}", tip, at=seconds(day, 12))


def applied_on(change: Fact) -> date:
    day = change["applied"]
    return date.fromisoformat(day) if isinstance(day, str) else day


def topic_files(world: World, folder: Path) -> Path:
    """The built-in topics, with the commits that they name as our trees have them."""
    folder.mkdir()
    for path in (ROOT / "bot" / "topics").glob("*.toml"):
        (folder / path.name).write_bytes(world.translated(path.read_bytes()))
    return folder
