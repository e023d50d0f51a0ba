"""Asking the web application: in this process, or served by uvicorn on a port of loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx

from bot.app import App
from bot.web.routes import make_web
from bot.web.serve import serve_web
from bot.web.site import make_site

Ask = Callable[..., httpx.Response]


def asker(app: App) -> Ask:
    """A function that asks for a path; keywords are headers ("if_none_match"), `method` is GET."""
    web = make_web(make_site(app, fresh_seconds=0))

    async def send(method: str, path: str, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app=web, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            return await client.request(method, path, headers=headers)

    def ask(path: str, *, method: str = "GET", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return asyncio.run(send(method, path, {"accept-encoding": "identity", **named}))

    return ask


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(app: App) -> Iterator[str]:
    """The application served on loopback; yields its address and ends it by `stop`."""
    listen = f"127.0.0.1:{free_port()}"
    config = replace(app.config, values={**app.config.values, ("web", "listen"): listen, ("web", "base_url"): ""})
    here = replace(app, config=config)
    started = threading.Event()
    ending: list[Callable[[], object]] = []

    async def serve() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ending.append(lambda: loop.call_soon_threadsafe(stop.set))
        task = asyncio.create_task(serve_web(here, stop))
        await asyncio.to_thread(_wait_for, listen)
        started.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(20), "the board did not start"
        yield f"http://{listen}"
    finally:
        ending[0]()
        thread.join(20)
        assert not thread.is_alive(), "the board did not end"


def _wait_for(listen: str) -> None:
    host, _, port = listen.rpartition(":")
    for _ in range(200):
        try:
            with socket.create_connection((host, int(port)), timeout=0.1):
                return
        except OSError:
            threading.Event().wait(0.05)
