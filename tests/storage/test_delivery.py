"""The ledger on both databases: owed once, leased once, recorded by who holds it; settings, cards, forgetting."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select

from storage import delivery, delivery_notes, source_health
from storage import delivery_history as history
from storage import delivery_ledger as ledger
from storage import delivery_settings as wishes
from storage.changes import add_changes
from storage.delivery import Lease, Owed
from storage.delivery_settings import Card
from storage.delivery_tables import attempts, deliveries
from storage.store import Store
from tests import build

NOW = build.at()
LATER = NOW + timedelta(minutes=3)


def owe(connection: Connection, destination: int, *news: str, urgent: bool = False) -> list[int]:
    stored = add_changes(connection, [build.draft(new=one) for one in news])
    rows = [
        Owed(
            change_seq=one.seq,
            destination=destination,
            urgent=urgent,
            wakes=True,
            number=1,
            words="copy-fail",
            fold="t",
        )
        for one in stored
    ]
    assert delivery.add_deliveries(connection, rows, now=NOW) == len(rows)
    assert delivery.add_deliveries(connection, rows, now=NOW) == 0
    return [one.seq for one in stored]


def chat(connection: Connection, address: str = "7") -> int:
    return delivery.ensure_destination(connection, kind="telegram", address=address, now=NOW)


def lease_all(connection: Connection, destination: int) -> Lease:
    first = ledger.next_pending(connection, destination, now=NOW)
    assert first is not None
    ledger.attach(
        connection, destination, ledger.folded_with(connection, destination, first, now=NOW), now=NOW, content="{}"
    )
    first = ledger.next_pending(connection, destination, now=NOW)
    assert first is not None
    return ledger.lease(connection, ledger.folded_with(connection, destination, first, now=NOW), now=NOW)


def test_rows_fold_into_one_lease(store: Store) -> None:
    """Two rows of a topic are one message: leased, lost, leased again under the same id, recorded by the second."""
    with store.write() as connection:
        place = chat(connection)
        owe(connection, place, "a", "b")
        held = lease_all(connection, place)
        assert len(held.tokens) == 2
        assert ledger.next_pending(connection, place, now=NOW) is None
        again = ledger.next_pending(connection, place, now=LATER)
        assert again is not None
        second = ledger.lease(connection, ledger.folded_with(connection, place, again, now=LATER), now=LATER)
        assert second.message == held.message
        assert not ledger.record_sent(connection, held, now=LATER)
        assert ledger.record_sent(connection, second, now=LATER, remote_id="5")
        assert connection.execute(select(deliveries.c.state)).scalars().all() == ["sent", "sent"]


def test_notices_go_first_then_what_is_urgent(store: Store) -> None:
    """A welcome, the urgent row, the rest in the order of the changes."""
    with store.write() as connection:
        place = chat(connection)
        (calm,) = owe(connection, place, "a")
        (urgent,) = owe(connection, place, "b", urgent=True)
        ledger.owe_notice(connection, place, "{}", now=NOW)
        order = []
        while (row := ledger.next_pending(connection, place, now=NOW)) is not None:
            order.append(row.change_seq)
            ledger.settle(connection, [row], now=NOW, answer="card")
        assert order == [None, urgent, calm]
        assert ledger.due_destinations(connection, now=NOW) == []


def test_what_is_deferred_waits(store: Store) -> None:
    """Rows that are not urgent wait until then; the destination is not due before."""
    with store.write() as connection:
        place = chat(connection)
        owe(connection, place, "a")
        ledger.defer(connection, place, until=LATER)
        assert ledger.due_destinations(connection, now=NOW) == []
        assert [one.id for one in ledger.due_destinations(connection, now=LATER)] == [place]


def test_why_is_told_to_whom_it_concerns(store: Store) -> None:
    """A delivery with its tries, for its own destination and for no other."""
    with store.write() as connection:
        place, other = chat(connection), chat(connection, "8")
        owe(connection, place, "a")
        ledger.record_sent(connection, lease_all(connection, place), now=NOW)
        (number,) = history.last_deliveries(connection, place)
        told = history.explain(connection, number, destination=place)
        assert told is not None
        assert (told.state, told.filter, [one.answer for one in told.attempts]) == ("sent", "copy-fail", ["sent"])
        assert history.explain(connection, number, destination=other) is None


def test_cards_age_and_are_kept(store: Store) -> None:
    """A card is stale after a change of its advisory, until it is saved again."""
    with store.write() as connection:
        place = chat(connection)
        card = Card(destination=place, advisory="PW-2026-1", remote_id="5", shown="x")
        wishes.save_card(connection, card)
        assert wishes.stale_cards(connection, ["telegram"], now=NOW) == []
        wishes.age_cards(connection, ["PW-2026-1", "PW-2026-2"])
        assert [one for one, _ in wishes.stale_cards(connection, ["telegram"], now=NOW)] == [card]
        wishes.hold_card(connection, card, not_before=LATER)
        assert wishes.stale_cards(connection, ["telegram"], now=NOW) == []
        wishes.save_card(connection, card)
        assert wishes.stale_cards(connection, ["telegram"], now=LATER) == []


def test_moving_and_forgetting(store: Store) -> None:
    """A chat that joins another brings its rows; forgetting takes all of them."""
    with store.write() as connection:
        old, new = chat(connection, "-5"), chat(connection, "-1005")
        for place in (old, new):
            delivery.add_subscription(connection, place, "copy-fail", now=NOW)
        delivery.add_subscription(connection, old, "debian/12", now=NOW)
        wishes.mute(connection, old, "PW-2026-1", until=None)
        owe(connection, old, "a")
        held = lease_all(connection, old)
        ledger.record_retry(connection, held, answer="moved", text="", now=NOW, not_before=NOW)
        assert wishes.move_destination(connection, old, "-1005") == new
        assert [one.filter for one in delivery.list_subscriptions(connection, new)] == ["copy-fail", "debian/12"]
        assert wishes.muted_pairs(connection, now=NOW) == {(new, "PW-2026-1")}
        row = ledger.next_pending(connection, new, now=NOW)
        assert row is not None
        assert row.message == held.message
        wishes.forget_destination(connection, new)
        assert wishes.list_destinations(connection) == []
        assert connection.execute(select(attempts.c.id)).all() == []
    wishes.erase_traces(store)


def test_lost_chats_are_forgotten_in_time(store: Store) -> None:
    """A chat that was disabled long ago goes with all its rows; one that came back or is new stays."""
    with store.write() as connection:
        lost, back, new = chat(connection), chat(connection, "8"), chat(connection, "9")
        for one in (lost, back):
            delivery.disable_destination(connection, one, "blocked", at=NOW)
        delivery.disable_destination(connection, new, "blocked", at=LATER)
        wishes.enable_destination(connection, back)
        assert wishes.forget_lost(connection, before=LATER) == 1
        assert [one.id for one in wishes.list_destinations(connection)] == [back, new]


def test_notes_are_handed_on_once(store: Store) -> None:
    """A line for the operator is unsent until it is marked."""
    with store.write() as connection:
        source_health.add_note(connection, "held", at=NOW)
        ((number, at, text),) = delivery_notes.unsent_notes(connection, limit=5)
        assert (at, text) == (NOW, "held")
        delivery_notes.mark_sent(connection, [number], now=NOW)
        assert delivery_notes.unsent_notes(connection, limit=5) == []
