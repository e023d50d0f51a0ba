"""public-inbox's Atom feeds (new.atom, a thread's t.atom, a search's x=A) as mails: headers and text, no attachments.

The feed quotes a mail for readers: its text is whole, its header block is not. The mail itself always says more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from io import BytesIO
from typing import Final
from urllib.parse import unquote, urlsplit

from sources.errors import ParseError

MOST_ENTRIES: Final = 1_000
LONGEST_TEXT: Final = 1024 * 1024
_BREAKS = re.compile(r"[\r\n\0]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One mail of a feed. parent: the Message-ID it answers, when the feed names it."""

    msgid: str
    title: str
    author_name: str
    author_email: str
    updated: datetime | None
    parent: str | None
    text: str


def read_entries(body: bytes) -> list[Entry]:
    """The mails of the feed, newest first. Raises ParseError when it is none, is cut, or has no entry."""
    import feedparser

    if not body.rstrip().endswith(b"</feed>"):
        raise ParseError("not a whole Atom feed")
    feed = feedparser.parse(BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    if not feed.get("version"):
        raise ParseError("not an Atom feed")
    entries = [_entry(one) for one in feed.entries[:MOST_ENTRIES]]
    found = [one for one in entries if one is not None]
    if not found:
        raise ParseError("a feed without a mail")
    return found


def _entry(one: dict[str, object]) -> Entry | None:
    msgid = _msgid(str(one.get("link", "")))
    if msgid is None:
        return None
    author = one.get("author_detail")
    author = author if isinstance(author, dict) else {}
    parent = one.get("thr_in-reply-to")
    contents = one.get("content")
    markup = "".join(str(each.get("value", "")) for each in contents[:4]) if isinstance(contents, list) else ""
    return Entry(
        msgid=msgid,
        title=str(one.get("title", "")),
        author_name=str(author.get("name", "")),
        author_email=str(author.get("email", "")),
        updated=_time(str(one["updated"]) if "updated" in one else ""),
        parent=_msgid(str(parent.get("href", ""))) if isinstance(parent, dict) else None,
        text=_plain(markup[:LONGEST_TEXT]),
    )


def _msgid(link: str) -> str | None:
    """The Message-ID of ".../LIST/MSGID/", percent-decoded."""
    try:
        parts = urlsplit(link).path.rstrip("/").split("/")
    except ValueError:
        return None
    msgid = unquote(parts[-1]) if len(parts) > 2 else ""
    return msgid if "@" in msgid and not re.search(r"[\s<>]", msgid) and len(msgid) <= 998 else None


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text[:40])
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _plain(markup: str) -> str:
    from bs4 import BeautifulSoup

    return BeautifulSoup(markup, "lxml").get_text() if markup.strip() else ""


def as_mail(entry: Entry) -> bytes:
    """The entry as a mail of its own: what the feed says, in the form that mails have."""
    fields = [
        f"From: {_line(entry.author_name)} <{_line(entry.author_email)}>",
        f"Subject: {_line(entry.title)}",
        f"Message-ID: <{entry.msgid}>",
    ]
    if entry.updated is not None:
        fields.append(f"Date: {format_datetime(entry.updated)}")
    if entry.parent is not None:
        fields.append(f"In-Reply-To: <{entry.parent}>")
    return "\n".join([*fields, "", entry.text]).encode("utf-8", "replace")


def _line(text: str) -> str:
    return _BREAKS.sub(" ", text)
