"""Each document of the recording in turn lost, emptied, cut short or replaced by a page: nobody is told "fixed" for it.

A cell is fixed or not affected, and upstream names a version, only as the undamaged recording has it. Cuts that
parse to the same are one case: what a parser makes of each of them is looked at, and each outcome is replayed once.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from advisories.model import Advisory, CellKey, Change
from advisories.observation import CellObservation, CveObservation, FixedVersion, MitigationObservation, ParsedDocument
from advisories.words import ChangeType, Status
from bot.ingest.cycle import CycleResult
from bot.ingest.parsing import Parsed, parse_here
from bot.views.changes import change_view
from sources.registry import find_source
from storage.backup import write_backup
from tests.bot.stores import application
from tests.sources.hostile import cut_documents, pages
from tests.trust.recordings import NEVER, TRACKERS, load_advisory, parse_recording, take_all, take_batch

DOCUMENTS = 53  # of trackers, vendors and the CNA; the lists' mails set no cell
SAMPLED = (0, 15, 16, 17, 18, 19, 24, 25, 26, 27, 30)  # one of each source and kind of document
SAMPLED_OUTCOMES = 3
CUTS = 200
SHORT_BYTES = 900  # cut at every byte
QUIETING = frozenset({Status.FIXED, Status.NOT_AFFECTED})
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Whole:
    """What the undamaged recording comes to, and every version that any of its documents names."""

    documents: list[Parsed]
    before: list[Path]  # the database as it was before each of them
    statuses: dict[CellKey, Status]
    named: frozenset[str]


def named_versions(documents: Sequence[Parsed]) -> Iterator[str]:
    for document in documents:
        for record in document.document.records if document.document else ():
            for one in record.observations:
                if isinstance(one, CellObservation | CveObservation):
                    yield from (fix.version for fix in one.fixed)
                if isinstance(one, CveObservation):
                    yield from (point.version for point in one.introduced if point.version)
                elif isinstance(one, MitigationObservation) and one.version:
                    yield one.version


@pytest.fixture(scope="module")
def whole(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    documents = parse_recording(shared_data, sources=TRACKERS)
    assert len(documents) == DOCUMENTS
    before = [folder / f"{number}.db" for number in range(DOCUMENTS)]
    with application(folder) as app:
        for file, one in zip(before, documents, strict=True):
            write_backup(app.store, file)
            take_batch(app, one.raw.source, [one])
        found = load_advisory(app)
    assert found is not None
    return Whole(
        documents=documents,
        before=before,
        statuses={one.key: one.status for one in found.cells},
        named=frozenset(named_versions(documents)),
    )


def damaged(one: Parsed) -> list[ParsedDocument | None]:
    """The different outcomes of pages and cuts in the document's place; None: unreadable."""
    for name, body in pages():
        assert parse_with(one, body) is None, f"{name} was read as a document"
    outcomes: list[ParsedDocument | None] = [None]
    for _, body in cut_documents(one.raw.body, len(one.raw.body) if len(one.raw.body) <= SHORT_BYTES else CUTS):
        outcome = parse_with(one, body)
        if outcome != one.document and outcome not in outcomes:
            outcomes.append(outcome)
    return outcomes


def parse_with(one: Parsed, body: bytes) -> ParsedDocument | None:
    return parse_here(find_source(one.raw.source), replace(one.raw, body=body)).document


def with_damage(one: Parsed, outcome: ParsedDocument | None) -> Parsed:
    body = repr(outcome).encode()  # other bytes than the whole document's
    return Parsed(raw=replace(one.raw, body=body), document=outcome, problem=None if outcome else UNREADABLE)


def told_in(results: Sequence[CycleResult]) -> list[Change]:
    return [change for result in results for change in result.changes]


