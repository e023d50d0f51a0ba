"""The life of a patch on real servers: git and cgit, a public-inbox, and the documents of the CNA and of Debian."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from advisories.mail import PatchMail
from bot.app import App, open_app
from bot.views.path import path_document
from storage.patches import list_patches
from storage.records import newest_versions
from storage.source_health import save_checkpoint
from storage.tables import records
from tests.life_documents import COPY_FAIL, configuration, life_mails, source_tables, vulns, web_documents
from tests.life_threads import BEGIN, Made, Threads, on_lists, what_is_said
from tests.life_world import Fact, World, applied_on, read_facts, topic_files
from tests.servers.inbox import Lists, serve_lists
from tests.servers.raw_http import answer, raw_server
from tests.servers.trees import DAY, GitServer, git_server
from tests.sources.fetch_contexts import path_server
from tests.sources.http_answers import ANUBIS
from tests.test_whole_way import Bot

__all__ = ["git_server"]  # a fixture, used by its name

pytestmark = pytest.mark.server

CHANGES, TABLES = read_facts()
DEBIAN = ("debian/11", "debian/12", "debian/13")


@dataclass(frozen=True)
class Followed:
    """What was read of the world: `patchwatch poll` ran once over everything."""

    world: World
    bot: Bot

    def path(self, name: str) -> Any:  # Any: a JSON document
        with opened(self.bot) as app, app.store.read() as connection:
            return path_document(connection, name)


def opened(bot: Bot) -> AbstractContextManager[App]:
    return open_app(config=bot.folder / "patchwatch.toml", data=bot.folder / "data")


@pytest.fixture(scope="module")
def followed(git_server: GitServer, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """A first start after all has happened but for one package, which comes later."""
    folder = tmp_path_factory.mktemp("life")
    world, bot = World.create(git_server, "life"), Bot(folder)
    world.happen()
    (folder / "lists").mkdir()
    documents = web_documents(world, shared_data)
    with serve_lists(folder / "lists", ["linux-crypto"]) as served, path_server(documents) as web:
        served.inboxes["linux-crypto"].append(*life_mails(world, shared_data))
        cna = vulns(git_server, world, shared_data, at=int(time.time()) - 3_600)
        topics = topic_files(world, folder / "topics")
        configured = configuration(world, cna, served.base_url, web.url, topics, port=bot.port)
        bot.configure(configured)
        bot.run("poll")
        bot.configure(configured.replace(f"{web.url}/kernel", f"{web.url}/later"))
        with opened(bot) as app, app.store.write() as connection:
            save_checkpoint(connection, "debian", "{}")  # as when the changelogs are due again
        bot.run("poll", "debian")
        yield Followed(world, bot)


def what_path_says(document: Any, fact: Fact) -> Fact:  # Any: a JSON document
    """The row of the table as `path --format json` gives it."""
    (patch,) = document["patches"]
    landings = [one for one in patch["landings"] if one["stage"] != "packaged" or one["tree"] in DEBIAN]
    landings = [one for one in landings if one["package"] in (None, "linux")]

    def found(stage: str, key: str, value: str) -> dict[str, str]:
        return {str(one[key]): str(one[value]) for one in landings if one["stage"] == stage}

    def days(stage: str, key: str) -> dict[str, str]:
        return {name: at[:10] for name, at in found(stage, key, "at").items()}

    (mainline,) = (one for one in landings if one["stage"] == "mainline")
    return {
        "title": patch["subject"],
        "author": patch["author"],
        "revisions": patch["revisions"],
        "posted": days("posted", "ref"),
        "applied": days("applied", "tree"),
        "next": found("next", "tree", "version"),
        "mainline": (mainline["ref"], mainline["version"], mainline["commit"]),
        "stable": found("stable", "branch", "version"),
        "packaged": found("packaged", "tree", "version"),
        "guesses": [one["tree"] for one in landings if one["guess"]],
        "missing": patch["missing"],
    }


def row(fact: Fact, world: World) -> Fact:
    return {
        "title": fact["title"],
        "author": fact["author"],
        "revisions": len(fact["posted"]),
        "posted": fact["posted"],
        "applied": {fact["tree"]: applied_on(fact).isoformat()},
        "next": {"linux-next": f"next-{fact['next']:%Y%m%d}"},
        "mainline": (fact["mainline"], fact["release"], world.ids[fact["commit"]]),
        "stable": fact.get("stable", {}),
        "packaged": {f"debian/{release}": version for release, version in fact.get("packaged", {}).items()},
        "guesses": [f"debian/{release}" for release in fact.get("guessed", ())],
        "missing": fact["missing"],
    }


@pytest.mark.parametrize("fact", CHANGES, ids=lambda fact: str(fact["commit"])[:12])
def test_path_gives_the_row(followed: Followed, fact: Fact) -> None:
    """Every row of the table, asked by Message-ID: an equal document of stages, days, tags and versions."""
    assert what_path_says(followed.path(f"<{fact['message_id']}>"), fact) == row(fact, followed.world)


def test_the_command_tells_the_life_of_a_cve(followed: Followed) -> None:
    """`patchwatch path CVE` is the same document; the fix of an own record joins the patch of the series."""
    fix, aio = (next(one for one in CHANGES if one["commit"].startswith(each)) for each in ("a664bf3d", "fcc77d33"))
    said = json.loads(followed.bot.run("path", COPY_FAIL, "--format", "json"))
    assert what_path_says(said, fix) == row(fix, followed.world)
    assert {one["commit"] for one in said["patches"][0]["landings"] if one["stage"] == "stable"} == {
        followed.world.ids[commit] for commit in fix["backports"].values()
    }
    assert followed.path(aio["cve"]) == followed.path(aio["message_id"])


def test_the_plan_advances_by_its_landings(followed: Followed) -> None:
    """`topics af-alg`: each step's state and release from what landed, none of it from the topic file."""
    plan = json.loads(followed.bot.run("topics", "af-alg", "--format", "json"))["steps"]
    assert [{key: one[key] for key in ("slug", "state", "release")} for one in plan] == TABLES["steps"]
    assert [one["slug"] for one in plan if not one["by_landings"] or one["reverted"]] == []
    assert {one["slug"]: one["estimate"]["release"] for one in plan if one["estimate"]} == {"restrict": "7.3"}
    stable = {
        one["slug"]: sorted(each["version"] for each in one["landings"] if each["stage"] == "stable") for one in plan
    }
    assert stable["zero-copy"] == ["5.10.261", "6.1.178", "6.12.96"]
    assert len(stable["socket-aio"]) == 7


