"""What is asked of Red Hat: the list of CVEs since a date, the records that are followed, and the CSAF directories.

The list is by the date a CVE was public, not by its last change: a record that is followed is asked for again in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import FetchError, ParseError
from sources.formats.csaf_feed import Directory, follow_directories
from sources.formats.text import is_cve_id
from sources.http import FetchedDocument
from sources.redhat.hydra import ListedCve, read_list

PER_PAGE: Final = 1000
MOST_PAGES: Final = 20
OVERLAP: Final = timedelta(days=3)  # records come into the list some days after their date
ASKED_A_CYCLE: Final = 8
MOST_NEW: Final = 200  # records asked for at once because they are new; the rest comes in turn
RECORD_BYTES: Final = 4 * 1024 * 1024
CSAF_BYTES: Final = 16 * 1024 * 1024
_ERRATA: Final = re.compile(r"rh[sbe]a-[0-9]{4}_[0-9]{1,7}\.json")


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Batches with the checkpoint that covers them. A failing API does not keep the directories from being followed;
    the first failure is raised at the end."""
    state = dict(context.checkpoint)
    failed: FetchError | None = None
    try:
        for batch in _records(context, state):
            state = dict(batch.checkpoint)
            yield batch
    except FetchError as error:
        failed = error
    directories = [Directory(base=base, errata=_ERRATA, max_bytes=CSAF_BYTES) for base in context.urls("csaf_url")]
    yield from follow_directories(context, directories, state)
    if failed is not None:
        raise failed


def _records(context: FetchContext, state: dict[str, str]) -> Iterator[Batch]:
    new = _new(context, state)
    listed = [one.cve for one in _list(context, state)]
    fresh = list(dict.fromkeys([*new, *(cve for cve in listed if _follows(context, cve) and cve not in new)]))
    for cve in fresh[:MOST_NEW]:
        yield from _record(context, cve, state)
    for cve in _turn(context, state, frozenset(fresh[:MOST_NEW])):
        state["turn"] = cve
        yield from _record(context, cve, state)
    state["after"] = (context.now - OVERLAP).date().isoformat()
    state["cves"] = " ".join(sorted(context.watch.cves))
    yield Batch(documents=(), checkpoint=dict(state))


def _follows(context: FetchContext, cve: str) -> bool:
    return cve in context.watch.cves or cve in context.known_advisories


def _new(context: FetchContext, state: dict[str, str]) -> list[str]:
    """CVEs that a topic names and that were not asked for yet."""
    return sorted(cve for cve in context.watch.cves - set(state.get("cves", "").split()) if is_cve_id(cve))


def _list(context: FetchContext, state: dict[str, str]) -> list[ListedCve]:
    """Kernel CVEs that became public since the last time. Raises FetchError."""
    after = state.get("after") or context.watch.since.date().isoformat()
    rows: list[ListedCve] = []
    for page in range(1, MOST_PAGES + 1):
        query = f"cve.json?after={after}&package=kernel&per_page={PER_PAGE}&page={page}"
        url = f"{context.url()}/{query}"
        answer = context.http.get(url, source=context.source, expect="json", max_bytes=CSAF_BYTES)
        if not isinstance(answer, FetchedDocument):  # nothing was asked with validators
            break
        try:
            here = read_list(answer.body)
        except ParseError as error:
            raise FetchError(str(error), source=context.source, url=url, kind="parse") from None
        rows += here
        if len(here) < PER_PAGE:
            break
    return [one for one in rows if is_cve_id(one.cve)]


def _turn(context: FetchContext, state: dict[str, str], asked: frozenset[str]) -> list[str]:
    """The next of the followed CVEs, in a ring."""
    ring = sorted(cve for cve in context.watch.cves | context.known_advisories if is_cve_id(cve))
    after = state.get("turn", "")
    ordered = [cve for cve in ring if cve > after] + [cve for cve in ring if cve <= after]
    return [cve for cve in ordered if cve not in asked][:ASKED_A_CYCLE]


def _record(context: FetchContext, cve: str, state: dict[str, str]) -> Iterator[Batch]:
    """One record. That Red Hat has none is no failure: most CVEs of other software never get one."""
    url = f"{context.url()}/cve/{cve}.json"
    document: RawDocument | None
    try:
        document = context.get(url, expect="json", max_bytes=RECORD_BYTES)
    except FetchError as error:
        if error.status == 404:
            return
        raise
    if document is None:
        yield Batch(documents=(), checkpoint=dict(state), same=(url,))
    else:
        yield Batch(documents=(document,), checkpoint=dict(state))
