"""The tables of what goes out: who wants what, what is owed to whom, and what was sent."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

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
)
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("change_seq", ForeignKey("changes.seq"), nullable=False),
    Column("destination", ForeignKey("destinations.id", ondelete="CASCADE"), nullable=False),
    Column("state", String(16), nullable=False, default="pending"),  # pending | leased | sent | rejected
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
    Column("answer", String(16), nullable=False),  # sent | not_sent | refused | unknown
    Column("text", Text, nullable=False, default=""),  # redacted
)
