"""When git fails: the newest commits from cgit's log or feed below the same address, each candidate as its patch.

The checkpoint of git stays where it is, so that the first fetch that works again reads everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import FetchError, GitError, ParseError
from sources.formats.watched import COMMIT_DIGITS, WatchedTerms
from sources.http import FetchedDocument
from sources.trees import cgit
from sources.trees.observe import Written
from sources.trees.patch_text import commit_of
from sources.trees.progress import Progress
from sources.trees.tree import DEFAULT_BRANCHES

MOST_BRANCHES: Final = 20
MOST_PATCHES: Final = 20  # a cycle; what is left comes with the next one
LARGEST_PAGE: Final = 4 * 1024 * 1024
# A baseline of its own: when git works for the first time, what it brings is the history, not news.
STREAM: Final = "pages"


def fetch_pages(context: FetchContext, progress: Progress, error: GitError) -> Iterator[Batch]:
    """One batch a branch. Raises `error`, why git failed, when the pages cannot be read either."""
    first = progress.from_pages is None
    notes = (f"{context.source}: git failed ({error.what}); read from cgit's pages until it works again",)
    for branch in _branches(context, progress)[:MOST_BRANCHES]:
        try:
            listed = _newest(context, branch)
        except (FetchError, ParseError):
            raise error from None
        patches = tuple(_patches(context, progress, branch, listed))
        if patches or first:
            progress.seen_on_pages(())
            yield Batch(documents=patches, checkpoint=progress.saved(), notes=notes if first else (), stream=STREAM)
            first = False


def _branches(context: FetchContext, progress: Progress) -> tuple[str, ...]:
    configured = context.settings.get("branches", ())
    named = tuple(configured.split()) if isinstance(configured, str) else configured
    return named or progress.branches or DEFAULT_BRANCHES


def _newest(context: FetchContext, branch: str) -> list[Written]:
    """The log page with whole messages, else the feed. Raises FetchError or ParseError."""
    try:
        return cgit.read_page(_get(context, f"log/?h={branch}&showmsg=1", "html"))[0]
    except (FetchError, ParseError):
        return cgit.read_feed(_get(context, f"atom/?h={branch}", "xml"))[0]


def _patches(context: FetchContext, progress: Progress, branch: str, listed: list[Written]) -> Iterator[RawDocument]:
    terms = WatchedTerms.of(context.watch)
    watched = tuple(commit[:COMMIT_DIGITS] for commit in context.watch.commits)
    seen = set(progress.from_pages or ())
    wanted = [
        one.commit
        for one in listed
        if one.commit not in seen
        and one.committed_at >= context.watch.since
        and (one.commit.startswith(watched) or terms.are_in_text(f"{one.subject}\n{one.message}"))
    ]
    for commit in wanted[:MOST_PATCHES]:
        address = f"patch/?id={commit}&h={branch}"
        try:
            body = _get(context, address, "text")
        except FetchError:
            continue  # asked for again with the next poll
        progress.seen_on_pages([commit])
        if commit_of(body) == commit:  # the patch of a merge is that of another commit
            yield RawDocument(source=context.source, url=f"{context.url()}/{address}", at=context.now, body=body)


def _get(context: FetchContext, address: str, expect: str) -> bytes:
    url = f"{context.url()}/{address}"
    answer = context.http.get(url, source=context.source, expect=expect, max_bytes=LARGEST_PAGE)
    return answer.body if isinstance(answer, FetchedDocument) else b""
