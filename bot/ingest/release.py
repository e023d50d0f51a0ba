"""Letting a held source go on: the difference first, then its documents through the pipeline without the breaker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from advisories.model import RecordVersion
from advisories.observation import CellObservation, Observation
from bot.app import App
from bot.ingest import canaries
from bot.ingest.breaker import weakened
from bot.ingest.cycle import Mode, ingest
from bot.ingest.parsing import Parsed, ParseWorker
from sources.base import RawDocument
from sources.registry import find_source
from storage import documents as document_store
from storage import records, source_health

MAX_LINES = 200


class NotHeld(ValueError):
    """The source is not held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSource:
    app: App
    name: str
    reason: str
    parsed: tuple[Parsed, ...]

    @classmethod
    def load(cls, app: App, name: str) -> HeldSource:
        """The held documents, parsed again. Raises NotHeld."""
        with app.store.read() as connection:
            health = source_health.load_health(connection, name)
            if health is None or health.state != "held":
                raise NotHeld(f"{name} is not held; its state is {health.state if health else 'waiting'}")
            stored = list(document_store.all_documents(connection, held=True, source=name))
        raws = [
            RawDocument(source=one.source, url=one.url, at=one.at, body=app.store.blobs.get(one.sha256), kind=one.kind)
            for one in stored
        ]
        with ParseWorker(name) as worker:
            parsed = tuple(worker.parse(raws))
        return cls(app=app, name=name, reason=health.held_reason or "", parsed=parsed)

    def difference(self) -> Iterator[str]:
        """One line per record that would be lost or weakened, then what each canary would lose or say instead."""
        stated: dict[str, tuple[Observation, ...]] = {}
        lost: set[str] = set()
        with self.app.store.read() as connection:
            for one in self.parsed:
                if one.document is None:
                    continue
                stated.update({record.key: record.observations for record in one.document.records})
                if one.document.complete:
                    lost |= records.keys_of_url(connection, self.name, one.raw.url)
            before = records.newest_versions(connection, self.name, sorted(stated))
            canary_lines = canaries.differences(
                connection, self.app.store.blobs, find_source(self.name), self.parsed, before
            )
        lines = [f"{key}: no longer listed" for key in sorted(lost - stated.keys())]
        lines += [
            _turn(before[key], stated[key])
            for key in sorted(stated)
            if key in before and weakened(before[key], stated[key])
        ]
        lines += canary_lines
        yield from lines[:MAX_LINES]
        if len(lines) > MAX_LINES:
            yield f"… and {len(lines) - MAX_LINES} more"

    def release(self) -> int:
        """Takes the documents in; returns how many changes followed."""
        now = datetime.now(UTC)
        with self.app.store.write() as connection:
            document_store.drop_held(connection, self.name)
            source_health.release(connection, self.name)
        result = ingest(self.app.intake, find_source(self.name), self.parsed, now=now, mode=Mode(checked=False))
        return len(result.changes)


def _turn(before: RecordVersion, now: tuple[Observation, ...]) -> str:
    old = {_place(one): one.status.value for one in before.observations if isinstance(one, CellObservation)}
    new = {_place(one): one.status.value for one in now if isinstance(one, CellObservation)}
    turned = [f"{place} {old[place]} -> {new[place]}" for place in old if place in new and old[place] != new[place]]
    return f"{before.key}: {', '.join(turned) or 'severity or withdrawal'}"


def _place(one: CellObservation) -> str:
    return "/".join(part for part in (one.distro, one.release, one.stream, one.package) if part)
