"""Readers of mail: salts and bounces, digests made, sign-ups, the suppression list."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.BigInteger()  # microseconds since 1970, UTC
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "mail_readers",
        sa.Column("destination", SERIAL, autoincrement=False, nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("bounces", sa.Integer(), nullable=False),
        sa.Column("bounced_at", TIME, nullable=True),
        sa.Column("last_bounce", sa.String(64), nullable=True),
        _of_a_destination("mail_readers", "CASCADE"),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_mail_readers")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_mail_readers_token_hash")),
    )
    op.create_table(
        "mail_digests",
        sa.Column("destination", SERIAL, nullable=False),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        _of_a_destination("mail_digests", "CASCADE"),
        sa.PrimaryKeyConstraint("destination", "period", name=op.f("pk_mail_digests")),
    )
    op.create_table(
        "mail_signups",
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("mailed_at", TIME, nullable=False),
        sa.Column("destination", SERIAL, nullable=True),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=True),
        sa.Column("filter", sa.String(512), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        _of_a_destination("mail_signups", "SET NULL"),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_mail_signups")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_mail_signups_token_hash")),
    )
    op.create_index(op.f("ix_mail_signups_destination"), "mail_signups", ["destination"])
    op.create_table(
        "mail_suppressed",
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_mail_suppressed")),
    )


def _of_a_destination(table: str, ondelete: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_destination_destinations")
    return sa.ForeignKeyConstraint(["destination"], ["destinations.id"], name=name, ondelete=ondelete)
