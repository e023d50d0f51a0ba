"""Records that must read again as they did."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "canaries",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("observations", sa.Text(), nullable=False),
        sa.Column("equal_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "key", name=op.f("pk_canaries")),
    )
