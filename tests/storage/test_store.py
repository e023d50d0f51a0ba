"""Transactions, times, text, identity, documents and the ledger of changes, on both databases."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select

from advisories.words import ChangeType
from storage import changes, documents, identity, marks, source_health
from storage.blobs import SYNCED_TOGETHER, BlobStore
from storage.codec import clean, observations_from_text, observations_to_text
from storage.documents import NewDocument
from storage.errors import StorageDamaged, StorageError
from storage.store import Store, database_url
from storage.tables import operator_notes
from tests.build import CVE, at, cell, cve, draft


def test_a_transaction_is_whole_or_not_there(store: Store) -> None:
    """An error inside leaves nothing behind."""
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        marks.save_mark(connection, "origin", "live")
        _ = 1 / 0
    with store.read() as connection:
        assert marks.load_mark(connection, "origin") is None


def test_what_is_written_in_a_reading_is_not_kept(store: Store) -> None:
    """A read is a read."""
    with store.read() as connection:
        marks.save_mark(connection, "origin", "live")
    with store.read() as connection:
        assert marks.load_mark(connection, "origin") is None


def test_times_come_back_as_they_went_in_utc(store: Store) -> None:
    """Microseconds kept, zones turned to UTC, years on both sides of 1970."""
    times = [
        datetime(2026, 4, 30, 13, 32, 0, 123456, tzinfo=timezone(timedelta(hours=2))),
        datetime(1903, 1, 1, tzinfo=UTC),
        datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC),
    ]
    with store.write() as connection:
        for one in times:
            connection.execute(insert(operator_notes).values(at=one, text="x"))
        back = list(connection.execute(select(operator_notes.c.at).order_by(operator_notes.c.note_id)).scalars())
    assert back == times
    assert all(one.tzinfo is UTC for one in back)


def test_a_time_without_zone_never_reaches_the_database(store: Store) -> None:
    """It would mean something else on every machine."""
    with pytest.raises(Exception, match="without zone"), store.write() as connection:
        connection.execute(insert(operator_notes).values(at=datetime(2026, 1, 1), text="x"))  # noqa: DTZ001  # the case


def test_text_that_no_database_takes_is_cleaned() -> None:
    """NUL, also as a JSON escape, and lone surrogates go."""
    assert clean("a\x00b\ud800c") == "abc"
    assert clean('{"x":"a\\u0000b"}') == '{"x":"ab"}'


def test_a_value_with_a_lone_surrogate_is_stored_without_it() -> None:
    """TRUST B67: also inside a value, where the JSON library refuses it."""
    (back,) = observations_from_text(observations_to_text((cve("7.0", title="out of\ud800 place"),)))
    assert back == cve("7.0", title="out of place")


def test_observations_come_back_equal() -> None:
    """The stored form loses nothing."""
    given = (cell(fixed="6.1.170-1"), cve("6.12.85", "7.0", title="out of place"))
    assert observations_from_text(observations_to_text(given)) == given


def test_ids_are_given_once_and_aliases_lead_to_them(store: Store) -> None:
    """Numbers grow within the year; an alias is found in any case; merged ids redirect."""
    with store.write() as connection:
        first = identity.open_advisory(connection, aliases=[CVE], kind="vulnerability", year=2026, at=at())
        second = identity.open_advisory(connection, aliases=["matter:zero-copy"], kind="change", year=2026, at=at())
        other = identity.open_advisory(connection, aliases=[], kind="change", year=2027, at=at())
        assert (first, second, other) == ("PW-2026-1", "PW-2026-2", "PW-2027-1")
        assert identity.resolve(connection, "cve-2026-31431") == first
        assert identity.resolve(connection, "pw-2026-2") == second
        assert identity.resolve(connection, "CVE-2026-1") is None
        identity.redirect(connection, younger=second, older=first)
        assert identity.resolve(connection, second) == first
        assert identity.resolve_many(connection, ["MATTER:ZERO-COPY", CVE]) == {"MATTER:ZERO-COPY": first, CVE: first}
        third = identity.open_advisory(connection, aliases=[], kind="change", year=2026, at=at())
    assert third == "PW-2026-3"


def test_the_same_change_is_said_once(store: Store) -> None:
    """The key is the identity: found again on another day, it gets no second number."""
    with store.write() as connection:
        (first,) = changes.add_changes(connection, [draft()])
        assert changes.add_changes(connection, [draft(at=at(90))]) == []
        (second,) = changes.add_changes(connection, [draft(ChangeType.ERRATUM_ADDED, new="DSA-1")])
        assert (first.seq, second.seq) == (1, 2)
        assert changes.load_changes(connection, [1, 2]) == [first, second]
        assert changes.list_changes(connection, topic="copy-fail", newest_first=True) == [second, first]
        assert changes.list_changes(connection, topic="other") == []
        assert changes.list_changes(connection, after_seq=1) == [second]
        assert changes.newest_seq(connection) == 2


def test_a_feed_id_depends_on_the_change_alone(store: Store, tmp_path: Path) -> None:
    """Another database gives the same id."""
    with store.write() as connection:
        (stored,) = changes.add_changes(connection, [draft()])
    assert stored.uuid == changes.change_uuid(draft(at=at(5)).key)


def came(hours: float, digit: str) -> NewDocument:
    return NewDocument(source="debian", url="https://x.example", kind="", at=at(hours), sha256=digit * 64, size_bytes=1)


def add_documents(connection: Connection, *new: NewDocument) -> None:
    known = documents.known_documents(connection, source="debian", urls=["https://x.example"])
    documents.add_documents(connection, new, known=known)


def test_one_document_is_taken_in_once(store: Store) -> None:
    """The same (source, url, at, sha256)."""
    with store.write() as connection:
        for number in (1, 2):
            add_documents(connection, *[came(0, "a")] * number)
        assert len(list(documents.all_documents(connection))) == 1
        assert documents.newest_hash(connection, source="debian", url="https://x.example", until=at(1)) == "a" * 64


def test_of_a_large_address_the_first_and_the_newest_stay_whole(store: Store) -> None:
    """Between them the records that changed are kept as slices."""
    with store.write() as connection:
        add_documents(connection, *(came(number, str(number)) for number in range(4)))
        gone = documents.prune_whole(connection, source="debian", url="https://x.example", keep_sha256="3" * 64)
        assert gone == ("1" * 64, "2" * 64)
        assert [one.sha256[0] for one in documents.all_documents(connection)] == ["0", "3"]


def test_a_source_is_leased_to_one_worker(store: Store) -> None:
    """Until the lease ends; a held source to nobody."""
    with store.write() as connection:
        assert source_health.claim(connection, "kev", now=at(), until=at(1)) is not None
        assert source_health.claim(connection, "kev", now=at(0.5), until=at(2)) is None
        assert source_health.claim(connection, "kev", now=at(1), until=at(2)) is not None
        source_health.hold(connection, "kev", "11 records turned", at=at(1))
        assert source_health.claim(connection, "kev", now=at(9), until=at(10)) is None


def test_a_good_cycle_ends_a_failure_and_an_alert_is_given_once(store: Store) -> None:
    """Per row of failures, not per retry."""
    with store.write() as connection:
        source_health.claim(connection, "kev", now=at(), until=at(1))
        for hours in (1, 2):
            source_health.record_failure(
                connection, "kev", now=at(hours), next_due_at=at(hours + 1), kind="status", text="503", url="https://x"
            )
        health = source_health.load_health(connection, "kev")
        assert health is not None
        assert (health.state, health.failures, health.failing_since) == ("failing", 2, at(1))
        assert [source_health.mark_alerted(connection, "kev", at=at(3)) for _ in range(2)] == [True, False]
        source_health.record_good(connection, "kev", now=at(4), next_due_at=at(5))
        assert source_health.mark_alerted(connection, "kev", at=at(6)) is True


def test_a_stored_document_is_whole_or_an_error(tmp_path: Path) -> None:
    """Content-addressed: the same bytes once, changed bytes never served."""
    blobs = BlobStore(tmp_path)
    name = blobs.put(b"six months of mail")
    assert blobs.put(b"six months of mail") == name
    assert blobs.get(name) == b"six months of mail"
    other = blobs.put(b"another")
    blobs.path(name).write_bytes(blobs.path(other).read_bytes())
    with pytest.raises(StorageDamaged, match="is not what was stored"):
        blobs.get(name)
    blobs.path(name).write_bytes(b"\x00cut")
    with pytest.raises(StorageDamaged, match="is damaged"):
        blobs.get(name)
    blobs.remove(name)
    with pytest.raises(StorageError, match="is not in"):
        blobs.get(name)


@pytest.mark.parametrize("count", [SYNCED_TOGETHER - 1, SYNCED_TOGETHER, 3 * SYNCED_TOGETHER])
def test_documents_of_a_batch_are_stored_together(tmp_path: Path, count: int) -> None:
    """A repeat is one file; nothing is left aside."""
    blobs = BlobStore(tmp_path)
    bodies = [b"mail %d" % number for number in range(count)]
    names = blobs.put_many([*bodies, bodies[0]])
    assert names[-1] == names[0]
    assert [blobs.get(name) for name in names[:-1]] == bodies
    assert blobs.put_many(bodies) == names[:-1]
    assert sorted(path.stem for path in tmp_path.rglob("*") if path.is_file()) == sorted(set(names))


@pytest.mark.parametrize("count", [2, SYNCED_TOGETHER])
def test_of_documents_that_cannot_all_be_stored_none_is(tmp_path: Path, count: int) -> None:
    """Where one cannot be written: a file stands in the place of its folder."""
    blobs = BlobStore(tmp_path)
    bodies = [b"mail %d" % number for number in range(count)]
    blobs.path(hashlib.sha256(bodies[-1]).hexdigest()).parent.write_bytes(b"")
    with pytest.raises(StorageError, match="storing a document"):
        blobs.put_many(bodies)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size] == []


def test_other_databases_are_refused_by_name(tmp_path: Path) -> None:
    """The line says what may stand there."""
    with pytest.raises(StorageError, match="mysql is not supported"):
        database_url("mysql://x", tmp_path)
    with pytest.raises(StorageError, match="is no database address"):
        database_url("nonsense", tmp_path)
    assert database_url("postgresql://h/n", tmp_path).drivername == "postgresql+psycopg"
