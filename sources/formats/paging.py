"""Lists that a vendor gives newest first, a page at a time: read from the first page back to what is known.

Checkpoint "newest": the time of the newest entry when every page down to the last known one had been had. Until then
each page keeps it as it was and marks the list "open": a list that breaks off in the middle is read again from its
beginning, whatever the validators of its first page say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import FetchError, ParseError
from sources.formats.times import read_time
from sources.http import FetchedDocument

NEWEST: Final = "newest"
OPEN: Final = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTimes:
    """When the entries of a page are from, and how many there are."""

    newest: datetime | None
    oldest: datetime | None
    count: int


def page_times(times: list[datetime | None]) -> PageTimes:
    """The times of a page's entries; None is an entry without one."""
    known = [one for one in times if one is not None]
    return PageTimes(newest=max(known, default=None), oldest=min(known, default=None), count=len(times))


def fetch_newest_first(
    context: FetchContext,
    *,
    address: Callable[[int], str],
    read_times: Callable[[bytes], PageTimes],
    concerns: Callable[[bytes], bool],
    page_size: int,
    most_pages: int,
    max_bytes: int,
) -> Iterator[Batch]:
    """A batch a page. address: page number from 1 -> address. concerns: whether a further page is worth keeping; the
    first always is, by its validators. Raises FetchError."""
    until = read_time(context.checkpoint.get(NEWEST)) or context.watch.since
    conditional = NEWEST in context.checkpoint and OPEN not in context.checkpoint
    newest: datetime | None = None
    for number in range(1, most_pages + 1):
        url = address(number)
        if number == 1 and conditional:
            document = context.get(url, expect="json", max_bytes=max_bytes)
        else:
            document = get_whole(context, url, expect="json", max_bytes=max_bytes)
        if document is None:
            yield Batch(documents=(), checkpoint=dict(context.checkpoint), same=(url,))
            return
        times = _times(context, url, read_times, document.body)
        newest = newest or times.newest
        last = times.oldest is None or times.oldest < until or times.count < page_size
        gap = not last and number == most_pages
        kept = number == 1 or concerns(document.body)
        yield Batch(
            documents=(document,) if kept else (),
            checkpoint=_moved(context, newest) if last or gap else {**context.checkpoint, OPEN: "1"},
            notes=(f"{context.source}: more than {most_pages} new pages; older entries were left",) if gap else (),
            more=not last and not gap,
        )
        if last:
            return


def _times(context: FetchContext, url: str, read_times: Callable[[bytes], PageTimes], body: bytes) -> PageTimes:
    try:
        return read_times(body)
    except ParseError as error:
        raise FetchError(f"a page cannot be read: {error}", source=context.source, url=url, kind="parse") from None


def _moved(context: FetchContext, newest: datetime | None) -> dict[str, str]:
    kept = {key: value for key, value in context.checkpoint.items() if key != OPEN}
    return kept if newest is None else {**kept, NEWEST: newest.isoformat()}


def get_whole(context: FetchContext, url: str, *, expect: str, max_bytes: int, kind: str = "") -> RawDocument:
    """The document at `url` whether or not we hold it: what is read on the way to something else. Raises FetchError."""
    answer = context.http.get(url, source=context.source, expect=expect, max_bytes=max_bytes)
    if not isinstance(answer, FetchedDocument):
        raise FetchError("the answer is 304 to a request without a condition", source=context.source, url=url)
    return RawDocument.from_fetched(context.source, answer, kind=kind)
