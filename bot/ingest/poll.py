"""`poll(source)`: one cycle of one source, from fetch to stored state. The schedule and the command line call it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from bot.config import Config
from bot.ingest.breaker import CycleTurns
from bot.ingest.cycle import CycleResult, Intake, Mode, ingest
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
LEASE = timedelta(seconds=90)  # renewed while the cycle lasts: what a killed worker held is free soon
RENEW_SECONDS = 30.0
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
class Poller:
    """Everything `poll` needs, made once by the composition root."""

    config: Config
    intake: Intake
    http: HttpDoor
    git: GitDoor
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def poll(self, name: str, *, due_only: bool = False) -> PollReport:
        """One cycle. Never raises for what a source does; StorageError passes."""
        report = PollReport(source=name, traffic_before=self._traffic(name))
        started = time.monotonic()
        store = self.intake.store
        now = self.clock()
        with store.write() as connection:
            lease = source_health.claim(connection, name, now=now, until=now + LEASE, due_only=due_only)
        if lease is None:
            report.busy = True
            return report
        spec = find_source(name)
        with self._renewed(name, lease):
            self._guarded_cycle(spec, report, now)
        report.seconds = time.monotonic() - started
        return report

    def _guarded_cycle(self, spec: SourceSpec, report: PollReport, now: datetime) -> None:
        """The cycle and how it ended. Raises StorageError."""
        try:
            self._cycle(spec, report, now)
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

    @contextmanager
    def _renewed(self, name: str, lease: str) -> Iterator[None]:
        """Keeps the lease of a long cycle until the end of the block."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(RENEW_SECONDS):
                try:
                    with self.intake.store.write() as connection:
                        source_health.renew(connection, name, lease, until=self.clock() + LEASE)
                except StorageError as error:
                    log.warning("lease not renewed", source=name, reason=str(error))

        thread = threading.Thread(target=renew, name=f"lease-{name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _cycle(self, spec: SourceSpec, report: PollReport, now: datetime) -> None:
        context = self._context(spec, now)
        turns = CycleTurns()
        with self.intake.store.read() as connection:
            late = catch_up.is_catching_up(connection, spec.name)
            ahead = _clock_ahead(document_store.newest_at(connection, spec.name), now)
        quiet: dict[str, bool] = {}  # by stream, for the whole cycle: a first reading may come in several batches
        with ParseWorker(spec.name) as worker:
            batches = (_moved(batch, now, ahead) for batch in spec.fetch(context))
            for batch, documents in read_ahead(worker, batches):
                if batch.stream not in quiet:
                    quiet[batch.stream] = self._is_baseline(spec.name, batch.stream)
                first = quiet[batch.stream]
                report.quiet = report.quiet or first
                self._take(spec, batch, documents, report, Mode(quiet=first, late=late), turns)

    def _take(
        self,
        spec: SourceSpec,
        batch: Batch,
        documents: Sequence[Parsed],
        report: PollReport,
        mode: Mode,
        turns: CycleTurns,
    ) -> None:
        unreadable = any(one.document is None for one in documents)
        result = ingest(
            self.intake,
            spec,
            documents,
            now=self.clock(),
            mode=mode,
            checkpoint=None if unreadable else batch.checkpoint,
            same=batch.same,
            baseline=batch.stream if mode.quiet and not batch.more and not unreadable else None,
            turns=turns,
        )
        self._report(result, report)
        for note in batch.notes:
            report.notes.append(note)
            with self.intake.store.write() as connection:
                source_health.add_note(connection, note, at=self.clock(), source=spec.name)

    def _report(self, result: CycleResult, report: PollReport) -> None:
        report.documents += result.documents
        report.changes += sum(not one.draft.quiet for one in result.changes)
        report.rejected += len(result.rejected)
        report.held = result.held or report.held
        if result.problems and report.error is None:
            raw, what = result.problems[0]
            more = f" (and {len(result.problems) - 1} more)" if len(result.problems) > 1 else ""
            report.error, report.error_kind = f"{raw.url}: {what}{more}", "parse"

    def _context(self, spec: SourceSpec, now: datetime) -> FetchContext:
        with self.intake.store.read() as connection:
            checkpoint = source_health.load_checkpoint(connection, spec.name)
            held = document_store.held_validators(connection, spec.name)
            known = frozenset(one for one in identity.all_aliases(connection) if one.startswith("CVE-"))
        return FetchContext(
            source=spec.name,
            settings=self.config.source_values(spec),
            http=self.http,
            git=self.git,
            checkpoint=checkpoint,
            held=_Held(held),
            watch=watch_of(self.intake.topics),
            now=now,
            known_advisories=known,
        )

    def _is_baseline(self, source: str, stream: str) -> bool:
        with self.intake.store.read() as connection:
            return not source_health.baseline_done(connection, source, stream)

    def _ended(self, spec: SourceSpec, report: PollReport) -> None:
        if report.error is not None:
            self._failed(spec, report, report.error_kind or "parse", report.error, "", None)
            return
        now = self.clock()
        with self.intake.store.write() as connection:
            source_health.record_good(connection, spec.name, now=now, next_due_at=now + self.interval(spec))
            self._count(connection, report)
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
            self._count(connection, report)
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

    def _count(self, connection: Connection, report: PollReport) -> None:
        """Adds this cycle's traffic to the source's row."""
        after = self._traffic(report.source)
        grown = {key: after[key] - report.traffic_before.get(key, 0) for key in after}
        source_health.count_traffic(connection, report.source, grown)

    def interval(self, spec: SourceSpec) -> timedelta:
        """How long until the next poll: configured, else the source's own by `[schedule] interval_factor`."""
        given = self.config.source(spec.name).interval_seconds
        if given is not None:
            return timedelta(seconds=given)
        return timedelta(seconds=spec.interval_seconds * self.config.number("schedule", "interval_factor") / 100)


def _clock_ahead(newest: datetime | None, now: datetime) -> timedelta:
    """How far the newest document is dated in the future, by a clock that was set back since; else nothing."""
    ahead = newest - now if newest is not None else timedelta()
    return ahead if ahead > source_health.CLOCK_TOLERANCE else timedelta()


def _moved(batch: Batch, now: datetime, ahead: timedelta) -> Batch:
    """A document fetched in this cycle comes after those that a wrong clock dated in the future: else it would count
    as history until that time has come."""
    if not ahead:
        return batch
    moved = [replace(raw, at=raw.at + ahead) if raw.at >= now else raw for raw in batch.documents]
    return replace(batch, documents=tuple(moved))


@dataclass(frozen=True, slots=True)
class _Held:
    """The validators we hold of a source's addresses."""

    by_url: dict[str, tuple[str | None, str | None, str]]

    def validators(self, url: str) -> Validators:
        etag, last_modified, _ = self.by_url.get(url, (None, None, ""))
        return Validators(etag=etag, last_modified=last_modified)