def replay_from(
    whole: Whole, folder: Path, number: int, instead: Sequence[Parsed]
) -> tuple[Advisory | None, list[Change]]:
    """The recording with these in the place of one document; what was told from there on."""
    (folder / "data").mkdir(parents=True)
    shutil.copy(whole.before[number], folder / "data" / "patchwatch.db")
    with application(folder) as app:
        results = take_all(app, [*instead, *whole.documents[number + 1 :]])
        return load_advisory(app), told_in(results)


def assert_nothing_new(whole: Whole, found: Advisory | None, told: Sequence[Change]) -> None:
    said = json.dumps([change_view(one) for one in told])
    assert [word for word in NEVER if word in said] == []
    fixes = {one.draft.version for one in told if one.draft.change is ChangeType.FIXED_IN and one.draft.version}
    assert fixes - whole.named == set()
    if found is None:  # the one document that opens the advisory; a vendor's would, too
        return
    quieted = {one.key: one.status for one in found.cells if one.status in QUIETING}
    assert {key: status for key, status in quieted.items() if whole.statuses.get(key) is not status} == {}
    versions = {fix.version for cell in found.cells for fix in cell.fixed}
    versions |= {one.fix.version for one in found.upstream.fixed}
    versions |= {one.version for one in found.upstream.introduced if one.version}
    versions |= {one.version for one in found.carriers if one.version}
    assert versions - whole.named == set()


def test_the_sample_has_every_source_and_kind(whole: Whole) -> None:
    """What the quick run leaves out is more of the same."""

    def kind(one: Parsed) -> tuple[str, str]:
        return one.raw.source, one.raw.url.rpartition("/")[2].partition(":")[0].rpartition(".")[2]

    assert {kind(whole.documents[number]) for number in SAMPLED} == {kind(one) for one in whole.documents}


@pytest.mark.parametrize("number", SAMPLED)
def test_a_damaged_document_turns_nothing(whole: Whole, tmp_path: Path, number: int) -> None:
    """Empty, a page for people (Anubis among them), cut at 200 offsets or at each of its bytes: the first outcomes."""
    one = whole.documents[number]
    for case, outcome in enumerate(damaged(one)[:SAMPLED_OUTCOMES]):
        found = replay_from(whole, tmp_path / str(case), number, [with_damage(one, outcome)])
        assert_nothing_new(whole, *found)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(DOCUMENTS))
def test_every_damage_of_every_document_turns_nothing(whole: Whole, tmp_path: Path, number: int) -> None:
    """All outcomes, and the document that never came."""
    one = whole.documents[number]
    assert_nothing_new(whole, *replay_from(whole, tmp_path / "lost", number, []))
    for case, outcome in enumerate(damaged(one)):
        found = replay_from(whole, tmp_path / str(case), number, [with_damage(one, outcome)])
        assert_nothing_new(whole, *found)


@pytest.mark.slow
@pytest.mark.parametrize("source", sorted(TRACKERS))
def test_a_source_that_fails_altogether_turns_nothing(whole: Whole, tmp_path: Path, source: str) -> None:
    """None of its documents can be read; the others speak for themselves."""
    documents = [with_damage(one, None) if one.raw.source == source else one for one in whole.documents]
    with application(tmp_path) as app:
        results = take_all(app, documents)
        found = load_advisory(app)
    assert_nothing_new(whole, found, told_in(results))


def test_a_document_that_says_something_wrong_is_noticed(whole: Whole, tmp_path: Path) -> None:
    """These tests can fail: a version that no document names is seen."""
    dsa = whole.documents[24]
    assert dsa.document is not None
    (first, *others) = dsa.document.records
    cells = tuple(
        replace(one, fixed=(FixedVersion(version="6.12.94-1"),)) if isinstance(one, CellObservation) else one
        for one in first.observations
    )
    wrong = replace(dsa.document, records=(replace(first, observations=cells), *others))
    found = replay_from(whole, tmp_path, 24, [with_damage(dsa, wrong)])
    with pytest.raises(AssertionError):
        assert_nothing_new(whole, *found)
