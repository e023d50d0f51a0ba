"""Sending what the outbox holds: lease, send, record; no transaction is open while a message is on its way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog

from bot.channels.base import Channel, ChannelError, Permanent, Refused, Unknown
from bot.redact import redact_text
from bot.views.changes import change_view
from storage import delivery
from storage.changes import load_change
from storage.delivery import DueDestination, Lease
from storage.errors import StorageError
from storage.store import Store

log = structlog.get_logger("patchwatch")

TICK_SECONDS = 2.0
_FIRST_WAIT_SECONDS = 10.0
_LONGEST_WAIT_SECONDS = 3600.0
_UNKNOWN_WAIT = timedelta(seconds=60)


class Deliverer:
    """Delivers over the given channels; `clock` gives aware UTC."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._channels = channels
        self._clock = clock

    async def deliver_due(self) -> int:
        """One round over all destinations with something due; returns how many messages were sent. StorageError."""
        due = await asyncio.to_thread(self._due)
        served = [one for one in due if one.kind in self._channels]
        return sum(await asyncio.gather(*(self.deliver(one) for one in served)))

    async def deliver(self, destination: DueDestination) -> int:
        """Sends to one destination until nothing is due or an attempt fails. Raises StorageError."""
        sent = 0
        while (taken := await asyncio.to_thread(self._take, destination.id)) is not None:
            lease, content = taken
            try:
                remote = await self._channels[destination.kind].send(destination, lease.message, content)
            except ChannelError as error:
                await asyncio.to_thread(self._record_failure, destination, lease, error)
                if not isinstance(error, Permanent):
                    return sent
            else:
                await asyncio.to_thread(self._record_sent, lease, remote)
                sent += 1
        return sent

    def _due(self) -> list[DueDestination]:
        with self._store.read() as connection:
            return delivery.due_destinations(connection, now=self._clock())

    def _take(self, destination: int) -> tuple[Lease, str] | None:
        with self._store.write() as connection:
            lease = delivery.lease_next(connection, destination, now=self._clock())
            if lease is None:
                return None
            change = load_change(connection, lease.change_seq)
            content = json.dumps(change_view(change) if change else {}, ensure_ascii=False)
            return lease, delivery.freeze_message(connection, lease.message, content)

    def _record_sent(self, lease: Lease, remote: str | None) -> None:
        with self._store.write() as connection:
            delivery.record_sent(connection, lease, now=self._clock(), remote_id=remote)

    def _record_failure(self, destination: DueDestination, lease: Lease, error: ChannelError) -> None:
        now, text = self._clock(), redact_text(str(error))
        answer = type(error).__name__.lower()
        log.warning("not delivered", channel=destination.kind, delivery=lease.delivery, answer=answer, reason=text)
        with self._store.write() as connection:
            if isinstance(error, Refused | Permanent) or self._gives_up(destination, lease, error):
                delivery.record_rejected(connection, lease, answer=answer, text=text, now=now)
                if isinstance(error, Refused):
                    delivery.disable_destination(connection, destination.id, text)
                return
            again = now + (_UNKNOWN_WAIT if isinstance(error, Unknown) else _back_off(lease.tries, error.retry_after))
            delivery.record_retry(connection, lease, answer=answer, text=text, now=now, not_before=again)
            delivery.hold_destination(connection, destination.id, not_before=again)

    def _gives_up(self, destination: DueDestination, lease: Lease, error: ChannelError) -> bool:
        """An unknown answer is tried once more; for ever where the far end recognises a repeat."""
        return isinstance(error, Unknown) and lease.tries > 1 and not self._channels[destination.kind].keyed


def _back_off(tries: int, asked: float) -> timedelta:
    own = min(_FIRST_WAIT_SECONDS * 2 ** min(tries - 1, 16), _LONGEST_WAIT_SECONDS)
    return timedelta(seconds=max(own, asked))


async def run_delivery(store: Store, channels: Mapping[str, Channel], stop: asyncio.Event) -> None:
    """Delivers until `stop`; a database that cannot be written holds all sending."""
    deliverer = Deliverer(store, channels)
    while not stop.is_set():
        try:
            await deliverer.deliver_due()
        except StorageError as error:
            log.error("delivery waits", reason=str(error))
        try:
            async with asyncio.timeout(TICK_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue
