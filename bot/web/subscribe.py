"""Mail sign-up, confirmation and unsubscribing: GET asks, POST acts (RFC 8058), and no answer tells who reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import available_timezones

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from advisories import wording
from advisories.filters import Filter, FilterError, parse_filter
from advisories.words import CellKind
from bot.digest.address import AddressError, parse_address
from bot.digest.contents import DigestBuilder, health_of
from bot.digest.keys import KeyFileError, load_keys
from bot.digest.periods import MailWishes
from bot.digest.signup import Signups, Visitors
from bot.messages.compose import Composer
from bot.messages.timing import is_zone
from bot.web.site import Site, WrongRequest
from storage.advisories import list_advisories
from storage.errors import StorageError

MAX_FORM_BYTES = 8192
MAX_FIELDS = 120
Form = dict[str, list[str]]


class MailPages:
    """The three pages and what their forms do."""

    def __init__(self, site: Site, visitors: Visitors | None = None) -> None:
        self._site = site
        self._visitors = visitors or Visitors()

    async def subscribe(self, request: Request) -> Response:
        if not self._site.app.config.text("mail", "host"):
            raise WrongRequest("This board sends no mail. Its feeds are for everyone.", 404)
        if request.method != "POST":
            return await self._page("subscribe.html", self._choices)
        form = await read_form(request)
        address, wanted, settings = await asyncio.to_thread(self._read, form)
        if not self._visitors.admit(visitor_of(request)):
            raise WrongRequest("Too many sign-ups came from your network. Please try again in an hour.", 429)
        await asyncio.to_thread(lambda: self._signups().ask(address, wanted, settings))
        return self._said("Look into your mail", "If mail can be sent to this address, a confirmation is on its way.")

    async def confirm(self, request: Request) -> Response:
        token = str(request.path_params["token"])
        if request.method != "POST":
            return await self._page("confirm.html", lambda: {"open": self._signups().is_open(token)})
        if not await asyncio.to_thread(lambda: self._signups().confirm(token)):
            raise WrongRequest("This link was used already, or is older than a day. You can sign up again.", 410)
        return self._said(
            "You are subscribed", "A mail tells you how things stand now. Each mail has a link that ends it."
        )

    async def unsubscribe(self, request: Request) -> Response:
        token = str(request.path_params["token"])
        if request.method != "POST":
            return await self._page("unsubscribe.html", dict)
        await asyncio.to_thread(lambda: self._signups().unsubscribe(token))
        return self._said("You get no more mail", "The address is forgotten here. What is on its way may still arrive.")

    def _signups(self) -> Signups:
        app = self._site.app
        try:
            keys = load_keys(app.config.data_dir)
        except KeyFileError as error:
            raise StorageError(str(error)) from None
        composer = Composer(base_url=app.config.text("web", "base_url").rstrip("/"))
        builder = DigestBuilder(composer, health=lambda: health_of(app))
        return Signups(store=app.store, keys=keys, base_url=self._site.base_url, builder=builder)

    def _choices(self) -> dict[str, Any]:  # Any: what the template shows
        return {
            "places": known_places(self._site),
            "zones": sorted(zone for zone in available_timezones() if "/" in zone and is_zone(zone)),
        }

    def _read(self, form: Form) -> tuple[str, Filter, MailWishes]:
        """What the form asks for. Raises WrongRequest."""
        topics = {one.slug for one in self._site.app.topics}
        places = {term for term, _ in known_places(self._site)}
        chosen, where = set(form.get("topic", ())), set(form.get("place", ()))
        often, zone = _only(form, "often", "weekly"), _only(form, "zone", "UTC")
        if not chosen or not chosen <= topics or not where <= places:
            raise WrongRequest("Please choose at least one topic of the list, and distributions of the list only.")
        if often not in ("daily", "weekly") or not is_zone(zone):
            raise WrongRequest("Please choose daily or weekly, and a time zone of the list.")
        try:
            address = parse_address(_only(form, "address", ""))
            wanted = parse_filter(" ".join(sorted(chosen | where)), known_topics=frozenset(topics))
        except (AddressError, FilterError) as error:
            raise WrongRequest(str(error)) from None
        return address, wanted, MailWishes(digest=often, zone=zone, urgent="urgent" in form)

    async def _page(self, template: str, values: Callable[[], dict[str, Any]]) -> Response:  # Any: a template's
        rendered = await asyncio.to_thread(lambda: self._site.page(template, feed="/feeds/all", **values()))
        return _unkept(rendered.body, rendered.status)

    def _said(self, title: str, text: str) -> Response:
        rendered = self._site.page("mail_said.html", feed="/feeds/all", heading=title, text=text)
        return _unkept(rendered.body, 200)


def _unkept(body: bytes, status: int) -> Response:
    """An answer that nobody keeps, and that search engines leave alone."""
    headers = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
    return Response(body, status_code=status, media_type="text/html", headers=headers)


def _only(form: Form, name: str, default: str) -> str:
    """The one value of a field. Raises WrongRequest."""
    values = form.get(name, [default])
    if len(values) != 1:
        raise WrongRequest(f"The form names {name} more than once.")
    return values[0]


async def read_form(request: Request) -> Form:
    """The fields of an urlencoded form, bounded. Raises WrongRequest."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise WrongRequest("A form is sent as application/x-www-form-urlencoded.", 415)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            raise WrongRequest("This form is too large.", 413)
    try:
        return parse_qs(body.decode("ascii"), max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise WrongRequest("This form cannot be read.") from None


def visitor_of(request: Request) -> str:
    """Where a request comes from: behind a proxy on this machine, what that proxy says, which is the last entry."""
    peer = request.client.host if request.client else ""
    if peer in ("127.0.0.1", "::1"):
        return request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip() or peer
    return peer


def known_places(site: Site) -> list[tuple[str, str]]:
    """(filter term, name) of the releases that have a main-line package cell."""
    places: dict[str, str] = {}
    with site.app.store.read() as connection:
        for _, _, advisory in list_advisories(connection):
            for cell in advisory.cells:
                if cell.kind is CellKind.PACKAGE and cell.stream is None:
                    term = f"{cell.distro}/{cell.release}" if cell.release else cell.distro
                    places[term.lower()] = wording.place(cell.distro, cell.release)
    return sorted((term, name) for term, name in places.items() if _is_term(term))[:200]


def _is_term(term: str) -> bool:
    """Whether a filter can name this place."""
    try:
        return bool(parse_filter(term, known_topics=frozenset()).distros)
    except FilterError:
        return False


def mail_routes(site: Site) -> list[BaseRoute]:
    pages = MailPages(site)
    methods = ["GET", "POST"]
    return [
        Route("/digest/subscribe", pages.subscribe, methods=methods),
        Route("/digest/confirm/{token}", pages.confirm, methods=methods),
        Route("/digest/unsubscribe/{token}", pages.unsubscribe, methods=methods),
    ]
