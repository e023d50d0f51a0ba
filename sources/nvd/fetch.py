"""A few requests an hour: first each followed CVE by its id, then what was modified since the last look.

NVD allows five requests in half a minute without a key, so a cycle makes at most MOST_REQUESTS. Every entry that we
follow becomes a document of its own under the address that asks for it alone, whichever way it came.

Checkpoint: `asked`, the CVEs asked by id so far; `since`, the end of the last window that was read whole; `until` and
`start`, the window that is being read page by page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import FetchError, ParseError
from sources.formats.json_document import decode_json
from sources.formats.text import is_cve_id, utc_time
from sources.http import FetchedDocument
from sources.nvd.parse import Page, read_page

MOST_REQUESTS: Final = 4
LONGEST_WINDOW: Final = timedelta(days=120)  # the API refuses more
OVERLAP: Final = timedelta(minutes=15)
LARGEST_ANSWER: Final = 64 * 1024 * 1024
MOST_FOLLOWED_BY_ID: Final = 500


class _Named(msgspec.Struct):
    id: str


class _Entry(msgspec.Struct):
    cve: _Named


def fetch(context: FetchContext) -> Iterator[Batch]:
    """One batch per request. Raises FetchError."""
    state = dict(context.checkpoint)
    followed = sorted(context.watch.cves | context.known_advisories, reverse=True)[:MOST_FOLLOWED_BY_ID]
    asked = set(state.get("asked", "").split())
    state.setdefault("since", _text(context.now))
    new = [cve for cve in followed if cve not in asked and is_cve_id(cve)]
    for cve in new[:MOST_REQUESTS]:
        documents = _split(context, _ask(context, {"cveId": cve}), [cve])
        state["asked"] = " ".join(sorted(asked := (asked | {cve}) & set(followed)))
        yield Batch(documents=documents, checkpoint=dict(state))
    if len(new) < MOST_REQUESTS:
        yield from _windows(context, state, MOST_REQUESTS - len(new))


def _windows(context: FetchContext, state: dict[str, str], requests: int) -> Iterator[Batch]:
    """Pages of what was modified between `since` and now, as many as are left for this cycle."""
    followed = context.watch.cves | context.known_advisories
    for _ in range(requests):
        since = utc_time(state["since"]) or context.now
        until = utc_time(state.get("until", "")) or min(context.now, since + LONGEST_WINDOW)
        if until <= since:
            return
        start = int(state.get("start", "0"))
        asked = {
            "lastModStartDate": _text(since - OVERLAP),
            "lastModEndDate": _text(until),
            "noRejected": "",
            "startIndex": str(start),
        }
        page = _ask(context, asked)
        following = start + len(page.vulnerabilities)
        if page.vulnerabilities and following < page.total_results:
            state.update(until=_text(until), start=str(following))
        else:
            state["since"] = _text(until)
            state.pop("until", None)
            state.pop("start", None)
        yield Batch(documents=_split(context, page, followed), checkpoint=dict(state))


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00")


def _ask(context: FetchContext, parameters: Mapping[str, str]) -> Page:
    url = f"{context.url()}?{_query(parameters)}"
    answer = context.http.get(url, source=context.source, expect="json", max_bytes=LARGEST_ANSWER)
    try:
        return read_page(answer.body if isinstance(answer, FetchedDocument) else b"")
    except ParseError as error:
        raise FetchError(
            str(error),
            source=context.source,
            url=url,
            kind="content",
            action="what NVD said before stays; the next poll asks again",
        ) from None


def _query(parameters: Mapping[str, str]) -> str:
    """NVD takes noRejected without a value only."""
    return "&".join(urlencode({key: value}) if value else key for key, value in parameters.items())


def _split(context: FetchContext, page: Page, followed: Iterable[str]) -> tuple[RawDocument, ...]:
    wanted = frozenset(followed)
    documents = []
    for raw in page.vulnerabilities:
        try:
            cve = decode_json(bytes(raw), _Entry, "the entry").cve.id
        except ParseError:
            continue  # an entry that does not say whose it is can be nobody's document
        if cve in wanted:
            url = f"{context.url()}?{_query({'cveId': cve})}"
            documents.append(RawDocument(source=context.source, url=url, at=context.now, body=_alone(raw)))
    return tuple(documents)


def _alone(entry: msgspec.Raw) -> bytes:
    """The answer that has this entry alone; without the time of the answer, which changes when nothing else does."""
    page = Page(
        results_per_page=1,
        start_index=0,
        total_results=1,
        format="NVD_CVE",
        version="2.0",
        vulnerabilities=[entry],
    )
    return msgspec.json.encode(page)
