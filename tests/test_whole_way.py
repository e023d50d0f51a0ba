"""The main job, end to end on real servers: a pushed commit and a mail arrive at a chat and in the feed, once each.

cgit and git over HTTP, a public-inbox seeded with real mails, the bot as its own process, and a Bot API on loopback.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from sources.registry import source_names
from tests.conftest import ROOT
from tests.servers.fake_telegram import TOKEN, FakeTelegram, fake_telegram
from tests.servers.inbox import Lists, Received, lists
from tests.servers.trees import Commit, GitServer, Tree, free_port, git_server

__all__ = ["git_server", "lists"]

pytestmark = pytest.mark.server

READY_SECONDS = 60.0
NOW = int(time.time())
SUBJECT = "crypto: af_alg - count the pages of a request once"
MAIL = f"""\
From: Ada Author <ada@example.org>
To: whole-way@vger.kernel.org
Subject: [PATCH] crypto: algif_hash - say what a request may hold
Message-ID: <one-{NOW}@example.org>
Date: {time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(NOW))}
List-Id: <whole-way.vger.kernel.org>

A request holds at most one page; say so where it is read.

Signed-off-by: Ada Author <ada@example.org>
---
 crypto/algif_hash.c | 1 +
 1 file changed, 1 insertion(+)

diff --git a/crypto/algif_hash.c b/crypto/algif_hash.c
index 1111111..2222222 100644
--- a/crypto/algif_hash.c
+++ b/crypto/algif_hash.c
@@ -1,2 +1,3 @@
 int one;
+int two;
 int three;
"""


def wait_until(holds: Callable[[], bool], what: str, alive: Callable[[], bool] = lambda: True) -> None:
    until = time.monotonic() + READY_SECONDS
    while not holds():
        if not alive() or time.monotonic() > until:
            pytest.fail(f"{what} did not come about")
        time.sleep(0.1)


@dataclass
class Bot:
    """`patchwatch` with its configuration and data in a folder of its own."""

    folder: Path
    port: int = field(default_factory=free_port)

    def configure(self, text: str) -> None:
        (self.folder / "patchwatch.toml").write_text(text, encoding="utf-8")

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [*self._command(), *words], env=self._environment(), cwd=self.folder, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 3), done.stderr
        return done.stdout

    @contextmanager
    def running(self, role: str = "all") -> Iterator[subprocess.Popen[bytes]]:
        """The service; killed at the end when a test has not ended it."""
        with (self.folder / f"{role}.log").open("ab") as log:
            process = subprocess.Popen(
                [*self._command(), "-v", "run", "--role", role],
                env=self._environment(),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=30)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.load(answer)

    def answers(self) -> bool:
        try:
            self.get("/api/v1/sources")
        except OSError:
            return False
        return True

    def good(self, *names: str) -> bool:
        if not self.answers():
            return False
        return {one["name"] for one in self.get("/api/v1/sources")["sources"] if one["state"] == "good"} >= set(names)

    def cycles(self, *names: str) -> dict[str, str]:
        return {one["name"]: one["last_good"] for one in self.get("/api/v1/sources")["sources"] if one["name"] in names}

    def _command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "bot",
            "--config",
            str(self.folder / "patchwatch.toml"),
            "--data",
            str(self.folder / "data"),
        ]

    def _environment(self) -> dict[str, str]:
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("PATCHWATCH_")},
            "PYTHONPATH": str(ROOT),
            "PATCHWATCH_TELEGRAM_TOKEN": TOKEN,
        }


def configuration(bot: Bot, tree: Tree, inboxes: Lists, telegram: FakeTelegram) -> str:
    off = "\n".join(
        f"[sources.{name}]\nenabled = false" for name in source_names() if name not in ("cryptodev", "lore")
    )
    return f"""
