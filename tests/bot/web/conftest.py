"""The filled store and a way to ask the web application."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from bot.app import App
from tests.bot.web.asking import asker
from tests.bot.web.stores import open_filled


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("board")
    with open_filled(folder, PATCHWATCH_WEB_BASE_URL="https://pw.example.org") as app:
        yield app


@pytest.fixture(scope="module")
def ask(filled: App) -> Callable[..., httpx.Response]:
    """ask("/path", **headers): an answer of the web application over the filled store."""
    return asker(filled)
