"""Much at once is no news: renamed items, a doubled list, a first run, a restored database (TRUST S5, S32, G11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.app import App
from bot.ingest.poll import Poller, PollReport
from sources.base import Batch, FetchContext, RawDocument
from sources.git import GitDoor
from sources.http import HttpDoor, HttpPolicy
from sources.registry import find_source
from storage.backup import restore_backup, write_backup
from storage.delivery_tables import deliveries
from storage.store import Store
from tests.bot.stores import application, parsed, record, spec, take
from tests.build import CVE, at, cell, cve
from tests.sources.kernel_cna import records as cna
from tests.trust.subscribers import notes, owed, subscribe
from tests.trust.test_incidents import EVERY

POLICY = HttpPolicy(contact="https://example.org", version="0")


class Published:
    """A CNA that publishes what a test puts in: each poll gives all of it."""

    def __init__(self) -> None:
        self.cves: list[str] = []
        self.at = datetime.now(UTC)

    def fetch(self, context: FetchContext) -> Iterator[Batch]:
        documents = tuple(
            cna.raw(cna.record(name, title=name), f"{name}.json", at=datetime.now(UTC)) for name in self.cves
        )
        for start in range(0, len(documents), 200):
            more = start + 200 < len(documents)
            yield Batch(documents=documents[start : start + 200], checkpoint={"at": str(start)}, more=more)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    """Stands in the registry in the CNA's place; the parser is the real one."""
    source = Published()
    found = replace(find_source("kernel-cna"), fetch=source.fetch)
    monkeypatch.setattr("bot.ingest.poll.find_source", lambda name: found)
    return source


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with application(tmp_path, topics=[EVERY]) as opened:
        subscribe(opened)
        yield opened


def poll(app: App) -> PollReport:
    git = GitDoor(root=app.config.data_dir / "git", policy=POLICY)
    return Poller(config=app.config, intake=app.intake, http=HttpDoor(POLICY), git=git).poll("kernel-cna")


def names(start: int, stop: int) -> list[str]:
    return [f"CVE-2026-{number}" for number in range(start, stop)]


@pytest.mark.parametrize("count", [220, pytest.param(5000, marks=pytest.mark.slow)])
def test_a_first_run_is_a_baseline(app: App, published: Published, count: int) -> None:
    """Years of history in many batches: nothing is owed, the operator gets one line; the next CVE is news."""
    published.cves = names(10_000, 10_000 + count)
    assert poll(app).error is None
    assert owed(app) == []
    (line,) = notes(app)
    assert line == f"kernel-cna: first good fetch taken as baseline ({count} documents); nothing was sent"
    published.cves = [*names(10_000, 10_010), "CVE-2026-9999"]
    poll(app)
    assert owed(app) == [("advisory_new", "CVE-2026-9999")]
    assert len(notes(app)) == 1


def test_the_same_items_under_new_identities_are_no_news(app: App) -> None:
    """200 records whose addresses, dates and order changed (http to https, a rebuilt site)."""
    items = [record(f"{name}.json", cve("7.0", cve=name)) for name in names(10_000, 10_200)]
    source = spec("kernel-cna")
    take(app, parsed(*items, at=at(0), source="kernel-cna", url="http://cna.example/all"), source=source)
    first = owed(app)
    renamed = [replace(one, key=f"https/{one.key}", modified=at(1)) for one in reversed(items)]
    take(app, parsed(*renamed, at=at(1), source="kernel-cna", url="https://cna.example/all"), source=source)
    assert (owed(app), notes(app)) == (first, [])


def test_news_items_with_new_identities_are_no_news(app: App) -> None:
    """500 entries of a feed with other ids: links stand on pages and are never sent."""

    def feed(scheme: str, hours: int) -> RawDocument:
        entries = "".join(
            f"<item><title>{CVE} and {number}</title><guid>{scheme}-{number}-{hours}</guid>"
            f"<link>https://news.example/{number}</link></item>"
            for number in range(500)
        )
        body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>{entries}</channel></rss>'
        return RawDocument(source="news", url="https://news.example/rss", at=at(hours), body=body.encode())

    from tests.trust.test_incidents import take_raw

    for hours, scheme in enumerate(("http", "https", "urn")):
        assert take_raw(app, feed(scheme, hours)) == []
    assert (owed(app), notes(app)) == ([], [])


def test_a_doubled_list_is_taken_in_and_wakes_nobody_who_did_not_ask(tmp_path: Path) -> None:
    """+100 %: 300 further CVEs of a tracker that no topic watches; additions are no loss, so nothing is held."""
    with application(tmp_path) as app:
        subscribe(app)
        for hours, count in enumerate((300, 600)):
            said = [record(f"tracker/{name}", cell(cve=name)) for name in names(10_000, 10_000 + count)]
            assert take(app, parsed(*said, at=at(hours), complete=True)).held is None
        assert (owed(app), notes(app)) == ([], [])


def test_a_source_that_is_switched_on_again_repeats_nothing(app: App, published: Published) -> None:
    """It was off for a while: what it said before is known, what is new is news."""
    published.cves = names(10_000, 10_020)
    poll(app)
    published.cves = names(10_000, 10_021)
    poll(app)
    first = owed(app)
    poll(app)
    assert (owed(app), len(notes(app))) == (first, 1)
    assert first == [("advisory_new", "CVE-2026-10020")]


def test_a_restored_database_wakes_nobody(tmp_path: Path, published: Published) -> None:
    """What became known after the backup was sent already, as far as anyone can tell: it waits for the digest, and so
    do the messages that were on their way at the backup. The operator gets one line; later news is sent at once."""
    with application(tmp_path, topics=[EVERY]) as app:
        subscribe(app)
        published.cves = names(10_000, 10_040)
        poll(app)
        published.cves = names(10_000, 10_041)
        poll(app)
        write_backup(app.store, tmp_path / "backup.db")
        before = len(notes(app))
        published.cves = names(10_000, 10_043)
        poll(app)
        deliver_all(app.store)
    restore_backup("", tmp_path / "data", tmp_path / "backup.db", now=datetime.now(UTC))
    with application(tmp_path, topics=[EVERY]) as app:
        poll(app)
        assert owed(app) == []
        late = [("advisory_new", name) for name in names(10_040, 10_043)]
        assert owed(app, "unconfirmed") == late
        assert len(notes(app)) == before + 1
        assert notes(app)[-1].startswith("The database was restored from a backup.")
        published.cves = names(10_000, 10_044)
        poll(app)
        assert owed(app) == [("advisory_new", "CVE-2026-10043")]


def deliver_all(store: Store) -> None:
    """As if every message had been sent."""
    with store.write() as connection:
        connection.execute(deliveries.update().values(state="sent"))


def test_a_backup_of_a_newer_program_replaces_nothing(tmp_path: Path) -> None:
    """The database stays as it is when the copy cannot be brought up to date."""
    import sqlite3

    from storage.errors import StorageError

    with application(tmp_path) as app:
        write_backup(app.store, tmp_path / "backup.db")
    with sqlite3.connect(tmp_path / "backup.db") as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    with pytest.raises(StorageError, match="written by a newer patchwatch"):
        restore_backup("", tmp_path / "data", tmp_path / "backup.db", now=at())
    assert not (tmp_path / "data" / "patchwatch.db.before-restore").exists()
    assert not (tmp_path / "data" / "patchwatch.db.restored").exists()