[web]
listen = "127.0.0.1:{bot.port}"
[telegram]
api_base = "{telegram.url}"
[sources.cryptodev]
url = "{tree.url}"
interval = 1
[sources.lore]
url = "{inboxes.base_url}"
lists = ["whole-way"]
interval = 1
{off}
"""


def seed(folder: Path) -> list[Received]:
    """The real mails, in order of time."""
    found = []
    for path in sorted((folder / "lore" / "linux-crypto").glob("*.eml")):
        raw = path.read_bytes()
        sent = message_from_bytes(raw)["Date"]
        found.append(Received(raw=raw, at=int(parsedate_to_datetime(str(sent)).timestamp())))
    return sorted(found, key=lambda one: one.at)


@pytest.fixture(scope="module")
def inbox_with_mails(lists: Lists, shared_data: Path) -> Lists:
    lists.inboxes["whole-way"].append(*seed(shared_data))
    return lists


def first_commit(server: GitServer, name: str) -> Tree:
    tree = server.create(f"pub/scm/linux/kernel/git/herbert/{name}.git")
    tree.commit(Commit(message="Linux 7.2", files={"crypto/af_alg.c": "int pages;\n"}, at=NOW - 86_400))
    return tree


def push(tree: Tree, subject: str = SUBJECT) -> None:
    message = f"{subject}\n\nA request was counted twice.\n\nSigned-off-by: Ada Author <ada@example.org>"
    tree.commit(Commit(message=message, files={"crypto/af_alg.c": f"int pages = 1; /* {subject} */\n"}, at=NOW))


def told(telegram: FakeTelegram, words: str) -> int:
    """How often the chat was told: messages and edits of a card are each one telling of new words."""
    return sum(words in one.text for one in telegram.messages)


def feed_titles(bot: Bot) -> list[str]:
    return [one["title"] for one in bot.get("/feeds/af-alg.json")["items"]]


def test_a_commit_and_a_mail_arrive_once_each(git_server: GitServer, inbox_with_mails: Lists, tmp_path: Path) -> None:
    """From the push and the list to the chat and the feed; what was there before the first fetch is no news."""
    tree, bot = first_commit(git_server, "cryptodev-2.6"), Bot(tmp_path)
    with fake_telegram() as telegram:
        bot.configure(configuration(bot, tree, inbox_with_mails, telegram))
        bot.run("subscribe", "telegram:7", "af-alg")
        with bot.running() as process:
            wait_until(lambda: bot.good("cryptodev", "lore"), "a first good fetch", lambda: process.poll() is None)
            assert told(telegram, "Applied") == 0
            before = len(feed_titles(bot))
            push(tree)
            inbox_with_mails.inboxes["whole-way"].append(Received(raw=MAIL.encode(), at=NOW))
            wait_until(lambda: told(telegram, SUBJECT) > 0, "the commit in the chat")
            wait_until(lambda: any("algif_hash" in one for one in feed_titles(bot)), "the mail in the feed")
            seen = bot.cycles("cryptodev", "lore")
            wait_until(lambda: all(new > seen[name] for name, new in bot.cycles(*seen).items()), "a further cycle")
            titles = feed_titles(bot)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
    assert told(telegram, SUBJECT) == 1
    assert sum(SUBJECT in one for one in titles) == 1
    assert sum("algif_hash - say what a request may hold" in one for one in titles) == 1
    assert len(titles) == before + 2  # nothing else is news


def test_killed_between_store_and_send_it_loses_nothing(
    git_server: GitServer, inbox_with_mails: Lists, tmp_path: Path
) -> None:
    """kill -9 after the change was stored and before anything was sent: the next start sends it, once."""
    tree, bot = first_commit(git_server, "cryptodev-killed"), Bot(tmp_path)
    with fake_telegram() as telegram:
        bot.configure(configuration(bot, tree, inbox_with_mails, telegram))
        bot.run("poll", "cryptodev")
        bot.run("subscribe", "telegram:7", "af-alg")
        push(tree)
        with bot.running("poll") as process:
            wait_until(lambda: SUBJECT in bot.run("changes"), "the stored change", lambda: process.poll() is None)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=30)
        assert told(telegram, SUBJECT) == 0
        with bot.running("deliver") as process:
            wait_until(lambda: told(telegram, SUBJECT) > 0, "the message", lambda: process.poll() is None)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
    assert told(telegram, SUBJECT) == 1


def test_a_second_one_on_the_same_folder_ends_at_once(tmp_path: Path) -> None:
    """Exit status 7 and one line (TRUST S31)."""
    bot = Bot(tmp_path)
    off = "\n".join(f"[sources.{name}]\nenabled = false" for name in source_names())
    (tmp_path / "patchwatch.toml").write_text(f'[web]\nlisten = "127.0.0.1:{bot.port}"\n{off}', encoding="utf-8")
    with bot.running() as process:
        wait_until(bot.answers, "the board", lambda: process.poll() is None)
        with bot.running() as second:
            assert second.wait(timeout=60) == 7
    assert "is already running on" in (tmp_path / "all.log").read_text(encoding="utf-8")
