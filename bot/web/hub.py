"""WebSub: telling a hub which feeds have news, so that it fetches them and passes them on.

The hub is told what publishers have always told hubs (PubSubHubbub 0.3, section 7.1): a form with `hub.mode=publish`
and the address of each feed as `hub.url`. A hub that does not answer is told again, later each time; the feeds
themselves wait for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import httpx
import structlog

from advisories.model import Change
from bot.config import ConfigError
from bot.feeds.writers import CONTENT_TYPES
from bot.web.site import Site
from storage import changes as change_store
from storage.errors import StorageError

log = structlog.get_logger("patchwatch")

EVERY_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 3600.0
TIMEOUT_SECONDS = 10.0
MAX_CHANGES = 500
MAX_FEEDS = 60  # in one form


def hub_of(site: Site) -> str:
    """`[web] hub`, "" without one. Raises ConfigError when it is no web address, or nobody could fetch our feeds."""
    hub = site.app.config.text("web", "hub")
    if not hub:
        return ""
    split = urlsplit(hub)
    if split.scheme not in ("http", "https") or not split.hostname or not hub.isascii() or not hub.isprintable():
        raise ConfigError("[web] hub: this is no web address; write https://hub.example.org/")
    if not site.app.config.text("web", "base_url"):
        raise ConfigError("[web] hub: a hub fetches the feeds from [web] base_url; set it too")
    return hub


def feeds_of(changes: Iterable[Change], base_url: str) -> list[str]:
    """The addresses of the feeds that these changes are news of: of all, of their topics and advisories."""
    drafts = [one.draft for one in changes if one.draft.told]
    names = ["all", *(topic for one in drafts for topic in one.topics)] if drafts else []
    names += [f"advisories/{one.advisory}" for one in drafts if one.advisory]
    return [f"{base_url}/feeds/{name}.{kind}" for name in dict.fromkeys(names) for kind in CONTENT_TYPES]


async def tell_hub(
    site: Site, stop: asyncio.Event, *, told: int | None = None, every_seconds: float = EVERY_SECONDS
) -> None:
    """Tells the hub of what is stored from now on, until `stop`. Returns at once without a hub. Raises ConfigError.

    told: the number of the newest change that the hub knows of; None: of whatever its first look finds.
    """
    hub = hub_of(site)
    if not hub:
        return
    failures = 0
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        while not await _stopped(stop, min(every_seconds * 2**failures, LONGEST_WAIT_SECONDS)):
            try:
                told = await _tell_news(client, hub, site, told)
                failures = 0
            except (httpx.HTTPError, StorageError) as error:
                failures = min(failures + 1, 16)
                log.warning("hub was not told", hub=urlsplit(hub).hostname, why=type(error).__name__, failures=failures)


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _tell_news(client: httpx.AsyncClient, hub: str, site: Site, told: int | None) -> int:
    """The number of the newest change that the hub knows of afterwards. Raises httpx.HTTPError, StorageError."""
    newest, changes = await asyncio.to_thread(_read_news, site, told)
    for feeds in _parts(feeds_of(changes, site.base_url)):
        answer = await client.post(hub, data={"hub.mode": "publish", "hub.url": feeds})
        answer.raise_for_status()
    return newest


def _read_news(site: Site, told: int | None) -> tuple[int, list[Change]]:
    with site.app.store.read() as connection:
        newest = change_store.newest_seq(connection)
        if told is None or newest <= told:
            return newest, []
        changes = change_store.list_changes(connection, after_seq=told, limit=MAX_CHANGES, with_quiet=False)
    return (changes[-1].seq if len(changes) == MAX_CHANGES else newest), changes


def _parts(feeds: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(feeds), MAX_FEEDS):
        yield feeds[start : start + MAX_FEEDS]
