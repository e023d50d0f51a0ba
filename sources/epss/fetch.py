"""The newest day's file: today's, or that of one of the two days before when it is not out yet.

A file has every CVE there is; only the lines of CVEs that we follow are handed on, under the file's own address. The
checkpoint holds the `day` that was read, so that a day is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from sources.base import Batch, FetchContext, RawDocument
from sources.epss.parse import LARGEST_CONTENT
from sources.errors import FetchError, ParseError
from sources.formats.inflate import inflate

DAY: Final = "YYYY-MM-DD"
DAYS_BACK: Final = 2
LARGEST_FILE: Final = 16 * 1024 * 1024
# A file of a day to come is answered like any other that is not there; object stores say 403.
NOT_THERE: Final = frozenset({403, 404})


def fetch(context: FetchContext) -> Iterator[Batch]:
    """At most one document. Raises FetchError when none of the days has a file."""
    last: FetchError | None = None
    for back in range(DAYS_BACK + 1):
        day = (context.now - timedelta(days=back)).date()
        url = address_of(context.url(), day)
        if context.checkpoint.get("day") == day.isoformat():
            yield Batch(documents=(), checkpoint=context.checkpoint, same=(url,))
            return
        try:
            document = context.get(url, expect="binary", max_bytes=LARGEST_FILE)
        except FetchError as error:
            if error.status not in NOT_THERE or DAY not in context.url():
                raise
            last = error
            continue
        yield _batch(context, url, day, document)
        return
    if last is not None:
        raise last


def address_of(url: str, day: date) -> str:
    return url.replace(DAY, day.isoformat())


def _batch(context: FetchContext, url: str, day: date, document: RawDocument | None) -> Batch:
    checkpoint = {"day": day.isoformat()} if DAY in context.url() else {}
    body = None if document is None else _followed_lines(context, document)
    if document is None or body is None:
        return Batch(documents=(), checkpoint=checkpoint, same=(url,))
    kept = RawDocument(
        source=document.source, url=document.url, at=document.at, body=body, validators=document.validators
    )
    return Batch(documents=(kept,), checkpoint=checkpoint)


def _followed_lines(context: FetchContext, document: RawDocument) -> bytes | None:
    """The first lines and those of the CVEs that we follow; None when it has none of them. What is no such file goes to
    the parser as it is."""
    try:
        content = inflate(document.body, LARGEST_CONTENT)
    except ParseError as error:
        raise FetchError(
            str(error),
            source=context.source,
            url=document.url,
            kind="truncated",
            action="the scores of the day before stay",
        ) from None
    cves = {cve.encode() for cve in context.watch.cves | context.known_advisories}
    lines = content.splitlines(keepends=True)
    scores = [line for line in lines if line.startswith(b"CVE-")]
    followed = [line for line in scores if line.partition(b",")[0] in cves]
    if not scores:
        return content
    return b"".join([*(line for line in lines[:2] if not line.startswith(b"CVE-")), *followed]) if followed else None
