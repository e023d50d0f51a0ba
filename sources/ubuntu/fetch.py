"""What is asked of Ubuntu in a cycle, politely: watched CVEs by their validators, then notices that are new.

One address that fails does not keep the others from being asked; the first failure is raised at the end, when
everything that came has been handed on. A notice that is announced before its record is there waits in the checkpoint.

Checkpoint: newest (time of the newest notice taken in), fetched (ids of notices, the last ones), pending (id@day of
notices still to come), api (time of the last whole pass over the CVE API), known (the last of the followed CVEs asked),
open (the list of notices was not read to its end: its first page is asked again whatever its validators say).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import FetchError, ParseError, RateLimited
from sources.formats.paging import get_whole
from sources.formats.times import read_time
from sources.ubuntu.notice_list import NOTICE_ID, ListedNotice, read_page
from sources.ubuntu.settings import is_asked

MOST_BYTES: Final = 64 * 1024 * 1024
PAGE: Final = 20  # the API gives no more
MOST_PAGES: Final = 100
BATCH: Final = 8
FOLLOWED_A_CYCLE: Final = 40
API_EVERY: Final = timedelta(hours=6)
PENDING_FOR: Final = timedelta(days=14)
KEPT_IDS: Final = 3_000

_FOLDERS: Final = {"USN": "usn", "LSN": "lsn"}


class _Related(msgspec.Struct):
    related: tuple[str, ...] | None = None


@dataclass(slots=True, kw_only=True)
class _Cycle:
    """One cycle's state: what the checkpoint will say, and what went wrong on the way."""

    context: FetchContext
    state: dict[str, str]
    failures: list[FetchError] = field(default_factory=list)
    related: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def ids(self, key: str) -> list[str]:
        return [one for one in self.state.get(key, "").split(",") if one]

    def batch(self, documents: Iterable[RawDocument], same: Iterable[str] = ()) -> Batch:
        notes, self.notes = tuple(self.notes), []
        return Batch(documents=tuple(documents), checkpoint=dict(self.state), same=tuple(same), notes=notes)

    def get(self, url: str, kind: str, *, whole: bool = False) -> tuple[RawDocument | None, bool]:
        """(document, answered): None and True when not modified, None and False when it failed or is not there."""
        try:
            if whole:
                return get_whole(self.context, url, expect="json", kind=kind, max_bytes=MOST_BYTES), True
            return self.context.get(url, expect="json", kind=kind, max_bytes=MOST_BYTES), True
        except FetchError as error:
            if error.status != 404:
                self.failures.append(error)
            return None, False

    def limited(self) -> bool:
        return bool(self.failures) and isinstance(self.failures[-1], RateLimited)


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Raises the first FetchError of the cycle after everything else was yielded."""
    cycle = _Cycle(context=context, state=dict(context.checkpoint))
    yield from _watched_cves(cycle)
    yield from _notices(cycle)
    if cycle.failures:
        raise next((one for one in cycle.failures if isinstance(one, RateLimited)), cycle.failures[0])


# Watched CVEs


def _watched_cves(cycle: _Cycle) -> Iterator[Batch]:
    api_due = _api_due(cycle)
    documents: list[RawDocument] = []
    same: list[str] = []
    for cve in _asked_cves(cycle):
        for url, document in _of_cve(cycle, cve, api_due):
            if document is None:
                same.append(url)
            else:
                documents.append(document)
        if len(documents) >= BATCH:
            yield cycle.batch(documents, same)
            documents, same = [], []
    if api_due and not cycle.failures:
        cycle.state["api"] = cycle.context.now.isoformat()
    if documents or same:
        yield cycle.batch(documents, same)


def _api_due(cycle: _Cycle) -> bool:
    last = read_time(cycle.state.get("api"))
    return last is None or cycle.context.now - last >= API_EVERY


def _asked_cves(cycle: _Cycle) -> list[str]:
    """Every CVE that a topic names, and the next few of those that are followed for other reasons."""
    watched = sorted(cycle.context.watch.cves)
    followed = sorted(cycle.context.known_advisories - cycle.context.watch.cves)
    after = cycle.state.get("known", "")
    turn = [cve for cve in followed if cve > after] + [cve for cve in followed if cve <= after]
    chosen = turn[:FOLLOWED_A_CYCLE]
    if chosen:
        cycle.state["known"] = chosen[-1]
    return watched + chosen


def _of_cve(cycle: _Cycle, cve: str, api_due: bool) -> Iterator[tuple[str, RawDocument | None]]:
    """The CVE's OSV record and, when that changed or it is time, what the CVE API says."""
    year = cve.split("-")[1]
    url = f"{cycle.context.url()}/osv/cve/{year}/UBUNTU-{cve}.json"
    document, answered = cycle.get(url, "osv")
    if document is not None:
        cycle.related.update(dict.fromkeys(_related_notices(document)))
    if answered:
        yield url, document
    if (document is not None or api_due) and is_asked(cycle.context, "cves_url"):
        url = f"{cycle.context.url('cves_url')}/{cve}.json"
        document, answered = cycle.get(url, "cve")
        if answered:
            yield url, document


