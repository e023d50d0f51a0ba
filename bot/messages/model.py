"""A message as every channel gets it: lines of spans. What is frozen in the ledger is this as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from storage.codec import from_text, to_text


class Style(StrEnum):
    PLAIN = "plain"
    BOLD = "bold"
    CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of one line. `href`: one of our own pages, or None. The text is safe to show (`safe.show_text`)."""

    text: str
    style: Style = Style.PLAIN
    href: str | None = None


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """silent: arrives without a sound. advisory: set where the message is the card of that advisory. reply_to: the far
    end's id of the message that this one answers. shown: hash of a card's own lines, without its news."""

    title: str
    lines: tuple[Line, ...]
    silent: bool = False
    advisory: str | None = None
    reply_to: str | None = None
    shown: str = ""


def freeze(message: Message) -> str:
    return to_text(message)


def thaw(content: str) -> Message:
    """The message that `freeze` wrote."""
    return from_text(content, Message)


def plain(text: str) -> Line:
    return (Span(text=text),)


def plain_text(message: Message) -> str:
    """The message without its marks, one line each."""
    return "\n".join([message.title, *("".join(span.text for span in line) for line in message.lines)])


def make_message(title: str, lines: Iterable[Line | str]) -> Message:
    return Message(title=title, lines=tuple(plain(one) if isinstance(one, str) else one for one in lines))
