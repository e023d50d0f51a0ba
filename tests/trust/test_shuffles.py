"""The same documents in any order of arrival come to the same state (DESIGN rule 11)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from advisories.establish import group_versions
from bot.ingest.parsing import Parsed
from bot.views.changes import change_view
from storage import documents, records
from tests.bot.stores import application, parsed, record, spec, take
from tests.build import CVE, at, cell, cve, topic, version
from tests.trust.recordings import (
    NEVER,
    TRACKERS,
    load_advisory,
    parse_recording,
    shuffled_batches,
    take_all,
    take_batch,
    view,
)

# Every CVE of which the recording has a record of its own.
CVES = (
    CVE,
    "CVE-2026-31677",
    "CVE-2026-43033",
    "CVE-2026-43043",
    "CVE-2026-43077",
    "CVE-2026-43078",
    "CVE-2026-46028",
    "CVE-2026-46033",
)
SEEDS = [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 200))]
SEEDS_WITH_MAIL = [1000, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1001, 1020))]


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> list[Parsed]:
    return parse_recording(shared_data)


def of_trackers(recorded: list[Parsed]) -> list[Parsed]:
    return [one for one in recorded if one.raw.source in TRACKERS]


def in_order(folder: Path, documents_given: list[Parsed]) -> dict[str, Any]:
    with application(folder) as app:
        take_all(app, documents_given)
        return {name: view(app, name) for name in CVES}


def shuffled(folder: Path, documents_given: list[Parsed], seed: int) -> tuple[dict[str, Any], str]:
    """The advisories, and everything that was told on the way."""
    with application(folder) as app:
        said = [
            change_view(change)
            for source, batch in shuffled_batches(documents_given, seed)
            for change in take_batch(app, source, batch).changes
        ]
        return {name: view(app, name) for name in CVES}, json.dumps(said)


@pytest.fixture(scope="module")
def expected(recorded: list[Parsed], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_order(tmp_path_factory.mktemp("order"), of_trackers(recorded))


@pytest.fixture(scope="module")
def expected_with_mail(recorded: list[Parsed], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_order(tmp_path_factory.mktemp("mail"), recorded)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_order_of_the_trackers_documents_gives_one_state(
    recorded: list[Parsed], expected: dict[str, Any], tmp_path: Path, seed: int
) -> None:
    """Matrix, upstream, severities, mitigations and the evidence of each; and nothing false is told on the way."""
    found, said = shuffled(tmp_path, of_trackers(recorded), seed)
    assert found == expected
    assert [word for word in NEVER if word in said] == []


@pytest.mark.parametrize("seed", SEEDS_WITH_MAIL)
def test_any_order_with_the_mails_among_them_gives_one_state(
    recorded: list[Parsed], expected_with_mail: dict[str, Any], tmp_path: Path, seed: int
) -> None:
    """The lists' mails take part in no cell, whenever they come."""
    found, said = shuffled(tmp_path, recorded, seed)
    assert found == expected_with_mail
    assert [word for word in NEVER if word in said] == []


def test_the_newest_document_first_and_the_oldest_last_gives_one_state(
    recorded: list[Parsed], expected: dict[str, Any], tmp_path: Path
) -> None:
    """An archive that is read backwards."""
    assert in_order(tmp_path, of_trackers(recorded)[::-1]) == expected


def test_a_word_said_again_is_one_version_seen_more_often() -> None:
    """Two stored versions that state the same in turn count as one, from the first to the last sighting."""
    first, again, other = (
        version(cell(), hours=0),
        version(cell(), hours=5, seen=2, missing=1, missing_since=at(6), missing_last=at(7)),
        version(cell(note="new"), hours=3, key="another"),
    )
    ((kept,), (alone,)) = group_versions([again, other, first])[::-1]
    assert (kept.at, kept.seen, kept.last_seen_at, kept.missing, kept.missing_last) == (at(0), 3, at(5), 1, at(7))
    assert alone == other


def test_the_same_bytes_from_earlier_are_history(tmp_path: Path) -> None:
    """A copy of the newest document that was fetched before it says since when that holds."""
    with application(tmp_path, topics=[topic()]) as app:
        cna = spec("kernel-cna")
        take(app, parsed(record(f"{CVE}.json", cve("7.0")), at=at(), source="kernel-cna"), source=cna)
        for hours in (9, 3):
            take(app, parsed(record("tracker/x", cell()), at=at(hours)))
        found = load_advisory(app)
        assert found is not None
        assert [one.first_seen for one in found.cells] == [at(3)]
        with app.store.read() as connection:
            kept = [one.at for one in documents.all_documents(connection, source="debian")]
        assert kept == [at(3), at(9)]


def test_an_old_list_that_comes_late_leaves_nothing_out(tmp_path: Path) -> None:
    """What a list of May does not name was not withdrawn in June."""
    with application(tmp_path, topics=[topic()]) as app:
        both = (record("tracker/x", cell()), record("tracker/y", cell(release="11")))
        take(app, parsed(*both, at=at(50), complete=True))
        for hours in (1, 2, 30):
            take(app, parsed(both[0], at=at(hours), complete=True, body=f"of hour {hours}".encode()))
        with app.store.read() as connection:
            newest = records.newest_versions(connection, "debian", ["tracker/y"])
        assert newest["tracker/y"].missing == 0
