"""kill -9 at every statement of a transaction, a migration and a cycle, and at every line of a backup.

All or nothing; the same end after a restart; every change said once (TRUST rows F1 to F4, F9, F10).
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import update

from advisories.words import EvidenceClass
from bot.app import App
from bot.delivery.outbox import enqueue_changes
from bot.ingest.cycle import Intake, Mode, ingest
from bot.ingest.parsing import Parsed, parse_here
from bot.ingest.poll import Poller, PollReport
from sources.base import Batch, FetchContext, RawDocument
from sources.git import GitDoor
from sources.http import HttpDoor
from sources.registry import find_source
from storage import delivery, source_health
from storage.backup import write_backup
from storage.migrate import current_revision, head_revision, upgrade
from storage.store import Store, open_store
from storage.tables import sources
from tests.bot.stores import application, parsed, record, spec
from tests.build import CVE, at, cell, cve, topic
from tests.servers.postgres import Postgres, postgres
from tests.sources.kernel_cna import records as cna
from tests.trust.crashes import NUMBERS, dump, kill_at_line, kill_at_statement, run_child
from tests.trust.subscribers import owed, subscribe
from tests.trust.test_incidents import EVERY
from tests.trust.test_storms import POLICY, names

__all__ = ["postgres"]

CNA = spec("kernel-cna", EvidenceClass.CNA)
MOST_STATEMENTS = 400


def documents() -> tuple[Parsed, ...]:
    """A batch that fixes one cell, takes another back, counts a third again and opens an advisory."""
    return (
        parsed(
            record("tracker/a", cell(fixed="6.1.170-1", errata=("DSA-6243-1",))),
            record("tracker/b", cell(release="11", note="another")),
            record("tracker/c", cell(release="13")),
            record("tracker/d", cell(cve="CVE-2026-43033")),
            at=at(2),
            complete=True,
        ),
        parsed(record("list/a", cell(release="sid", fixed="6.19.12-1")), at=at(2), url="https://debian.example/list"),
    )


def intake(store: Store) -> Intake:
    watched = replace(topic(), cves=frozenset({CVE, "CVE-2026-43033"}))
    return Intake(
        store=store,
        topics=(watched,),
        enqueue=lambda connection, changes, now: enqueue_changes(connection, changes, now=now),
    )


def take_in(store: Store) -> None:
    debian = spec("debian")
    ingest(intake(store), debian, documents(), now=at(2), mode=Mode(), checkpoint={"at": "two"})


def prepare(store: Store) -> None:
    """What was known before: an advisory, cells that the batch changes, and a reader."""
    upgrade(store)
    with store.write() as connection:
        reader = delivery.ensure_destination(connection, kind="webhook", address="x", now=at())
        delivery.add_subscription(connection, reader, "copy-fail", now=at())
    opened = parsed(record(f"{CVE}.json", cve("6.18.22", "7.0")), at=at(), source="kernel-cna")
    ingest(intake(store), CNA, [opened], now=at(), mode=Mode())
    said = [
        record(f"tracker/{name}", cell(release=release))
        for name, release in zip("abc", ("12", "11", "13"), strict=True)
    ]
    ingest(intake(store), spec("debian"), [parsed(*said, at=at(1))], now=at(1), mode=Mode(), checkpoint={"at": "one"})


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder as it is before the batch."""
    folder = tmp_path_factory.mktemp("before")
    with closing(open_store(None, folder)) as store:
        prepare(store)
    return folder


def copied(before: Path, target: Path) -> Path:
    shutil.copytree(before, target)
    return target