def _related_notices(document: RawDocument) -> tuple[str, ...]:
    try:
        related = msgspec.json.decode(document.body, type=_Related).related or ()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()  # the parser will say what is wrong with it
    return tuple(one for one in related if NOTICE_ID.fullmatch(one))


# Notices


def _notices(cycle: _Cycle) -> Iterator[Batch]:
    """Pending notices, those that a watched CVE names, then those that are listed since the newest we know."""
    listed, first_page, same, whole = _listed_since(cycle)
    fetched = set(cycle.ids("fetched"))
    pending = _pending(cycle)
    wanted: dict[str, datetime | None] = {
        notice: None for notice in (*pending, *cycle.related) if notice not in fetched
    }
    for one in listed:
        if one.notice not in fetched and _concerns(cycle, one):
            wanted[one.notice] = one.published
    documents = list(first_page)
    for notice, published in wanted.items():
        if cycle.limited():
            break
        document = _notice_document(cycle, notice)
        if document is not None:
            documents.append(document)
        if not cycle.limited():
            _settle(cycle, notice, published, document is not None)
        if len(documents) >= BATCH:
            yield cycle.batch(documents, same)
            documents, same = [], []
    if whole and not cycle.limited():
        cycle.state.pop("open", None)
        if listed:
            cycle.state["newest"] = listed[-1].published.isoformat()
    if documents or same or cycle.state != dict(cycle.context.checkpoint):
        yield cycle.batch(documents, same)


def _listed_since(cycle: _Cycle) -> tuple[list[ListedNotice], list[RawDocument], list[str], bool]:
    """(notices since the newest known, oldest first; the first page as a document; its address when it did not change;
    whether the list was read down to what is known)."""
    if not is_asked(cycle.context, "notices_url"):
        return [], [], [], False
    until = read_time(cycle.state.get("newest")) or cycle.context.watch.since
    found: dict[str, ListedNotice] = {}
    first_page: list[RawDocument] = []
    for number in range(MOST_PAGES):
        url = f"{cycle.context.url('notices_url')}?limit={PAGE}&offset={number * PAGE}"
        document, answered = cycle.get(url, "notices", whole=number > 0 or "open" in cycle.state)
        if document is None:
            return [], first_page, [url] if answered and number == 0 else [], False
        if number == 0:
            first_page.append(document)
            cycle.state["open"] = "1"
        page, count = _read_page(cycle, document)
        if page is None:
            return [], first_page, [], False
        found.update((one.notice, one) for one in page if one.published >= until)
        if count < PAGE or any(one.published < until for one in page):
            break
    else:
        cycle.notes.append(
            f"ubuntu: more than {MOST_PAGES * PAGE} notices since {until:%Y-%m-%d}; older ones were left"
        )
    return sorted(found.values(), key=lambda one: (one.published, one.notice)), first_page, [], True


def _read_page(cycle: _Cycle, document: RawDocument) -> tuple[tuple[ListedNotice, ...] | None, int]:
    """(the notices that can be read, how many the page has); None when it is no page."""
    try:
        listed, rejected = read_page(document.body)
    except ParseError as error:
        cycle.failures.append(
            FetchError(f"the list of notices cannot be read: {error}", source="ubuntu", url=document.url, kind="parse")
        )
        return None, 0
    return listed, len(listed) + len(rejected)


def _concerns(cycle: _Cycle, one: ListedNotice) -> bool:
    named = cycle.context.watch.cves | cycle.context.known_advisories
    return one.concerns_kernel or not named.isdisjoint(one.cves)


def _notice_document(cycle: _Cycle, notice: str) -> RawDocument | None:
    folder = _FOLDERS.get(notice.partition("-")[0])
    if folder is None:
        return None
    return cycle.get(f"{cycle.context.url()}/osv/{folder}/{notice}.json", "osv")[0]


def _pending(cycle: _Cycle) -> list[str]:
    """Notices whose record was not there when they were announced; given up after two weeks."""
    kept = []
    for entry in cycle.ids("pending"):
        since = read_time(entry.partition("@")[2])
        if since is not None and cycle.context.now - since < PENDING_FOR:
            kept.append(entry)
        else:
            cycle.notes.append(f"ubuntu: {entry.partition('@')[0]} was announced, but its record never came")
    cycle.state["pending"] = ",".join(kept)
    return [entry.partition("@")[0] for entry in kept]


def _settle(cycle: _Cycle, notice: str, published: datetime | None, came: bool) -> None:
    """Writes down that a notice came, or that it is still to come."""
    pending = cycle.ids("pending")
    if came:
        cycle.state["fetched"] = ",".join([*cycle.ids("fetched"), notice][-KEPT_IDS:])
        cycle.state["pending"] = ",".join(one for one in pending if one.partition("@")[0] != notice)
    elif notice.partition("-")[0] in _FOLDERS and notice not in {one.partition("@")[0] for one in pending}:
        cycle.state["pending"] = ",".join([*pending, f"{notice}@{cycle.context.now:%Y-%m-%d}"])
    if published is not None:
        cycle.state["newest"] = published.isoformat()
