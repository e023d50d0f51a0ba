"""Schema migrations (Alembic): append-only, one transaction each."""
