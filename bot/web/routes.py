"""Addresses and what answers them. Reading the store and rendering happen in threads; here nothing blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bot.feeds.writers import CONTENT_TYPES
from bot.views.sources import source_views
from bot.web import api, documents, feeds, metrics, pages
from bot.web.answers import SecurityHeaders, respond
from bot.web.matrix import read_shown
from bot.web.openapi import openapi
from bot.web.shelf import Rendered, make_answer
from bot.web.site import FOLDER, Site, WrongRequest
from bot.web.subscribe import mail_routes
from bot.web.telegram_hook import telegram_routes
from storage.errors import StorageError

Handler = Callable[[Request], Awaitable[Response]]
MAX_TARGET_CHARS = 4096


def make_web(site: Site) -> ASGIApp:
    """The whole web application; every answer of it, errors too, carries the headers of `answers`."""
    errors: dict[Any, Any] = {  # Any: Starlette's own types of handlers differ by kind of error
        WrongRequest: partial(_on_wrong_request, site),
        HTTPException: partial(_on_http_error, site),
        StorageError: partial(_on_storage_error, site),
        500: partial(_on_bug, site),
    }
    routes = [*_pages(site), *_feeds(site), *_machines(site), *mail_routes(site), *telegram_routes(site)]
    routes += [_api(site), Mount("/static", StaticFiles(directory=FOLDER / "static"))]
    return SecurityHeaders(Starlette(routes=routes, exception_handlers=errors))


def kept(site: Site, render: Callable[[Request], Rendered], *, asks: bool = False) -> Handler:
    """Answers from the shelf. asks: the query is part of what is asked."""

    async def answer(request: Request) -> Response:
        key = _key(request, asks=asks)
        return respond(request, await asyncio.to_thread(site.shelf.get, key, lambda: render(request)))

    return answer


def _key(request: Request, *, asks: bool) -> str:
    """The address under which an answer is kept. Raises WrongRequest."""
    query = request.url.query if asks else ""
    if len(request.url.path) + len(query) > MAX_TARGET_CHARS:
        raise WrongRequest("This address is too long.", 414)
    return f"{request.url.path}?{query}" if query else request.url.path


def live(site: Site, render: Callable[[Request], Rendered]) -> Handler:
    """Answers anew each time: what changes with every poll, or is asked once a minute by a machine."""

    async def answer(request: Request) -> Response:
        return respond(request, await asyncio.to_thread(lambda: make_answer(render(request))))

    return answer


def _of_health(site: Site, render: Callable[[Request], Rendered]) -> Handler:
    """Kept while neither the store nor the sources' states have changed."""

    def states() -> tuple[object, ...]:
        return tuple((view["name"], view["state"], (view["last_good"] or "")[:15]) for view in source_views(site.app))

    async def answer(request: Request) -> Response:
        key = _key(request, asks=True)
        return respond(
            request, await asyncio.to_thread(lambda: site.shelf.get(key, lambda: render(request), also=states()))
        )

    return answer


def name(request: Request) -> str:
    """The id, alias, slug, number or file that an address names."""
    return str(request.path_params["name"])


def _pages(site: Site) -> list[BaseRoute]:
    return [
        Route("/", _of_health(site, lambda r: pages.home(site, read_shown(r.query_params)))),
        Route(
            "/topics/{name}", kept(site, lambda r: pages.topic(site, name(r), read_shown(r.query_params)), asks=True)
        ),
        Route("/advisories/{name}/stages.svg", kept(site, lambda r: pages.stages_picture(site, name(r)))),
        Route("/advisories/{name}/share.svg", kept(site, lambda r: pages.share_picture(site, name(r)))),
        Route(
            "/advisories/{name}",
            kept(site, lambda r: pages.advisory_page(site, name(r), read_shown(r.query_params)), asks=True),
        ),
        Route(
            "/matrix/{name}",
            kept(site, lambda r: pages.matrix_page(site, name(r), read_shown(r.query_params)), asks=True),
        ),
        Route("/changes/{name}", kept(site, lambda r: pages.change_page(site, name(r)))),
        Route("/sources", live(site, lambda r: pages.sources_page(site))),
        Route("/about", kept(site, lambda r: pages.about_page(site))),
    ]


