"""What every page needs: the application, the shelf of rendered answers, the templates and our own address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection

from advisories import wording
from bot.app import App, allowed_hosts, program_version
from bot.web.shelf import Rendered, Shelf
from bot.web.text import link, linked, shown
from storage.board import newest_good_fetch

HTML = "text/html; charset=utf-8"
FOLDER = Path(__file__).parent
EMPTY_SINCE = datetime(2026, 1, 1, tzinfo=UTC)  # what an empty store says it is of


class WrongRequest(Exception):
    """A request that cannot be answered as it stands; the text says what would be right. status: of HTTP."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    app: App
    shelf: Shelf
    base_url: str
    templates: Environment = field(repr=False)

    def page(self, template: str, *, status: int = 200, max_age: int = 60, **values: Any) -> Rendered:  # Any: a page's
        """A page of a template."""
        body = self.templates.get_template(template).render(values)
        return Rendered(body=body.encode("utf-8", "replace"), media=HTML, status=status, max_age=max_age)


def base_url_of(app: App) -> str:
    """`[web] base_url`, else the address that we listen on; never with a slash at its end."""
    configured = app.config.text("web", "base_url").rstrip("/")
    if configured:
        return configured
    host, _, port = app.config.text("web", "listen").rpartition(":")
    return f"http://{'127.0.0.1' if host in ('', '0.0.0.0', '[::]') else host}:{port}"  # noqa: S104  # read, not bound


def make_site(app: App, *, fresh_seconds: float | None = None) -> Site:
    """The site over a store; `fresh_seconds` as `Shelf` takes it."""
    shelf = Shelf(app.store) if fresh_seconds is None else Shelf(app.store, fresh_seconds=fresh_seconds)
    base_url = base_url_of(app)
    return Site(app=app, shelf=shelf, base_url=base_url, templates=_templates(app, base_url))


def _templates(app: App, base_url: str) -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(FOLDER / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    further_hosts = allowed_hosts(app.config)
    environment.filters.update(
        shown=shown,
        linked=partial(linked, further_hosts=further_hosts),
        day=_day,
        moment=_moment,
        spoken=spoken,
        place=place,
        size=size,
    )
    environment.globals.update(
        link=partial(link, further_hosts=further_hosts),
        base_url=base_url,
        version=program_version(),
        topics=app.topics,
        by_mail=bool(app.config.text("mail", "host")),
        names=wording.DISTRO_NAMES,
    )
    environment.finalize = _finalize
    return environment


def _finalize(value: object) -> object:
    """Plain strings that reach a page are shown as `shown` does; markup of ours passes."""
    return shown(value) if type(value) is str else value


def _day(value: str | datetime | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else value[:10]


def _moment(value: str | datetime | None) -> str:
    """ "2026-04-30 11:32 UTC"."""
    if value is None:
        return "never"
    text = value.strftime("%Y-%m-%dT%H:%M") if isinstance(value, datetime) else value
    return f"{text[:10]} {text[11:16]} UTC" if len(text) > 10 else text


def spoken(word: str | None) -> str:
    """A word of a vocabulary as it is read: "not_affected" is "not affected"."""
    return (word or "").replace("_", " ")


def size(count: int) -> str:
    """A number of bytes to read: "512 B", "1.4 kB", "23.0 MB"."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def place(cell: Mapping[str, Any]) -> str:  # Any: JSON
    """ "Debian 12", of a cell or change as JSON."""
    return wording.place(cell["distro"], cell["release"], cell.get("stream"))


def as_of(connection: Connection) -> datetime:
    """For when the store speaks."""
    return newest_good_fetch(connection) or EMPTY_SINCE
