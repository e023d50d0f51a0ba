"""What is owed to whom, decided in the transaction that stores the changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from advisories.filter_index import FilterIndex
from advisories.filters import Filter, parse_stored
from advisories.model import Change
from advisories.words import ChangeType
from storage.delivery import (
    Owed,
    Subscription,
    add_deliveries,
    claimants,
    list_subscriptions,
    subscription_generation,
)
from storage.delivery_settings import age_cards, muted_pairs

_MAX_FOLD_CHARS = 64


class Outbox:
    """Keeps the index of all filters between cycles; it is made anew when a subscription has changed."""

    def __init__(self) -> None:
        self._generation = -1
        self._index = FilterIndex()
        self._subscribed: dict[int, tuple[Subscription, Filter]] = {}

    def enqueue(self, connection: Connection, changes: Sequence[Change], *, now: datetime) -> int:
        """Fills the outbox for changes just stored and returns the number of new deliveries.

        Quiet changes and edited texts are never owed. A correction goes to exactly those who were sent what it takes
        back, muted or not.
        """
        age_cards(connection, [one.draft.advisory for one in changes if one.draft.advisory])
        told = [one for one in changes if not one.draft.quiet and one.draft.told]
        if not told:
            return 0
        self._refresh(connection)
        muted = muted_pairs(connection, now=now)
        added = 0
        for change in told:  # one after the other: a correction may take back a claim of this very batch
            added += add_deliveries(connection, self._owed(connection, change, muted), now=now)
        return added

    def _refresh(self, connection: Connection) -> None:
        generation = subscription_generation(connection)
        if generation == self._generation:
            return
        self._index = FilterIndex()
        self._subscribed = {}
        for one in list_subscriptions(connection):
            wanted = parse_stored(one.filter)
            self._subscribed[one.id] = (one, wanted)
            self._index.add(one.id, wanted)
        self._generation = generation

    def _owed(self, connection: Connection, change: Change, muted: set[tuple[int, str]]) -> list[Owed]:
        draft = change.draft
        if draft.corrects is not None:
            return [_row(change, one, None, urgent=True) for one in claimants(connection, draft.corrects)]
        first: dict[int, tuple[Subscription, Filter]] = {}
        for found in sorted(self._index.match(draft)):
            subscription, wanted = self._subscribed[found]
            if draft.advisory is not None and (subscription.destination, draft.advisory) in muted:
                continue
            known = first.setdefault(subscription.destination, (subscription, wanted))
            if wanted.distros and not known[1].distros:  # the filter that names the release is the better reason
                first[subscription.destination] = (subscription, wanted)
        fix = draft.change is ChangeType.FIXED_IN and draft.distro is not None
        return [
            _row(change, destination, why, urgent=draft.urgent or (fix and bool(why[1].distros)))
            for destination, why in first.items()
        ]


def enqueue_changes(connection: Connection, changes: Sequence[Change], *, now: datetime) -> int:
    """`Outbox.enqueue` without an index kept from before."""
    return Outbox().enqueue(connection, changes, now=now)


def _row(change: Change, destination: int, why: tuple[Subscription, Filter] | None, *, urgent: bool) -> Owed:
    topics = change.draft.topics
    wanted = why[1].topics if why else frozenset()
    fold = next((one for one in topics if one in wanted), topics[0] if topics else "")
    return Owed(
        change_seq=change.seq,
        destination=destination,
        urgent=urgent,
        wakes=change.draft.wakes or urgent,
        number=why[0].number if why else None,
        words=why[0].filter if why else None,
        fold=fold[:_MAX_FOLD_CHARS],
    )
