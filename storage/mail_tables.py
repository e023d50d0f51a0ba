"""The tables of mail alone: readers' salts and bounces, digests that were made, sign-ups, and the suppression list."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, Text

from storage.tables import UtcTime, metadata

mail_readers = Table(
    "mail_readers",
    metadata,
    Column("destination", ForeignKey("destinations.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("salt", String(32), nullable=False),  # 128 random bits; the token comes of it and of the key
    Column("token_hash", String(64), nullable=False, unique=True),  # of the token that unsubscribes
    Column("bounces", Integer, nullable=False, default=0),
    Column("bounced_at", UtcTime),
    Column("last_bounce", String(64)),  # hash of the report that was counted last: a copy of it counts once
)
mail_digests = Table(  # one row a period: a second digest of the same day or week is never made
    "mail_digests",
    metadata,
    Column("destination", ForeignKey("destinations.id", ondelete="CASCADE"), primary_key=True),
    Column("period", String(16), primary_key=True),  # 2026-W53 | 2026-10-25
    Column("made_at", UtcTime, nullable=False),
)
mail_signups = Table(  # holds no address: only its keyed hash
    "mail_signups",
    metadata,
    Column("address_hash", String(64), primary_key=True),
    Column("mailed_at", UtcTime, nullable=False),
    Column("destination", ForeignKey("destinations.id", ondelete="SET NULL"), index=True),
    Column("made", Boolean, nullable=False),  # the destination was made for this sign-up: it goes if nobody confirms
    Column("token_hash", String(64), unique=True),  # null once it was confirmed
    Column("filter", String(512), nullable=False),
    Column("settings", Text, nullable=False),
)
mail_suppressed = Table(  # addresses, as keyed hashes, that get no mail of ours any more
    "mail_suppressed",
    metadata,
    Column("address_hash", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)
