"""Each field of each source's documents in turn left out or called by another name: never a silent null (TRUST S28).

The next version of a document has lost a field everywhere. Either it cannot be read, or its source is held, or what it
lost decides nothing: nobody is told "fixed" or "not affected" for it, and no cell loses its fixed version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from advisories.model import Change
from advisories.words import Status
from bot.app import App
from bot.ingest.cycle import CycleResult, Intake, Mode, ingest
from bot.ingest.parsing import Parsed, parse_here
from sources.base import RawDocument
from sources.registry import find_source, source_names
from storage import advisories as advisory_store
from storage.blobs import BlobStore
from storage.store import Store
from tests.bot.stores import application
from tests.sources.altered import altered
from tests.sources.samples import DOCUMENTS
from tests.trust.test_incidents import EVERY

QUIETING = frozenset({Status.FIXED.value, Status.NOT_AFFECTED.value})
QUIET_STATUSES = (Status.FIXED, Status.NOT_AFFECTED)
# What no parser can tell from a true word: a release that a vendor drops (a name that is a key) is called "no longer
# listed" after three fetches over a day, and a vendor that takes a fix back is believed the second time.
TRUE_WORDS = frozenset(
    {
        *(("debian", f"{one} left out") for one in ("bookworm", "forky", "sid", "linux")),
        ("redhat", "fixed left out"),
        ("redhat", "affected_release left out"),
        ("azurelinux", "fixed left out"),
        ("gentoo", "<unaffected> left out"),
    }
)
# Each line of a configuration is a fact of its own: it has no fields.
WITHOUT_FIELDS = frozenset({"kernel-config"})
EACH = [(name, number) for name in DOCUMENTS for number in range(len(DOCUMENTS[name]))]

LATER_HOURS = (timedelta(hours=1), timedelta(hours=26), timedelta(hours=27))

Cells = dict[tuple[str, str, str, str, str], tuple[Status, tuple[str, ...]]]
Fixes = dict[str, frozenset[str]]


class Rehearsal(Store):
    """A store whose transactions are all part of one, which is taken back at the end."""

    def __init__(self, connection: Connection, blobs: BlobStore) -> None:
        super().__init__(connection.engine, blobs)
        self._connection = connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        yield self._connection


@dataclass
class Seen:
    """How the altered versions of one document ended."""

    unreadable: int = 0
    held: list[str] = field(default_factory=list)
    taken: int = 0
    wrong: list[str] = field(default_factory=list)


def take(store: Store, app: App, one: Parsed) -> CycleResult:
    intake = Intake(store=store, topics=app.topics, enqueue=lambda connection, changes, now: 0)
    return ingest(intake, find_source(one.raw.source), [one], now=one.raw.at, mode=Mode())


def state_of(connection: Connection) -> tuple[Cells, Fixes]:
    """Every cell's status with its fixed versions, and upstream's fixed versions by advisory."""
    found = [one for _, _, one in advisory_store.list_advisories(connection)]
    cells = {
        (one.id, cell.key.distro, cell.key.release, cell.key.stream, cell.key.package): (
            cell.status,
            tuple(fix.version for fix in cell.fixed),
        )
        for one in found
        for cell in one.cells
    }
    return cells, {one.id: frozenset(each.fix.version for each in one.upstream.fixed) for one in found}


def outcome(one: Parsed) -> str:
    """What a document says, slices and bytes aside."""
    assert one.document is not None
    said = [(record.key, record.observations) for record in one.document.records]
    return repr((said, one.document.complete, bool(one.document.rejected)))


def wrong_words(
    before: tuple[Cells, Fixes], after: tuple[Cells, Fixes], told: list[Change], *, what: str
) -> Iterator[str]:
    for one in told:
        if not one.draft.quiet and (one.draft.change == "fixed_in" or one.draft.new in QUIETING):
            yield f"{what}: told {one.draft.change} {one.draft.new}"
    for key, said in before[0].items():
        if said[0] is Status.FIXED and after[0].get(key) != said:
            yield f"{what}: {key} was {said}, is {after[0].get(key)}"
    for key, said in after[0].items():
        if said[0] in QUIET_STATUSES and before[0].get(key, said)[0] is not said[0]:
            yield f"{what}: {key} turned to {said}"
    for advisory, versions in before[1].items():
        if versions - after[1].get(advisory, frozenset()):
            yield f"{what}: upstream fixes were {sorted(versions)}, are {sorted(after[1].get(advisory, ()))}"


def alter_each_field(app: App, raw: RawDocument) -> Seen:
    """Takes the document in, then each altered version of it in its place."""
    spec, seen = find_source(raw.source), Seen()
    first = parse_here(spec, raw)
    assert take(app.store, app, first).held is None
    with app.store.read() as connection:
        before = state_of(connection)
    outcomes = {outcome(first)}
    for what, body in altered(raw.body):
        one = parse_here(spec, replace(raw, body=body, at=raw.at + timedelta(hours=1)))
        if one.document is None:
            seen.unreadable += 1
        elif (said := outcome(one)) not in outcomes:
            outcomes.add(said)
            _rehearse(app, one, what, before, seen)
    return seen


def _rehearse(app: App, one: Parsed, what: str, before: tuple[Cells, Fixes], seen: Seen) -> None:
    with app.store.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        store = Rehearsal(connection, app.store.blobs)
        result = take(store, app, one)
        told = list(result.changes)
        if result.held is None:
            for hours in LATER_HOURS:  # the same bytes: a weaker word is confirmed, an absence counted
                told += take(store, app, replace(one, raw=replace(one.raw, at=one.raw.at + hours))).changes
        after = state_of(connection)
        connection.rollback()
    if result.held is not None:
        seen.held.append(f"{what}: {result.held}")
        assert (told, after) == ([], before), what
        return
    seen.taken += 1
    if (one.raw.source, what) not in TRUE_WORDS:
        seen.wrong += wrong_words(before, after, told, what=what)


def test_every_source_has_a_document_here() -> None:
    """A source that is added is tried, too."""
    assert set(DOCUMENTS) == set(source_names())


@pytest.mark.parametrize(("name", "number"), EACH, ids=[f"{name}-{number}" for name, number in EACH])
def test_a_field_that_goes_is_never_a_silent_null(name: str, number: int, tmp_path: Path) -> None:
    """Unreadable, held, or of no weight, however often it comes again."""
    with application(tmp_path, topics=[EVERY]) as app:
        seen = alter_each_field(app, DOCUMENTS[name][number])
    assert seen.wrong == []
    assert seen.unreadable + len(seen.held) > 0 or name in WITHOUT_FIELDS
