"""What is asked of Debian: the tracker's JSON, the two lists of advisories, and a few times a day the changelogs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sources.base import Batch, FetchContext
from sources.formats.attempts import Attempts

LARGEST_TRACKER: Final = 128 * 1024 * 1024
LARGEST_PAGE: Final = 4 * 1024 * 1024
MOST_PAGES: Final = 40  # pages of watched CVEs, when the tracker's JSON cannot be had
CHANGELOGS_EVERY: Final = timedelta(hours=6)
CHANGELOGS_AT: Final = "changelogs_at"


def fetch(context: FetchContext) -> Iterator[Batch]:
    """A batch a document. What fails stops nothing else; the first failure is raised at the end. Raises FetchError."""
    attempts = Attempts(context=context)
    tracker = attempts.batch(tracker_address(context), expect="json", stream="tracker", max_bytes=LARGEST_TRACKER)
    if tracker is not None:
        yield tracker
    else:
        yield from _without_tracker(attempts)
    for name in ("DSA", "DLA"):
        batch = attempts.batch(f"{context.url('lists_url')}/{name}/list", expect="text", stream="lists")
        if batch is not None:
            yield batch
    yield from _changelogs(context)
    attempts.finish()


def tracker_address(context: FetchContext) -> str:
    """`url` is the host of the tracker, with or without the /tracker that all its pages are below."""
    return f"{context.url().removesuffix('/tracker')}/tracker/data/json"


def _without_tracker(attempts: Attempts) -> Iterator[Batch]:
    """The pages of the watched CVEs; when these cannot be had either, the list that the tracker is made from."""
    context = attempts.context
    base = tracker_address(context).removesuffix("/data/json")
    failed = len(attempts.failures)
    followed = sorted(context.watch.cves) + sorted(context.known_advisories - context.watch.cves)
    for cve in followed[:MOST_PAGES]:
        page = attempts.batch(f"{base}/{cve}", expect="html", stream="tracker", max_bytes=LARGEST_PAGE)
        if page is None:
            break
        yield page
    else:
        if context.watch.cves and not context.watch.every_kernel_cve:
            return
    del attempts.failures[failed:]  # the first failure says it all
    listed = attempts.batch(f"{context.url('lists_url')}/CVE/list", expect="text", stream="tracker")
    if listed is not None:
        yield listed


def _changelogs(context: FetchContext) -> Iterator[Batch]:
    """The changelogs of the branches, when they are due. A branch that is gone is a note, no failure."""
    if not _due(context):
        return
    attempts = Attempts(context=context)
    for branch in context.urls("changelog_branches"):
        url = f"{context.url('changelogs_url')}/{branch}/debian/changelog"
        batch = attempts.batch(url, expect="text", stream=f"changelog/{branch}")
        if batch is not None:
            yield batch
    notes = tuple(f"a kernel changelog could not be had: {failure}" for failure in attempts.failures)
    yield Batch(
        documents=(),
        checkpoint={**context.checkpoint, CHANGELOGS_AT: context.now.isoformat()},
        notes=notes,
    )


def _due(context: FetchContext) -> bool:
    try:
        last = datetime.fromisoformat(context.checkpoint.get(CHANGELOGS_AT, ""))
        return not timedelta(0) <= context.now - last < CHANGELOGS_EVERY
    except (ValueError, TypeError):
        return True
