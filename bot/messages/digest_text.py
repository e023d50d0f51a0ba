"""Mails as text and HTML: our templates, everything that came from outside escaped and free of live links."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from bot.messages.digest import Digest, Letter
from bot.messages.safe import defuse

_FOLDER = Path(__file__).resolve().parent.parent / "templates" / "mail"


def _environment() -> Environment:
    environment = Environment(
        autoescape=select_autoescape(("html",)),
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.finalize = _finalize
    environment.globals.update(link=_link, ours=_ours)
    return environment


def _finalize(value: object) -> object:
    """Plain strings lose what a reader's program would make a link of; our own addresses are marked and pass."""
    return defuse(value) if type(value) is str else value


def _link(*parts: str) -> Markup:
    """An address of our own board: the parts are ours, an advisory's id among them."""
    return Markup("").join(parts)


def _ours(href: str) -> Markup:
    return Markup("{}").format(href)


class MailText:
    """Renders a mail's two bodies."""

    def __init__(self) -> None:
        self._templates = _environment()

    def digest(self, digest: Digest, *, unsubscribe: str) -> tuple[str, str]:
        """(text, HTML). unsubscribe: an address of ours, "" for none."""
        return self._render(
            "digest",
            digest=digest,
            base_url=digest.base_url,
            unsubscribe=_ours(unsubscribe),
            widths=_widths([(one.name, one.place, one.package) for one in digest.rows]),
        )

    def notice(self, letter: Letter, *, unsubscribe: str, confirm: str) -> tuple[str, str]:
        """(text, HTML) of a letter without a digest: its lines, and the link that confirms where it asks for that."""
        return self._render(
            "notice",
            title=letter.title,
            lines=letter.lines,
            unsubscribe=_ours(unsubscribe),
            confirm=_ours(confirm),
        )

    def _render(self, name: str, **values: object) -> tuple[str, str]:
        text, html = (self._templates.get_template(f"{name}.{kind}").render(values) for kind in ("txt", "html"))
        return text, html


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)] or [0, 0, 0]