def test_a_change_with_no_cve_arrives_in_debian_and_is_told(followed: Followed) -> None:
    """The removal of zero-copy in Debian 12: one stage, aloud, found by its title; nothing else was news."""
    changes = json.loads(followed.bot.run("changes", "--format", "json"))["changes"]
    told = [one for one in changes if one["source"] != "baseline"]
    assert [(one["change"], one["stage"], one["distro"], one["release"], one["package"]) for one in told] == [
        ("stage_reached", "packaged", "debian", "12", "linux")
    ]
    assert told[0]["text"] == (
        "In Debian 12 as linux 6.1.180-1 on 2026-08-03: "
        "crypto: af_alg - Remove zero-copy support from skcipher and aead"
    )
    assert [one for one in told[0]["aliases"] if one.startswith("CVE-")] == []


ORIGIN_503 = answer(b"busy", "Content-Type: text/plain", "Retry-After: 1", status="503 Service Unavailable")
ORIGIN_ANUBIS = answer(ANUBIS, "Content-Type: text/html")


def test_five_hundred_mails_between_two_polls(tmp_path: Path) -> None:
    """Out of order, some on two lists, the epoch rolls over, an origin is busy, one walled: each is stored once.

    And of every patch the store has its true revisions, stages, reviewers and refused backports.
    """
    threads, bot = Threads(500), Bot(tmp_path)
    threads.grow(535)
    concerning = [one for one in threads.mails if b"Subject: Linux " not in one.raw]  # the rest names no topic
    first, mails = concerning[:20], concerning[20:]
    random.Random(1).shuffle(mails)
    (tmp_path / "lists").mkdir()
    names = ["linux-crypto", "stable"]
    with (
        serve_lists(tmp_path / "lists", names) as served,
        raw_server(ORIGIN_503) as busy,
        raw_server(ORIGIN_ANUBIS) as walled,
    ):
        tables = source_tables({"lore": {"url": [busy.url, walled.url, served.base_url], "lists": names}})
        bot.configure(f'[web]\nlisten = "127.0.0.1:{bot.port}"\n{tables}')
        arrive(served, first, at=BEGIN)
        bot.run("poll", "lore")
        assert stored_mails(bot) == sorted(one.msgid for one in first)
        arrive(served, mails[:200], at=BEGIN + DAY)
        for inbox in served.inboxes.values():
            inbox.roll()
        arrive(served, mails[200:], at=BEGIN + 2 * DAY)
        said, again = bot.run("poll", "lore"), bot.run("poll", "lore")
        with opened(bot) as app, app.store.read() as connection:
            patches = list_patches(connection)
    assert len(mails) >= 500
    assert sum(len(one.lists) == 2 for one in mails) > 20
    assert stored_mails(bot) == sorted(one.msgid for one in concerning)
    assert what_is_said(patches) == threads.truth()
    assert said.split(", ")[0] == f"lore: {sum(len(one.lists) for one in mails)} documents"
    assert again.startswith("lore: 0 documents, 0 changes")


def arrive(served: Lists, mails: Sequence[Made], *, at: int) -> None:
    """Each list gets its copies in the order given, a second apart, whatever the mails say of their date."""
    for name, inbox in served.inboxes.items():
        copies = [one for on, one in on_lists(mails) if on == name]
        inbox.append(*(replace(one, at=at + number) for number, one in enumerate(copies)))


def stored_mails(bot: Bot) -> list[str]:
    """The Message-ID of each record of a mail; its copies of several lists are versions of one record."""
    with opened(bot) as app, app.store.read() as connection:
        keys = connection.execute(select(records.c.key).where(records.c.source == "lore").distinct()).scalars().all()
        newest = newest_versions(connection, "lore", keys).values()
    return sorted(one.msgid for version in newest for one in version.observations if isinstance(one, PatchMail))
