"""Alpine's fetch against a server on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from sources.alpine import SOURCE
from sources.alpine.fetch import newest_releases
from sources.errors import FetchError
from tests.sources.fetch_contexts import PathServer, make_context, path_server

INDEX = b"""<html><head><title>Index of /</title></head><body><pre><a href="../">../</a>
<a href="edge/">edge/</a> <a href="v3.9/">v3.9/</a> <a href="v3.10/">v3.10/</a> <a href="v3.19/">v3.19/</a>
<a href="v3.20/">v3.20/</a> <a href="v3.21/">v3.21/</a> <a href="v3.22/">v3.22/</a>
<a href="license.txt">license.txt</a></pre></body></html>"""
GOOD: dict[str, bytes | tuple[int, dict[str, str]]] = {
    "/secdb/": b'<html><body><a href="v3.22/">v3.22/</a></body></html>',
    "/secdb/v3.22/main.json": b"{}",
    "/secdb/v3.22/community.json": b"{}",
    "/secdb/edge/main.json": b"{}",
    "/secdb/edge/community.json": b"{}",
    "/aports/3.22-stable/main/linux-lts/APKBUILD": b"pkgname=linux-lts\n",
    "/aports/master/main/linux-lts/APKBUILD": b"pkgname=linux-lts\n",
    "/vuln/CVE-2026-31431": b"{}",
}


def settings(server: PathServer) -> dict[str, str | tuple[str, ...]]:
    return {"url": f"{server.url}/secdb", "aports_url": f"{server.url}/aports", "tracker_url": server.url}


def test_the_newest_releases_are_found_by_number() -> None:
    """3.10 comes after 3.9; only the newest four are followed."""
    assert newest_releases(INDEX) == ("v3.19", "v3.20", "v3.21", "v3.22")


def test_a_first_fetch_asks_for_everything(tmp_path: Path) -> None:
    """Each release and edge: its kernel and both repositories; then the watched CVEs, known or not."""
    with path_server(GOOD) as server:
        context = make_context(SOURCE, server, tmp_path, settings(server), cves=("CVE-2026-31431", "CVE-2026-43033"))
        batches = list(SOURCE.fetch(context))
        assert server.asked == [
            "/secdb/",
            "/aports/3.22-stable/main/linux-lts/APKBUILD",
            "/secdb/v3.22/main.json",
            "/secdb/v3.22/community.json",
            "/aports/master/main/linux-lts/APKBUILD",
            "/secdb/edge/main.json",
            "/secdb/edge/community.json",
            "/vuln/CVE-2026-31431",
            "/vuln/CVE-2026-43033",
        ]
    assert [len(batch.documents) for batch in batches] == [1] * 7
    # a release that comes later is a baseline of its own
    assert [batch.stream for batch in batches] == ["v3.22"] * 3 + ["edge"] * 3 + ["tracker"]


def test_a_configured_release_needs_no_listing(tmp_path: Path) -> None:
    """What did not change is said to be the same."""
    with path_server(GOOD) as server:
        given = {**settings(server), "releases": ("v3.22",)}
        held = frozenset({f"{server.url}/secdb/v3.22/main.json"})
        batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, given, held=held)))
        assert "/secdb/" not in server.asked
    assert [batch.same for batch in batches if batch.same] == [tuple(held)]


def test_what_fails_stops_nothing_else(tmp_path: Path) -> None:
    """A database that cannot be had is raised after everything else was handed on."""
    with path_server({**GOOD, "/secdb/v3.22/main.json": (500, {})}) as server:
        got: list[str] = []
        context = make_context(SOURCE, server, tmp_path, settings(server))
        with pytest.raises(FetchError, match="answered 500"):
            for batch in SOURCE.fetch(context):
                got += [raw.url for raw in batch.documents]
    assert len(got) == 6


def test_who_moves_the_database_moves_off_the_live_hosts(tmp_path: Path) -> None:
    """With `url` alone on another server, neither aports nor the tracker is asked at its live address."""
    with path_server(GOOD) as server:
        batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": f"{server.url}/secdb"})))
    assert len(batches) == 4
