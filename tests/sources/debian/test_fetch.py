"""Debian's fetch against a server on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from sources.base import Batch
from sources.debian import SOURCE
from sources.errors import FetchError
from tests.sources.fetch_contexts import NOW, PathServer, make_context, path_server

TRACKER = "/tracker/data/json"
LISTS = ("/lists/DSA/list", "/lists/DLA/list")
CHANGELOG = "/changelogs/debian/6.12/trixie-security/debian/changelog"
GOOD: dict[str, bytes | tuple[int, dict[str, str]]] = {
    TRACKER: b'{"linux": {}}',
    LISTS[0]: b"[30 Apr 2026] DSA-6238-1 linux - security update\n",
    LISTS[1]: b"[02 May 2026] DLA-4560-1 linux - security update\n",
    "/lists/CVE/list": b"CVE-2026-31431 (x)\n\t- linux 6.19.12-1\n",
    "/tracker/CVE-2026-31431": b"<html><body></body></html>",
    CHANGELOG: b"linux (6.12.96-1) trixie-security; urgency=high\n",
}


def settings(server: PathServer, url: str = "") -> dict[str, str | tuple[str, ...]]:
    return {
        "url": server.url + url,
        "lists_url": server.url + "/lists",
        "changelogs_url": server.url + "/changelogs",
        "changelog_branches": ("debian/6.12/trixie-security",),
    }


def paths(server: PathServer, batches: list[Batch]) -> list[tuple[str, ...]]:
    return [tuple(raw.url.removeprefix(server.url) for raw in batch.documents) for batch in batches]


@pytest.mark.parametrize("below", ["", "/", "/tracker"])
def test_a_first_fetch_takes_everything(tmp_path: Path, below: str) -> None:
    """The tracker, both lists and the changelog, a batch each; then the time of the changelogs is saved."""
    with path_server(GOOD) as server:
        batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings(server, below))))
        assert paths(server, batches) == [(TRACKER,), (LISTS[0],), (LISTS[1],), (CHANGELOG,), ()]
    branch = "changelog/debian/6.12/trixie-security"  # a branch that comes later is a baseline of its own
    assert [batch.stream for batch in batches] == ["tracker", "lists", "lists", branch, ""]
    assert [dict(batch.checkpoint) for batch in batches] == [{}, {}, {}, {}, {"changelogs_at": NOW.isoformat()}]


def test_what_did_not_change_is_said_to_be_the_same(tmp_path: Path) -> None:
    """Held validators are sent; changelogs are not asked for before their time."""
    with path_server(GOOD) as server:
        held = frozenset(server.url + path for path in (TRACKER, *LISTS))
        context = make_context(
            SOURCE, server, tmp_path, settings(server), checkpoint={"changelogs_at": NOW.isoformat()}, held=held
        )
        batches = list(SOURCE.fetch(context))
        assert [batch.same for batch in batches] == [(server.url + path,) for path in (TRACKER, *LISTS)]
        assert server.asked == [TRACKER, *LISTS]


def test_without_the_tracker_its_pages_are_read(tmp_path: Path) -> None:
    """The JSON fails: the watched CVEs' pages stand in, the lists come as ever, and the failure is told."""
    with path_server({**GOOD, TRACKER: (500, {})}) as server:
        batches: list[Batch] = []
        with pytest.raises(FetchError, match="answered 500"):
            batches.extend(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings(server))))
        asked = server.asked
    assert asked == [TRACKER, "/tracker/CVE-2026-31431", *LISTS, CHANGELOG]


def test_without_any_page_the_cve_list_is_read(tmp_path: Path) -> None:
    """The tracker is down as a whole: the list it is made from stands in, and what came is handed on."""
    answers = {**GOOD, TRACKER: (502, {}), "/tracker/CVE-2026-31431": (502, {})}
    got: list[tuple[str, ...]] = []
    with path_server(answers) as server:
        with pytest.raises(FetchError, match="answered 502") as caught:
            for batch in SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings(server))):
                got += paths(server, [batch])
        assert caught.value.url == server.url + TRACKER
    assert got == [("/lists/CVE/list",), (LISTS[0],), (LISTS[1],), (CHANGELOG,), ()]


def test_a_host_that_asks_for_silence_gets_it(tmp_path: Path) -> None:
    """After 429 the host is asked nothing more in this cycle, and the error carries how long it wants."""
    with path_server({**GOOD, TRACKER: (429, {"Retry-After": "120"})}) as server:
        with pytest.raises(FetchError) as caught:
            list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings(server))))
        assert (caught.value.retry_after, server.asked) == (120.0, [TRACKER])


def test_a_branch_that_is_gone_is_a_note(tmp_path: Path) -> None:
    """Branch names change with each release of Debian: the operator reads of it, and the source is well."""
    with path_server({**GOOD, CHANGELOG: (404, {})}) as server:
        batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings(server))))
        (note,) = batches[-1].notes
        assert note.startswith(f"a kernel changelog could not be had: debian: 127.0.0.1 answered 404 ({server.url}")


def test_a_redirect_away_is_not_followed(tmp_path: Path) -> None:
    """The tracker that points to another host is not read there."""
    away = (302, {"Location": "http://192.0.2.1/tracker/data/json"})
    with path_server({**GOOD, TRACKER: away, "/tracker/CVE-2026-31431": away}) as server:
        context = make_context(SOURCE, server, tmp_path, settings(server))
        with pytest.raises(FetchError, match="not configured"):
            list(SOURCE.fetch(context))
