"""From a rendered body to an HTTP response: validators, 304, gzip, and the headers that every response carries."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.web.shelf import Answer

# Nothing is loaded from elsewhere, nothing runs, nobody frames the board, forms go to the board alone.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class SecurityHeaders:
    """ASGI middleware: every response carries `SECURITY_HEADERS`, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def respond(request: Request, answer: Answer) -> Response:
    """The answer as this client wants it: 304 when it has it, gzip when it takes it."""
    zips = answer.zipped is not None and accepts_gzip(request.headers)
    headers = response_headers(answer, zips=zips)
    if answer.rendered.status == 200 and is_held(request.headers, answer, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    body = answer.zipped if zips and answer.zipped is not None else answer.rendered.body
    headers["Content-Type"] = answer.rendered.media
    if zips:
        headers["Content-Encoding"] = "gzip"
    return Response(body, status_code=answer.rendered.status, headers=headers)


def response_headers(answer: Answer, *, zips: bool) -> dict[str, str]:
    headers = {
        "ETag": f'"{answer.etag}{"-gz" if zips else ""}"',
        "Last-Modified": format_datetime(answer.modified, usegmt=True),
        "Cache-Control": f"public, max-age={answer.rendered.max_age}",
        "Vary": "Accept-Encoding",
    }
    if answer.rendered.open_to_all:
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = "ETag, Last-Modified, Link"
    return headers


def accepts_gzip(headers: Headers) -> bool:
    """RFC 9110 section 12.5.3: gzip named (or *) without q=0."""
    for one in headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = one.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def is_held(headers: Headers, answer: Answer, etag: str) -> bool:
    """Whether the client holds this body: If-None-Match decides, If-Modified-Since only in its absence."""
    named = headers.get("if-none-match")
    if named is not None:
        tags = [tag.strip().removeprefix("W/") for tag in named.split(",")]
        return "*" in tags or etag in tags or f'"{answer.etag}"' in tags
    since = _http_time(headers.get("if-modified-since"))
    return since is not None and answer.modified <= since


def _http_time(text: str | None) -> datetime | None:
    if not text or len(text) > 64:
        return None
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a year that no clock knows
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
