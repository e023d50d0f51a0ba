"""The revisions of a patch compared, on request: in the document, the terminal and the board."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from bot.app import App
from bot.cli.path import print_patch
from bot.ingest.parsing import Parsed
from bot.views.path import path_document
from sources.base import RawDocument
from sources.lore.parse import parse
from tests.advisories.lives import TITLE, TOPIC, at, commit
from tests.bot.stores import application, take
from tests.bot.test_paths import comes
from tests.bot.web.asking import asker

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e{{ 7 * 7 }} @room"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with application(tmp_path, topics=[TOPIC]) as opened:
        yield opened


def letter(version: int, change: str, why: str = "Why.") -> bytes:
    msgid, before = f"v{version}@x", f"v{version - 1}@x"
    lines = [
        "From: Eric Biggers <ebiggers@kernel.org>", f"Subject: [PATCH v{version}] {TITLE}", f"Message-ID: <{msgid}>",
        "List-Id: <linux-crypto.vger.kernel.org>", f"Date: Mon, 0{version} Jun 2026 10:00:00 +0000",
        *([f"In-Reply-To: <{before}>"] if version > 1 else []), "Content-Type: text/plain; charset=utf-8", "", why, "",
        "Signed-off-by: Eric Biggers <ebiggers@kernel.org>", "---", "",
        "diff --git a/crypto/af_alg.c b/crypto/af_alg.c", "index 1111111..2222222 100644",
        "--- a/crypto/af_alg.c", "+++ b/crypto/af_alg.c", "@@ -1,2 +1,2 @@ check",
        " \tcontext", "-\told();", f"+\t{change}", "-- ", "2.54", "",
    ]  # fmt: skip
    return "\n".join(lines).encode()


def arrive(app: App, body: bytes, name: str, hours: float) -> None:
    raw = RawDocument(source="lore", url=f"https://lore.kernel.org/linux-crypto/{name}", at=at(hours), body=body)
    take(app, Parsed(raw=raw, document=parse(raw)))


def document(app: App, *, compared: bool = True) -> Any:  # Any: a JSON document
    with app.store.read() as connection:
        found = path_document(connection, "v1@x", compared_by=app.store.blobs if compared else None)
    assert found is not None
    return found["patches"][0]


def three(app: App) -> None:
    arrive(app, letter(1, "new();"), "v1@x/raw", 700)
    arrive(app, letter(2, "newer();", why="Why not."), "v2@x/raw", 724)
    arrive(app, letter(3, "newer();", why="Why not."), "v3@x/raw", 748)


def test_each_revision_with_the_one_before(app: App) -> None:
    """Off by default; a revision that changes nothing says so."""
    three(app)
    assert "range_diff" not in document(app, compared=False)
    first, second = document(app)["range_diff"]
    assert (first["old"], first["new"], first["same"], first["subject"]) == ("v1", "v2", False, None)
    assert first["message"]["lines"][:2] == ["-Why.", "+Why not."]
    (file,) = first["files"]
    assert (file["path"], file["what"], file["hunks"], file["removed"], file["added"]) == (
        "crypto/af_alg.c", "changed", 1, 1, 1,
    )  # fmt: skip
    assert file["lines"] == [" -\told();", "-+\tnew();", "++\tnewer();"]
    assert second == {
        "old": "v2", "new": "v3", "known": True, "same": True, "subject": None, "message": None, "files": [],
        "more_files": 0, "cut": False,
    }  # fmt: skip


def test_a_mail_out_of_an_mbox(app: App) -> None:
    """Several in one document: each is found by its id."""
    both = b"".join(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + letter(one, f"new{one}();") + b"\n" for one in (1, 2))
    arrive(app, both, "t.mbox.gz", 700)
    (found,) = document(app)["range_diff"]
    assert found["files"][0]["lines"][-2:] == ["-+\tnew1();", "++\tnew2();"]


def test_a_mail_that_is_not_kept_is_said(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    three(app)
    for one in app.store.blobs.folder.rglob("*.z"):
        one.unlink()
    assert document(app)["range_diff"][0] == {"old": "v1", "new": "v2", "known": False}
    print_patch(document(app))
    assert "v1 -> v2: not compared, a mail of it is not kept" in capsys.readouterr().out


def test_in_the_terminal(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """Only when asked for; what a mail holds is shown and never obeyed."""
    three(app)
    print_patch(document(app, compared=False))
    assert "v1 -> v2" not in capsys.readouterr().out
    arrive(app, letter(4, HOSTILE), "v4@x/raw", 772)
    print_patch(document(app))
    printed = capsys.readouterr().out
    assert "v2 -> v3: the same patch" in printed
    assert "  crypto/af_alg.c: changed, 1 hunk, -1 +1 lines\n     -      old();\n" in printed
    assert "<script>alert(1)</script>" in printed
    assert not {"\x1b", "\u202e"} & set(printed)


def test_one_revision_is_said(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks gets an answer."""
    arrive(app, letter(1, "new();"), "v1@x/raw", 700)
    print_patch(document(app))
    assert "one revision: nothing to compare" in capsys.readouterr().out
    print_patch(document(app, compared=False))
    assert "nothing to compare" not in capsys.readouterr().out


def test_on_the_board_behind_a_fold(app: App) -> None:
    """The fold asks first; asked, it shows the lines as text."""
    three(app)
    comes(app, commit(1, hours=800, tag="v7.2-rc1", tag_hours=810), hours=811)
    arrive(app, letter(4, HOSTILE), "v4@x/raw", 812)
    ask = asker(app)
    closed = BeautifulSoup(ask("/advisories/PW-2026-1").text, "lxml").select_one("details.revisions")
    assert closed is not None
    assert (closed.has_attr("open"), [one["href"] for one in closed.select("a")]) == (False, ["?range_diff=1#path"])
    answer = ask("/advisories/PW-2026-1?range_diff=1")
    opened = BeautifulSoup(answer.text, "lxml").select_one("details.revisions")
    assert opened is not None
    assert opened.has_attr("open")
    assert [one.text for one in opened.select("h4")] == ["v1 → v2", "v2 → v3", "v3 → v4"]
    assert "-+\tnew();\n++\tnewer();" in opened.select("pre")[1].text
    assert "<script>alert(1)</script>" in opened.text
    assert not opened.select("script")
    assert not {"\x1b", "\u202e"} & set(answer.text)
    assert ask("/advisories/PW-2026-1?range_diff=yes").status_code == 400
