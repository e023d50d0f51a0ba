"""Delivery by webhook: signed, keyed, once; each kind of failure has its own consequence."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from bot.channels.base import Permanent
from bot.channels.webhook import WebhookChannel, sign
from bot.delivery.deliver import Deliverer
from bot.delivery.outbox import enqueue_changes
from storage import delivery
from storage.changes import add_changes
from storage.delivery import DueDestination
from storage.delivery_tables import deliveries, destinations
from storage.store import Store, open_store
from storage.tables import metadata
from tests.advisories.test_filters import DRAFT, NOW


def owing_store(folder: Path) -> Store:
    store = open_store(None, folder)
    metadata.create_all(store.engine)
    with store.write() as connection:
        destination = delivery.ensure_destination(connection, kind="webhook", address="ops", now=NOW)
        delivery.add_subscription(connection, destination, "copy-fail", now=NOW)
        enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW)
    return store


def run_rounds(store: Store, answers: list[int | type[httpx.TransportError]]) -> list[httpx.Request]:
    """As many rounds as answers, two hours apart; a class of error is raised instead of answering."""
    seen: list[httpx.Request] = []
    moment = [NOW]

    def receive(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = answers[len(seen) - 1]
        if isinstance(answer, int):
            return httpx.Response(answer)
        raise answer("cut")

    def now() -> datetime:
        return moment[0]

    async def rounds() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(receive)) as client:
            hook = WebhookChannel(client, {"ops": ("https://ops.test/x", "s3")}, clock=lambda: 7.0)
            for _ in answers:
                await Deliverer(store, {"webhook": hook}, clock=now).deliver_due()
                moment[0] += timedelta(hours=2)

    asyncio.run(rounds())
    return seen


@pytest.mark.parametrize(
    ("answers", "requests", "state", "destination"),
    [
        ([200, 200], 1, "sent", "active"),
        ([500, 200], 2, "sent", "active"),
        ([401, 200], 2, "sent", "active"),
        ([httpx.ReadError, httpx.ReadError, 200], 3, "sent", "active"),
        ([httpx.ConnectError, 200], 2, "sent", "active"),
        ([410, 200], 1, "rejected", "disabled"),
        ([422, 200], 1, "rejected", "active"),
    ],
)
def test_answers(
    tmp_path: Path,
    answers: list[int | type[httpx.TransportError]],
    requests: int,
    state: str,
    destination: str,
) -> None:
    """Each answer leads to its state, and every repeat carries the same key and the same body."""
    store = owing_store(tmp_path)
    seen = run_rounds(store, answers)
    assert len(seen) == requests
    assert len({(one.headers["Idempotency-Key"], one.content) for one in seen}) == 1
    body = seen[0].content.decode()
    assert seen[0].headers["X-Patchwatch-Signature"] == sign("s3", body, 7)
    assert json.loads(body)["change"] == "fixed_in"
    with store.read() as connection:
        assert connection.execute(select(deliveries.c.state)).scalars().all() == [state]
        assert connection.execute(select(destinations.c.state)).scalars().all() == [destination]
    store.close()


class LeavingReader:
    """A channel that refuses each message for good, and whose reader leaves while the first one is on its way."""

    kind = "webhook"
    keyed = True

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked = 0

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        self.asked += 1
        with self.store.write() as connection:
            delivery.disable_destination(connection, destination.id, "left", at=NOW)
        raise Permanent("not this one")


def test_a_destination_that_was_disabled_meanwhile_gets_nothing_more(tmp_path: Path) -> None:
    """A refused message does not lead to the next one when the destination is over; what is owed stays as it is."""
    store = owing_store(tmp_path)
    with store.write() as connection:
        enqueue_changes(connection, add_changes(connection, [replace(DRAFT, new="6.1.171-1")]), now=NOW)
    channel = LeavingReader(store)
    asyncio.run(Deliverer(store, {"webhook": channel}, clock=lambda: NOW).deliver_due())
    with store.read() as connection:
        states = connection.execute(select(deliveries.c.state).order_by(deliveries.c.id)).scalars().all()
    store.close()
    assert (channel.asked, states) == (1, ["rejected", "pending"])
