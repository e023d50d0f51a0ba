"""One batch of one source into the store: everything or nothing, and only what is news is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from advisories.observation import MitigationObservation, Record
from advisories.words import ChangeType, EvidenceClass, Status
from bot.app import App
from bot.ingest.baseline import EXPIRES_AFTER, load_baseline
from bot.ingest.cycle import CycleResult, Mode
from bot.ingest.parsing import Parsed
from sources.base import RawDocument
from storage import advisories as advisory_store
from storage import changes as change_store
from storage import documents, identity, records, source_health
from tests.bot.stores import application, parsed, record, spec, take, told
from tests.build import CVE, at, cell, cell_of, cve, topic
from tests.servers.postgres import Postgres, postgres

__all__ = ["postgres"]

CNA = spec("kernel-cna", EvidenceClass.CNA)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[App]:
    """The same tests on both databases."""
    config = ""
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        config = f'[storage]\nurl = "{server.new_database()}"\n'
    with application(tmp_path, topics=[topic()], config=config) as opened:
        yield opened


def opened_advisory(app: App, hours: float = 0) -> None:
    first = parsed(record(f"{CVE}.json", cve("6.18.22", "7.0")), at=at(hours), source="kernel-cna")
    take(app, first, source=CNA)


def matrix_status(app: App, cve_id: str = CVE) -> Status:
    with app.store.read() as connection:
        pw_id = identity.resolve(connection, cve_id)
        assert pw_id is not None
        found = advisory_store.load_advisory(connection, pw_id)
    assert found is not None
    status: Status = cell_of(found).status
    return status


def test_a_cna_record_opens_an_advisory_and_a_vendor_adds_to_it(app: App) -> None:
    """From two sources to one advisory, with the changes in order."""
    first = parsed(record(f"{CVE}.json", cve("6.18.22", "7.0")), at=at(), source="kernel-cna")
    assert told(take(app, first, source=CNA)) == [("advisory_new", CVE)]
    debian = take(app, parsed(record("tracker/x", cell()), at=at(1)))
    assert told(debian) == [("status_changed", "affected")]
    fixed = take(app, parsed(record("tracker/x", cell(fixed="6.1.170-1")), at=at(2)))
    assert told(fixed) == [("fixed_in", "6.1.170-1")]
    assert fixed.changes[0].draft.advisory == "PW-2026-1"


def test_a_catalogue_opens_no_advisory(app: App) -> None:
    """Rule 4: an advisory is opened by a CNA or vendor record, a commit or a matter."""
    nvd = spec("nvd", EvidenceClass.CATALOGUE)
    result = take(app, parsed(record("x", cve("7.0")), at=at(), source="nvd"), source=nvd)
    assert told(result) == []
    with app.store.read() as connection:
        assert identity.resolve(connection, CVE) is None


def test_a_record_of_no_topic_is_not_an_advisory(app: App) -> None:
    """Another CVE is kept for later, and not told."""
    other = cve("7.0", cve="CVE-2026-99999")
    assert told(take(app, parsed(record("other", other), at=at(), source="kernel-cna"), source=CNA)) == []


def test_the_same_document_again_says_nothing(app: App) -> None:
    """By the same time: taken in once. Later: one more sighting."""
    opened_advisory(app)
    first = parsed(record("tracker/x", cell()), at=at(1))
    take(app, first)
    assert told(take(app, first)) == []
    later = take(app, parsed(record("tracker/x", cell()), at=at(2)))
    assert (told(later), later.same, later.documents) == ([], 1, 0)


def test_an_edit_changes_no_status_and_sends_nothing(app: App) -> None:
    """Rule 5: another note is a new version of the record, and no change."""
    opened_advisory(app)
    take(app, parsed(record("tracker/x", cell()), at=at(1)))
    edited = take(app, parsed(record("tracker/x", cell(note="a comma")), at=at(2)))
    assert (told(edited), edited.documents) == ([], 1)


def test_an_unreadable_document_changes_nothing_and_is_reported(app: App) -> None:
    """Rule 1: it is news about the source; what is readable beside it counts."""
    opened_advisory(app)
    take(app, parsed(record("tracker/x", cell(fixed="6.1.170-1")), at=at(1)))
    raw = RawDocument(source="debian", url="https://debian.example/all", at=at(2), body=b"<html>")
    result = take(app, Parsed(raw=raw, document=None, problem="an HTML page"), parsed(at=at(2), url="https://d/other"))
    assert [(one.url, what) for one, what in result.problems] == [("https://debian.example/all", "an HTML page")]
    assert (told(result), matrix_status(app)) == ([], Status.FIXED)


def test_the_same_bytes_after_another_addresss_word_are_a_new_word(app: App) -> None:
    """A CVE that was rejected at one address and is published again, unchanged, at its old one (TRUST B89)."""
    published = record(f"{CVE}.json", cve("7.0"))
    take(app, parsed(published, at=at(), source="kernel-cna", url="https://cna/published"), source=CNA)
    rejected = record(f"{CVE}.json", cve(withdrawn=True))
    gone = take(app, parsed(rejected, at=at(1), source="kernel-cna", url="https://cna/rejected"), source=CNA)
    back = take(app, parsed(published, at=at(2), source="kernel-cna", url="https://cna/published"), source=CNA)
    assert [[one.draft.field for one in each.changes] for each in (gone, back)] == [["withdrawn"], ["withdrawn"]]


def test_a_baseline_is_stored_and_not_told(app: App) -> None:
    """Rule 6: quiet changes are in the ledger and owed to nobody."""
    first = parsed(record(f"{CVE}.json", cve("7.0")), at=at(), source="kernel-cna")
    result = take(app, first, source=CNA, mode=Mode(quiet=True))
    assert [one.draft.quiet for one in result.changes] == [True]
    with app.store.read() as connection:
        assert change_store.list_changes(connection, with_quiet=False) == []


def test_an_older_document_that_arrives_late_is_history(app: App) -> None:
    """Rule 11: the greatest time speaks, whatever the order of arrival."""
    opened_advisory(app)
    take(app, parsed(record("tracker/x", cell(fixed="6.1.170-1")), at=at(5)))
    assert told(take(app, parsed(record("tracker/x", cell()), at=at(2)))) == []
    assert matrix_status(app) is Status.FIXED


def test_a_record_from_the_future_is_taken_as_of_its_fetch(app: App) -> None:
    """TRUST S7: a date in 2106 does not make every later update older."""
    opened_advisory(app)
    future = datetime(2106, 2, 7, tzinfo=UTC)
    take(app, parsed(record("tracker/x", cell(), modified=future), at=at(1)))
    with app.store.read() as connection:
        newest = records.newest_versions(connection, "debian", ["tracker/x"])
    assert newest["tracker/x"].modified == at(1)
    assert told(take(app, parsed(record("tracker/x", cell(fixed="6.1.170-1"), modified=at(2)), at=at(2)))) == [
        ("fixed_in", "6.1.170-1")
    ]


def many(count: int, **more: Any) -> list[Record]:
    return [record(f"tracker/CVE-2026-{n}", cell(cve=f"CVE-2026-{n}", **more)) for n in range(1000, 1000 + count)]


@pytest.mark.parametrize(("kept", "held"), [(280, False), (267, True), (150, True), (0, True)])
def test_a_list_that_loses_too_much_is_held(app: App, kept: int, held: bool) -> None:
    """Rule 7 and TRUST S4: more than 10 % and more than 20 of what this source had; nothing turns, nothing moves."""
    take(app, parsed(*many(300), at=at(), complete=True), checkpoint={"at": "one"})
    result = take(app, parsed(*many(kept), at=at(1), complete=True), checkpoint={"at": "two"})
    with app.store.read() as connection:
        health = source_health.load_health(connection, "debian")
        assert health is not None
        assert ((health.state == "held"), source_health.load_checkpoint(connection, "debian")["at"]) == (
            held,
            "one" if held else "two",
        )
        notes = list(documents.all_documents(connection, held=True))
    assert (told(result), len(notes)) == ([], 1 if held else 0)


def test_a_few_lost_records_of_a_small_list_do_not_hold(app: App) -> None:
    """Twenty of thirty are no mass change by count."""
    take(app, parsed(*many(30), at=at(), complete=True))
    assert take(app, parsed(*many(10), at=at(1), complete=True)).held is None


def test_many_turned_to_fixed_without_an_erratum_hold_and_with_one_pass(app: App) -> None:
    """Rule 7: a DSA for 300 CVEs must get through."""
    take(app, parsed(*many(300), at=at()))
    assert take(app, parsed(*many(300, fixed="6.1.170-1"), at=at(1))).held is not None
    with app.store.write() as connection:
        source_health.release(connection, "debian")
    named = take(app, parsed(*many(300, fixed="6.1.170-1", errata=("DSA-6243-1",)), at=at(2)))
    assert named.held is None


def test_many_turned_not_affected_hold(app: App) -> None:
    """Rule 7 for the quietest way to lose an alarm."""
    take(app, parsed(*many(100), at=at()))
    turned = take(app, parsed(*many(100, status=Status.NOT_AFFECTED), at=at(1)))
    assert (
        turned.held == "100 records turned to fixed without an erratum, not affected, withdrawn or lower, of 100 stored"
    )


def test_additions_and_end_of_life_never_hold(app: App) -> None:
    """Growth is no loss."""
    from advisories.words import Disposition

    take(app, parsed(*many(100), at=at(), complete=True))
    assert take(app, parsed(*many(400, disposition=Disposition.EOL), at=at(1), complete=True)).held is None


def test_a_large_repeated_document_keeps_its_changed_records_as_slices(app: App) -> None:
    """First and newest whole, the change between them as a document that parses into that record."""
    big = b"x" * (300 * 1024)
    opened_advisory(app)

    def document(number: int, fixed: str | None) -> Parsed:
        one = record("tracker/x", cell(fixed=fixed), cut=f"slice {number}".encode())
        return parsed(one, at=at(number), body=big + str(number).encode())

    for number, fixed in enumerate((None, "6.1.170-1", "6.1.169-1", "6.1.168-1"), start=1):
        take(app, document(number, fixed))
    with app.store.read() as connection:
        kept = [(one.at, one.slice_of is None) for one in documents.all_documents(connection, source="debian")]
    assert sorted(kept) == [(at(1), True), (at(2), False), (at(3), False), (at(4), False), (at(4), True)]


def test_the_shipped_baseline_is_useful_at_once_and_never_sends(tmp_path: Path) -> None:
    """Rule 6: loaded once, quiet, lowest class; a live word replaces it; it expires."""
    with application(tmp_path) as app:
        now = datetime(2026, 11, 25, tzinfo=UTC)
        assert load_baseline(app, now=now) is True
        assert load_baseline(app, now=now) is False
        assert matrix_status(app) is Status.FIXED
        with app.store.read() as connection:
            stored = change_store.list_changes(connection)
        assert {one.draft.quiet for one in stored} == {True}
        live = parsed(record("tracker/x", cell()), at=now)
        assert told(take(app, live)) == [("correction", "affected")]
        assert matrix_status(app) is Status.AFFECTED


def test_an_expired_baseline_is_dropped(tmp_path: Path) -> None:
    """Old facts are worse than none: after half a year nothing of it is shown."""
    with application(tmp_path, topics=[topic()]) as app:
        load_baseline(app, now=datetime(2026, 11, 25, tzinfo=UTC))
        assert load_baseline(app, now=datetime(2026, 11, 23, tzinfo=UTC) + EXPIRES_AFTER * 2) is False
        with app.store.read() as connection:
            pw_id = identity.resolve(connection, CVE)
            assert pw_id is not None
            found = advisory_store.load_advisory(connection, pw_id)
        assert found is not None
        assert (found.cells, found.upstream.fixed) == ((), ())


def test_a_correction_names_the_claim_it_takes_back(app: App) -> None:
    """Rule 9: by the key of the change that told it."""
    opened_advisory(app)
    fixed = take(app, parsed(record("tracker/x", cell(fixed="6.1.170-1")), at=at(1))).changes[0]
    take(app, parsed(record("tracker/x", cell()), at=at(2)))
    (taken_back,) = take(app, parsed(record("tracker/x", cell(note="still")), at=at(3))).changes
    assert taken_back.draft.change is ChangeType.CORRECTION
    assert taken_back.draft.corrects == fixed.draft.key


def test_another_spelling_of_an_identity_is_no_second_change(app: App) -> None:
    """TRUST S5: the same facts under other addresses are the same changes."""
    opened_advisory(app)
    take(app, parsed(record("tracker/x", cell()), at=at(1), url="http://debian.example/all"))
    moved = take(app, parsed(record("tracker/x", cell()), at=at(2), url="https://debian.example/all"))
    assert told(moved) == []


def test_a_release_that_carries_a_mitigation_is_told_once_and_fixes_nothing(app: App) -> None:
    """Known programs' release notes: one mitigation_changed, no cell, no advisory of their own, and once each."""
    rule = MitigationObservation(
        cve=CVE,
        mitigation="moby-29.4.2",
        title=f"moby 29.4.2 names {CVE} in its release notes",
        distro="moby",
        release=None,
        package="moby",
        version="29.4.2",
    )
    source = spec("carriers", EvidenceClass.NEWS)

    def released(hours: float) -> CycleResult:
        return take(app, parsed(record("link/x", rule), at=at(hours), source="carriers"), source=source)

    assert told(released(0)) == []  # nobody of standing has spoken of it yet
    first = parsed(record(f"{CVE}.json", cve("6.18.22", "7.0")), at=at(1), source="kernel-cna")
    assert ("advisory_new", CVE) in told(take(app, first, source=CNA))
    newer = replace(rule, mitigation="moby-29.5.0", version="29.5.0")
    result = take(app, parsed(record("link/y", newer), at=at(2), source="carriers"), source=source)
    assert told(result) == [("mitigation_changed", "29.5.0")]
    assert told(released(3)) == []
    with app.store.read() as connection:
        pw_id = identity.resolve(connection, CVE)
        assert pw_id is not None
        found = advisory_store.load_advisory(connection, pw_id)
    assert found is not None
    assert {one.version for one in found.carriers} == {"29.4.2", "29.5.0"}
    assert all(one.package != "moby" for one in found.cells)
