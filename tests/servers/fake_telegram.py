"""A Bot API server on loopback, over the wire: methods, limits, entity checks and every fault that a test asks for.

Shapes as in the Bot API ("Making requests", "Getting updates", "ResponseParameters"). It runs in a thread of its own,
so that any client can talk to it, also one in another process.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any  # JSON, as the wire has it

from aiohttp import web

TOKEN = "123456789:" + "A" * 35
_ENTITY_TYPES = {"bold", "code", "text_link", "italic", "pre"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    id: int
    chat: str
    thread: str
    text: str
    entities: tuple[Mapping[str, Any], ...]
    silent: bool
    reply_to: int | None
    keyboard: tuple[tuple[str, str], ...]
    preview: bool
    at: float


@dataclass(slots=True)
class FakeTelegram:
    """faults: per chat ("*" for any), taken in order, one per call that sends: "ok", "429:35", "429", "403:TEXT",
    "400:TEXT", "migrate:-100", "401", "409", "500", "502html", "200html", "200odd", "cut-before", "cut-after",
    "hang:SECONDS".
    limits: (per second, seconds per chat, messages a minute per group), None for none."""

    limits: tuple[float, float, int] | None = None
    faults: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    messages: list[SentMessage] = field(default_factory=list)
    edits: list[tuple[int, str]] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)
    updates: list[dict[str, Any]] = field(default_factory=list)
    members: dict[tuple[str, int], str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    documents: list[tuple[str, str]] = field(default_factory=list)
    answered: list[dict[str, str]] = field(default_factory=list)
    webhook: dict[str, str] = field(default_factory=dict)
    url: str = ""
    _numbers: int = 0
    _times: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def texts(self, chat: str) -> list[str]:
        return [one.text for one in self.messages if one.chat == chat]

    def push(self, number: int, **update: Any) -> None:
        """An update that the next getUpdates hands out."""
        self.updates.append({"update_id": number, **update})

    def say(self, number: int, text: str, *, chat: int = 7, user: int = 7, **more: Any) -> None:
        """A person writes; chats below zero are groups."""
        kind = {"type": "private", "first_name": "P"} if chat > 0 else {"type": "supergroup", "title": "G"}
        message = {
            "message_id": number,
            "date": 1,
            "chat": {"id": chat, **kind},
            "from": {"id": user, "is_bot": False, "first_name": "P"},
            "text": text,
            **more,
        }
        self.push(number, message=message)

    async def handle_call(self, request: web.Request) -> web.StreamResponse:
        form: dict[str, str] = {}
        for key, value in (await request.post()).items():
            form[key] = value if isinstance(value, str) else value.file.read().decode()  # type: ignore[union-attr]
        method = request.match_info["method"]
        self.calls[method] += 1
        if request.match_info["token"] != TOKEN:
            return _error(404, "Not Found")
        if method != "getUpdates":
            self.asked.append((method, form))
        answer = getattr(self, f"answer_{method.lower()}", None)
        if answer is None:
            return _error(404, "Not Found: method not found")
        result: web.StreamResponse = await answer(form, request)
        return result

    async def answer_getme(self, form: dict[str, str], request: web.Request) -> web.Response:
        return _ok({"id": 123456789, "is_bot": True, "first_name": "patchwatch", "username": "patchwatch_bot"})

    async def answer_getupdates(self, form: dict[str, str], request: web.Request) -> web.Response:
        fault = self._fault("getUpdates")
        if fault is not None:
            return await self._broken(fault, request)
        if self.webhook:
            return _error(409, "Conflict: can't use getUpdates method while webhook is active")
        offset = int(form.get("offset", "0") or 0)
        until = time.monotonic() + min(float(form.get("timeout", "0") or 0), 1.0)
        while True:
            ready = [one for one in self.updates if one["update_id"] >= offset]
            if ready or time.monotonic() >= until:
                return _ok(ready[:100])
            await asyncio.sleep(0.01)

    async def answer_sendmessage(self, form: dict[str, str], request: web.Request) -> web.StreamResponse:
        chat = form["chat_id"]
        fault = self._fault(chat)
        if fault is not None and fault != "cut-after":
            return await self._broken(fault, request)
        problem = self._over_limit(chat) or check_text(form)
        if problem is not None:
            self.refused[str(problem.status)] += 1
            return problem
        self._numbers += 1
        keyboard = json.loads(form.get("reply_markup", "{}")).get("inline_keyboard", [])
        message = SentMessage(
            id=self._numbers,
            chat=chat,
            thread=form.get("message_thread_id", ""),
            text=form["text"],
            entities=tuple(json.loads(form.get("entities", "[]"))),
            silent=form.get("disable_notification") == "true",
            reply_to=json.loads(form.get("reply_parameters", "{}")).get("message_id"),
            keyboard=tuple((key["text"], key["callback_data"]) for row in keyboard for key in row),
            preview=not json.loads(form.get("link_preview_options", "{}")).get("is_disabled", False),
            at=time.monotonic(),
        )
        self.messages.append(message)
        if fault == "cut-after":
            return _cut(request)
        return _ok({"message_id": message.id, "date": 1, "chat": {"id": 1, "type": "private"}})

    async def answer_editmessagetext(self, form: dict[str, str], request: web.Request) -> web.StreamResponse:
        fault = self._fault(form["chat_id"])
        if fault is not None:
            return await self._broken(fault, request)
        number = int(form["message_id"])
        if number in self.deleted:
            return _error(400, "Bad Request: message to edit not found")
        if self.edits and self.edits[-1] == (number, form["text"]):
            return _error(400, "Bad Request: message is not modified: specified new message content is the same")
        problem = check_text(form)
        if problem is not None:
            return problem
        self.edits.append((number, form["text"]))
        return _ok({"message_id": number, "date": 1, "chat": {"id": 1, "type": "private"}})

    async def answer_senddocument(self, form: dict[str, str], request: web.Request) -> web.Response:
        content = next(value for key, value in form.items() if key not in ("chat_id", "document", "caption"))
        self.documents.append((form["chat_id"], content))
        self._numbers += 1
        return _ok({"message_id": self._numbers, "date": 1, "chat": {"id": 1, "type": "private"}})

    async def answer_getchatmember(self, form: dict[str, str], request: web.Request) -> web.Response:
        user = int(form["user_id"])
        status = self.members.get((form["chat_id"], user), "member")
        member: dict[str, Any] = {"status": status, "user": {"id": user, "is_bot": False, "first_name": "P"}}
        return _ok(member)

    async def answer_answercallbackquery(self, form: dict[str, str], request: web.Request) -> web.Response:
        self.answered.append(form)
        return _ok(True)

    async def answer_answerinlinequery(self, form: dict[str, str], request: web.Request) -> web.Response:
        self.answered.append(form)
        return _ok(True)

    async def answer_setmycommands(self, form: dict[str, str], request: web.Request) -> web.Response:
        return _ok(True)

    async def answer_setwebhook(self, form: dict[str, str], request: web.Request) -> web.Response:
        fault = self._fault("setWebhook")
        if fault is not None:
            return await self._broken(fault, request)
        self.webhook = form
        return _ok(True)

    async def answer_deletewebhook(self, form: dict[str, str], request: web.Request) -> web.Response:
        self.webhook = {}
        return _ok(True)

    def _fault(self, chat: str) -> str | None:
        for name in (chat, "*"):
            if self.faults[name]:
                fault = self.faults[name].popleft()
                return None if fault == "ok" else fault
        return None

    async def _broken(self, fault: str, request: web.Request) -> web.Response:
        kind, _, rest = fault.partition(":")
        match kind:
            case "429":
                more = {"parameters": {"retry_after": int(rest)}} if rest else {}
                return _error(429, f"Too Many Requests: retry after {rest}", **more)
            case "migrate":
                moved = {"migrate_to_chat_id": int(rest)}
                return _error(400, "Bad Request: group chat was upgraded to a supergroup chat", parameters=moved)
            case "400" | "403" | "401" | "409" | "500":
                return _error(int(kind), rest or "Unauthorized")
            case "502html":
                return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
            case "200html":
                return web.Response(status=200, text="<html>hello</html>", content_type="text/html")
            case "200odd":
                return web.Response(status=200, text='{"ok": true, "result": {"message_id": "x"}}')
            case "hang":
                await asyncio.sleep(float(rest))
        return _cut(request)

    def _over_limit(self, chat: str) -> web.Response | None:
        """Sliding windows over what was let through; None within the limits."""
        if self.limits is None:
            return None
        now = time.monotonic()
        per_second, chat_seconds, per_minute = self.limits
        windows = [("*", 1.0, per_second), (f"chat {chat}", chat_seconds, 1)]
        if chat.startswith("-"):
            windows.append((f"group {chat}", 60 * chat_seconds, per_minute))
        for name, span, most in windows:
            times = self._times[name]
            while times and times[0] <= now - span:
                times.popleft()
            if len(times) >= most:
                return _error(429, "Too Many Requests: retry after 1", parameters={"retry_after": 1})
        for name, _, _ in windows:
            self._times[name].append(now)
        return None


def check_text(form: Mapping[str, str]) -> web.Response | None:
    """What the Bot API refuses of a text and its entities."""
    text = form.get("text", "")
    encoded = text.encode("utf-16-le")
    if not text.strip():
        return _error(400, "Bad Request: message text is empty")
    if len(encoded) // 2 > 4096:
        return _error(400, "Bad Request: message is too long")
    if text != text.strip():
        return _error(400, "Bad Request: can't parse entities: the fake wants texts without blanks at their ends")
    for one in json.loads(form.get("entities", "[]")):
        start, end = one["offset"], one["offset"] + one["length"]
        piece = encoded[2 * start : 2 * end]
        if one["type"] not in _ENTITY_TYPES or start < 0 or one["length"] <= 0 or 2 * end > len(encoded):
            return _error(400, "Bad Request: can't parse entities: out of range")
        if piece.decode("utf-16-le", "replace").encode("utf-16-le") != piece:
            return _error(400, "Bad Request: can't parse entities: within a character")
    return None


def _ok(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _error(code: int, description: str, **more: object) -> web.Response:
    return web.json_response({"ok": False, "error_code": code, "description": description, **more}, status=code)


def _cut(request: web.Request) -> web.Response:
    """The connection ends without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


@contextmanager
def fake_telegram(limits: tuple[float, float, int] | None = None) -> Iterator[FakeTelegram]:
    """A server for the time of a with block."""
    fake = FakeTelegram(limits=limits)
    ready = threading.Event()
    loop = asyncio.new_event_loop()

    async def serve(stop: asyncio.Event) -> None:
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.router.add_post("/bot{token}/{method}", fake.handle_call)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await stop.wait()
        await runner.cleanup()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for one in rest:
            one.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(stop)), name="fake-telegram", daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
