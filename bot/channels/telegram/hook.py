"""Listening by webhook: telling Telegram where to send updates, and answering those that come (Bot API "setWebhook").

Deliveries and answers may run in two processes, so that each has a fixed part of Telegram's 30 messages a second.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any  # JSON, as the Bot API has it

import structlog

from bot.channels.base import ChannelError, Stopped, rest
from bot.channels.telegram.channel import TelegramChannel
from bot.channels.telegram.pace import Limits
from bot.channels.telegram.updates import KINDS, Conversation
from bot.config import Config, ConfigError

log = structlog.get_logger("patchwatch")

PATH = "/telegram/webhook"
DELIVERY_LIMITS = Limits(per_second=25)
ANSWER_LIMITS = Limits(per_second=5)
_CONNECTIONS = 4  # updates that Telegram hands over at once
_WAIT_SECONDS = 10.0
_LONGEST_WAIT_SECONDS = 300.0
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


def webhook_secret(config: Config) -> str:
    """The secret token of the webhook, "" for long polling. Raises ConfigError."""
    secret = config.secret("telegram", "webhook_secret")
    if not secret or not config.secret("telegram", "token"):
        return ""
    if _SECRET.fullmatch(secret) is None:
        raise ConfigError("[telegram] webhook_secret must be 1 to 256 letters, digits, _ or -")
    if not config.text("web", "base_url"):
        raise ConfigError("[telegram] webhook_secret needs [web] base_url: Telegram must know where to send updates")
    return secret


def webhook_address(config: Config) -> str:
    return config.text("web", "base_url").rstrip("/") + PATH


async def announce(channel: TelegramChannel, conversation: Conversation, config: Config, stop: asyncio.Event) -> None:
    """Tells Telegram where updates go, again and again until it has heard it, and shows the menu. Returns at `stop`."""
    from aiogram.methods import SetWebhook

    method = SetWebhook(
        url=webhook_address(config),
        secret_token=webhook_secret(config),
        allowed_updates=KINDS,
        max_connections=_CONNECTIONS,
    )
    wait = _WAIT_SECONDS
    while not stop.is_set():
        try:
            await channel.call(method)
            await conversation.show_menu()
        except Stopped as error:
            log.error("telegram does not listen", reason=str(error))
            await conversation.give_up(str(error))
            return
        except ChannelError as error:
            log.warning("telegram has no webhook yet", reason=str(error))
            await rest(stop, max(wait, min(error.retry_after, _LONGEST_WAIT_SECONDS)))
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
        else:
            log.info("telegram listens by webhook")
            return


class Hook:
    """Takes updates that were sent to us. Between them no connection stays open."""

    def __init__(self, channel: TelegramChannel, conversation: Conversation) -> None:
        self._channel = channel
        self._conversation = conversation
        self._busy = 0

    async def take(self, update: dict[str, Any]) -> None:
        """Answers one update; one that came before is let be. Raises StorageError."""
        self._busy += 1
        try:
            await self._conversation.hear([update])
        finally:
            self._busy -= 1
            if not self._busy:
                await self._channel.close()
