"""Full, read-only, locked, damaged: a clear line, exit status 4, nothing sent unrecorded, recovery (rows 18 to 24)."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from bot.channels.base import Channel
from bot.delivery.deliver import Deliverer
from bot.service import check_database
from storage.delivery import DueDestination
from storage.delivery_tables import deliveries
from storage.errors import StorageBusy, StorageDamaged, StorageError, StorageFull
from storage.migrate import upgrade
from storage.store import Store, integrity_problem, open_store
from tests.build import CVE
from tests.trust.crashes import dump
from tests.trust.test_crashes import before, copied, take_in

__all__ = ["before"]

# Holds a database until its standard input ends.
HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""
SIZE = 3 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with three MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small tmpfs cannot be mounted here (needs root and CAP_SYS_ADMIN)")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Leaves no block free."""
    filler = place / "filler"
    with filler.open("wb") as file:
        try:
            for size in (65_536, 4_096, 512):
                while True:
                    file.write(bytes(size))
                    file.flush()
        except OSError:
            pass
    return filler


def patchwatch(data: Path, *words: str) -> tuple[int, list[str]]:
    """Runs the command; exit status and the lines on stderr."""
    run = subprocess.run(
        [sys.executable, "-m", "bot", "--data", str(data), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return run.returncode, run.stderr.splitlines()


class Counting:
    """A channel that remembers what it was given."""

    kind = "webhook"
    keyed = True

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send(self, destination: DueDestination, message: str, content: str) -> str:
        self.sent.append(message)
        return message


def deliver(store: Store) -> list[str]:
    """Sends what is due; what arrived before anything went wrong."""
    channel = Counting()
    given: dict[str, Channel] = {"webhook": channel}
    try:
        asyncio.run(Deliverer(store, given).deliver_due())
    except StorageError:
        return [*channel.sent, "stopped"]
    return channel.sent


def states(store: Store) -> list[str]:
    with store.read() as connection:
        return sorted(connection.execute(select(deliveries.c.state)).scalars())


def test_on_a_full_disk_nothing_is_stored_nor_sent_and_later_all_is(before: Path, small_disk: Path) -> None:
    """Row 18: the batch is not there, no message leaves unrecorded; with space again everything goes on by itself."""
    data = copied(before, small_disk / "data")
    with closing(open_store(None, data)) as store:
        unchanged = dump(store)
        filler = fill(small_disk)
        with pytest.raises(StorageFull, match=r"no space left; nothing is sent until there is"):
            take_in(store)
        assert deliver(store) == ["stopped"]
        assert dump(store) == unchanged
        filler.unlink()
        assert integrity_problem(store) is None
        take_in(store)
        assert len(deliver(store)) == len(states(store))
        assert set(states(store)) == {"sent"}


def test_a_full_disk_is_one_line_and_exit_status_4(before: Path, small_disk: Path) -> None:
    """Before anything is sent."""
    data = copied(before, small_disk / "data")
    fill(small_disk)
    status, lines = patchwatch(data, "subscribe", "webhook:x", "copy-fail")
    assert (status, len(lines)) == (4, 1)
    assert "no space left" in lines[0]


def test_a_read_only_database_is_one_line_and_exit_status_4(before: Path, small_disk: Path) -> None:
    """Row 21: and nothing is sent."""
    data = copied(before, small_disk / "data")
    with closing(open_store(None, data)) as store:
        take_in(store)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    status, lines = patchwatch(data, "subscribe", "webhook:x", "copy-fail")
    assert (status, len(lines)) == (4, 1)
    assert "look at the owner, the mode and the mount of the data folder" in lines[0]
    with closing(open_store(None, data)) as store:
        assert deliver(store) == ["stopped"]


def test_a_locked_database_is_waited_for_and_then_an_error(
    before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 24: the line says that another process holds it; no claim is lost, and afterwards all is sent once."""
    monkeypatch.setattr("storage.store.BUSY_TIMEOUT_SECONDS", 0.1)
    data = copied(before, tmp_path / "data")
    with closing(open_store(None, data)) as store:
        with closing(sqlite3.connect(data / "patchwatch.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StorageBusy, match="locked by another process"):
                take_in(store)
            assert deliver(store) == ["stopped"]
        take_in(store)
        assert len(deliver(store)) == len(states(store))


def test_a_locked_database_that_is_let_go_in_time_costs_nothing(before: Path, tmp_path: Path) -> None:
    """The other process needs less than we wait."""
    data = copied(before, tmp_path / "data")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data / "patchwatch.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdout.readline()
    with closing(open_store(None, data)) as store:
        holder.stdin.close()
        take_in(store)
        assert len(deliver(store)) == len(states(store))
    holder.wait()
    holder.stdout.close()


@pytest.mark.parametrize("seed", [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 200))])
def test_a_damaged_page_is_refused_or_changes_nothing(before: Path, tmp_path: Path, seed: int) -> None:
    """Row 22: 4 KiB at random. The start refuses and names the backup; where the page was not in use, all is as it was.
    Nothing wrong is ever sent."""
    whole = copied(before, tmp_path / "whole")
    with closing(open_store(None, whole)) as store:
        take_in(store)
        expected = dump(store)
    data = copied(whole, tmp_path / "data")
    file = data / "patchwatch.db"
    chance = Random(seed)
    with file.open("r+b") as pages:
        pages.seek(4096 * chance.randrange(file.stat().st_size // 4096))
        pages.write(chance.randbytes(4096))
    with closing(open_store(None, data)) as store:
        try:
            upgrade(store)
            check_database(store)
            assert dump(store) == expected
        except StorageError as error:
            assert isinstance(error, StorageDamaged), error
            assert "patchwatch db restore FILE" in str(error)
            assert "\n" not in str(error)


def test_the_service_does_not_start_on_a_damaged_database(before: Path, tmp_path: Path) -> None:
    """Exit status 4, one line."""
    data = copied(before, tmp_path / "data")
    with (data / "patchwatch.db").open("r+b") as pages:
        pages.seek(4096 * 9)
        pages.write(bytes(range(256)) * 16 * 8)
    status, lines = patchwatch(data, "run", "--role", "deliver")
    assert status == 4
    assert "the database is damaged" in lines[-1]
    assert "patchwatch db restore FILE" in lines[-1]


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("shm", [True, False], ids=["with a stale index", "without an index"])
def test_a_truncated_log_is_recovered_to_a_whole_state(before: Path, tmp_path: Path, kept: float, shm: bool) -> None:
    """Row 23: a database copied with a cut WAL, or without it: the state before the batch or after it, none between."""
    live, moved = copied(before, tmp_path / "live"), tmp_path / "moved"
    with closing(open_store(None, live)) as store:
        unchanged = dump(store)
        take_in(store)
        expected = dump(store)
        moved.mkdir()
        for file in live.glob("patchwatch.db*"):
            if shm or not file.name.endswith("-shm"):
                shutil.copy(file, moved)
    log = moved / "patchwatch.db-wal"
    assert log.stat().st_size > 0
    with log.open("r+b") as cut:
        cut.truncate(int(log.stat().st_size * kept))
    with closing(open_store(None, moved)) as store:
        upgrade(store)
        check_database(store)
        assert dump(store) in (unchanged, expected)
        take_in(store)
        assert dump(store) == expected


def test_the_command_still_answers_what_needs_no_writing(before: Path, tmp_path: Path) -> None:
    """The same data, whole: the status of the CVE, exit 0."""
    data = copied(before, tmp_path / "data")
    status, lines = patchwatch(data, "status", CVE)
    assert (status, lines) == (0, [])
