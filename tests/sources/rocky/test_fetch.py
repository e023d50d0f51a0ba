"""Fetching Apollo: pages newest first, back to what is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sources.base import Batch, FetchContext
from sources.errors import FetchError, RateLimited
from sources.rocky import PAGE_SIZE, SOURCE
from tests.sources.fetch_contexts import PathServer, make_context, path_server
from tests.sources.rocky.documents import KERNEL, OTHER, advisory, page

PAGES = [f"/api/v3/advisories/?page={number}&size={PAGE_SIZE}" for number in (1, 2, 3)]
GO = {"delve-0:1.25.2-1.el10_1.src.rpm": "Rocky Linux 10 x86_64"}


def full_page(day: str) -> bytes:
    """A page as long as they come, about other packages."""
    return page(
        *[advisory(f"RLSA-2026:{number}", GO, published=f"{day}T00:00:00+00:00") for number in range(PAGE_SIZE)]
    )


ALL: dict[str, bytes | tuple[int, dict[str, str]]] = {
    PAGES[0]: full_page("2026-05-04"),
    PAGES[1]: full_page("2026-05-03"),
    PAGES[2]: page(KERNEL, OTHER),
}
OPEN = {"open": "1"}
NEWEST = {"newest": "2026-05-04T00:00:00+00:00"}


def context(server: PathServer, folder: Path, checkpoint: Mapping[str, str] | None = None, *held: str) -> FetchContext:
    settings = {"url": server.url + "/api/v3/advisories/"}
    return make_context(
        SOURCE, server, folder, settings, checkpoint=checkpoint, held=frozenset(server.url + path for path in held)
    )


def told(batches: list[Batch], server: PathServer) -> list[tuple[list[str], Mapping[str, str]]]:
    return [([one.url.removeprefix(server.url) for one in batch.documents], batch.checkpoint) for batch in batches]


def test_a_first_fetch_reads_to_the_end(tmp_path: Path) -> None:
    """The first page is kept, a further one only with a kernel; the checkpoint moves with the last."""
    with path_server(ALL) as server:
        batches = list(SOURCE.fetch(context(server, tmp_path)))
        assert server.asked == PAGES
        assert told(batches, server) == [([PAGES[0]], OPEN), ([], OPEN), ([PAGES[2]], NEWEST)]


def test_known_advisories_end_the_reading(tmp_path: Path) -> None:
    """One page is enough when its oldest entry is known."""
    with path_server(ALL) as server:
        known = {"newest": "2026-05-04T12:00:00+00:00"}
        batches = list(SOURCE.fetch(context(server, tmp_path, known)))
        assert server.asked == PAGES[:1]
        assert told(batches, server) == [([PAGES[0]], NEWEST)]


def test_nothing_changed(tmp_path: Path) -> None:
    """304 for the first page."""
    with path_server(ALL) as server:
        (batch,) = SOURCE.fetch(context(server, tmp_path, NEWEST, PAGES[0]))
        assert server.asked == PAGES[:1]
        assert batch == Batch(documents=(), checkpoint=NEWEST, same=(server.url + PAGES[0],))


def test_a_page_that_fails_in_the_middle(tmp_path: Path) -> None:
    """What came before was handed on; next time the first page is asked whole, whatever we hold of it."""
    with path_server({**ALL, PAGES[1]: (502, {})}) as server:
        batches: list[Batch] = []
        with pytest.raises(FetchError):
            batches.extend(SOURCE.fetch(context(server, tmp_path)))
        assert told(batches, server) == [([PAGES[0]], OPEN)]
        server.answers[PAGES[1]] = page(OTHER)
        batches = list(SOURCE.fetch(context(server, tmp_path, OPEN, PAGES[0], PAGES[1])))
        assert told(batches, server) == [([PAGES[0]], OPEN), ([], NEWEST)]


def test_a_page_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """It tells no dates, so nothing is known of what is behind it."""
    with path_server({PAGES[0]: b'{"advisories": 3}'}) as server, pytest.raises(FetchError) as caught:
        list(SOURCE.fetch(context(server, tmp_path)))
    assert caught.value.kind == "parse"


def test_a_host_that_asks_for_silence(tmp_path: Path) -> None:
    """Retry-After comes through."""
    with path_server({PAGES[0]: (429, {"Retry-After": "60"})}) as server, pytest.raises(RateLimited) as caught:
        list(SOURCE.fetch(context(server, tmp_path)))
    assert caught.value.retry_after == pytest.approx(60, abs=5)
