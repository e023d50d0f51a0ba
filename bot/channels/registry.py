"""The channels that the configuration names, served or run until nothing is due."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx

from advisories.topics import Topic
from bot.channels.base import Channel
from bot.channels.webhook import WebhookChannel
from bot.config import Config
from bot.deliver import Deliverer, run_delivery
from storage.store import Store

_TIMEOUT_SECONDS = 30.0


def make_channels(config: Config, client: httpx.AsyncClient) -> dict[str, Channel]:
    return {"webhook": WebhookChannel(client, {one.name: (one.url, one.secret) for one in config.webhooks})}


async def serve_channels(store: Store, config: Config, topics: Sequence[Topic], stop: asyncio.Event) -> None:
    """Delivers over all channels until `stop`."""
    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, follow_redirects=False) as client:
        await run_delivery(Deliverer(store, make_channels(config, client)), stop)


async def deliver_pending(store: Store, config: Config, topics: Sequence[Topic]) -> None:
    """Sends what is due now and returns. Raises StorageError."""
    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, follow_redirects=False) as client:
        await Deliverer(store, make_channels(config, client)).deliver_due()
