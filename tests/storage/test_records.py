"""What is kept of each record, version by version."""

from __future__ import annotations

from datetime import timedelta

from storage import records
from storage.records import NewVersion
from storage.store import Store
from tests.build import CVE, at, cell, evidence


def stated(key: str = "tracker/CVE-2026-31431", *, hours: float = 0, fixed: str | None = None) -> NewVersion:
    return NewVersion(
        key=key,
        at=at(hours),
        modified=None,
        evidence=evidence(hours=hours),
        observations=(cell(fixed=fixed),),
        subjects=(CVE,),
    )


def seen(store: Store) -> list[tuple[int, float]]:
    """(times seen, hours from the first to the last) of each version, oldest first."""
    with store.read() as connection:
        return [
            (one.seen, ((one.last_seen_at or one.at) - one.at) / timedelta(hours=1))
            for one in records.versions_about(connection, [CVE])
        ]


def test_new_content_is_a_new_version_and_a_repeat_is_a_sighting(store: Store) -> None:
    """The answer names what is new; the repeat is counted on what was there."""
    with store.write() as connection:
        assert records.add_versions(connection, [stated()]) == [stated()]
        assert records.add_versions(connection, [stated(hours=1)]) == []
        assert records.add_versions(connection, [stated(hours=2, fixed="6.1.170-1")]) == [
            stated(hours=2, fixed="6.1.170-1")
        ]
    assert seen(store) == [(2, 1.0), (1, 0.0)]


def test_a_repeat_is_not_written_once_it_decides_nothing(store: Store) -> None:
    """Three sightings over more than a day are enough for every rule: a quiet source costs no writes."""
    with store.write() as connection:
        for hours in (0, 1, 20, 30, 40, 50):
            records.add_versions(connection, [stated(hours=hours)])
    assert seen(store) == [(4, 30.0)]


def test_an_unchanged_address_counts_for_its_newest_versions_alone(store: Store) -> None:
    """A 304 says the newest word again, not the older ones, and in the end nothing is written."""
    with store.write() as connection:
        records.add_versions(connection, [stated(), stated("tracker/CVE-2026-1")])
        records.add_versions(connection, [stated(hours=1, fixed="6.1.170-1")])
        url = evidence().url
        assert records.seen_again(connection, source="debian", url=url, at=at(2)) == 2
        assert records.seen_again(connection, source="debian", url=url, at=at(30)) == 2
        assert records.seen_again(connection, source="debian", url=url, at=at(31)) == 0
    assert seen(store) == [(3, 30.0), (1, 0.0), (3, 29.0)]


def test_an_older_document_adds_history_only(store: Store) -> None:
    """Rule 11: what arrives late and is dated earlier becomes an earlier version."""
    with store.write() as connection:
        records.add_versions(connection, [stated(hours=5, fixed="6.1.170-1")])
        records.add_versions(connection, [stated(hours=1)])
        newest = records.newest_versions(connection, "debian", ["tracker/CVE-2026-31431"])
    assert newest["tracker/CVE-2026-31431"].at == at(5)
    assert [one for one, _ in seen(store)] == [1, 1]


def test_missing_records_are_noted_and_a_return_ends_it(store: Store) -> None:
    """A complete document that leaves a record out is counted, and forgotten when the record is back."""
    with store.write() as connection:
        records.add_versions(connection, [stated()])
        for hours in (1, 2):
            records.count_missing(connection, source="debian", keys=["tracker/CVE-2026-31431"], at=at(hours))
        (version,) = records.versions_about(connection, [CVE])
        assert (version.missing, version.missing_since, version.missing_last) == (2, at(1), at(2))
        records.add_versions(connection, [stated(hours=3)])
        (version,) = records.versions_about(connection, [CVE])
    assert (version.missing, version.missing_since, version.seen) == (0, None, 2)


def test_a_large_document_is_stored_in_pieces(store: Store) -> None:
    """More records than one statement takes, all found again."""
    many = [stated(f"tracker/CVE-2026-{number}") for number in range(1000, 2000)]
    with store.write() as connection:
        assert len(records.add_versions(connection, many)) == 1000
        assert records.add_versions(connection, [stated(one.key, hours=1) for one in many]) == []
        assert records.count_records(connection, "debian") == 1000
        assert records.keys_of_url(connection, "debian", evidence().url) == {one.key for one in many}


def test_a_source_is_forgotten_whole(store: Store) -> None:
    """The shipped baseline goes when a newer one comes."""
    with store.write() as connection:
        records.add_versions(connection, [stated()])
        assert set(records.evidence_by_subject(connection, "debian")) == {CVE}
        records.forget_source(connection, "debian")
        assert records.versions_about(connection, [CVE]) == []
        assert not records.has_subject(connection, CVE)