def _feeds(site: Site) -> list[BaseRoute]:
    def one(request: Request) -> Rendered:
        name, _, kind = str(request.path_params["file"]).rpartition(".")
        _known_ending(kind)
        return feeds.render_feed(site, name, kind, request.query_params)

    def of_advisory(request: Request) -> Rendered:
        name, _, kind = str(request.path_params["file"]).rpartition(".")
        _known_ending(kind)
        return feeds.render_advisory_feed(site, name, kind, request.query_params)

    return [
        Route("/feeds/advisories/{file}", kept(site, of_advisory, asks=True)),
        Route("/feeds/{file}", kept(site, one, asks=True)),
        Route("/opml", kept(site, lambda r: feeds.render_opml(site))),
    ]


def _known_ending(kind: str) -> None:
    if kind not in CONTENT_TYPES:
        raise WrongRequest("A feed ends in .atom, .rss or .json: /feeds/all.atom", 404)


def _machines(site: Site) -> list[BaseRoute]:
    return [
        Route("/matrix.json", _of_health(site, lambda r: api.matrix(site))),
        Route("/osv/all.zip", kept(site, lambda r: documents.render_osv_list(site, "all.zip"))),
        Route("/osv/modified_id.csv", kept(site, lambda r: documents.render_osv_list(site, "modified_id.csv"))),
        Route("/osv/{name}", kept(site, lambda r: documents.render_osv(site, name(r)))),
        Route("/openvex/{name}", kept(site, lambda r: documents.render_openvex(site, name(r)))),
        Route("/csaf/{name:path}", kept(site, lambda r: documents.render_csaf(site, name(r)))),
        Route("/.well-known/csaf/provider-metadata.json", kept(site, lambda r: documents.render_metadata(site))),
        Route("/metrics", live(site, lambda r: metrics.render_metrics(site.app))),
        Route("/healthz", live(site, lambda r: metrics.render_health())),
        Route("/readyz", live(site, lambda r: metrics.render_readiness(site.app))),
    ]


def _api(site: Site) -> Mount:
    routes = [
        Route("/advisories", kept(site, lambda r: api.advisories(site, r.query_params), asks=True)),
        Route("/advisories/{name}/path", kept(site, lambda r: api.path(site, name(r)))),
        Route("/advisories/{name}", kept(site, lambda r: api.advisory(site, name(r)))),
        Route("/changes", kept(site, lambda r: api.changes(site, r.query_params), asks=True)),
        Route("/sources", live(site, lambda r: api.sources(site))),
        Route("/openapi.json", kept(site, lambda r: api.render_json(openapi(site.base_url), max_age=3600))),
    ]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "HEAD"],
        allow_headers=["If-None-Match", "If-Modified-Since"],
        expose_headers=["ETag", "Last-Modified"],
    )
    return Mount("/api/v1", routes=routes, middleware=[cors])


async def _failed(site: Site, request: Request, status: int, text: str) -> Response:
    """The error as the reader's kind of answer: problem+json for the API, a page for people."""
    if request.url.path.startswith("/api/"):
        rendered = api.problem(status, text, HTTPStatus(status).phrase)
    else:
        rendered = await asyncio.to_thread(pages.missing_page, site, text, status)
    return respond(request, make_answer(rendered))


async def _on_wrong_request(site: Site, request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, WrongRequest) else 400
    return await _failed(site, request, status, str(error))


async def _on_http_error(site: Site, request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = "No page has this address." if status == 404 else f"{HTTPStatus(status).phrase}."
    response = await _failed(site, request, status, text)
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


async def _on_bug(site: Site, request: Request, error: Exception) -> Response:
    return await _failed(site, request, 500, "Something failed here; the operator's log says what.")


async def _on_storage_error(site: Site, request: Request, error: Exception) -> Response:
    response = await _failed(site, request, 503, "The store does not answer at the moment; please come again.")
    response.headers["Retry-After"] = "30"
    return response
