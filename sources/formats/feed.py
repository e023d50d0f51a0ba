"""RSS and Atom feeds to plain entries, by feedparser over bytes in memory; markup becomes text.

feedparser says of an empty body and of a bot wall's page that they are fine feeds without entries, gives the entries
before a cut, and makes dates of nonsense. So a feed must have a version and its closing tag, and dates are read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any, Final

from sources.errors import ParseError
from sources.formats.text import clean_line, utc_time, web_link

LARGEST_FEED: Final = 8 * 1024 * 1024
MOST_ENTRIES: Final = 1_000
MOST_ELEMENTS: Final = 100_000
LONGEST_SUMMARY: Final = 500
LONGEST_MARKUP: Final = 50_000

_ROOT = re.compile(rb"<(?:rss|feed|(?:[A-Za-z0-9]{1,20}:)?(?:feed|rdf))[\s>]", re.IGNORECASE)
_CLOSING = re.compile(
    rb"</(?:rss|(?:[A-Za-z0-9]{1,20}:)?(?:feed|rdf))\s{0,100}>\s{0,1000}(?:<!--[^>]{0,1000}-->\s{0,1000})?$",
    re.IGNORECASE,
)
_ENCODING = re.compile(rb"encoding\s{0,10}=\s{0,10}[\"']([^\"']{0,60})[\"']", re.IGNORECASE)
_ENCODINGS = re.compile(rb"utf-?8|us-ascii|ascii|iso-?8859-[0-9]{1,2}|windows-125[0-9]", re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z/!]|&(?:#|[A-Za-z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One item. `link` is None when it has none that can be shown; `identity` is its link without scheme and fragment,
    or its guid: a feed that moves to https or changes its guids repeats nothing."""

    title: str
    link: str | None
    identity: str
    published: datetime | None
    summary: str


def read_feed(body: bytes) -> tuple[FeedEntry, ...]:
    """The entries in their order, each once. Raises ParseError."""
    _check_frame(body)
    feed = _parse(body)
    if not feed.get("version"):
        raise ParseError("no RSS or Atom feed")
    entries: dict[str, FeedEntry] = {}
    for entry in _entries(feed):
        entries.setdefault(entry.identity, entry)
    return tuple(entries.values())


def _check_frame(body: bytes) -> None:
    if not body.strip():
        raise ParseError("the feed is empty")
    if len(body) > LARGEST_FEED or body.count(b"<") > 2 * MOST_ELEMENTS:
        raise ParseError("the feed is too large")
    if b"\0" in body:
        raise ParseError("the feed holds NULs")
    root = _ROOT.search(body)
    if root is None:
        raise ParseError("no RSS or Atom feed")
    prolog = body[: root.start()]
    if b"<!DOCTYPE" in prolog.upper():  # a feed needs none: it could only declare entities
        raise ParseError("the feed has a document type")
    encoding = _ENCODING.search(prolog)
    if encoding is not None and _ENCODINGS.fullmatch(encoding.group(1)) is None:
        raise ParseError("the feed is in an encoding that is not read")
    if _CLOSING.search(body[-4096:]) is None:
        raise ParseError("the feed does not end with its closing tag")


def _parse(body: bytes) -> Mapping[str, Any]:  # Any: feedparser's dictionaries hold whatever the feed does
    import feedparser

    try:
        parsed: Mapping[str, Any] = feedparser.parse(BytesIO(body))
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError, AssertionError) as error:
        raise ParseError(f"the feed cannot be read: {type(error).__name__}") from None
    return parsed


def _entries(feed: Mapping[str, Any]) -> Iterator[FeedEntry]:
    listed = feed.get("entries")
    for entry in (listed if isinstance(listed, list) else [])[:MOST_ENTRIES]:
        link = web_link(_string(entry, "link"))
        title = plain_text(_string(entry, "title"), 300)
        identity = _identity(link, _string(entry, "id"))
        if identity and (title or link):
            yield FeedEntry(
                title=title,
                link=link,
                identity=identity,
                published=_published(entry),
                summary=plain_text(_string(entry, "summary"), LONGEST_SUMMARY),
            )


def _string(entry: Mapping[str, Any], key: str) -> str:
    value = entry[key] if key in entry else ""  # noqa: SIM401  # its get() answers for one key with another, and warns
    return value if isinstance(value, str) else ""


def _identity(link: str | None, guid: str) -> str:
    if link is not None:
        return link.partition("#")[0].partition("://")[2].rstrip("/")
    return clean_line(guid, 300)


def _published(entry: Mapping[str, Any]) -> datetime | None:
    for key in ("published", "updated", "created"):
        time = feed_time(_string(entry, key))
        if time is not None:
            return time
    return None


def feed_time(text: str) -> datetime | None:
    """A date of RFC 822 (RSS) or RFC 3339 (Atom) as UTC; None for what is none, or is centuries away."""
    text = text.strip()
    if not text.isascii() or len(text) > 60:
        return None
    try:
        time = utc_time(text) or parsedate_to_datetime(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return time if 1990 <= time.year < 2200 else None


def plain_text(markup: str, limit: int) -> str:
    """The text of a piece of HTML on one line, shortened at a word."""
    text = markup[:LONGEST_MARKUP]
    if _TAG.search(text):
        from bs4 import BeautifulSoup

        text = BeautifulSoup(text, "lxml").get_text(" ")
    line = clean_line(text, 2 * limit)
    return line if len(line) <= limit else line[:limit].rpartition(" ")[0] or line[:limit]
