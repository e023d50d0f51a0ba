"""Schemas: what migrations make is what the tables say; backups, restores and moves."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select, text

import storage.delivery_tables  # noqa: F401  # registers its tables
from storage import changes, identity
from storage.backup import copy_database, missing_documents, restore_backup, write_backup
from storage.errors import StorageDamaged, StorageError
from storage.migrate import current_revision, head_revision, upgrade
from storage.store import Store, integrity_problem, open_store
from storage.tables import metadata
from tests.build import CVE, at, draft
from tests.servers.postgres import Postgres


def test_the_upgraded_schema_is_the_one_the_code_describes(store: Store) -> None:
    """No table, column or index differs between the migrations and the tables."""
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, metadata) == []


def test_an_upgrade_may_be_repeated(store: Store) -> None:
    """At the newest revision it does nothing."""
    upgrade(store)
    assert current_revision(store) == head_revision()


def test_a_database_of_a_newer_program_is_refused(store: Store) -> None:
    """The line says who wrote it and what to do."""
    with store.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StorageError, match="written by a newer patchwatch"):
        upgrade(store)


def filled(folder: Path) -> Store:
    store = open_store(None, folder)
    upgrade(store)
    with store.write() as connection:
        identity.open_advisory(connection, aliases=[CVE], kind="vulnerability", year=2026, at=at())
        changes.add_changes(connection, [draft()])
    return store


def test_a_backup_is_whole_and_can_be_restored(tmp_path: Path) -> None:
    """Written while the store is open; the replaced database stays beside the restored one."""
    store = filled(tmp_path / "live")
    write_backup(store, tmp_path / "copy.db")
    with store.write() as connection:
        changes.add_changes(connection, [draft(new="6.1.171-1")])
    store.close()
    restore_backup("", tmp_path / "live", tmp_path / "copy.db", now=at())
    again = open_store(None, tmp_path / "live")
    with again.read() as connection:
        assert changes.newest_seq(connection) == 1
    again.close()
    assert (tmp_path / "live" / "patchwatch.db.before-restore").is_file()


def test_a_damaged_backup_is_refused_and_the_database_stays(tmp_path: Path) -> None:
    """Also one that is no database at all."""
    store = filled(tmp_path / "live")
    write_backup(store, tmp_path / "copy.db")
    store.close()
    (tmp_path / "junk.db").write_bytes(b"not a database" * 400)
    with pytest.raises(StorageDamaged):
        restore_backup("", tmp_path / "live", tmp_path / "junk.db", now=at())
    with pytest.raises(StorageError, match="is not there"):
        restore_backup("", tmp_path / "live", tmp_path / "absent.db", now=at())
    again = open_store(None, tmp_path / "live")
    with again.read() as connection:
        assert changes.newest_seq(connection) == 1
    again.close()


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    """`db check` names it before anything is sent from it."""
    store = filled(tmp_path / "live")
    assert integrity_problem(store) is None
    store.close()
    file = tmp_path / "live" / "patchwatch.db"
    with sqlite3.connect(file) as plain:
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    page = 4096
    for start in range(page, len(content), page):
        content[start : start + 64] = b"\xff" * 64
    file.write_bytes(bytes(content))
    again = open_store(None, tmp_path / "live")
    try:
        problem: str | None = integrity_problem(again)
    except StorageError as error:
        problem = str(error)
    finally:
        again.close()
    assert problem


def test_lost_documents_are_named(tmp_path: Path) -> None:
    """`db check` looks at the documents too."""
    from storage import documents

    store = filled(tmp_path / "live")
    name = store.blobs.put(b"document")
    with store.write() as connection:
        came = documents.NewDocument(source="kev", url="https://x.example", kind="", at=at(), sha256=name, size_bytes=8)
        known = documents.known_documents(connection, source="kev", urls=[came.url])
        documents.add_documents(connection, [came], known=known)
    assert missing_documents(store) == []
    store.blobs.remove(name)
    assert missing_documents(store) == [name]
    store.close()


@pytest.mark.server
def test_a_move_to_postgresql_keeps_every_row_and_number(tmp_path: Path, postgres: Postgres) -> None:
    """Same ids, equal counts, and the next number follows on."""
    store = filled(tmp_path / "live")
    url = postgres.new_database()
    copied = copy_database(store, url, tmp_path / "live")
    target = open_store(url, tmp_path / "live")
    with store.read() as old, target.write() as new:
        for table in metadata.sorted_tables:
            count = select(func.count()).select_from(table)
            assert old.execute(count).scalar() == new.execute(count).scalar(), table.name
        (added,) = changes.add_changes(new, [draft(new="6.1.171-1")])
        assert added.seq == 2
        assert changes.add_changes(new, [draft()]) == []
    assert copied > 3
    with pytest.raises(StorageError, match="is not empty"):
        copy_database(store, url, tmp_path / "live")
    target.close()
    store.close()
