"""The outbox and its ledger: what is owed to whom, once, and who may send it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from advisories.words import ChangeType
from bot.outbox import enqueue_changes
from bot.redact import redact_text
from storage import delivery
from storage.changes import add_changes
from storage.delivery_tables import attempts, deliveries
from storage.store import Store, open_store
from storage.tables import metadata
from tests.advisories.test_filters import DRAFT, KEV, NOW


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Store]:
    """A store with two subscribers: 1 of debian/12, 2 of ubuntu."""
    store = open_store(None, tmp_path)
    metadata.create_all(store.engine)
    with store.write() as connection:
        for address, words in (("1", "copy-fail debian/12"), ("2", "copy-fail ubuntu")):
            destination = delivery.ensure_destination(connection, kind="webhook", address=address, now=NOW)
            delivery.add_subscription(connection, destination, words, now=NOW)
    yield store
    store.close()


def owed(store: Store) -> list[tuple[int, int, bool, str | None]]:
    columns = (deliveries.c.change_seq, deliveries.c.destination, deliveries.c.urgent, deliveries.c.filter)
    with store.read() as connection:
        rows = connection.execute(select(*columns).order_by(deliveries.c.change_seq, deliveries.c.destination))
        return [(one[0], one[1], one[2], one[3]) for one in rows]


def test_owes_what_matches_once(filled: Store) -> None:
    """A fix goes to its release's reader and is urgent there, KEV to both; a second run owes nothing."""
    with filled.write() as connection:
        stored = add_changes(connection, [DRAFT, KEV, replace(DRAFT, release="13", quiet=True)])
        assert enqueue_changes(connection, stored, now=NOW) == 3
        assert enqueue_changes(connection, stored, now=NOW) == 0
    first, second = "copy-fail debian/12", "copy-fail ubuntu"
    assert owed(filled) == [(1, 1, True, first), (2, 1, False, first), (2, 2, False, second)]


def test_correction_reaches_who_got_the_claim(filled: Store) -> None:
    """A correction follows its claim, whatever the filters say now."""
    taken_back = replace(KEV, change=ChangeType.CORRECTION, corrects=DRAFT.key)
    with filled.write() as connection:
        enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW)
        assert delivery.remove_subscription(connection, 1, 1)
        assert enqueue_changes(connection, add_changes(connection, [taken_back]), now=NOW) == 1
    assert owed(filled)[-1] == (2, 1, True, None)


def test_lost_lease_cannot_record(filled: Store) -> None:
    """After a lease ran out another takes the same message, and the first one's answer no longer counts."""
    later = NOW + timedelta(seconds=121)
    with filled.write() as connection:
        enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW)
        first = delivery.lease_next(connection, 1, now=NOW)
        assert first is not None
        assert delivery.lease_next(connection, 1, now=NOW) is None
        second = delivery.lease_next(connection, 1, now=later)
        assert second is not None
        assert second.message == first.message
        assert not delivery.record_sent(connection, first, now=later)
        assert delivery.record_sent(connection, second, now=later)
        assert delivery.due_destinations(connection, now=later) == []
        assert connection.execute(select(func.count()).select_from(attempts)).scalar() == 2


def test_tokens_do_not_leave() -> None:
    """A bot token in an address and a password in a database address are taken out."""
    token = "123456789:" + "A" * 35
    assert (
        redact_text(f"GET https://api.telegram.org/bot{token}/getMe") == "GET https://api.telegram.org/bot[token]/getMe"
    )
    assert redact_text("postgresql://me:hunter2@db/x") == "postgresql://[credentials]@db/x"
