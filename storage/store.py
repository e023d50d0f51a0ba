"""Opening the database and its transactions.

SQLite runs in WAL mode with one writer at a time (`BEGIN IMMEDIATE`); readers have connections of their own. The same
calls work on PostgreSQL, where the writer lock of this process keeps the order of changes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from storage.blobs import BlobStore
from storage.errors import StorageError, storage_error

BUSY_TIMEOUT_SECONDS = 30


class Store:
    """The database and the folder of raw documents. Safe to share between threads."""

    def __init__(self, engine: Engine, blobs: BlobStore) -> None:
        self.engine = engine
        self.blobs = blobs
        self._writer = threading.Lock()

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back on any error. Raises StorageError."""
        with self._writer:
            try:
                with self.engine.connect() as connection:
                    if self.is_sqlite:
                        connection.exec_driver_sql("BEGIN IMMEDIATE")
                    yield connection
                    connection.commit()
            except DBAPIError as error:
                raise storage_error(error, "writing the database") from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only view; nothing done in it is kept."""
        try:
            with self.engine.connect() as connection:
                if self.is_sqlite:
                    connection.exec_driver_sql("BEGIN")
                yield connection
                connection.rollback()
        except DBAPIError as error:
            raise storage_error(error, "reading the database") from error

    def close(self) -> None:
        self.engine.dispose()


def database_url(url: str | None, data_dir: Path) -> URL:
    """`[storage] url` as SQLAlchemy wants it; the default is patchwatch.db in the data folder. Raises StorageError."""
    if not url:
        return URL.create("sqlite+pysqlite", database=str(data_dir / "patchwatch.db"))
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageError("[storage] url is no database address; use sqlite:///FILE or postgresql://…") from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return parsed.set(drivername="sqlite+pysqlite")
    raise StorageError(f"[storage] url: {parsed.drivername} is not supported; use sqlite:///FILE or postgresql://…")


def open_store(url: str | None, data_dir: Path) -> Store:
    """The store over an existing or new database (no tables are made: see `migrate.upgrade`). Raises StorageError."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise storage_error(error, f"making {data_dir}") from error
    parsed = database_url(url, data_dir)
    if parsed.drivername.startswith("sqlite"):
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
    else:
        engine = create_engine(parsed, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    return Store(engine, BlobStore(data_dir / "documents"))


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # sqlite3's own: we begin transactions ourselves
    cursor = connection.cursor()
    for statement in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {statement}")
    cursor.close()


def integrity_problem(store: Store) -> str | None:
    """One line naming what SQLite's own check finds wrong; None when it finds nothing (or on PostgreSQL)."""
    if not store.is_sqlite:
        return None
    with store.read() as connection:
        first = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    return None if first == "ok" else str(first)
