"""The operator's commands: destinations, subscribe, unsubscribe, why, preview, by the command line itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.cli.root import run_command_line
from bot.delivery.outbox import enqueue_changes
from storage.changes import add_changes
from storage.store import open_store
from tests.advisories.test_filters import DRAFT, NOW


def run(data: Path, *words: str) -> int:
    return run_command_line(["--data", str(data), *words])


def test_from_subscribing_to_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A destination is added, listed, told something, asked why, and taken back."""
    assert run(tmp_path, "destinations") == 0
    assert capsys.readouterr().out == "Nobody has subscribed yet.\n"
    assert run(tmp_path, "subscribe", "telegram:-1001/42", "debian/12", "copy-fail", "text:zero copy") == 0
    assert capsys.readouterr().out == 'telegram:-1001/42: subscription 1, copy-fail debian/12 text:"zero copy"\n'
    assert run(tmp_path, "subscribe", "webhook:ops", "copy-fail") == 0
    capsys.readouterr()
    assert run(tmp_path, "destinations", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["destinations"] == [
        {
            "destination": "telegram:-1001/42",
            "state": "active",
            "reason": None,
            "subscriptions": [{"n": 1, "filter": 'copy-fail debian/12 text:"zero copy"'}],
        },
        {
            "destination": "webhook:ops",
            "state": "active",
            "reason": None,
            "subscriptions": [{"n": 2, "filter": "copy-fail"}],
        },
    ]
    store = open_store(None, tmp_path)
    with store.write() as connection:
        assert enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW) == 1
    store.close()
    assert run(tmp_path, "why", "1") == 0
    assert capsys.readouterr().out == "1: a notice\n  pending; not about a change\n"
    assert run(tmp_path, "why", "2", "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["filter"], told["state"], told["change"]["release"]) == ("copy-fail", "pending", "12")
    assert run(tmp_path, "unsubscribe", "2") == 0
    assert run(tmp_path, "destinations") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "webhook:ops        active  -  -"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("subscribe", "telegram:x", "copy-fail"), "patchwatch: telegram:x: a destination is telegram:<id>"),
        (("subscribe", "telegram:7", "copy-fial"), "did you mean copy-fail?"),
        (("unsubscribe", "9"), "patchwatch: no subscription 9; see: patchwatch destinations"),
        (("why", "9"), "patchwatch: no delivery 9"),
        (("preview", "change:x"), "patchwatch: change:x is unknown"),
    ],
)
def test_wrong_words_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    """What cannot be done says why on stderr, and nothing on stdout."""
    assert run(tmp_path, *words) == 2
    told = capsys.readouterr()
    assert says in told.err
    assert told.out == ""
