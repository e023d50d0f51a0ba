"""The homeserver of the Matrix tests, and a store with one advisory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from advisories.fold import Facts, fold_advisory
from storage import identity
from storage.advisories import save_advisory
from storage.store import Store, open_store
from storage.tables import metadata
from tests import build
from tests.advisories.test_filters import NOW
from tests.servers.synapse import Person, Synapse, synapse

__all__ = ["synapse"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(None, tmp_path)
    metadata.create_all(opened.engine)
    with opened.write() as connection:
        identity.open_advisory(connection, aliases=[build.CVE], kind="vulnerability", year=2026, at=NOW)
        versions = [build.version(build.cve("6.12.85"), build.cell(fixed="6.1.170-1"))]
        save_advisory(connection, fold_advisory(build.identity(), versions, Facts(package_versions=())), at=NOW)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def alice(synapse: Synapse) -> Person:
    """Somebody who reads and asks."""
    return synapse.person("alice")


@pytest.fixture(scope="session")
def bot(synapse: Synapse) -> Person:
    """The bot's account."""
    return synapse.person("bot")


@pytest.fixture
def room(alice: Person, bot: Person) -> str:
    """A new room of alice's, with the bot."""
    made = alice.create_room(bot.user)
    bot.join(made)
    return made
