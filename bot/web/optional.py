"""Addresses whose answers other modules give."""

from __future__ import annotations

from collections.abc import Callable

from starlette.routing import BaseRoute

from bot.web import lookup
from bot.web.shelf import Rendered
from bot.web.site import Site


def path_view(site: Site, name: str) -> Rendered:
    from bot.web.api import render_json

    with site.app.store.read() as connection:
        lookup.load_advisory(connection, name)
    return render_json({"patches": []})


def document_routes(site: Site, kept: Callable[..., object]) -> list[BaseRoute]:
    return []
