"""Telegram's updates by POST, off unless `[telegram] webhook_secret` is set: the secret first, then a bounded body."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.web.site import Site

if TYPE_CHECKING:
    from bot.channels.telegram import Hook

PATH = "/telegram/webhook"
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  # the header's name, no secret
MAX_UPDATE_BYTES = 256 * 1024


class HookPage:
    """The address that Telegram posts to. The channel that answers is made with the first update that is Telegram's."""

    def __init__(self, site: Site, secret: str) -> None:
        self._site = site
        self._secret = secret.encode()
        self._hook: Hook | None = None

    async def receive(self, request: Request) -> Response:
        """200 when it was answered or is none of ours to answer; Telegram sends it again after anything else."""
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._secret):
            return Response(status_code=401)
        body = await _read(request)
        if body is None:
            return Response(status_code=413)
        update = _decode(body)
        if update is None:
            return Response(status_code=400)
        await self._opened().take(update)
        return Response(status_code=200)

    def _opened(self) -> Hook:
        if self._hook is None:
            from bot.channels.registry import open_hook

            app = self._site.app
            self._hook = open_hook(app.store, app.config, app.topics)
        return self._hook


async def _read(request: Request) -> bytes | None:
    """The body; None when it is too large, without reading the rest."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_UPDATE_BYTES:
            return None
    return body


def _decode(body: bytes) -> dict[str, Any] | None:  # Any: JSON, as the Bot API has it
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def telegram_routes(site: Site) -> list[BaseRoute]:
    """None while no secret is configured. Raises ConfigError."""
    config = site.app.config
    if not config.secret("telegram", "webhook_secret"):
        return []
    from bot.channels.telegram import webhook_secret

    secret = webhook_secret(config)
    return [Route(PATH, HookPage(site, secret).receive, methods=["POST"])] if secret else []
