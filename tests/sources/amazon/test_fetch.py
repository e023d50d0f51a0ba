"""Fetching Amazon Linux: repositories by their indexes, feeds by validators."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest

from sources.amazon import SOURCE
from sources.base import Batch, FetchContext
from sources.errors import FetchError, Inconsistent, RateLimited
from tests.sources.amazon.documents import KERNEL, MIRROR_LIST, REPOMD, feed, updateinfo
from tests.sources.fetch_contexts import PathServer, make_context, path_server

LIST = "/al2023/core/mirrors/latest/x86_64/mirror.list"
ROOT = "/al2023/core/guids/1f3b/x86_64"
INDEX = f"{ROOT}/repodata/repomd.xml"
UPDATES = f"{ROOT}/repodata/aa11-updateinfo.xml.gz"
FEED = "/AL2023/alas.rss"
IDENTITY = "/al2023/core/mirrors/latest/x86_64/repodata/updateinfo.xml.gz"
BODY = gzip.compress(updateinfo(KERNEL))
ALL: dict[str, bytes | tuple[int, dict[str, str]]] = {
    LIST: MIRROR_LIST.encode(),
    INDEX: REPOMD,
    UPDATES: BODY,
    FEED: feed(),
}


def context(server: PathServer, folder: Path, checkpoint: Mapping[str, str] | None = None, *held: str) -> FetchContext:
    settings = {"url": (server.url + FEED,), "repositories": (server.url + LIST,)}
    return make_context(
        SOURCE, server, folder, settings, checkpoint=checkpoint, held=frozenset(server.url + path for path in held)
    )


def test_a_first_fetch(tmp_path: Path) -> None:
    """updateinfo has one address whatever the repository's state; the host is ours, whatever mirror.list says."""
    with path_server(ALL) as server:
        repository, listed = SOURCE.fetch(context(server, tmp_path))
        assert server.asked == [LIST, INDEX, UPDATES, FEED]
        assert [(one.url, one.body) for one in repository.documents] == [(server.url + IDENTITY, BODY)]
        assert [one.url for one in listed.documents] == [server.url + FEED]
        assert listed.checkpoint == {server.url + LIST: "repodata/aa11-updateinfo.xml.gz"}


def test_a_moved_feed_sends_nobody_to_the_live_repositories(tmp_path: Path) -> None:
    """With only `url` set, also as one address, nothing else is asked."""
    with path_server(ALL) as server:
        (batch,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": server.url + FEED}))
        assert [one.url for one in batch.documents] == [server.url + FEED]


def test_nothing_changed(tmp_path: Path) -> None:
    """The index names what we have: updateinfo is not asked again; the feed answers 304."""
    with path_server(ALL) as server:
        checkpoint = {server.url + LIST: "repodata/aa11-updateinfo.xml.gz"}
        batches = list(SOURCE.fetch(context(server, tmp_path, checkpoint, FEED)))
        assert server.asked == [LIST, INDEX, FEED]
        assert batches == [
            Batch(documents=(), checkpoint=checkpoint, same=(server.url + IDENTITY,)),
            Batch(documents=(), checkpoint=checkpoint, same=(server.url + FEED,)),
        ]


def test_a_repository_that_fails_leaves_the_feed(tmp_path: Path) -> None:
    """Its checkpoint stays; the failure is raised at the end."""
    with path_server({**ALL, UPDATES: (500, {})}) as server:
        batches: list[Batch] = []
        with pytest.raises(FetchError) as caught:
            batches.extend(SOURCE.fetch(context(server, tmp_path)))
        assert server.asked == [LIST, INDEX, UPDATES, FEED]
        assert [(one.url, batch.checkpoint) for batch in batches for one in batch.documents] == [
            (server.url + FEED, {})
        ]
    assert caught.value.status == 500


@pytest.mark.parametrize(
    "listed", ["not an address", "https://cdn.amazonlinux.com/../etc/", "https://cdn.amazonlinux.com"]
)
def test_a_mirror_list_that_names_no_repository(tmp_path: Path, listed: str) -> None:
    """Nothing of it is followed."""
    with path_server({**ALL, LIST: listed.encode()}) as server:
        with pytest.raises(Inconsistent):
            list(SOURCE.fetch(context(server, tmp_path)))
        assert server.asked == [LIST, FEED]


def test_an_index_that_points_elsewhere_is_an_error(tmp_path: Path) -> None:
    """A path out of the repository, or an address, is not asked."""
    for place in (b"../../x.gz", b"https://example.org/x.gz", b"/x.gz"):
        with path_server({**ALL, INDEX: REPOMD.replace(b"repodata/aa11-updateinfo.xml.gz", place)}) as server:
            with pytest.raises(FetchError) as caught:
                list(SOURCE.fetch(context(server, tmp_path)))
            assert (caught.value.kind, server.asked) == ("parse", [LIST, INDEX, FEED])


def test_a_repository_without_errata_is_no_failure(tmp_path: Path) -> None:
    """New repositories have none."""
    with path_server({**ALL, INDEX: REPOMD.replace(b'type="updateinfo"', b'type="other"')}) as server:
        repository, _ = SOURCE.fetch(context(server, tmp_path))
    assert repository.documents == ()


def test_a_host_that_asks_for_silence(tmp_path: Path) -> None:
    """Retry-After comes through."""
    with path_server({LIST: (503, {"Retry-After": "90"})}) as server:
        with pytest.raises(RateLimited) as caught:
            list(SOURCE.fetch(context(server, tmp_path)))
        assert server.asked == [LIST]
    assert caught.value.retry_after == pytest.approx(90, abs=5)
