"""Where messages go, counted: a homeserver's and a webhook receiver's HTTP, and an MTA, each in its wire format.

They run in threads of their own, so that a process that talks to them can be killed and started again.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes

from aiohttp import web

from tests.servers.mta import Script, smtp_server


@dataclass(slots=True)
class FarEnds:
    """events: per room its events by transaction, which the homeserver keeps apart by it (Client-Server API, "PUT
    …/send/{eventType}/{txnId}"). posts: per receiver how often each Idempotency-Key came. mails: at the MTA."""

    events: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    repeated_events: int = 0
    posts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    bodies: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    mails: Script = field(default_factory=Script)
    arrived: int = 0
    url: str = ""
    smtp_port: int = 0

    @property
    def count(self) -> int:
        """How many messages have come, repeats too."""
        return self.arrived + len(self.mails.received)

    def mailed(self) -> dict[str, Counter[str]]:
        """Per recipient how often each Message-ID came."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for one in self.mails.received:
            found[one.recipients[0]][str(message_from_bytes(one.content)["Message-ID"])] += 1
        return found

    async def take_event(self, request: web.Request) -> web.Response:
        await request.read()
        room, transaction = request.match_info["room"], request.match_info["transaction"]
        self.arrived += 1
        self.repeated_events += transaction in self.events[room]
        self.events[room].add(transaction)
        return web.json_response({"event_id": f"${transaction}"})

    async def tell_no_state(self, request: web.Request) -> web.Response:
        return web.json_response({"errcode": "M_NOT_FOUND", "error": "no such state"}, status=404)

    async def take_post(self, request: web.Request) -> web.Response:
        body, key = await request.read(), request.headers["Idempotency-Key"]
        self.arrived += 1
        self.posts[request.match_info["name"]][key] += 1
        self.bodies[key].add(body)
        return web.Response()


@contextmanager
def far_ends() -> Iterator[FarEnds]:
    """The servers for the time of a with block."""
    ends, ready, loop = FarEnds(), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_put("/_matrix/client/v3/rooms/{room}/send/{kind}/{transaction}", ends.take_event)
        app.router.add_get("/_matrix/client/v3/rooms/{room}/state/m.room.encryption/", ends.tell_no_state)
        app.router.add_post("/hooks/{name}", ends.take_post)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ends.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with smtp_server(ends.mails) as ends.smtp_port:
            ready.set()
            await stop.wait()
        await runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="far-ends", daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield ends
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
