"""Put off by a clock that ran ahead and was set back: what is due then, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, update

from storage import delivery_ledger as ledger
from storage import delivery_settings as wishes
from storage.delivery_settings import Card
from storage.delivery_tables import deliveries
from storage.store import Store
from tests.storage.test_delivery import NOW, chat, lease_all, owe

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PutOff = Callable[[Connection, int, datetime], None]


def after_a_try(connection: Connection, place: int, until: datetime) -> None:
    held = lease_all(connection, place)
    ledger.record_retry(connection, held, answer="notsent", text="", now=NOW, not_before=until)


def gathering(connection: Connection, place: int, until: datetime) -> None:
    ledger.defer(connection, place, until=until)


def leased(connection: Connection, place: int, until: datetime) -> None:
    lease_all(connection, place)
    connection.execute(update(deliveries).where(deliveries.c.destination == place).values(lease_until=until))


def held(connection: Connection, place: int, until: datetime) -> None:
    ledger.hold_destination(connection, place, not_before=until)


def due(connection: Connection, now: datetime) -> list[int]:
    """The destinations that are due and have a row to send."""
    found = [one.id for one in ledger.due_destinations(connection, now=now)]
    assert all(ledger.next_pending(connection, one, now=now) for one in found)
    return found


@pytest.mark.parametrize(
    ("put_off", "longest"),
    [
        (after_a_try, HOUR),
        (held, HOUR),
        (gathering, timedelta(hours=6)),
        (leased, timedelta(minutes=2)),
    ],
)
def test_what_waits_longer_than_anybody_lets_it_wait_is_due(store: Store, put_off: PutOff, longest: timedelta) -> None:
    """It waits as long as may be, and an hour more for clocks that differ; what is further ahead is due."""
    with store.write() as connection:
        places = [chat(connection, name) for name in "123"]
        ends = [NOW + longest, NOW + longest + HOUR, NOW + longest + HOUR + MINUTE]
        for place, end in zip(places, ends, strict=True):
            owe(connection, place, f"news {place}")
            put_off(connection, place, end)
        assert due(connection, NOW) == places[2:]
        assert due(connection, ends[0]) == places[:1]
        assert due(connection, ends[2]) == places


def test_what_is_called_back_waits_anew(store: Store) -> None:
    """News that a wrong clock has put off for days is put off to its hour again, and is not due at every look."""
    with store.write() as connection:
        far, near = chat(connection, "1"), chat(connection, "2")
        for place, end in ((far, NOW + timedelta(days=2)), (near, NOW + 2 * HOUR)):
            owe(connection, place, f"news {place}")
            ledger.defer(connection, place, until=end)
            ledger.recall(connection, place, now=NOW)
            ledger.defer(connection, place, until=NOW + HOUR)
        assert due(connection, NOW) == []
        assert due(connection, NOW + HOUR) == [far]
        assert due(connection, NOW + 2 * HOUR) == [far, near]


def test_a_card_is_not_held_for_days(store: Store) -> None:
    """One that a wrong clock has held is edited."""
    with store.write() as connection:
        card = Card(destination=chat(connection), advisory="PW-2026-1", remote_id="5", shown="x")
        wishes.save_card(connection, card)
        wishes.age_cards(connection, ["PW-2026-1"])
        wishes.hold_card(connection, card, not_before=NOW + 2 * HOUR)
        assert wishes.stale_cards(connection, ["telegram"], now=NOW) == []
        wishes.hold_card(connection, card, not_before=NOW + timedelta(days=1))
        assert [one for one, _ in wishes.stale_cards(connection, ["telegram"], now=NOW)] == [card]
