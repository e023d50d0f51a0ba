"""When git fails: the newest mails of a list, found by its Atom feed and read one by one. The feed has 25 entries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sources.base import FetchContext
from sources.errors import FetchError
from sources.http import FetchedDocument
from sources.lore.address import mail_address
from sources.lore.atom import read_entries
from sources.lore.epochs import ArchivedMail
from sources.lore.mbox import without_envelope
from sources.lore.progress import mark_of

MOST_MAILS: Final = 25
LARGEST_FEED: Final = 8 * 1024 * 1024
LARGEST_MAIL: Final = 32 * 1024 * 1024


def newest_mails(context: FetchContext, origin: str, name: str, seen: list[str]) -> Iterator[ArchivedMail]:
    """The mails whose marks are not in `seen`, which grows, oldest first. Raises FetchError, ParseError."""
    feed = _get(context, f"{origin}/{name}/new.atom", "xml", LARGEST_FEED)
    for entry in reversed(read_entries(feed)[:MOST_MAILS]):
        mark = mark_of(entry.msgid)
        if mark in seen:
            continue
        try:
            body = _get(context, mail_address(origin, name, entry.msgid), "text", LARGEST_MAIL)
        except FetchError:
            continue  # asked for again with the next poll
        seen.append(mark)
        yield ArchivedMail(raw=without_envelope(body), received_at=entry.updated or context.now)


def _get(context: FetchContext, url: str, expect: str, max_bytes: int) -> bytes:
    answer = context.http.get(url, source=context.source, expect=expect, max_bytes=max_bytes)
    return answer.body if isinstance(answer, FetchedDocument) else b""