def killed_taking_in(folder: Path, statement: int) -> bool:
    def work() -> None:
        store = open_store(None, folder)
        kill_at_statement(store.engine, statement)
        take_in(store)

    return not run_child(work)


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_a_batch_is_stored_whole_or_not_at_all(before: Path, tmp_path: Path, every: int) -> None:
    """Killed before each of its statements and its commit (SQLite): nothing of it is there, and taking it in again
    ends in the same rows of every table, each change and each message once."""
    with closing(open_store(None, before)) as store:
        unchanged = dump(store)
    with closing(open_store(None, copied(before, tmp_path / "whole"))) as store:
        take_in(store)
        expected = dump(store)
    assert len(expected["deliveries"]) - len(unchanged["deliveries"]) == 3
    for statement in range(1, MOST_STATEMENTS, every):
        folder = copied(before, tmp_path / str(statement))
        if not killed_taking_in(folder, statement):
            break
        with closing(open_store(None, folder)) as store:
            assert dump(store) == unchanged, f"half a batch was stored at statement {statement}"
            take_in(store)
            assert dump(store) == expected, f"killed at statement {statement}"
            take_in(store)
            assert dump(store) == expected, f"taken in twice after statement {statement}"
        shutil.rmtree(folder)
    assert statement > 30


def test_what_was_stored_before_the_kill_is_sent_after_it(before: Path, tmp_path: Path) -> None:
    """Row F4: between the commit and the send. The messages are rows, and the next start finds them."""
    folder = copied(before, tmp_path / "killed")

    def work() -> None:
        store = open_store(None, folder)
        take_in(store)
        kill_at_statement(store.engine, 1)
        with store.read():
            pass

    assert run_child(work) is False
    with application(tmp_path) as app, closing(open_store(None, folder)) as store:
        left = App(config=app.config, topics=app.topics, store=store)
        kinds = [kind for kind, _ in owed(left)]
        take_in(store)
        assert [kind for kind, _ in owed(left)] == kinds
    assert sorted(kinds[-3:]) == ["advisory_new", "fixed_in", "fixed_in"]


@pytest.mark.server
@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_batch_is_stored_whole_or_not_at_all_on_postgresql(postgres: Postgres, tmp_path: Path, every: int) -> None:
    """The server rolls back what a killed client left open; only numbers are used up."""
    reference = open_store(postgres.new_database(), tmp_path)
    with closing(reference) as store:
        prepare(store)
        unchanged = dump(store, leave_out=NUMBERS)
        take_in(store)
        expected = dump(store, leave_out=NUMBERS)
    for statement in range(1, MOST_STATEMENTS, every):
        url = postgres.new_database()
        with closing(open_store(url, tmp_path)) as store:
            prepare(store)
        if run_child(partial(_killed_on, url, tmp_path, statement)):
            break
        with closing(open_store(url, tmp_path)) as store:
            assert dump(store, leave_out=NUMBERS) == unchanged, f"half a batch was stored at statement {statement}"
            take_in(store)
            assert dump(store, leave_out=NUMBERS) == expected, f"killed at statement {statement}"
    assert statement > 30


def _killed_on(url: str, folder: Path, statement: int) -> None:
    store = open_store(url, folder)
    kill_at_statement(store.engine, statement)
    take_in(store)


def _killed_upgrade(url: str | None, folder: Path, statement: int) -> None:
    store = open_store(url, folder)
    kill_at_statement(store.engine, statement)
    upgrade(store)


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_a_migration_is_done_whole_or_not_at_all(tmp_path: Path, every: int) -> None:
    """Row F9: the old schema or the new one, never between, and the next start goes on."""
    for statement in range(1, 2000, every):
        folder = tmp_path / str(statement)
        folder.mkdir()
        ended = run_child(partial(_killed_upgrade, None, folder, statement))
        with closing(open_store(None, folder)) as store:
            assert current_revision(store) == (head_revision() if ended else None)
            upgrade(store)
            assert current_revision(store) == head_revision()
        shutil.rmtree(folder)
        if ended:
            break
    assert statement > 60


@pytest.mark.server
@pytest.mark.parametrize("every", [40, pytest.param(5, marks=pytest.mark.slow)])
def test_a_migration_is_done_whole_or_not_at_all_on_postgresql(postgres: Postgres, tmp_path: Path, every: int) -> None:
    """PostgreSQL takes schemas back like rows, and the lock of a killed process goes with it."""
    for statement in range(1, 2000, every):
        url = postgres.new_database()
        ended = run_child(partial(_killed_upgrade, url, tmp_path, statement))
        with closing(open_store(url, tmp_path)) as store:
            assert current_revision(store) == (head_revision() if ended else None)
            upgrade(store)
            assert current_revision(store) == head_revision()
        if ended:
            break
    assert statement > 40


