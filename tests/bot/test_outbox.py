"""The outbox and its ledger: what is owed to whom, once, and who may send it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from advisories.words import ChangeType
from bot.delivery.outbox import Outbox, enqueue_changes
from bot.redact import redact_text
from storage import delivery
from storage import delivery_ledger as ledger
from storage import delivery_settings as wishes
from storage.changes import add_changes
from storage.delivery import Lease
from storage.delivery_tables import attempts, deliveries, messages, subscriptions
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


def lease_first(connection: Connection, now: datetime) -> Lease | None:
    """What the delivery loop does for a webhook: the next row becomes a message and is leased."""
    first = ledger.next_pending(connection, 1, now=now)
    if first is None:
        return None
    if first.message is None:
        ledger.attach(connection, 1, [first], now=now, content="{}")
        first = ledger.next_pending(connection, 1, now=now)
        assert first is not None
    return ledger.lease(connection, ledger.folded_with(connection, 1, first, now=now), now=now)


def test_lost_lease_cannot_record(filled: Store) -> None:
    """After a lease ran out another takes the same message, and the first one's answer no longer counts."""
    later = NOW + timedelta(seconds=121)
    with filled.write() as connection:
        enqueue_changes(connection, add_changes(connection, [DRAFT]), now=NOW)
        first = lease_first(connection, NOW)
        assert first is not None
        assert lease_first(connection, NOW) is None
        second = lease_first(connection, later)
        assert second is not None
        assert second.message == first.message
        assert not ledger.record_sent(connection, first, now=later)
        assert ledger.record_sent(connection, second, now=later)
        assert ledger.due_destinations(connection, now=later) == []
        assert connection.execute(select(func.count()).select_from(attempts)).scalar() == 2


def test_index_follows_the_subscriptions(filled: Store) -> None:
    """A kept index sees what was subscribed, unsubscribed and muted since; a mute holds until its end."""
    outbox = Outbox()
    with filled.write() as connection:
        assert outbox.enqueue(connection, add_changes(connection, [DRAFT]), now=NOW) == 1
        delivery.add_subscription(connection, 2, "debian/12", now=NOW)
        assert outbox.enqueue(connection, add_changes(connection, [replace(DRAFT, new="a")]), now=NOW) == 2
        wishes.mute(connection, 2, "PW-2026-1", until=NOW + timedelta(days=7))
        assert outbox.enqueue(connection, add_changes(connection, [replace(DRAFT, new="b")]), now=NOW) == 1
        later = NOW + timedelta(days=8)
        assert outbox.enqueue(connection, add_changes(connection, [replace(DRAFT, new="c")]), now=later) == 2
        delivery.disable_destination(connection, 1, "blocked")
        assert outbox.enqueue(connection, add_changes(connection, [replace(DRAFT, new="d")]), now=later) == 1


def test_moving_joins_two_chats(filled: Store) -> None:
    """A chat that moves to an id we know brings what it has and leaves nothing twice."""
    with filled.write() as connection:
        enqueue_changes(connection, add_changes(connection, [DRAFT, KEV]), now=NOW)
        assert wishes.move_destination(connection, 1, "2") == 2
        assert [one.id for one in wishes.list_destinations(connection)] == [2]
        kept = delivery.list_subscriptions(connection, 2)
        assert [(one.number, one.filter) for one in kept] == [(1, "copy-fail ubuntu"), (2, "copy-fail debian/12")]
    assert [row[:2] for row in owed(filled)] == [(1, 2), (2, 2)]


def test_forgetting_leaves_no_row(filled: Store) -> None:
    """All tables about a destination are empty of it afterwards, and others keep theirs."""
    with filled.write() as connection:
        enqueue_changes(connection, add_changes(connection, [DRAFT, KEV]), now=NOW)
        lease_first(connection, NOW)
        wishes.forget_destination(connection, 1)
        assert [one.id for one in wishes.list_destinations(connection)] == [2]
        for table in (deliveries, messages, subscriptions):
            assert set(connection.execute(select(table.c.destination)).scalars()) <= {2}
    assert owed(filled) == [(2, 2, False, "copy-fail ubuntu")]


def test_tokens_do_not_leave() -> None:
    """A bot token in an address and a password in a database address are taken out."""
    token = "123456789:" + "A" * 35
    assert (
        redact_text(f"GET https://api.telegram.org/bot{token}/getMe") == "GET https://api.telegram.org/bot[token]/getMe"
    )
    assert redact_text("postgresql://me:hunter2@db/x") == "postgresql://[credentials]@db/x"
