"""The real recording (read in place) as parsed documents, and its taking in by any order of arrival."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

from advisories.model import Advisory
from bot.app import App
from bot.ingest.cycle import CycleResult, Mode, ingest
from bot.ingest.parsing import Parsed, parse_here
from bot.ingest.recording import read_recording
from bot.views.status import status_view
from sources.registry import find_source
from storage import advisories as advisory_store
from storage import identity
from tests.build import CVE

AS_OF = datetime(2026, 9, 30, tzinfo=UTC)
NEVER = ("6.14.5", "6.12.25", "6.6.87", "6.12.94-1", "openEuler-SA-2026-1544")
TRACKERS = frozenset({"kernel-cna", "ubuntu", "debian", "almalinux", "redhat", "kev"})


def parse_recording(shared_data: Path, *, sources: Iterable[str] = ()) -> list[Parsed]:
    """Its documents in order of time, of these sources only when any is named. Every one must be readable."""
    wanted = set(sources)
    entries = sorted(read_recording(shared_data / "recording-copy-fail"), key=lambda one: one.at)
    parsed = [parse_here(find_source(one.source), one.raw()) for one in entries if not wanted or one.source in wanted]
    assert [one.problem for one in parsed if one.document is None] == []
    return parsed


def take_all(app: App, documents: Sequence[Parsed], *, mode: Mode | None = None) -> list[CycleResult]:
    """The documents in the order given; neighbours of one source and time are one batch."""
    results = []
    for (source, _), group in groupby(documents, key=lambda one: (one.raw.source, one.raw.at)):
        results.append(take_batch(app, source, list(group), mode=mode))
    return results


def take_batch(app: App, source: str, documents: Sequence[Parsed], *, mode: Mode | None = None) -> CycleResult:
    newest = max(one.raw.at for one in documents)
    return ingest(app.intake, find_source(source), documents, now=newest, mode=mode or Mode())


def shuffled_batches(documents: Sequence[Parsed], seed: int) -> list[tuple[str, list[Parsed]]]:
    """Every document once, in an order of its own for each seed, in batches of one to eight documents of one source."""
    chance = Random(seed)
    order = list(documents)
    chance.shuffle(order)
    batches: list[tuple[str, list[Parsed]]] = []
    while order:
        size = chance.randint(1, 8)
        part, order = order[:size], order[size:]
        for source in sorted({one.raw.source for one in part}):
            batches.append((source, [one for one in part if one.raw.source == source]))
    return batches


def load_advisory(app: App, cve: str = CVE) -> Advisory | None:
    with app.store.read() as connection:
        pw_id = identity.resolve(connection, cve)
        return None if pw_id is None else advisory_store.load_advisory(connection, pw_id)


def view(app: App, cve: str = CVE) -> Any:
    """`status --format json` of the advisory, without its id: who comes first is numbered first."""
    found = load_advisory(app, cve)
    assert found is not None
    shown = status_view(found, as_of=AS_OF, topics=app.topics)
    shown["advisory"].pop("id")
    return shown
