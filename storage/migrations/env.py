"""Alembic's entry: the connection is handed over by storage.migrate, nothing is read from a file."""

from alembic import context

import storage.delivery_tables  # noqa: F401  # registers its tables with the shared metadata
from storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
