"""An application over a store of its own, and documents taken in without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from advisories.observation import Observation, ParsedDocument, Record, Rejected
from advisories.topics import Topic
from advisories.words import EvidenceClass
from bot.app import App, open_app
from bot.ingest.cycle import CycleResult, Mode, ingest
from bot.ingest.parsing import Parsed
from sources.base import Batch, FetchContext, RawDocument, SourceSpec


def nothing(context: FetchContext) -> Iterator[Batch]:
    yield from ()


def spec(name: str = "debian", kind: EvidenceClass = EvidenceClass.VENDOR) -> SourceSpec:
    """A source that is only a name: what it parses to is given by the test."""
    return SourceSpec(
        name=name,
        title=name,
        gives="what a test gives it",
        evidence_class=kind,
        fetch=nothing,
        parse=lambda raw: ParsedDocument(records=()),
        settings={},
        interval_seconds=600,
        stale_after_seconds=86_400,
        max_bytes=1024,
        licence="own",
        home="https://example.org",
    )


def parsed(
    *records: Record,
    at: datetime,
    source: str = "debian",
    url: str = "",
    complete: bool = False,
    rejected: tuple[Rejected, ...] = (),
    body: bytes | None = None,
) -> Parsed:
    """A document that says these records; equal records give equal bytes."""
    content = body if body is not None else hashlib.sha256(repr((records, complete)).encode()).digest()
    raw = RawDocument(source=source, url=url or f"https://{source}.example/all", at=at, body=content)
    return Parsed(raw=raw, document=ParsedDocument(records=records, complete=complete, rejected=rejected))


def record(key: str, *observations: Observation, modified: datetime | None = None, cut: bytes = b"") -> Record:
    return Record(key=key, observations=observations, modified=modified, slice=cut)


@contextmanager
def application(folder: Path, *, topics: Sequence[Topic] = (), config: str = "") -> Iterator[App]:
    """An application with its data below `folder`; `config` is the text of its configuration file."""
    file = folder / "patchwatch.toml"
    file.write_text(config, encoding="utf-8")
    with open_app(config=file, data=folder / "data") as app:
        yield App(config=app.config, topics=tuple(topics) or app.topics, store=app.store)


def take(
    app: App, *documents: Parsed, source: SourceSpec | None = None, mode: Mode | None = None, **more: object
) -> CycleResult:
    """One cycle with these documents."""
    newest = max((one.raw.at for one in documents), default=None)
    assert newest is not None
    checkpoint = more.get("checkpoint")
    same = more.get("same", ())
    return ingest(
        app.intake,
        source or spec(documents[0].raw.source),
        documents,
        now=newest,
        mode=mode or Mode(),
        checkpoint=checkpoint if isinstance(checkpoint, dict) else None,
        same=same if isinstance(same, tuple) else (),
    )


def told(result: CycleResult) -> list[tuple[str, str | None]]:
    return [(one.draft.change.value, one.draft.new) for one in result.changes]
