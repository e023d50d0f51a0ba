"""Methods whose answers are read by us, one by one: an update that the library cannot read must not hide the others.

Also the session, which the library would keep open for a quarter of a second more. Imported only when Telegram is used.
"""

from __future__ import annotations

from typing import Any  # JSON, as the Bot API has it

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import Update


class PromptSession(AiohttpSession):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._kept: dict[str, type] = {}

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        """The library's own, with the type of the answer kept: else it is made anew for every message, which costs more
        than all the rest of the call."""
        returned = method.__returning__
        if (name := repr(returned)) not in self._kept:
            self._kept[name] = Response[returned]  # type: ignore[valid-type]  # made at run time, as the library does
        return super().check_response(bot, method, status_code, content)

    async def close(self) -> None:
        if self._session is not None and not self._session.closed:
            await self._session.close()


class RawUpdates(TelegramMethod[list[dict[str, Any]]]):
    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int | None = None
    timeout: int | None = None
    allowed_updates: list[str] | None = None


class RawChatMember(TelegramMethod[dict[str, Any]]):
    __returning__ = dict[str, Any]
    __api_method__ = "getChatMember"

    chat_id: int
    user_id: int


def read_update(raw: dict[str, Any]) -> Update | None:
    """None for an update that cannot be read."""
    try:
        return Update.model_validate(raw)
    except ValueError:
        return None
