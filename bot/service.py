"""`patchwatch run`: the schedule, the channels and the web in one process, until SIGTERM.

APScheduler only ticks; what is due stands in our tables (`next_due_at`, leases), so a restart neither repeats nor
forgets a poll. On SIGTERM no new work is taken and what is in flight has ten seconds to end (TRUST row 11).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import structlog

from bot.app import App, make_poller
from bot.ingest.parsing import load_parsers
from bot.ingest.poll import Poller, PollReport
from bot.ingest.watchdog import note_stale
from bot.memory import give_back
from sources.registry import source_names
from storage import source_health
from storage.due import CLOCK_TOLERANCE
from storage.errors import StorageDamaged, StorageError
from storage.store import Store, integrity_problem

log = structlog.get_logger("patchwatch")

DRAIN_SECONDS = 8.0
TICK_SECONDS = 5
Ping = Callable[[], Awaitable[bool]]
POLL_THREADS = 3


def run_service(app: App, role: str) -> None:
    """Runs the roles of this process until SIGTERM or SIGINT. Raises StorageError, also for a database that fails its
    check at the start, and what a role could not start for.

    A request or a run of git that outlasts the drain is left behind: nothing of it was stored, and its lease runs out.
    """
    check_database(app.store)
    with closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(_run(app, role))
        if [one for one in threading.enumerate() if one is not threading.current_thread() and not one.daemon]:
            logging.shutdown()
            sys.stdout.flush()
            os._exit(0)


def check_database(store: Store) -> None:
    """Nothing is read from a damaged database, and nothing of it is sent (TRUST row 22). Raises StorageDamaged."""
    problem = integrity_problem(store)
    if problem is not None:
        line = problem.splitlines()[-1]
        raise StorageDamaged(f"the database is damaged ({line}); restore a backup: patchwatch db restore FILE")


async def _run(app: App, role: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(work, name=name) for name, work in _roles(app, role, stop)]
    watcher = asyncio.create_task(stop.wait())
    await asyncio.wait([watcher, *tasks], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
    for task in (watcher, *tasks):
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


def _roles(app: App, role: str, stop: asyncio.Event) -> list[tuple[str, Coroutine[None, None, None]]]:
    """What this process does; each role is loaded before any of them starts."""
    roles: list[tuple[str, Coroutine[None, None, None]]] = []
    if role in ("all", "web"):
        from bot.web.serve import serve_web

        roles.append(("web", serve_web(app, stop)))
    if role in ("all", "poll"):
        schedule = Schedule(app, make_poller(app), ping=_ping_of(app))
        load_parsers(schedule.names)
        roles.append(("schedule", schedule.run(stop)))
    if role in ("all", "deliver"):
        from bot.channels.registry import serve_channels

        roles.append(("deliver", serve_channels(app.store, app.config, app.topics, stop)))
    return roles


def _ping_of(app: App) -> Ping | None:
    """`[alerts] ping_url`, asked; None where there is none."""
    url = app.config.text("alerts", "ping_url")
    if not url:
        return None
    from bot.channels.ping import ping

    return lambda: ping(url)


class Schedule:
    """Asks each tick which sources are due and polls them, a few at a time. ping: called when no source is being polled
    any more and every poll since the last such moment was good."""

    def __init__(self, app: App, poller: Poller, *, ping: Ping | None = None) -> None:
        self._app = app
        self._ping = ping
        self._all_good = True
        self._poller = poller
        self._busy: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(POLL_THREADS, thread_name_prefix="poll")

    @property
    def running(self) -> frozenset[asyncio.Task[None]]:
        """The polls that are on their way."""
        return frozenset(self._running)

    @property
    def names(self) -> list[str]:
        config = self._app.config
        return [name for name in (*source_names(), *config.further_trees) if config.source(name).enabled]

    async def run(self, stop: asyncio.Event) -> None:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        scheduler = AsyncIOScheduler(timezone=UTC)
        scheduler.add_job(
            self.tick, "interval", seconds=TICK_SECONDS, next_run_time=datetime.now(UTC), misfire_grace_time=None,
            coalesce=True, max_instances=1,
        )  # fmt: skip
        scheduler.start()
        await stop.wait()
        scheduler.shutdown(wait=False)
        if self._running:
            await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def tick(self) -> None:
        """Starts a poll for each source that is due and not being polled already."""
        due = await asyncio.to_thread(self._due)
        for name in due:
            if name not in self._busy:
                self._busy.add(name)
                task = asyncio.create_task(self._poll(name))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    def _due(self) -> list[str]:
        now = datetime.now(UTC)
        try:
            with self._app.store.read() as connection:
                stored = {one.name: one for one in source_health.list_health(connection)}
            for line in note_stale(self._app.store, self.names, now=now):
                log.warning("stale", text=line)
        except StorageError as error:
            log.error("schedule waits", reason=str(error))
            return []
        return [name for name in self.names if _is_due(stored.get(name), now)]

    async def _poll(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        good = False
        try:
            report = await loop.run_in_executor(self._pool, lambda: self._poller.poll(name, due_only=True))
            good = not (report.error or report.held)
            _log_report(report)
        except StorageError as error:
            log.error("poll not stored", source=name, reason=str(error))
        finally:
            self._busy.discard(name)
            self._all_good = self._all_good and good
            if not self._busy:
                await loop.run_in_executor(self._pool, give_back)
                await self._end_cycle()

    async def _end_cycle(self) -> None:
        all_good, self._all_good = self._all_good, True
        if all_good and self._ping is not None:
            await self._ping()


def _is_due(health: source_health.SourceHealth | None, now: datetime) -> bool:
    """Due, free and asked at all; also when all that was written is from a clock that has jumped back since."""
    if health is None:
        return True
    if not health.asked:
        return False
    if health.last_attempt_at is not None and health.last_attempt_at > now + CLOCK_TOLERANCE:
        return True
    if health.leased_until is not None and health.leased_until > now:
        return False
    return health.next_due_at is None or health.next_due_at <= now


def _log_report(report: PollReport) -> None:
    if report.busy:
        return
    if report.error:
        log.warning("poll failed", source=report.source, reason=report.error)
    else:
        log.info("polled", source=report.source, documents=report.documents, changes=report.changes)
    for note in report.notes:
        log.warning("note", source=report.source, text=note)


def deliver_once(app: App) -> None:
    """Sends what the outbox holds and returns when nothing is due (`replay --deliver`)."""
    from bot.channels.registry import deliver_pending

    asyncio.run(deliver_pending(app.store, app.config, app.topics))
