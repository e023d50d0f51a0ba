"""One cycle of one source: baselines by stream, leases, back-off, and a source's own bug."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.app import App
from bot.ingest.batches import COMPARED_FROM_BYTES
from bot.ingest.leases import LEASE
from bot.ingest.parsing import Parsed, ParseWorker
from bot.ingest.poll import Poller, PollReport
from sources import registry
from sources.base import Batch, FetchContext, RawDocument, SourceSpec
from sources.errors import FetchError
from sources.git import GitDoor
from sources.http import HttpDoor, HttpPolicy
from storage import changes as change_store
from storage import source_health
from tests.bot.stores import application

POLICY = HttpPolicy(contact="https://example.org", version="0")
KEV = registry.find_source("kev")


def catalogue(*cves: str) -> bytes:
    rows = ",".join(
        f'{{"cveID":"{cve}","vendorProject":"Linux","product":"Kernel","vulnerabilityName":"x","dateAdded":"2026-05-01",'
        f'"shortDescription":"x","requiredAction":"x","dueDate":"2026-05-15"}}'
        for cve in ("CVE-2021-44228", *cves)
    )
    return (
        f'{{"title":"CISA Catalog of Known Exploited Vulnerabilities","catalogVersion":"2026.05.0{len(cves)}",'
        f'"dateReleased":"2026-05-01T00:00:00.0000Z","count":{len(cves) + 1},"vulnerabilities":[{rows}]}}'
    ).encode()


def document(stream: str, *cves: str) -> RawDocument:
    return RawDocument(
        source="kev", url=f"https://kev.example/{stream}", at=datetime.now(UTC), body=catalogue(*cves), kind=""
    )


class Given:
    """A source that gives what a test hands it: batches, or an error at the end."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.error: Exception | None = None

    def fetch(self, context: FetchContext) -> Iterator[Batch]:
        yield from self.batches
        if self.error is not None:
            raise self.error

    @property
    def spec(self) -> SourceSpec:
        return replace(KEV, fetch=self.fetch)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """Stands in the registry in the place of kev; its parser is the real one."""
    source = Given()
    monkeypatch.setattr("bot.ingest.poll.find_source", lambda name: source.spec)
    return source


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """With the shipped facts, so that Copy Fail's advisory is there to be changed."""
    from bot.ingest.baseline import load_baseline

    with application(tmp_path) as opened:
        load_baseline(opened, now=datetime.now(UTC))
        yield opened


def poll(app: App, **more: bool) -> PollReport:
    http = HttpDoor(POLICY)
    git = GitDoor(root=app.config.data_dir / "git", policy=POLICY)
    return Poller(config=app.config, intake=app.intake, http=http, git=git).poll("kev", **more)


def health(app: App) -> source_health.SourceHealth:
    with app.store.read() as connection:
        found = source_health.load_health(connection, "kev")
    assert found is not None
    return found


def batch(stream: str, *cves: str, more: bool = False) -> Batch:
    return Batch(documents=(document(stream, *cves),), checkpoint={"at": stream}, stream=stream, more=more)


def test_the_first_good_fetch_of_each_stream_is_a_baseline_of_its_own(app: App, given: Given) -> None:
    """Rule 6: what is new afterwards is news, also when another stream of the source still fails."""
    given.batches = [batch("one")]
    given.error = FetchError("gone", source="kev", url="https://kev.example/two")
    first = poll(app)
    assert (first.quiet, first.error is not None) == (True, True)
    given.batches = [batch("one", "CVE-2026-43033")]
    second = poll(app)
    assert (second.quiet, second.changes) == (False, 1)
    given.error = None
    given.batches = [batch("two", "CVE-2026-43043")]
    third = poll(app)
    assert (third.quiet, third.changes) == (True, 0)


def test_a_first_reading_in_parts_stays_a_baseline_to_its_end(app: App, given: Given) -> None:
    """Interrupted after the first part, the rest is no news either."""
    given.batches = [batch("one", more=True)]
    given.error = FetchError("cut", source="kev", url="https://kev.example/one")
    poll(app)
    given.error = None
    given.batches = [batch("one", "CVE-2026-43033", more=True), batch("one", "CVE-2026-43033", "CVE-2026-43043")]
    assert (poll(app).quiet, health(app).failures) == (True, 0)
    given.batches = [batch("one", "CVE-2026-43033", "CVE-2026-43043", "CVE-2026-43077")]
    assert poll(app).changes == 1


