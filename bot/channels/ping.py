"""The dead man's switch: an address of the operator's that hears of every good cycle, and alarms when it does not."""

from __future__ import annotations

import httpx
import structlog

log = structlog.get_logger("patchwatch")

TIMEOUT_SECONDS = 10.0


async def ping(url: str) -> bool:
    """Asks the address once by GET; whether it answered 2xx. It may hold a secret, so no log names it."""
    try:
        async with (
            httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client,
            client.stream("GET", url) as answer,  # what it says is not read
        ):
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        log.warning("ping_url was not reached", reason=type(error).__name__)
        return False
    if 200 <= status < 300:
        return True
    log.warning("ping_url answers", status=status)
    return False