def test_a_backup_that_is_killed_leaves_the_last_good_one(before: Path, tmp_path: Path) -> None:
    """Row F10: at each line of its code, the file in place is whole: the old copy, or the new one."""
    folder = copied(before, tmp_path / "live")
    backup = tmp_path / "backup.db"
    with closing(open_store(None, folder)) as store:
        write_backup(store, backup)
        take_in(store)
    old = backup.read_bytes()
    points = 0
    for line in range(1, 100):
        if run_child(partial(_killed_backup, folder, backup, line)):
            break
        points += 1
        with closing(sqlite3.connect(backup)) as found:
            assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert points > 10
    assert backup.read_bytes() != old


def _killed_backup(folder: Path, backup: Path, line: int) -> None:
    store = open_store(None, folder)
    kill_at_line("storage/backup.py", line)
    write_backup(store, backup)


@pytest.mark.parametrize("line", range(1, 14))
def test_a_document_that_is_killed_while_it_is_written_is_whole_or_absent(tmp_path: Path, line: int) -> None:
    """Rows F1 and F2: what a crash leaves of a document's file is named by nothing; the next time it is written."""
    store = open_store(None, tmp_path)

    def work() -> None:
        kill_at_line("storage/blobs.py", line)
        store.blobs.put(b"a document")

    run_child(work)
    sha256 = store.blobs.put(b"a document")
    assert store.blobs.get(sha256) == b"a document"
    store.close()


class Fetched:
    """A source that gives two CVEs in two batches."""

    def fetch(self, context: FetchContext) -> Iterator[Batch]:
        for number, name in enumerate(names(10_000, 10_002)):
            raw = cna.raw(cna.record(name, title=name), f"{name}.json", at=at(number))
            yield Batch(documents=(raw,), checkpoint={"at": name})


class ParsesHere:
    """In the place of the worker process: a forked child cannot use its parent's."""

    def __init__(self, source: str) -> None:
        self._spec = find_source(source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_arguments: object) -> None:
        """Nothing was started."""

    def parse(self, documents: Iterable[RawDocument]) -> Iterator[Parsed]:
        for raw in documents:
            yield parse_here(self._spec, raw)


@pytest.mark.parametrize("every", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_a_cycle_that_is_killed_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    """Rows F1 to F3: from the lease to the last line of its health, at each statement. When the lease has run out, the
    next cycle ends with both advisories, each told once."""
    found = replace(find_source("kernel-cna"), fetch=Fetched().fetch)
    monkeypatch.setattr("bot.ingest.poll.find_source", lambda name: found)
    monkeypatch.setattr("bot.ingest.poll.ParseWorker", ParsesHere)
    for statement in range(1, MOST_STATEMENTS, every):
        folder = tmp_path / str(statement)
        folder.mkdir()
        with application(folder, topics=[EVERY]) as app:
            subscribe(app)
            with app.store.write() as connection:
                source_health.set_baseline_done(connection, "kernel-cna", "", at=at())
        ended = run_child(partial(_killed_poll, folder, statement))
        with application(folder, topics=[EVERY]) as app:
            with app.store.write() as connection:
                connection.execute(update(sources).values(leased_until=datetime.now(UTC) - timedelta(seconds=1)))
            report = poll_once(app)
            assert (report.busy, report.error) == (False, None)
            assert sorted(owed(app)) == [("advisory_new", name) for name in names(10_000, 10_002)]
            with app.store.read() as connection:
                assert source_health.load_checkpoint(connection, "kernel-cna") == {"at": "CVE-2026-10001"}
        shutil.rmtree(folder)
        if ended:
            break
    assert statement > 80


def poll_once(app: App) -> PollReport:
    git = GitDoor(root=app.config.data_dir / "git", policy=POLICY)
    return Poller(config=app.config, intake=app.intake, http=HttpDoor(POLICY), git=git).poll("kernel-cna")


def _killed_poll(folder: Path, statement: int) -> None:
    with application(folder, topics=[EVERY]) as app:
        kill_at_statement(app.store.engine, statement)
        assert poll_once(app).error is None
