"""A mail before it is written: what changed for its reader, the reader's releases, the health of the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from bot.messages.model import Line, Message
from storage.codec import from_text, to_text

NONE = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    day: str
    text: str
    source: str
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """The news of one advisory. advisory: its id, "" for patches that have none."""

    name: str
    title: str
    advisory: str
    news: tuple[News, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRow:
    """One cell of the reader's releases. status: the VEX word; state: as it is read; fresh: it changed just now."""

    name: str
    advisory: str
    place: str
    package: str
    status: str
    state: str
    version: str
    erratum: str
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    name: str
    state: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """good of total sources are good; lines: the others."""

    good: int
    total: int
    lines: tuple[SourceLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Nothing in it depends on who reads it: readers of the same filters share one rendering.

    kind: urgent | news | daily | weekly | welcome. period: "2026-W19", "2026-05-04" or "". more: changes that are
    only counted. unknown: places of the filters of which nothing is known. follows: the filters. health: None where
    it has no place.
    """

    kind: str
    title: str
    period: str
    matters: tuple[Matter, ...]
    more: int
    rows: tuple[ReleaseRow, ...]
    more_rows: int
    unknown: tuple[str, ...]
    health: Health | None
    follows: tuple[str, ...]
    base_url: str


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """The frozen content of a mail; read as a `Message` it is one with the same title and lines.

    at: when it was made, its Date. salt: of the reader's token that unsubscribes, "" for none. confirm: salt of the
    token that confirms a sign-up. base_url: where its own links lead. digest: a `Digest` as JSON, or null.
    """

    title: str
    lines: tuple[Line, ...] = ()
    at: datetime | None = None
    salt: str = ""
    confirm: str = ""
    base_url: str = ""
    digest: msgspec.Raw = NONE


def freeze_letter(letter: Letter) -> str:
    return to_text(letter)


def thaw_letter(content: str) -> Letter:
    """A letter, or a notice that was frozen as a `Message`."""
    return from_text(content, Letter)


def digest_letter(digest: Digest, *, at: datetime, salt: str) -> Letter:
    raw = msgspec.Raw(to_text(digest).encode())
    return Letter(title=digest.title, at=at, salt=salt, base_url=digest.base_url, digest=raw)


def digest_of(letter: Letter) -> Digest | None:
    return from_text(bytes(letter.digest).decode(), Digest | None)  # type: ignore[arg-type]  # a union is no type


def notice_letter(message: Message, *, at: datetime) -> Letter:
    return Letter(title=message.title, lines=message.lines, at=at)


def counted(number: int, what: str = "change") -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def spoken_period(period: str) -> str:
    """ "in week 19 of 2026", "on 2026-05-04"."""
    year, mark, week = period.partition("-W")
    return f"in week {int(week)} of {year}" if mark else f"on {period}"


def title_of(kind: str, period: str, matters: Sequence[Matter], number: int) -> str:
    """The subject: what is urgent says it, a digest says how much and for when."""
    if kind in ("daily", "weekly"):
        return f"{counted(number)} {spoken_period(period)}"
    if kind == "welcome":
        return "how things stand"
    if not matters:
        return "news"
    first = matters[0]
    told = next((one for one in first.news if one.urgent), first.news[0]).text
    text = told if not first.name or first.name in told else f"{first.name}: {told}"
    return f"{text} (and {number - 1} more)" if number > 1 else text
