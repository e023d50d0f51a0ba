"""`poll(source)`: one cycle of one source, from fetch to stored state. The schedule and the command line call it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from bot.config import Config
from bot.ingest.batches import clock_ahead, moved, without_known
from bot.ingest.breaker import CycleTurns
from bot.ingest.cycle import CycleResult, Intake, Mode, ingest
from bot.ingest.leases import LEASE, Leases
from bot.ingest.parsing import Parsed, ParseWorker, read_ahead
from bot.ingest.watchdog import failure_line
from bot.topic_files import watch_of
from sources.base import Batch, FetchContext, SourceSpec
from sources.errors import FetchError
from sources.git import GitDoor
from sources.http import HttpDoor, Validators
from sources.registry import find_source
from storage import catch_up, identity, source_health
from storage import documents as document_store
from storage.errors import StorageError

log = structlog.get_logger("patchwatch")
MAX_BACKOFF = timedelta(hours=6)
ALERT_AFTER_FAILURES = 3


@dataclass(slots=True, kw_only=True)
class PollReport:
    """One line of `patchwatch poll`. `error` is None after a good cycle; `busy`: another worker has the source."""

    source: str
    documents: int = 0
    changes: int = 0
    rejected: int = 0
    seconds: float = 0.0
    error: str | None = None
    error_kind: str | None = None
    held: str | None = None
    busy: bool = False
    quiet: bool = False
    notes: list[str] = field(default_factory=list)
    traffic_before: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is stored of a source when its cycle begins. streams: those whose first reading has ended. late: it has had
    no good fetch since a restore."""

    checkpoint: dict[str, str]
    validators: dict[str, tuple[str | None, str | None, str]]
    advisories: frozenset[str]
    streams: frozenset[str]
    late: bool
    newest_at: datetime | None

    @classmethod
    def load(cls, connection: Connection, source: str) -> _Known:
        return cls(
            checkpoint=source_health.load_checkpoint(connection, source),
            validators=document_store.held_validators(connection, source),
            advisories=frozenset(one for one in identity.all_aliases(connection) if one.startswith("CVE-")),
            streams=source_health.streams_done(connection, source),
            late=catch_up.is_catching_up(connection, source),
            newest_at=document_store.newest_at(connection, source),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """Everything `poll` needs, made once by the composition root."""

    config: Config
    intake: Intake
    http: HttpDoor
    git: GitDoor
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _leases: Leases = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_leases", Leases(self.intake.store, self.clock))

    def poll(self, name: str, *, due_only: bool = False) -> PollReport:
        """One cycle. Never raises for what a source does; StorageError passes."""
        report = PollReport(source=name, traffic_before=self._traffic(name))
        started = time.monotonic()
        store = self.intake.store
        now = self.clock()
        with store.write() as connection:
            lease = source_health.claim(connection, name, now=now, until=now + LEASE, due_only=due_only)
            known = _Known.load(connection, name) if lease else None
        if lease is None or known is None:
            report.busy = True
            return report
        spec = find_source(name)
        with self._leases.kept(name, lease):
            self._guarded_cycle(spec, report, known, now)
        report.seconds = time.monotonic() - started
        return report

    def _guarded_cycle(self, spec: SourceSpec, report: PollReport, known: _Known, now: datetime) -> None:
        """The cycle and how it ended. Raises StorageError."""
        try:
            self._cycle(spec, report, known, now)
        except FetchError as error:
            self._failed(spec, report, error.kind, str(error), error.url, error.retry_after)
        except StorageError:
            raise
        except Exception as error:  # boundary 3 of 3: a bug in a source's fetch fails that source alone
            log.exception("a source's own code failed", source=spec.name)
            text = f"{spec.name}: its own code failed ({type(error).__name__}); the log has the trace, please report it"
            self._failed(spec, report, "internal", text, "", None)
        else:
            self._ended(spec, report)

    def _cycle(self, spec: SourceSpec, report: PollReport, known: _Known, now: datetime) -> None:
        turns = CycleTurns()
        ahead = clock_ahead(known.newest_at, now)
        saved: Mapping[str, str] = known.checkpoint
        first_reading: set[str] = set()  # streams, for the whole cycle: a first reading may come in several batches
        with ParseWorker(spec.name) as worker:
            batches = (moved(batch, now, ahead) for batch in spec.fetch(self._context(spec, known, now)))
            unknown = without_known(self.intake.store, spec.name, batches)
            for batch, documents in read_ahead(worker, unknown):
                if batch.stream not in known.streams:
                    first_reading.add(batch.stream)
                mode = Mode(quiet=batch.stream in first_reading, late=known.late)
                report.quiet = report.quiet or mode.quiet
                saved = self._take(spec, batch, documents, report, mode, turns, saved)
                self._note(batch.notes, spec.name, report)

    def _take(
        self,
        spec: SourceSpec,
        batch: Batch,
        documents: Sequence[Parsed],
        report: PollReport,
        mode: Mode,
        turns: CycleTurns,
        saved: Mapping[str, str],
    ) -> Mapping[str, str]:
        """Stores a batch, unless it says nothing at all. Returns the checkpoint that is stored then; saved: the one
        that is stored before."""
        unreadable = any(one.document is None for one in documents)
        checkpoint = None if unreadable or batch.checkpoint == saved else batch.checkpoint
        if not (documents or batch.same or mode.quiet or checkpoint is not None):
            return saved
        result = ingest(
            self.intake,
            spec,
            documents,
            now=self.clock(),
            mode=mode,
            checkpoint=checkpoint,
            same=batch.same,
            baseline=batch.stream if mode.quiet and not batch.more and not unreadable else None,
            turns=turns,
        )
        self._report(result, report)
        return saved if checkpoint is None or result.held else checkpoint

    def _note(self, notes: Sequence[str], source: str, report: PollReport) -> None:
        for note in notes:
            report.notes.append(note)
            with self.intake.store.write() as connection:
                source_health.add_note(connection, note, at=self.clock(), source=source)

    def _report(self, result: CycleResult, report: PollReport) -> None:
        report.documents += result.documents
        report.changes += sum(not one.draft.quiet for one in result.changes)
        report.rejected += len(result.rejected)
        report.held = result.held or report.held
        if result.problems and report.error is None:
            raw, what = result.problems[0]
            more = f" (and {len(result.problems) - 1} more)" if len(result.problems) > 1 else ""
            report.error, report.error_kind = f"{raw.url}: {what}{more}", "parse"

    def _context(self, spec: SourceSpec, known: _Known, now: datetime) -> FetchContext:
        return FetchContext(
            source=spec.name,
            settings=self.config.source_values(spec),
            http=self.http,
            git=self.git,
            checkpoint=known.checkpoint,
            held=_Held(known.validators),
            watch=watch_of(self.intake.topics),
            now=now,
            known_advisories=known.advisories,
        )

    def _ended(self, spec: SourceSpec, report: PollReport) -> None:
        if report.error is not None:
            self._failed(spec, report, report.error_kind or "parse", report.error, "", None)
            return
        now = self.clock()
        with self.intake.store.write() as connection:
            source_health.record_good(
                connection, spec.name, now=now, next_due_at=now + self.interval(spec), traffic=self._grown(report)
            )
            if report.quiet:
                line = (
                    f"{spec.name}: first good fetch taken as baseline ({report.documents} documents); nothing was sent"
                )
                source_health.add_note(connection, line, at=now, source=spec.name)

    def _failed(
        self, spec: SourceSpec, report: PollReport, kind: str, text: str, url: str, retry_after: float | None
    ) -> None:
        report.error, report.error_kind = text, kind
        now = self.clock()
        with self.intake.store.write() as connection:
            health = source_health.load_health(connection, spec.name)
            failures = (health.failures if health else 0) + 1
            wait = min(self.interval(spec) * 2 ** min(failures - 1, 8), MAX_BACKOFF)
            if retry_after is not None:
                wait = max(timedelta(seconds=retry_after), self.interval(spec))
            source_health.record_failure(
                connection, spec.name, now=now, next_due_at=now + min(wait, MAX_BACKOFF), kind=kind, text=text, url=url
            )
            source_health.count_traffic(connection, spec.name, self._grown(report))
            if failures >= ALERT_AFTER_FAILURES and source_health.mark_alerted(connection, spec.name, at=now):
                line = failure_line(connection, spec.name, failures, text)
                if line is not None:
                    source_health.add_note(connection, line, at=now, source=spec.name)

    def _traffic(self, name: str) -> dict[str, int]:
        """Requests, bytes and not-modified answers of a source since this process started."""
        own = [one for one in self.http.traffic() if one.source == name]
        return {
            "requests": sum(one.requests for one in own),
            "bytes": sum(one.received for one in own),
            "not_modified": sum(one.not_modified for one in own),
        }

    def _grown(self, report: PollReport) -> dict[str, int]:
        """This cycle's traffic."""
        after = self._traffic(report.source)
        return {key: after[key] - report.traffic_before.get(key, 0) for key in after}

    def interval(self, spec: SourceSpec) -> timedelta:
        """How long until the next poll: configured, else the source's own by `[schedule] interval_factor`."""
        given = self.config.source(spec.name).interval_seconds
        if given is not None:
            return timedelta(seconds=given)
        return timedelta(seconds=spec.interval_seconds * self.config.number("schedule", "interval_factor") / 100)


@dataclass(frozen=True, slots=True)
class _Held:
    """The validators we hold of a source's addresses."""

    by_url: dict[str, tuple[str | None, str | None, str]]

    def validators(self, url: str) -> Validators:
        etag, last_modified, _ = self.by_url.get(url, (None, None, ""))
        return Validators(etag=etag, last_modified=last_modified)
