"""Bringing a database to the current schema: forward only, safe to repeat, safe to be killed in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from storage.errors import StorageError, storage_error
from storage.store import Store

if TYPE_CHECKING:  # alembic costs a quarter of a second: only a database that has to be changed pays for it
    from alembic.config import Config

_SCRIPTS = Path(__file__).with_name("migrations")
_ADVISORY_LOCK = 0x70617463  # any fixed number: two processes never migrate one PostgreSQL database at once


def _config(connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def head_revision() -> str:
    """The revision this program needs: the last of its files, which are numbered."""
    return max(file.name for file in (_SCRIPTS / "versions").glob("[0-9]*.py")).partition("_")[0]


def current_revision(store: Store) -> str | None:
    """The revision the database is at; None for an empty one. Raises StorageError."""
    try:
        with store.engine.connect() as connection:
            revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return revision
    except (OperationalError, ProgrammingError) as error:
        if "alembic_version" in str(error.orig):  # no such table: nothing was made here yet
            return None
        raise storage_error(error, "reading the schema version") from error
    except DBAPIError as error:
        raise storage_error(error, "reading the schema version") from error


def upgrade(store: Store) -> None:
    """Runs the migrations that are missing. Raises StorageError, also for a database of a newer program."""
    if current_revision(store) == head_revision():
        return
    from alembic import command
    from alembic.util import CommandError

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
