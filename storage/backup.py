"""Backups, restores and moves between databases."""

from __future__ import annotations

import os
import sqlite3
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import DBAPIError

import storage.delivery_tables  # noqa: F401  # registers its tables with the shared metadata
from storage import catch_up
from storage.blobs import BlobStore
from storage.errors import StorageDamaged, StorageError, storage_error
from storage.migrate import upgrade
from storage.store import Store, database_url, open_store
from storage.tables import documents, metadata

_CHUNK = 500


def write_backup(store: Store, file: Path) -> None:
    """A consistent SQLite copy, written aside and renamed: a crash leaves the last good backup. Raises StorageError."""
    if not store.is_sqlite:
        raise StorageError("this is PostgreSQL: use pg_dump for its backup")
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    try:
        with store.engine.connect() as connection:
            source = connection.connection.driver_connection
            if not isinstance(source, sqlite3.Connection):
                raise StorageError("the SQLite driver is not the expected one")
            target = sqlite3.connect(fresh)
            try:
                source.backup(target)
                verdict = target.execute("PRAGMA quick_check(1)").fetchone()[0]
            finally:
                target.close()
        if verdict != "ok":
            raise StorageDamaged(f"the copy is not whole ({verdict}); the last backup was kept")
        descriptor = os.open(fresh, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        fresh.replace(file)
    except (OSError, sqlite3.Error) as error:
        fresh.unlink(missing_ok=True)
        raise StorageError(f"writing the backup {file}: {error}; the last backup was kept") from error


def restore_backup(url: str, data_dir: Path, file: Path, *, now: datetime) -> None:
    """Puts a checked backup in the database's place, brought up to date and marked as restored at that time; the old
    database is kept beside it. Raises StorageError."""
    target = database_url(url, data_dir)
    if not target.drivername.startswith("sqlite") or not target.database:
        raise StorageError("this is PostgreSQL: use pg_restore")
    if not file.is_file():
        raise StorageError(f"backup {file} is not there")
    place = Path(target.database)
    fresh = place.with_name(place.name + ".restored")
    fresh.unlink(missing_ok=True)
    try:
        source, copy = sqlite3.connect(f"file:{file}?mode=ro", uri=True), sqlite3.connect(fresh)
        try:
            source.backup(copy)
            verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        finally:
            source.close()
            copy.close()
    except sqlite3.Error as error:
        fresh.unlink(missing_ok=True)
        raise StorageDamaged(f"backup {file} cannot be used: {error}") from error
    if verdict != "ok":
        fresh.unlink(missing_ok=True)
        raise StorageDamaged(f"backup {file} is damaged: {verdict}")
    _mark_restored(fresh, data_dir, now)
    for suffix in ("", "-wal", "-shm"):
        old = place.with_name(place.name + suffix)
        if old.exists():
            old.replace(place.with_name(f"{place.name}.before-restore{suffix}"))
    fresh.replace(place)


def _mark_restored(fresh: Path, data_dir: Path, now: datetime) -> None:
    store = open_store(f"sqlite:///{fresh}", data_dir)
    try:
        upgrade(store)
        with store.write() as connection:
            catch_up.begin(connection, now=now)
    except StorageError:
        store.close()
        fresh.unlink(missing_ok=True)
        raise
    store.close()


def missing_documents(store: Store) -> list[str]:
    """Hashes of documents whose file is gone or is not what was stored."""
    with store.read() as connection:
        hashes = list(connection.execute(select(documents.c.sha256).distinct()).scalars())
    broken = []
    for sha256 in sorted(hashes):
        try:
            store.blobs.get(sha256)
        except StorageError:
            broken.append(sha256)
    return broken


def copy_database(store: Store, url: str, data_dir: Path) -> int:
    """Copies every table to an empty database; returns the number of rows. Raises StorageError."""
    target = open_store(url, data_dir)
    target.blobs = BlobStore(store.blobs.folder)
    try:
        upgrade(target)
        with store.read() as source, target.write() as sink:
            rows = 0
            for table in metadata.sorted_tables:
                if sink.execute(select(func.count()).select_from(table)).scalar():
                    raise StorageError(f"the target database is not empty (table {table.name})")
                chunk: list[dict[str, object]] = []
                for row in source.execute(select(table)).mappings():
                    chunk.append(dict(row))
                    if len(chunk) >= _CHUNK:
                        sink.execute(insert(table), chunk)
                        rows, chunk = rows + len(chunk), []
                if chunk:
                    sink.execute(insert(table), chunk)
                    rows += len(chunk)
            if not target.is_sqlite:
                _set_sequences(sink)
    except DBAPIError as error:
        raise storage_error(error, "copying the database") from error
    finally:
        target.close()
    return rows


def _set_sequences(sink: Connection) -> None:
    for table in metadata.sorted_tables:
        column = next((one for one in table.primary_key.columns if one.autoincrement is True), None)
        if column is not None:
            highest = sink.execute(select(func.max(column))).scalar() or 0
            sink.execute(
                text("SELECT setval(pg_get_serial_sequence(:table, :column), :value, :called)"),
                {"table": table.name, "column": column.name, "value": max(highest, 1), "called": highest > 0},
            )
