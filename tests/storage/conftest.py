"""Every storage test runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.migrate import upgrade
from storage.store import Store, open_store
from tests.servers.postgres import Postgres, postgres

__all__ = ["postgres"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """None for SQLite in the data folder, else the address of a new PostgreSQL database."""
    if request.param == "sqlite":
        return None
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def store(database_url: str | None, tmp_path: Path) -> Iterator[Store]:
    """An empty store at the current schema."""
    opened = open_store(database_url, tmp_path / "store")
    upgrade(opened)
    yield opened
    opened.close()
