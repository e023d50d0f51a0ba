"""Methods whose answers are read by us, one by one: an update that the library cannot read must not hide the others.

Also the session, which the library would keep open for a quarter of a second more. Imported only when Telegram is used.
"""

from __future__ import annotations

from typing import Any  # JSON, as the Bot API has it

from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.methods import TelegramMethod
from aiogram.types import Update


class PromptSession(AiohttpSession):
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
