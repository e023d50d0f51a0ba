"""Sending what the outbox holds: fold, lease, send, record; no transaction is open while a message is on its way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from advisories.model import Change
from bot.channels.base import (
    Channel,
    ChannelError,
    EditingChannel,
    FoldingChannel,
    Moved,
    NotSent,
    PacedChannel,
    Permanent,
    Refused,
    Stopped,
    Unknown,
)
from bot.delivery.folding import Folder
from bot.delivery.lanes import Lane
from bot.messages.compose import Composer
from bot.messages.model import thaw
from bot.redact import redact_text
from bot.views.changes import change_view
from storage import delivery, source_health
from storage import delivery_ledger as ledger
from storage import delivery_settings as wishes
from storage.changes import load_change
from storage.delivery import DueDestination, Lease, Pending
from storage.errors import StorageError
from storage.store import Store

log = structlog.get_logger("patchwatch")

IN_FLIGHT = 4  # sends of one channel that are on their way at once: the most that a crash may repeat
TICK_SECONDS = 1.0
SEND_SECONDS = 60.0
_FIRST_WAIT_SECONDS = 10.0
_LONGEST_WAIT_SECONDS = 3600.0
_OUTAGE_WAIT_SECONDS = 300.0
_LONGEST_ASKED = timedelta(hours=1)
_UNKNOWN_WAIT = timedelta(seconds=60)
_STOPPED_WAIT = timedelta(minutes=5)


class Deliverer:
    """Delivers over the given channels; `clock` gives aware UTC."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        *,
        folder: Folder | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._channels = dict(channels)
        self._folder = folder or Folder(Composer())
        self._clock = clock
        self._error: StorageError | None = None
        self._sent = 0

    @property
    def channels(self) -> Mapping[str, Channel]:
        """Those that go on."""
        return self._channels

    async def deliver_due(self) -> int:
        """Sends until nothing is due; returns how many messages were sent. Raises StorageError."""
        lanes = self._make_lanes()
        before = self._sent
        await self._offer(lanes)
        for lane in lanes.values():
            lane.finish()
        await self._work_all(lanes)
        return self._sent - before

    async def run(self, stop: asyncio.Event) -> None:
        """Sends what becomes due until `stop`. Raises StorageError when nothing can be recorded."""
        lanes = self._make_lanes()
        work = asyncio.create_task(self._work_all(lanes))
        try:
            while not stop.is_set() and not work.done():
                await self._offer(lanes)
                await _pause(stop)
        finally:
            for lane in lanes.values():
                lane.close()
            await work

    def _make_lanes(self) -> dict[str, Lane]:
        return {kind: Lane(_wait_of(channel)) for kind, channel in self._channels.items()}

    async def _offer(self, lanes: Mapping[str, Lane]) -> None:
        for one in await asyncio.to_thread(self._due):
            if one.kind in lanes and one.kind in self._channels:
                lanes[one.kind].offer(one)

    async def _work_all(self, lanes: Mapping[str, Lane]) -> None:
        self._error = None
        await asyncio.gather(*(self._work(kind, lane) for kind, lane in lanes.items() for _ in range(IN_FLIGHT)))
        if self._error is not None:
            raise self._error

    async def _work(self, kind: str, lane: Lane) -> None:
        """One worker: a database that cannot be written stops them all before anything is sent unrecorded."""
        while (destination := await lane.take()) is not None:
            more = False
            try:
                more = await self.deliver(destination)
            except StorageError as error:
                self._error = error
                lane.close()
            finally:
                lane.done(destination, more=more)
            if kind not in self._channels:
                lane.close()

    async def deliver(self, destination: DueDestination) -> bool:
        """Sends one message; True when it arrived, so that there may be another. Raises StorageError."""
        channel = self._channels.get(destination.kind)
        if channel is None or self._error is not None:
            return False
        taken = await asyncio.to_thread(self._take, destination, channel)
        if taken is None:
            return False
        held, content = taken
        try:
            if isinstance(channel, PacedChannel):  # last: what comes after its turn must leave at once
                await channel.ready(destination)
            async with asyncio.timeout(SEND_SECONDS):
                remote = await channel.send(destination, held.message, content)
        except TimeoutError:
            error: ChannelError = Unknown(f"no answer within {SEND_SECONDS:.0f} s")
        except ChannelError as caught:
            error = caught
        else:
            await asyncio.to_thread(self._record_sent, destination, held, content, remote)
            self._sent += 1
            return True
        await asyncio.to_thread(self._record_failure, destination, held, error)
        return isinstance(error, Permanent)  # a destination that moved comes back by its new address

    def _due(self) -> list[DueDestination]:
        with self._store.read() as connection:
            return ledger.due_destinations(connection, now=self._clock())

    def _take(self, destination: DueDestination, channel: Channel) -> tuple[Lease, str] | None:
        """Leases the next message, made first where there is none yet; None when nothing may go out now."""
        now = self._clock()
        with self._store.write() as connection:
            while (first := ledger.next_pending(connection, destination.id, now=now)) is not None:
                if wishes.load_destination(connection, destination.id).state != "active":
                    return None  # it was disabled since it became due
                if first.message is not None:
                    if first.state == "leased" and not channel.keyed:
                        log.warning("may repeat", channel=destination.kind, message=first.message)
                    rows = ledger.folded_with(connection, destination.id, first, now=now)
                    content = ledger.content_of(connection, first.message)
                    return ledger.lease(connection, rows, now=now), content
                if not isinstance(channel, FoldingChannel):
                    ledger.attach(connection, destination.id, [first], now=now, content=_one(connection, first))
                elif not self._folder.fold(
                    connection, destination.id, first, now=now, cards=isinstance(channel, EditingChannel)
                ):
                    return None
        return None

    def _record_sent(self, destination: DueDestination, held: Lease, content: str, remote: str | None) -> None:
        now = self._clock()
        with self._store.write() as connection:
            ledger.record_sent(connection, held, now=now, remote_id=remote)
            if not isinstance(self._channels.get(destination.kind), FoldingChannel):
                return
            message = thaw(content)
            if not message.silent and ledger.tells_a_change(connection, held.message):
                wishes.note_sound(connection, destination.id, at=now)
            if message.advisory is not None and remote:
                card = wishes.Card(
                    destination=destination.id, advisory=message.advisory, remote_id=remote, shown=message.shown
                )
                wishes.save_card(connection, card)

    def _record_failure(self, destination: DueDestination, held: Lease, error: ChannelError) -> None:
        now, text = self._clock(), redact_text(str(error))
        answer = type(error).__name__.lower()
        log.warning("not delivered", channel=destination.kind, message=held.message, answer=answer, reason=text)
        with self._store.write() as connection:
            match error:
                case Refused():
                    ledger.record_rejected(connection, held, answer=answer, text=text, now=now)
                    self._disable(connection, destination, text, now)
                case Permanent():
                    ledger.record_rejected(connection, held, answer=answer, text=text, now=now)
                case NotSent() if 0 < error.tries <= held.tries:
                    ledger.record_rejected(connection, held, answer=answer, text=text, now=now)
                    line = f"{destination.kind} destination {destination.id}: a message was given up: {text}"
                    source_health.add_note(connection, line, at=now)
                case Moved():
                    ledger.record_retry(connection, held, answer=answer, text=text, now=now, not_before=now)
                    wishes.move_destination(connection, destination.id, error.address)
                case Stopped():
                    self._stop(connection, destination, held, text, now)
                case Unknown() if not self._channels[destination.kind].keyed and ledger.was_unclear(connection, held):
                    ledger.record_rejected(connection, held, answer=answer, text=text, now=now, state="unconfirmed")
                case _:
                    again = now + self._wait(error, held)
                    ledger.record_retry(connection, held, answer=answer, text=text, now=now, not_before=again)
                    ledger.hold_destination(connection, destination.id, not_before=again)

    def _disable(self, connection: Connection, destination: DueDestination, text: str, now: datetime) -> None:
        delivery.disable_destination(connection, destination.id, text, at=now)
        line = f"{destination.kind} destination {destination.id} is disabled: {text}"
        source_health.add_note(connection, line, at=now)

    def _stop(self, connection: Connection, destination: DueDestination, held: Lease, text: str, now: datetime) -> None:
        """Keeps the queue, tells the operator once, and takes the channel out of this process."""
        later = now + _STOPPED_WAIT
        ledger.record_retry(connection, held, answer="stopped", text=text, now=now, not_before=later)
        if self._channels.pop(destination.kind, None) is not None:
            line = f"{destination.kind} has stopped: {text}. What is owed is kept; correct it and start again."
            log.error("channel stopped", channel=destination.kind, reason=text)
            source_health.add_note(connection, line, at=now)

    def _wait(self, error: ChannelError, held: Lease) -> timedelta:
        if isinstance(error, Unknown):
            return _UNKNOWN_WAIT
        return _back_off(held.tries, error.retry_after, _OUTAGE_WAIT_SECONDS if error.outage else _LONGEST_WAIT_SECONDS)


def _one(connection: Connection, row: Pending) -> str:
    change = load_change(connection, row.change_seq or 0)
    return body_of(change) if change else "{}"


def body_of(change: Change) -> str:
    """One change as machines get it."""
    return json.dumps(change_view(change), ensure_ascii=False)


def _wait_of(channel: Channel) -> Callable[[DueDestination], float]:
    return channel.wait_seconds if isinstance(channel, PacedChannel) else lambda destination: 0.0


def _back_off(tries: int, asked: float, longest: float) -> timedelta:
    own = min(_FIRST_WAIT_SECONDS * 2 ** min(tries - 1, 16), longest)
    return min(timedelta(seconds=max(own, asked)), _LONGEST_ASKED)


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(TICK_SECONDS):
            await stop.wait()
    except TimeoutError:
        return


async def run_delivery(deliverer: Deliverer, stop: asyncio.Event) -> None:
    """Delivers until `stop`; a database that cannot be written holds all sending."""
    while not stop.is_set():
        try:
            await deliverer.run(stop)
        except StorageError as error:
            log.error("delivery waits", reason=str(error))
        await _pause(stop)
