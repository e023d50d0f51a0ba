"""Requests to the homeserver: the token goes in a header only, answers are bounded and typed, failures classified."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from bot.channels.base import ChannelError, NotSent, Unknown
from bot.channels.matrix.errors import classify, told

if TYPE_CHECKING:
    from aiohttp import ClientResponse
    from nio import AsyncClient

TIMEOUT_SECONDS = 30.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_PREFIX = "/_matrix/client/v3/"
_CHUNK = 64 * 1024

T = TypeVar("T")


class Failure(msgspec.Struct):
    """The standard error response. Waiting is in milliseconds."""

    errcode: str = ""
    error: str = ""
    retry_after_ms: float | None = None


class BadAnswer(Unknown):
    """The answer came whole, with success, and cannot be read."""


class Homeserver:
    """The client is made on first use, within the loop that uses it. user: the bot's own Matrix id."""

    def __init__(self, address: str, user: str, token: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._address = address.rstrip("/")
        self.user = user
        self._token = token
        self.timeout = timeout
        self._client: AsyncClient | None = None

    def derive_key(self, purpose: str) -> str:
        """A secret for one purpose; it changes with the token, and the token cannot be had from it."""
        return hmac.new(self._token.encode("utf-8", "replace"), purpose.encode(), sha256).hexdigest()

    async def call(
        self,
        method: str,
        path: tuple[str, ...],
        body: Mapping[str, Any] | None = None,  # Any: JSON
        *,
        query: Mapping[str, str] | None = None,
        seconds: float = 0.0,
        shape: type[T],
    ) -> T:
        """One request within so many seconds, its answer as `shape`. Raises ChannelError."""
        import aiohttp

        try:
            status, content, after = await self._exchange(method, path, body, query, seconds or self.timeout)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NotSent(f"no connection: {type(error).__name__}", outage=True) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unknown(f"no answer: {type(error).__name__}") from None
        except ValueError as error:  # an address that is none, a header that cannot be sent
            raise NotSent(told(f"the request cannot be made: {error}", self._token)) from None
        if status != 200:
            raise self._failure(status, content, after)
        try:
            return msgspec.json.decode(content, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadAnswer("the answer is none of a homeserver's") from None

    async def _exchange(
        self,
        method: str,
        path: tuple[str, ...],
        body: Mapping[str, Any] | None,  # Any: JSON
        query: Mapping[str, str] | None,
        seconds: float,
    ) -> tuple[int, bytes, str]:
        """Status, body and Retry-After."""
        from aiohttp import ClientTimeout

        where = _PREFIX + "/".join(quote(one, safe="") for one in path) + (f"?{urlencode(query)}" if query else "")
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        sent = None if body is None else msgspec.json.encode(body)
        answer = await self._opened().send(method, where, sent, headers, None, ClientTimeout(total=seconds))
        async with answer:
            return answer.status, await _bounded(answer), answer.headers.get("Retry-After", "")

    def _opened(self) -> AsyncClient:
        if self._client is None:
            from aiohttp import ClientSession, TraceConfig
            from nio import AsyncClient, AsyncClientConfig

            self._client = AsyncClient(self._address, self.user, config=AsyncClientConfig(encryption_enabled=False))
            trace = TraceConfig()
            trace.on_request_redirect.append(_refuse_redirect)
            self._client.client_session = ClientSession(trace_configs=[trace])
        return self._client

    def _failure(self, status: int, content: bytes, after: str) -> ChannelError:
        try:
            failure = msgspec.json.decode(content, type=Failure)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            failure = Failure()
        seconds = None if failure.retry_after_ms is None else failure.retry_after_ms / 1000
        if after.isascii() and after.isdigit() and len(after) < 9:
            seconds = max(float(after) if seconds is None else 0.0, seconds or 0.0)
        return classify(status, failure.errcode, failure.error, retry_after=seconds, secret=self._token)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None


async def _refuse_redirect(*_: object) -> None:
    """The configured address is where we talk to; a message is not carried elsewhere."""
    raise BadAnswer("the homeserver's address redirects; configure the one that it leads to")


async def _bounded(answer: ClientResponse) -> bytes:
    """The body. Raises BadAnswer when it is too large."""
    held = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK):
        held += chunk
        if len(held) > MAX_ANSWER_BYTES:
            answer.close()
            raise BadAnswer("the answer is too large")
    return bytes(held)
