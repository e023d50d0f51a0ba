"""What is owed to whom, decided in the transaction that stores the changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from advisories.filter_index import FilterIndex
from advisories.filters import parse_stored
from advisories.model import Change
from advisories.words import ChangeType
from storage.delivery import Owed, Subscription, add_deliveries, claimants, list_subscriptions


def enqueue_changes(connection: Connection, changes: Sequence[Change], *, now: datetime) -> int:
    """Fills the outbox for changes just stored and returns the number of new deliveries.

    Quiet changes and edited texts are never owed. A correction goes to exactly those who were sent what it takes back.
    """
    told = [one for one in changes if not one.draft.quiet and one.draft.change is not ChangeType.TEXT_CHANGED]
    if not told:
        return 0
    subscribed = {one.id: one for one in list_subscriptions(connection)}
    index = FilterIndex()
    for one in subscribed.values():
        index.add(one.id, parse_stored(one.filter))
    added = 0
    for change in told:  # one after the other: a correction may take back a claim of this very batch
        added += add_deliveries(connection, _owed(connection, change, index, subscribed), now=now)
    return added


def _owed(
    connection: Connection, change: Change, index: FilterIndex, subscribed: dict[int, Subscription]
) -> list[Owed]:
    draft = change.draft
    if draft.corrects is not None:
        return [_row(change, one, None, urgent=True) for one in claimants(connection, draft.corrects)]
    first: dict[int, Subscription] = {}
    for found in sorted(index.match(draft)):
        first.setdefault(subscribed[found].destination, subscribed[found])
    fix = draft.change is ChangeType.FIXED_IN
    return [
        _row(change, destination, why, urgent=draft.urgent or (fix and bool(parse_stored(why.filter).distros)))
        for destination, why in first.items()
    ]


def _row(change: Change, destination: int, why: Subscription | None, *, urgent: bool) -> Owed:
    return Owed(
        change_seq=change.seq,
        destination=destination,
        urgent=urgent,
        wakes=change.draft.wakes,
        number=why.number if why else None,
        words=why.filter if why else None,
    )
