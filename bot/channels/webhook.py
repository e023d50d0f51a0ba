"""Changes by POST to the operator's addresses: JSON, signed, with an idempotency key.

The signature is `X-Patchwatch-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

import httpx

from bot.channels.base import NotSent, Permanent, Refused, Unknown
from storage.delivery import DueDestination

_MAX_WAIT_SECONDS = 3600.0


def sign(secret: str, body: str, at: int) -> str:
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class WebhookChannel:
    """`hooks`: name to (address, secret)."""

    kind = "webhook"
    keyed = True

    def __init__(
        self,
        client: httpx.AsyncClient,
        hooks: Mapping[str, tuple[str, str]],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._hooks = hooks
        self._clock = clock

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        hook = self._hooks.get(destination.address)
        if hook is None:
            raise Refused(f"[webhook.{destination.address}] is no longer configured")
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message,
            "X-Patchwatch-Signature": sign(hook[1], content, int(self._clock())),
        }
        try:
            answer = await self._client.post(hook[0], content=content.encode(), headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(f"no connection: {type(error).__name__}", outage=True) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unknown(f"no answer: {type(error).__name__}") from None
        _judge(answer)
        return None


def _judge(answer: httpx.Response) -> None:
    code = answer.status_code
    if 200 <= code < 300:
        return
    if code == 410:
        raise Refused("the receiver answers 410: gone for good")
    if code in (408, 425, 429) or code >= 500:
        wait = answer.headers.get("Retry-After", "")
        seconds = float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else 0.0
        raise NotSent(f"the receiver answers {code}", retry_after=min(seconds, _MAX_WAIT_SECONDS))
    if code in (400, 413, 422):
        raise Permanent(f"the receiver answers {code}: it does not take this message")
    raise NotSent(f"the receiver answers {code}; check the address and the secret")
