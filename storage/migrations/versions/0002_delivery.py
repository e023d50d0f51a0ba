"""Notices, folding, unconfirmed sends, mutes and cards."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.BigInteger()  # microseconds since 1970, UTC
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("destinations", sa.Column("sounded_at", TIME, nullable=True))
    op.add_column("deliveries", sa.Column("fold", sa.String(64), nullable=False, server_default=""))
    _allow_notices()
    op.create_table(
        "mutes",
        sa.Column("destination", SERIAL, nullable=False),
        sa.Column("advisory", sa.String(32), nullable=False),
        sa.Column("until", TIME, nullable=True),
        _of_a_destination("mutes"),
        sa.PrimaryKeyConstraint("destination", "advisory", name=op.f("pk_mutes")),
    )
    op.create_table(
        "cards",
        sa.Column("destination", SERIAL, nullable=False),
        sa.Column("advisory", sa.String(32), nullable=False),
        sa.Column("remote_id", sa.String(255), nullable=False),
        sa.Column("shown", sa.String(64), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("not_before", TIME, nullable=True),
        _of_a_destination("cards"),
        sa.PrimaryKeyConstraint("destination", "advisory", name=op.f("pk_cards")),
    )
    op.create_index("ix_cards_stale", "cards", ["advisory", "stale"])


def _of_a_destination(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_destination_destinations")
    return sa.ForeignKeyConstraint(["destination"], ["destinations.id"], name=name, ondelete="CASCADE")


def _allow_notices() -> None:
    """SQLite makes the table anew for this; dropping the old one would take its attempts along."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        op.execute("CREATE TEMPORARY TABLE kept_attempts AS SELECT id, delivery, at, answer, text FROM attempts")
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("change_seq", existing_type=sa.BigInteger(), nullable=True)
    if sqlite:
        op.execute("INSERT OR IGNORE INTO attempts (id, delivery, at, answer, text) SELECT * FROM kept_attempts")
        op.execute("DROP TABLE kept_attempts")
