"""The alarms that a topic turns on, the whole way: a recording through the command line, and real git servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.app import App, make_poller, open_app
from bot.cli.root import run_command_line
from bot.ingest.rebuild import rebuild
from bot.views.changes import change_view
from bot.views.path import path_document
from storage.changes import list_changes
from tests.life_documents import source_tables
from tests.life_world import seconds
from tests.servers.trees import Commit, GitServer, Tree, git_server

__all__ = ["git_server"]  # a fixture, used by its name

ERIC = "Eric Biggers <ebiggers@kernel.org>"
TITLE = "crypto: af_alg - Remove zero-copy support from skcipher and aead"
MSGID = "20260504225328.25356-1-ebiggers@kernel.org"
TOPIC = """
slug = "af-alg"
title = "AF_ALG"
since = 2026-04-01
subjects = ["crypto: af_alg*"]
"""
ALARMS = 'alarms = ["stalled", "prerequisite_lost", "early_pickup"]\nstalled_after_days = 14\n'


def configured(folder: Path, *, alarms: str, sources: str = "") -> Path:
    (folder / "topics").mkdir()
    (folder / "topics" / "af-alg.toml").write_text(TOPIC + alarms, encoding="utf-8")
    config = folder / "patchwatch.toml"
    config.write_text(f'[topics]\npaths = ["{folder / "topics"}"]\n{sources}', encoding="utf-8")
    return config


def letter(msgid: str, subject: str, day: str, body: str, answers: str = "") -> bytes:
    lines = [
        f"From: {ERIC}",
        f"Subject: {subject}",
        f"Message-ID: <{msgid}>",
        "List-Id: <linux-crypto.vger.kernel.org>",
    ]
    lines += [f"Date: {datetime.fromisoformat(day).replace(tzinfo=UTC):%a, %d %b %Y %H:%M:%S +0000}"]
    lines += [f"In-Reply-To: <{answers}>"] if answers else []
    return "\n".join([*lines, "", body, ""]).encode()


DIFF = (
    "Why.\n\n---\n crypto/af_alg.c | 2 +-\n\ndiff --git a/crypto/af_alg.c b/crypto/af_alg.c\n"
    "index 1111111..2222222 100644\n"
    "--- a/crypto/af_alg.c\n+++ b/crypto/af_alg.c\n@@ -1,2 +1,2 @@\n context\n-old\n+new\n-- \n2.54"
)


def recording(folder: Path) -> Path:
    """A posting; a fortnight later another mail; a word in its thread; and again silence."""
    place = folder / "recording"
    place.mkdir()
    mails = [
        ("2026-05-04T22:53:28", MSGID, f"[PATCH v3] {TITLE}", DIFF, ""),
        ("2026-05-18T22:00:00", "a@x", "A question", "Hello.", ""),
        ("2026-05-18T23:00:00", "b@x", "A question", "Hello again.", ""),
        ("2026-05-20T08:00:00", "r@x", f"Re: [PATCH v3] {TITLE}", "Ping?", MSGID),
        ("2026-06-02T00:00:00", "c@x", "Another question", "Hello.", ""),
        ("2026-06-03T08:00:01", "d@x", "A third question", "Hello.", ""),
        ("2026-06-04T00:00:00", "e@x", "A fourth question", "Hello.", ""),
    ]
    lines = []
    for number, (day, msgid, subject, body, answers) in enumerate(mails):
        (place / f"{number}.eml").write_bytes(letter(msgid, subject, day, body, answers))
        url = f"https://lore.kernel.org/linux-crypto/{msgid}/raw"
        lines.append(
            json.dumps({"at": f"{day}Z", "source": "lore", "url": url, "status": 200, "file": f"{number}.eml"})
        )
    (place / "recording.jsonl").write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    return place


class Terminal:
    """`patchwatch` with one configuration; what a command printed as JSON."""

    def __init__(self, config: Path, printed: pytest.CaptureFixture[str]) -> None:
        self._start = ["--config", str(config), "--data", str(config.parent / "data")]
        self._printed = printed

    def run(self, *words: str) -> Any:  # Any: a JSON document
        assert run_command_line([*self._start, *words, "--format", "json"]) == 0
        return json.loads(self._printed.readouterr().out)


@pytest.mark.parametrize(("alarms", "told"), [("", []), (ALARMS, ["2026-05-18T23:00:00Z", "2026-06-03T08:00:01Z"])])
def test_a_recording_tells_a_stall_by_its_own_clock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], alarms: str, told: list[str]
) -> None:
    """Once for each silence; nothing the second time; the same path after a rebuild; nothing when it is off."""
    config = configured(tmp_path, alarms=alarms)
    terminal, place = Terminal(config, capsys), recording(tmp_path)
    changes = terminal.run("replay", str(place))["changes"]
    assert [(one["alarm"], one["at"]) for one in changes if one["change"] == "alarm"] == [
        ("stalled", at) for at in told
    ]
    assert terminal.run("replay", str(place))["changes"] == []
    path = terminal.run("path", MSGID)
    assert [one["at"] for one in path["patches"][0]["alarms"]] == told[-1:]
    with open_app(config=config, data=tmp_path / "data") as app:
        assert rebuild(app).changed == ()
    assert terminal.run("path", MSGID) == path


def _at(now: datetime) -> datetime:
    return now


class Clocked:
    """An application over two trees of its own; `poll` is one cycle of both at a day, and the alarms it told."""

    def __init__(self, app: App, trees: dict[str, Tree]) -> None:
        self.app = app
        self.trees = trees

    def poll(self, day: str) -> list[Any]:  # Any: JSON documents
        before = len(self._told())
        for name in self.trees:
            now = datetime.fromisoformat(day).replace(tzinfo=UTC)
            poller = replace(make_poller(self.app), clock=partial(_at, now))
            assert poller.poll(name).error is None
        return [one for one in self._told()[before:] if one["change"] == "alarm"]

    def _told(self) -> list[Any]:  # Any: JSON documents
        with self.app.store.read() as connection:
            return [change_view(one) for one in list_changes(connection, with_quiet=False)]


@pytest.fixture
def followed(git_server: GitServer, tmp_path: Path) -> Iterator[Clocked]:
    """mainline and stable at v7.1, read once on 25 May."""
    trees = {one: git_server.create(f"pub/scm/alarms/{tmp_path.name}/{one}.git") for one in ("mainline", "stable")}
    at = seconds("2026-05-20")
    files: dict[str, str | None] = {"crypto/af_alg.c": "as it was\n", "Makefile": "7.1\n"}
    (released,) = trees["mainline"].commit(Commit(message="Linux 7.1", files=files, at=at))
    trees["mainline"].tag("v7.1", released, at=at)
    trees["stable"].take(trees["mainline"], "refs/heads/master:refs/heads/linux-7.1.y", "refs/tags/v7.1:refs/tags/v7.1")
    sources = source_tables({name: {"url": tree.url} for name, tree in trees.items()})
    with open_app(config=configured(tmp_path, alarms=ALARMS, sources=sources), data=tmp_path / "data") as app:
        clocked = Clocked(app, trees)
        assert clocked.poll("2026-05-25") == []
        yield clocked


def change(title: str, text: str, *, day: str, more: str = "") -> Commit:
    message = f"{title}\n\nWhy.\n\n{more}Signed-off-by: {ERIC}"
    return Commit(message=message, files={"crypto/af_alg.c": f"{text}\n"}, at=seconds(day), author=ERIC)


@pytest.mark.server
def test_a_backport_whose_prerequisite_is_not_in_its_branch(followed: Clocked) -> None:
    """One alarm, a day after the release and once both trees were read again; none for a branch that has both."""
    mainline, stable = followed.trees["mainline"], followed.trees["stable"]
    first, second = "crypto: af_alg - Drop what is slow", "crypto: af_alg - Refuse what is left"
    (dropped,) = mainline.commit(change(first, "b", day="2026-06-16"))
    mainline.tag("v7.2-rc1", dropped, at=seconds("2026-06-28"))
    fixes = f'Fixes: {dropped[:12]} ("{first}")\n'
    (refused,) = mainline.commit(change(second, "c", day="2026-07-01", more=fixes))
    mainline.tag("v7.2-rc2", refused, at=seconds("2026-07-05"))
    assert [one["alarm"] for one in followed.poll("2026-07-06")] == ["fixes_the_fix"]
    picked = change(second, "d", day="2026-07-09", more=f"commit {refused} upstream.\n\n{fixes}")
    (backport,) = stable.commit(picked, ref="refs/heads/linux-7.1.y")
    stable.tag("v7.1.3", backport, at=seconds("2026-07-10"))
    assert followed.poll("2026-07-10T20:00:00") == []
    assert followed.poll("2026-07-12") == []  # what was read well is known when both were
    mainline.commit(Commit(message="crypto: af_alg - Go on", files={"x": "1\n"}, at=seconds("2026-07-12"), author=ERIC))
    (told,) = followed.poll("2026-07-13")
    assert (told["alarm"], told["at"], told["topics"]) == ("prerequisite_lost", "2026-07-13T00:00:00Z", ["af-alg"])
    assert told["text"] == f'Prerequisite lost: "{first}" (Fixes) is in mainline 7.2, not in 7.1.y; needed by {second}'
    mainline.commit(Commit(message="crypto: af_alg - Go on", files={"x": "2\n"}, at=seconds("2026-07-14"), author=ERIC))
    assert followed.poll("2026-07-15") == []
    with followed.app.store.read() as connection:
        document = path_document(connection, backport)
    assert [one["alarm"] for one in (document or {})["patches"][0]["alarms"]] == ["prerequisite_lost"]
