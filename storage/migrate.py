"""Bringing a database to the current schema: forward only, safe to repeat, safe to be killed in."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from storage.errors import StorageError, storage_error
from storage.store import Store

_SCRIPTS = Path(__file__).with_name("migrations")
_ADVISORY_LOCK = 0x70617463  # any fixed number: two processes never migrate one PostgreSQL database at once


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def head_revision() -> str:
    """The revision this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current_revision(store: Store) -> str | None:
    """The revision the database is at; None for an empty one. Raises StorageError."""
    try:
        with store.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        raise storage_error(error, "reading the schema version") from error


def upgrade(store: Store) -> None:
    """Runs the migrations that are missing. Raises StorageError, also for a database of a newer program."""
    try:
        with store.engine.connect() as connection:
            if store.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            command.upgrade(_config(connection), "head")
            connection.commit()
    except CommandError as error:
        raise StorageError(f"the database was written by a newer patchwatch ({error}); update patchwatch") from error
    except DBAPIError as error:
        raise storage_error(error, "migrating the database") from error
