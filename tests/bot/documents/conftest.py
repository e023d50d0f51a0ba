"""Stores whose documents are looked at: true facts, hostile text, and what ships."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from advisories.model import Advisory
from bot.app import App
from storage import advisories as advisory_store
from tests.bot.documents.trees import BASE
from tests.bot.web.hostile import hostile_app
from tests.bot.web.stores import open_filled, open_shipped


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with open_filled(tmp_path_factory.mktemp("documents"), PATCHWATCH_WEB_BASE_URL=BASE) as app:
        yield app


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    app = hostile_app(tmp_path_factory.mktemp("hostile"))
    yield app
    app.store.close()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with open_shipped(tmp_path_factory.mktemp("shipped"), PATCHWATCH_WEB_BASE_URL=BASE) as app:
        yield app


@pytest.fixture(scope="module")
def advisory(filled: App) -> Advisory:
    with filled.store.read() as connection:
        found = advisory_store.load_advisory(connection, "PW-2026-1")
    assert found is not None
    return found
