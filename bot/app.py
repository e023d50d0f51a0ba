"""The composition root: adapters are made here and handed on; nothing else in the bot constructs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from advisories.topics import Topic
from bot.config import Config, load_config
from bot.topic_files import load_topics
from storage.store import Store

if TYPE_CHECKING:
    from bot.ingest.cycle import Intake
    from bot.ingest.poll import Poller


def program_version() -> str:
    try:
        return version("patchwatch")
    except PackageNotFoundError:
        return "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Configuration, topics and store of one invocation."""

    config: Config
    topics: tuple[Topic, ...]
    store: Store

    @property
    def intake(self) -> Intake:
        from bot.delivery.outbox import Outbox
        from bot.ingest.cycle import Intake

        outbox = Outbox()  # keeps its index of filters from one cycle to the next
        return Intake(
            store=self.store,
            topics=self.topics,
            enqueue=lambda connection, changes, now: outbox.enqueue(connection, changes, now=now),
        )


@contextmanager
def open_app(*, config: Path | None, data: Path | None) -> Iterator[App]:
    """Configuration read, topics loaded, database opened and brought up to date. Raises ConfigError, TopicError,
    StorageError."""
    from storage.migrate import upgrade
    from storage.store import open_store

    loaded = load_config(config=config, data=data)
    topics = load_topics(loaded.words("topics", "paths"))
    store = open_store(loaded.text("storage", "url"), loaded.data_dir)
    try:
        upgrade(store)
        yield App(config=loaded, topics=topics, store=store)
    finally:
        store.close()


def allowed_hosts(config: Config) -> frozenset[str]:
    """Hosts that the operator configured: these may be private, and plain http is allowed for them."""
    hosts: set[str] = set()
    for settings in config.sources.values():
        for value in settings.given.values():
            for url in (value,) if isinstance(value, str) else value:
                split = urlsplit(url)
                if split.scheme in ("http", "https", "file"):
                    hosts.add(split.netloc.rpartition("@")[2] or split.path)
    return frozenset(hosts)


def make_poller(app: App) -> Poller:
    """The poller with its two doors to the network."""
    from bot.ingest.poll import Poller
    from sources.git import GitDoor
    from sources.http import HttpDoor, HttpPolicy

    config = app.config
    policy = HttpPolicy(
        contact=config.text("http", "contact") or "https://example.invalid/no-contact-configured",
        version=program_version(),
        proxy=config.text("http", "proxy") or None,
        allowed_hosts=allowed_hosts(config),
    )
    return Poller(
        config=config,
        intake=app.intake,
        http=HttpDoor(policy),
        git=GitDoor(root=config.data_dir / "git", policy=policy),
    )
