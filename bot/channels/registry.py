"""The channels that the configuration names, served or run until nothing is due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import structlog

from advisories.topics import Topic
from bot.app import App
from bot.channels.apprise import open_apprise
from bot.channels.base import Channel, ChannelError, FoldingChannel
from bot.channels.cards import Cards
from bot.channels.mail import MailChannel, open_mail
from bot.channels.matrix import MatrixChannel, converse_on_matrix, open_matrix
from bot.channels.telegram import (
    ANSWER_LIMITS,
    DELIVERY_LIMITS,
    Conversation,
    Hook,
    Limits,
    Pace,
    StoredProgress,
    TelegramChannel,
    announce,
    webhook_secret,
)
from bot.channels.webhook import WebhookChannel
from bot.config import Config, ConfigError
from bot.delivery.alerts import forward_notes
from bot.delivery.deliver import Deliverer, run_delivery
from bot.delivery.destinations import DestinationError, Place, parse_destination
from bot.delivery.listening import Listener
from bot.digest.folding import make_folder
from bot.digest.signup import forget_unconfirmed
from bot.messages.compose import Composer
from bot.messages.model import freeze, make_message
from bot.redact import redact_text
from storage import source_health
from storage.delivery import DueDestination
from storage.delivery_settings import erase_traces, forget_lost
from storage.errors import StorageError
from storage.store import Store

log = structlog.get_logger("patchwatch")

_TIMEOUT_SECONDS = 30.0
_CARE_SECONDS = 2.0
_TIDY_EVERY = timedelta(hours=6)
_LOST_AFTER = timedelta(days=30)  # a chat that shut us out may think better of it so long


def composer_of(config: Config, topics: Sequence[Topic]) -> Composer:
    return Composer(base_url=config.text("web", "base_url").rstrip("/"), titles={one.slug: one.title for one in topics})


def make_channels(
    store: Store, config: Config, client: httpx.AsyncClient, *, note: Callable[[str], None] = lambda line: None
) -> dict[str, Channel]:
    """By kind; a channel without its credential is off and says so. Raises ConfigError."""
    hooks = {one.name: (one.url, one.secret) for one in config.webhooks}
    channels: dict[str, Channel] = {"webhook": WebhookChannel(client, hooks)}
    token = config.secret("telegram", "token")
    if token:
        base = config.text("telegram", "api_base")
        limits = DELIVERY_LIMITS if webhook_secret(config) else Limits()
        channels["telegram"] = TelegramChannel(
            token, api_base=base, pace=Pace(limits), note=note, progress=StoredProgress(store)
        )
    else:
        log.info("telegram is off: no token is configured")
    return channels


@asynccontextmanager
async def opened_channels(store: Store, config: Config) -> AsyncIterator[dict[str, Channel]]:
    """The channels with their clients, closed at the end. Raises ConfigError."""

    def note(line: str) -> None:
        with store.write() as connection:
            source_health.add_note(connection, line, at=datetime.now(UTC))

    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, follow_redirects=False) as client:
        channels = make_channels(store, config, client, note=note)
        mail = open_mail(store, config)
        if mail is not None:
            channels["mail"] = mail
        matrix = open_matrix(config, note=note)
        if matrix is not None:
            channels["matrix"] = matrix
        apprise = open_apprise(config, note=note)
        if apprise is not None:
            channels["apprise"] = apprise
        try:
            yield channels
        finally:
            if mail is not None:
                await mail.close()
            if matrix is not None:
                await matrix.close()
            telegram = channels.get("telegram")
            if isinstance(telegram, TelegramChannel):
                await telegram.close()


async def serve_channels(store: Store, config: Config, topics: Sequence[Topic], stop: asyncio.Event) -> None:
    """Delivers over all channels, keeps the cards, and answers, until `stop`."""
    composer = composer_of(config, topics)
    async with opened_channels(store, config) as channels:
        folder = make_folder(App(config=config, topics=tuple(topics), store=store), composer)
        deliverer = Deliverer(store, channels, folder=folder)
        tasks = [run_delivery(deliverer, stop), _care(store, config, deliverer, composer, stop)]
        telegram, matrix = channels.get("telegram"), channels.get("matrix")
        listener = Listener(store, config, topics, composer)
        if isinstance(telegram, TelegramChannel):
            chat = _converse(telegram, listener)
            tasks.append(announce(telegram, chat, config, stop) if webhook_secret(config) else chat.run(stop))
        if isinstance(matrix, MatrixChannel):
            rooms = converse_on_matrix(matrix, store, config, answer=listener.answer, changes=listener.changes)
            tasks.append(rooms.run(stop))
        if isinstance(channels.get("mail"), MailChannel):
            tasks.append(forget_unconfirmed(store, stop))
        await asyncio.gather(*tasks)


async def deliver_pending(store: Store, config: Config, topics: Sequence[Topic]) -> None:
    """Sends what is due now and returns. Raises StorageError, ConfigError."""
    composer = composer_of(config, topics)
    async with opened_channels(store, config) as channels:
        folder = make_folder(App(config=config, topics=tuple(topics), store=store), composer, waited=True)
        deliverer = Deliverer(store, channels, folder=folder)
        while await deliverer.deliver_due():
            continue
        await Cards(store, deliverer.channels, composer).repair()


async def send_test(store: Store, config: Config, destination: str) -> str | None:
    """Sends one message there, past the ledger. None when it arrived, else what is wrong."""
    try:
        place = parse_destination(destination)
        async with opened_channels(store, config) as channels:
            channel = channels.get(place.kind)
            if channel is None:
                return f"{place.kind} is off: it is not configured"
            content = '{"test": true}'
            if isinstance(channel, FoldingChannel):
                content = freeze(make_message("patchwatch", ["This is a test. Nothing else was sent."]))
            where = DueDestination(id=0, kind=place.kind, address=place.address, thread=place.thread)
            await channel.send(where, str(uuid4()), content)
    except (DestinationError, ConfigError) as error:
        return str(error)
    except ChannelError as error:
        return redact_text(str(error))
    return None


def open_hook(store: Store, config: Config, topics: Sequence[Topic]) -> Hook:
    """Answers updates that come by webhook, with a client and a pace of its own. Raises ConfigError."""
    listener = Listener(store, config, topics, composer_of(config, topics))
    base = config.text("telegram", "api_base")
    channel = TelegramChannel(
        config.secret("telegram", "token"), api_base=base, pace=Pace(ANSWER_LIMITS), note=listener.note
    )
    return Hook(channel, _converse(channel, listener))


def _converse(channel: TelegramChannel, listener: Listener) -> Conversation:
    return Conversation(
        channel,
        answer=listener.answer,
        changes=listener.changes,
        card=listener.card,
        lost=listener.lost,
        load=listener.load_position,
        save=listener.save_position,
        note=listener.note,
        menu=listener.menu,
    )


async def _care(store: Store, config: Config, deliverer: Deliverer, composer: Composer, stop: asyncio.Event) -> None:
    """Edits stale cards, hands the operator's lines on and forgets who is long lost, until `stop`."""
    cards = Cards(store, deliverer.channels, composer)
    place = alert_place(config)
    tidied = datetime.min.replace(tzinfo=UTC)
    while not stop.is_set():
        try:
            await cards.repair()
            if datetime.now(UTC) - tidied > _TIDY_EVERY:
                tidied = datetime.now(UTC)
                await asyncio.to_thread(_forget_lost, store, tidied - _LOST_AFTER)
            channel = deliverer.channels.get(place.kind) if place else None
            if place is not None and channel is not None:
                folds = isinstance(channel, FoldingChannel)
                await asyncio.to_thread(forward_notes, store, place, folds=folds, now=datetime.now(UTC))
        except StorageError as error:
            log.error("cards wait", reason=str(error))
        try:
            async with asyncio.timeout(_CARE_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue


def _forget_lost(store: Store, before: datetime) -> None:
    with store.write() as connection:
        gone = forget_lost(connection, before=before)
    if gone:
        erase_traces(store)
        log.info("forgot destinations that were lost long ago", count=gone)


def alert_place(config: Config) -> Place | None:
    """`[alerts] destination`; one that cannot be read is said once in the log."""
    text = config.text("alerts", "destination")
    if not text:
        return None
    try:
        return parse_destination(text)
    except DestinationError as error:
        log.error("[alerts] destination cannot be used", reason=str(error))
        return None
