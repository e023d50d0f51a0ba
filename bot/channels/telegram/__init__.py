"""Telegram: the Bot API by aiogram, which is imported only when something is sent or read (it costs seconds)."""

from __future__ import annotations

from bot.channels.telegram.channel import TelegramChannel
from bot.channels.telegram.hook import (
    ANSWER_LIMITS,
    DELIVERY_LIMITS,
    Hook,
    announce,
    webhook_secret,
)
from bot.channels.telegram.pace import Limits, Pace
from bot.channels.telegram.parts import StoredProgress
from bot.channels.telegram.updates import Conversation

__all__ = [
    "ANSWER_LIMITS",
    "DELIVERY_LIMITS",
    "Conversation",
    "Hook",
    "Limits",
    "Pace",
    "StoredProgress",
    "TelegramChannel",
    "announce",
    "webhook_secret",
]
