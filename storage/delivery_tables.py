"""The tables of what goes out: who wants what, what is owed to whom, and what was sent."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

import storage.mail_tables  # noqa: F401  # registers its tables with the shared metadata
from storage.tables import SERIAL, UtcTime, metadata

destinations = Table(
    "destinations",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),  # telegram | matrix | mail | webhook | apprise
    Column("address", String(320), nullable=False),
    Column("thread", String(255), nullable=False, default=""),
    Column("state", String(16), nullable=False, default="active"),  # active | disabled
    Column("reason", Text),
    Column("settings", Text, nullable=False, default="{}"),
    Column("not_before", UtcTime),  # the destination's clock: nothing is leased for it sooner
    Column("sounded_at", UtcTime),  # when it last got a message with a sound
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("kind", "address", "thread"),
)
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("destination", ForeignKey("destinations.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # the N of `unsubscribe N`, never reused within a destination
    Column("filter", String(512), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("destination", "number"),
    UniqueConstraint("destination", "filter"),
)
messages = Table(
    "messages",
    metadata,
    Column("id", String(36), primary_key=True),  # UUID, the idempotency key on every channel
    Column("destination", ForeignKey("destinations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("content", Text, nullable=False),  # frozen JSON
    Column("remote_id", String(255)),
    Column("created_at", UtcTime, nullable=False),
    Column("arrived", Text),  # of a message in several parts: the far end's ids of those that arrived, JSON
)
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("change_seq", ForeignKey("changes.seq")),  # null: a notice whose words were frozen when it was owed
    Column("destination", ForeignKey("destinations.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False, default="pending"),  # pending | leased | sent | unconfirmed | rejected
    Column("fold", String(64), nullable=False, default="", server_default=""),  # what folds into one message: a topic
    Column("urgent", Boolean, nullable=False, default=False),
    Column("wakes", Boolean, nullable=False, default=True),
    Column("subscription", Integer),  # why: number and words of the filter that matched; null for a correction
    Column("filter", String(512)),
    Column("not_before", UtcTime, nullable=False),
    Column("lease_token", Integer, nullable=False, default=0),  # fencing: grows with each lease
    Column("lease_until", UtcTime),
    Column("tries", Integer, nullable=False, default=0),
    Column("message", ForeignKey("messages.id", ondelete="SET NULL"), index=True),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("change_seq", "destination"),
    Index("ix_deliveries_due", "state", "destination", "not_before"),
)
attempts = Table(
    "attempts",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("delivery", ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("answer", String(16), nullable=False),  # sent, or the name of the ChannelError in lower case
    Column("text", Text, nullable=False, default=""),  # redacted
)
mutes = Table(  # advisories that a destination does not want to hear of
    "mutes",
    metadata,
    Column("destination", ForeignKey("destinations.id", ondelete="CASCADE"), primary_key=True),
    Column("advisory", String(32), primary_key=True),
    Column("until", UtcTime),  # null: until it is taken back
)
cards = Table(  # one message per advisory and chat, edited as its state changes
    "cards",
    metadata,
    Column("destination", ForeignKey("destinations.id", ondelete="CASCADE"), primary_key=True),
    Column("advisory", String(32), primary_key=True),
    Column("remote_id", String(255), nullable=False),
    Column("shown", String(64), nullable=False, default=""),  # hash of what the far end shows
    Column("stale", Boolean, nullable=False, default=False),
    Column("not_before", UtcTime),
)
Index("ix_cards_stale", cards.c.advisory, cards.c.stale)
