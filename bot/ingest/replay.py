"""Replaying a recording: the pipeline without the network, with the recording's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from advisories.model import Change
from bot.ingest.cycle import Intake, Mode, ingest
from bot.ingest.parsing import ParseWorker
from bot.ingest.recording import Entry, RecordingError, read_recording
from sources.registry import find_source
from storage import marks
from storage.store import Store

ORIGIN = "replay"


class ReplayError(ValueError):
    """A replay that may not start: the store holds something else."""


@dataclass(slots=True)
class ReplayReport:
    """What the recording came to; problems are (line number, source, what)."""

    documents: int = 0
    changes: list[Change] = field(default_factory=list)
    problems: list[tuple[int, str, str]] = field(default_factory=list)


def prepare(store: Store) -> None:
    """Checks that the store is empty or made by replay, and marks it. Raises ReplayError."""
    with store.write() as connection:
        origin = marks.load_mark(connection, "origin")
        if origin not in (None, ORIGIN):
            raise ReplayError("this data folder holds a live store; replay needs an empty one: --data DIR")
        marks.save_mark(connection, "origin", ORIGIN)


def replay(intake: Intake, path: Path, *, progress: Callable[[Entry], None] = lambda entry: None) -> ReplayReport:
    """Takes the whole recording in. Raises RecordingError, StorageError."""
    report = ReplayReport()
    workers: dict[str, ParseWorker] = {}
    try:
        for (_, source), group in groupby(_ordered(path), key=lambda one: (one.at, one.source)):
            entries = list(group)
            for entry in entries:
                progress(entry)
            _cycle(intake, source, entries, workers, report)
    finally:
        for worker in workers.values():
            worker.close()
    return report


def _ordered(path: Path) -> Iterator[Entry]:
    """By time; lines of one time keep their order."""
    yield from sorted(read_recording(path), key=lambda one: one.at)


def _cycle(
    intake: Intake, source: str, entries: Iterable[Entry], workers: dict[str, ParseWorker], report: ReplayReport
) -> None:
    try:
        spec = find_source(source)
    except (KeyError, ImportError):
        report.problems += [(one.number, source, "no such source") for one in entries]
        return
    good: list[Entry] = []
    for one in entries:
        if one.status == 200:
            good.append(one)
        elif one.status != 304:
            report.problems.append((one.number, source, f"answered {one.status}"))
    raws = []
    for one in good:
        try:
            raws.append(one.raw())
        except RecordingError as error:
            report.problems.append((one.number, source, str(error)))
    if not raws:
        return
    worker = workers.setdefault(source, ParseWorker(source))
    parsed = list(worker.parse(raws))
    result = ingest(intake, spec, parsed, now=raws[-1].at, mode=Mode())
    report.documents += result.documents
    report.changes += result.changes
    numbers = {one.url: one.number for one in good}
    report.problems += [(numbers.get(raw.url, 0), source, what) for raw, what in result.problems]
    report.problems += [(0, source, f"record {one.key}: {one.what}") for one in result.rejected]
    if result.held:
        report.problems.append((good[-1].number, source, f"held: {result.held}"))
