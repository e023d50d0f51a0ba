"""A message as Telegram takes it: text and entities with offsets in UTF-16 units, in parts that fit.

No markup is ever built from text, so nothing in it can be markup (Bot API, "MessageEntity", "sendMessage").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.messages.model import Line, Message, Span, Style
from bot.messages.safe import defuse

MAX_UNITS = 4096
MAX_ENTITIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """type: bold | code | text_link; offset and length in UTF-16 units; url for a link."""

    type: str
    offset: int
    length: int
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    text: str
    entities: tuple[Entity, ...]


def units(text: str) -> int:
    """Length in UTF-16 units, as Telegram counts."""
    return len(text) + sum(char > "\uffff" for char in text)


def render(message: Message, *, limit: int = MAX_UNITS) -> list[Part]:
    """The message in at least one part; parts end at line ends where they can, never within a character."""
    lines = [_shown((Span(text=message.title, style=Style.BOLD),)), *(_shown(one) for one in message.lines)]
    parts: list[Part] = []
    held: list[Line] = []
    size = marks = 0
    for line in (piece for whole in lines for piece in _fitting(whole, limit)):
        length = _length(line) + 1
        count = sum(_is_marked(span) for span in line)
        if held and (size + length > limit + 1 or marks + count > MAX_ENTITIES):
            parts += _joined(held)
            held, size, marks = [], 0, 0
        held.append(line)
        size += length
        marks += count
    return [*parts, *_joined(held)] or [Part(text="(empty)", entities=())]


def _shown(line: Line) -> Line:
    return tuple(
        Span(text=defuse(span.text).encode("utf-8", "replace").decode(), style=span.style, href=span.href)
        for span in line
        if span.text
    )


def _length(line: Line) -> int:
    return sum(units(span.text) for span in line)


def _is_marked(span: Span) -> bool:
    return span.style is not Style.PLAIN or span.href is not None


def _fitting(line: Line, limit: int) -> Iterator[Line]:
    """The line, cut at blanks where it is too long for a part of its own."""
    held: list[Span] = []
    room = limit
    for span in line:
        text = span.text
        while units(text) > room:
            cut = _cut(text, room)
            if text[:cut]:
                held.append(Span(text=text[:cut], style=span.style, href=span.href))
            yield tuple(held)
            held, room, text = [], limit, text[cut:].lstrip(" ")
        if text:
            held.append(Span(text=text, style=span.style, href=span.href))
            room -= units(text)
    yield tuple(held)


def _cut(text: str, room: int) -> int:
    """How many characters of the text fill at most `room` units; up to a blank where there is one near."""
    used = end = 0
    for char in text:
        used += 2 if char > "\uffff" else 1
        if used > room:
            break
        end += 1
    blank = text.rfind(" ", max(0, end - 200), end)
    return blank + 1 if blank > 0 else end


def _joined(lines: list[Line]) -> list[Part]:
    """The lines as one part, without blanks at its ends (Telegram takes them away and offsets would be off)."""
    text = ""
    entities: list[Entity] = []
    offset = 0
    for number, line in enumerate(lines):
        if number:
            text, offset = text + "\n", offset + 1
        for span in line:
            entities += _entities(span, offset)
            text, offset = text + span.text, offset + units(span.text)
    start = units(text) - units(text.lstrip())
    stripped = text.strip()
    if not stripped:
        return []
    end = start + units(stripped)
    kept = [_clipped(one, start, end) for one in entities]
    return [Part(text=stripped, entities=tuple(one for one in kept if one.length > 0))]


def _entities(span: Span, offset: int) -> Iterator[Entity]:
    core = span.text.strip()
    if not core or not _is_marked(span):
        return
    first = offset + units(span.text) - units(span.text.lstrip())
    if span.style is not Style.PLAIN:
        yield Entity(type=span.style.value, offset=first, length=units(core))
    if span.href is not None and span.href.startswith(("https://", "http://")):
        yield Entity(type="text_link", offset=first, length=units(core), url=span.href)


def _clipped(one: Entity, start: int, end: int) -> Entity:
    first, last = max(one.offset, start), min(one.offset + one.length, end)
    return Entity(type=one.type, offset=first - start, length=last - first, url=one.url)
