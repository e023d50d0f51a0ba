"""Export and import of all subscriptions by the command line: what one store exports, another has."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.root import run_command_line
from bot.delivery.subscriber_file import SubscriberFileError, read_file
from storage import delivery, identity
from storage import delivery_settings as wishes
from storage.delivery_tables import deliveries
from storage.migrate import upgrade
from storage.store import open_store
from tests.advisories.test_filters import NOW

SETTINGS = {"digest": "daily", "zone": "Europe/Berlin", "urgent": True, "quiet_from": 1320, "quiet_to": 420}
FILE = {
    "destinations": [
        {
            "destination": "telegram:-1001/42",
            "subscriptions": ["copy-fail debian/12", 'copy-fail text:"zero copy"'],
            "settings": SETTINGS,
            "mutes": [["CVE-2026-31431", "2026-05-08T00:00:00Z"]],
            "disabled": "",
        },
        {
            "destination": "mail:ada@example.org",
            "subscriptions": ["af-alg"],
            "settings": {"digest": "weekly", "zone": "UTC", "urgent": False, "quiet_from": 0, "quiet_to": 0},
            "mutes": [],
            "disabled": "",
        },
        {
            "destination": "matrix:!room:example.org",
            "subscriptions": [],
            "settings": None,
            "mutes": [],
            "disabled": "the bot was removed (kick)",
        },
    ],
    "patchwatch": 1,
}


def run(data: Path, *words: str) -> int:
    return run_command_line(["--data", str(data), *words])


def numbered_store(data: Path, earlier: int) -> None:
    """A store in which the advisory of the mute has the number after so many earlier ones."""
    store = open_store(None, data)
    upgrade(store)
    with store.write() as connection:
        for number in range(earlier):
            identity.open_advisory(
                connection, aliases=[f"CVE-2026-{1000 + number}"], kind="vulnerability", year=2026, at=NOW
            )
        identity.open_advisory(connection, aliases=["CVE-2026-31431"], kind="vulnerability", year=2026, at=NOW)
    store.close()


def test_what_is_exported_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From file to store to file to another store: the same file; mutes follow their CVE, whatever its number here."""
    first, second = tmp_path / "first", tmp_path / "second"
    numbered_store(first, 0)
    numbered_store(second, 5)
    given_file, moved = tmp_path / "given.json", tmp_path / "moved.json"
    given_file.write_text(json.dumps(FILE), encoding="utf-8")
    assert run(first, "destinations", "--import", str(given_file)) == 0
    assert capsys.readouterr().out == "taken in: 3 destinations, 3 subscriptions; nothing was sent\n"
    assert run(first, "destinations", "--export", str(moved)) == 0
    assert json.loads(moved.read_text(encoding="utf-8")) == FILE
    assert stat.S_IMODE(moved.stat().st_mode) == 0o600
    assert run(second, "destinations", "--import", str(moved)) == 0
    assert run(second, "destinations", "--import", str(moved)) == 0
    capsys.readouterr()
    assert run(second, "destinations", "--export", "-") == 0
    assert json.loads(capsys.readouterr().out) == FILE
    store = open_store(None, second)
    with store.read() as connection:
        assert wishes.muted_pairs(connection, now=NOW) == {(1, "PW-2026-6")}
        assert connection.execute(deliveries.select()).all() == []
        assert wishes.load_destination(connection, 3).state == "disabled"
    store.close()


def changed(**values: object) -> dict[str, object]:
    return {"destinations": [FILE["destinations"][1], {**FILE["destinations"][0], **values}]}  # type: ignore[index]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "this is no file of `patchwatch destinations --export`"),
        ("[1]", "this is no file of `patchwatch destinations --export`"),
        ("[" * 100_000, "this is no file of `patchwatch destinations --export`"),
        (changed(extra=1), "this is no file of `patchwatch destinations --export`"),
        (changed(destination="telegram:x"), "telegram:x: a destination is telegram:<id>"),
        (changed(subscriptions=["copy-fial"]), "did you mean copy-fail?"),
        (changed(subscriptions=[f"copy-fail text:a{n}" for n in range(21)]), "at most 20 subscriptions"),
        (changed(settings={**SETTINGS, "zone": "Mars/Olympus"}), "these settings are none"),
        (changed(settings={**SETTINGS, "quiet_to": 1440}), "these settings are none"),
        (changed(settings={**SETTINGS, "digest": "hourly"}), "these settings are none"),
    ],
)
def test_a_wrong_file_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | dict[str, object], says: str
) -> None:
    """It says what is wrong where, exits 2, and not even its good part is taken."""
    file = tmp_path / "file.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    assert run(tmp_path / "data", "destinations", "--import", str(file)) == 2
    assert says in capsys.readouterr().err
    assert run(tmp_path / "data", "destinations") == 0
    assert capsys.readouterr().out == "Nobody has subscribed yet.\n"


def test_files_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read or written is an error of usage, both options at once too."""
    absent = str(tmp_path / "absent" / "file.json")
    assert run(tmp_path, "destinations", "--import", absent) == 2
    assert run(tmp_path, "destinations", "--export", absent) == 2
    assert run(tmp_path, "destinations", "--export", absent, "--import", absent) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"patchwatch: {absent}: cannot be read: No such file or directory",
        f"patchwatch: {absent}: cannot be written: No such file or directory",
        "patchwatch: either --export or --import",
    ]


NESTED = st.recursive(st.none() | st.text(), st.lists).map(lambda one: json.dumps(one).encode())


@given(st.binary(max_size=200) | NESTED)
def test_any_bytes(text: bytes) -> None:
    """Whatever the bytes, the only error is the one that is told."""
    with pytest.raises(SubscriberFileError):
        read_file(text, frozenset())


def test_too_many_with_those_that_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The limit of a chat holds for what it has and gets together."""
    store = open_store(None, tmp_path)
    upgrade(store)
    with store.write() as connection:
        chat = delivery.ensure_destination(connection, kind="telegram", address="-1001", thread="42", now=NOW)
        for number in range(19):
            delivery.add_subscription(connection, chat, f"copy-fail text:{number}", now=NOW)
    store.close()
    file = tmp_path / "file.json"
    file.write_text(json.dumps(FILE), encoding="utf-8")
    assert run(tmp_path, "destinations", "--import", str(file)) == 2
    assert "with those that are there it has more than 20 filters" in capsys.readouterr().err