def test_a_checkpoint_moves_with_what_it_covers(app: App, given: Given) -> None:
    """An unreadable document keeps the old one, so that it is asked for again."""
    given.batches = [batch("one")]
    poll(app)
    bad = RawDocument(source="kev", url="https://kev.example/one", at=datetime.now(UTC), body=b"{}")
    given.batches = [Batch(documents=(bad,), checkpoint={"at": "later"})]
    report = poll(app)
    assert report.error_kind == "parse"
    with app.store.read() as connection:
        assert source_health.load_checkpoint(connection, "kev") == {"at": "one"}


def test_a_failing_source_is_asked_later_each_time_and_told_once(app: App, given: Given) -> None:
    """Back-off is capped at six hours; the operator gets one line, at the third failure."""
    given.error = FetchError("gone", source="kev", url="https://kev.example/one")
    waits = []
    for _ in range(12):
        before = datetime.now(UTC)
        poll(app)
        due = health(app).next_due_at
        assert due is not None
        waits.append((due - before) / timedelta(seconds=KEV.interval_seconds))
    assert [round(one) for one in waits[:3]] == [1, 2, 4]
    assert round(waits[-1] * KEV.interval_seconds) == 6 * 3600
    assert notes(app) == 1


def notes(app: App) -> int:
    from sqlalchemy import func, select

    from storage.tables import operator_notes

    with app.store.read() as connection:
        return int(
            connection.execute(
                select(func.count()).select_from(operator_notes).where(operator_notes.c.text.contains("has failed"))
            ).scalar_one()
        )


def test_retry_after_moves_the_next_poll(app: App, given: Given) -> None:
    """Beyond the source's own interval, and never beyond six hours."""
    for asked, hours in ((4 * 3600.0, 4), (10 * 365 * 86_400.0, 6)):
        given.error = FetchError("later", source="kev", url="https://kev.example/one", retry_after=asked)
        before = datetime.now(UTC)
        poll(app)
        due = health(app).next_due_at
        assert due is not None
        assert round((due - before) / timedelta(hours=1)) == hours


def test_a_bug_in_a_source_fails_that_source_alone(app: App, given: Given) -> None:
    """The line says whose code it was; nothing escapes to the schedule."""
    given.error = ZeroDivisionError("oops")
    report = poll(app)
    assert report.error == "kev: its own code failed (ZeroDivisionError); the log has the trace, please report it"
    assert health(app).state == "failing"


def test_a_source_that_is_polled_elsewhere_is_left_alone(app: App, given: Given) -> None:
    """A lease counts until it ends; a killed worker's ends soon."""
    now = datetime.now(UTC)
    with app.store.write() as connection:
        source_health.claim(connection, "kev", now=now, until=now + LEASE)
    given.batches = [batch("one")]
    assert poll(app).busy is True
    with app.store.write() as connection:
        lease = health(app).lease
        assert lease is not None
        assert source_health.renew(connection, "kev", lease, until=now - LEASE) is True
        assert source_health.renew(connection, "kev", "another", until=now + LEASE) is False
    assert poll(app).busy is False


def test_an_unchanged_source_writes_no_change(app: App, given: Given) -> None:
    """ "Not modified" is a good fetch that says the same again."""
    given.batches = [batch("one", "CVE-2026-43033")]
    poll(app)
    given.batches = [Batch(documents=(), checkpoint={"at": "one"}, same=("https://kev.example/one",), stream="one")]
    assert (poll(app).documents, health(app).state) == (0, "good")
    with app.store.read() as connection:
        assert [one for one in change_store.list_changes(connection) if not one.draft.quiet] == []


def test_large_bytes_that_are_known_are_not_read_again(app: App, given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never says "not modified" costs a comparison; anything new is read."""
    read: list[RawDocument] = []
    parse = ParseWorker.parse

    def noted(worker: ParseWorker, raws: Sequence[RawDocument]) -> Iterator[Parsed]:
        read.extend(raws)
        return parse(worker, raws)

    monkeypatch.setattr(ParseWorker, "parse", noted)

    def large(*cves: str) -> Batch:
        one = batch("one", *cves)
        padded = replace(one.documents[0], body=one.documents[0].body + b" " * COMPARED_FROM_BYTES)
        return replace(one, documents=(padded, *batch("two").documents))

    def comes(*cves: str) -> list[str]:
        read.clear()
        given.batches = [large(*cves)]
        assert poll(app).error is None
        return [one.url.rpartition("/")[2] for one in read]

    assert [comes(), comes(), comes("CVE-2026-43033"), comes(), comes()] == [
        ["one", "two"],
        ["two"],
        ["one", "two"],
        ["one", "two"],
        ["two"],
    ]
