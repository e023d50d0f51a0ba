"""Serving the board: one uvicorn server in the application's loop, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import structlog
import uvicorn

from bot.app import App
from bot.config import ConfigError
from bot.web.hub import hub_of, tell_hub
from bot.web.quick import protocol_for
from bot.web.routes import make_web
from bot.web.site import make_site

log = structlog.get_logger("patchwatch")

GRACE_SECONDS = 4
BACKLOG = 512


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers: the service has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen_on(text: str) -> socket.socket:
    """A listening socket for "127.0.0.1:8080", "[::1]:8080" or ":8080". Raises ConfigError with what to do."""
    host, colon, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not colon or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ConfigError(f"[web] listen: {text!r} is no address; write 127.0.0.1:8080")
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, number)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            f"[web] listen: cannot listen on {text}: {why}; end what uses it or set PATCHWATCH_WEB_LISTEN to another"
        ) from None
    listening.setblocking(False)
    return listening


async def serve_web(app: App, stop: asyncio.Event) -> None:
    """Serves board, feeds, API and documents until `stop`, then ends within seconds. Raises ConfigError."""
    site = make_site(app)
    hub_of(site)
    listening = listen_on(app.config.text("web", "listen"))
    server = _Server(
        uvicorn.Config(
            make_web(site),
            http=protocol_for(site.shelf),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=15,
            limit_concurrency=1000,
            ws="none",
        )
    )
    log.info("board", address=site.base_url)
    telling = asyncio.create_task(tell_hub(site, stop))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
    finally:
        waiting.cancel()
        telling.cancel()
        listening.close()
