"""Fetching from SUSE: two directories, records by their CVE, errata by their newest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sources.base import Batch, FetchContext
from sources.errors import FetchError
from sources.suse import SOURCE
from tests.sources.fetch_contexts import PathServer, make_context, path_server

DOCUMENT = b'{"document": {}}'
ANSWERS = {
    "/csaf-vex/changes.csv": b'"cve-2026-31431.json","2026-05-03T01:00:00Z"\n'
    b'"cve-2026-5.json","2026-05-03T02:00:00Z"\n',
    "/csaf-vex/cve-2026-31431.json": DOCUMENT,
    "/csaf/changes.csv": b'"suse-su-2026_1671-1.json","2026-05-02T07:00:00Z"\n'
    b'"suse-su-403.json","2026-05-02T08:00:00Z"\n"suse-su-2014_1-1.json","2014-10-24T22:07:03Z"\n'
    b'"opensuse-su-2026_7-1.json","2026-05-02T06:00:00Z"\n',
    "/csaf/suse-su-2026_1671-1.json": DOCUMENT,
    "/csaf/opensuse-su-2026_7-1.json": DOCUMENT,
}


def context(server: PathServer, folder: Path, checkpoint: Mapping[str, str] | None = None) -> FetchContext:
    settings = {"url": (f"{server.url}/csaf-vex", f"{server.url}/csaf")}
    return make_context(SOURCE, server, folder, settings, checkpoint=checkpoint)


def paths(batches: list[Batch], server: PathServer) -> list[str]:
    return [one.url.removeprefix(server.url) for batch in batches for one in batch.documents]


def test_a_first_fetch_takes_followed_records_and_recent_errata(tmp_path: Path) -> None:
    """Errata older than the topics and names that are no erratum's are not asked for."""
    with path_server(ANSWERS) as server:
        batches = list(SOURCE.fetch(context(server, tmp_path)))
        assert paths(batches, server) == [
            "/csaf-vex/cve-2026-31431.json",
            "/csaf/opensuse-su-2026_7-1.json",
            "/csaf/suse-su-2026_1671-1.json",
        ]
        assert batches[-1].checkpoint[f"since {server.url}/csaf"] == "2026-05-02T07:00:00+00:00"


def test_unchanged_lists_need_no_further_request(tmp_path: Path) -> None:
    """Two conditional requests, two 304."""
    with path_server(ANSWERS) as server:
        first = list(SOURCE.fetch(context(server, tmp_path)))
        del server.asked[:]
        second = list(SOURCE.fetch(context(server, tmp_path, first[-1].checkpoint)))
        assert paths(second, server) == []
        assert server.asked == ["/csaf-vex/changes.csv", "/csaf/changes.csv"]


def test_a_newly_watched_cve_is_asked_for_although_its_list_is_unchanged(tmp_path: Path) -> None:
    """The list is read again, without validators, for those who were not watched when it was last read."""
    with path_server(ANSWERS) as server:
        first = list(SOURCE.fetch(context(server, tmp_path)))
        server.answers["/csaf-vex/cve-2026-5555.json"] = DOCUMENT
        server.answers["/csaf-vex/changes.csv"] = b'"cve-2026-5555.json","2020-05-03T01:00:00Z"\n'
        settings = {"url": (f"{server.url}/csaf-vex",)}
        watching = make_context(
            SOURCE, server, tmp_path, settings, checkpoint=first[-1].checkpoint, cves=("CVE-2026-5555",)
        )
        assert paths(list(SOURCE.fetch(watching)), server) == ["/csaf-vex/cve-2026-5555.json"]


def test_a_cve_that_is_followed_later_comes_in_turn(tmp_path: Path) -> None:
    """Records of CVEs that became known after their last change are asked for, two a cycle."""
    known = [f"CVE-2026-{number}" for number in range(5551, 5556)]
    rows = "".join(f'"{cve.lower()}.json","2026-02-03T01:00:00Z"\n' for cve in known).encode()
    answers = {"/csaf-vex/changes.csv": rows, **{f"/csaf-vex/{cve.lower()}.json": DOCUMENT for cve in known}}
    with path_server(answers) as server:
        url = f"{server.url}/csaf-vex"
        checkpoint = {f"since {url}": "2026-05-01T00:00:00+00:00", f"cves {url}": ""}
        got: list[str] = []
        for _ in range(3):
            context = make_context(SOURCE, server, tmp_path, {"url": url}, checkpoint=checkpoint, cves=())
            batches = list(SOURCE.fetch(replace(context, known_advisories=frozenset(known))))
            got += paths(batches, server)
            checkpoint = {key: value for key, value in batches[-1].checkpoint.items() if not key.startswith("etag")}
        assert got == [f"/csaf-vex/{cve.lower()}.json" for cve in known]


def test_more_errata_than_a_cycle_takes_come_in_the_next(tmp_path: Path) -> None:
    """After the first fetch nothing is skipped: the oldest come first and the list is read again for the others."""
    rows = [
        f'"suse-su-2026_{number}-1.json","2026-05-03T{number // 60:02}:{number % 60:02}:00Z"' for number in range(1, 61)
    ]
    with path_server(ANSWERS) as server:
        settings = {"url": f"{server.url}/csaf"}
        first = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings)))
        server.answers["/csaf/changes.csv"] = "\n".join(rows).encode()
        server.answers.update({f"/csaf/suse-su-2026_{number}-1.json": DOCUMENT for number in range(1, 61)})
        got: list[str] = []
        checkpoint = {key: value for key, value in first[-1].checkpoint.items() if not key.startswith("etag")}
        for _ in range(2):
            batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings, checkpoint=checkpoint)))
            checkpoint = dict(batches[-1].checkpoint)
            got += paths(batches, server)
        assert got == [f"/csaf/suse-su-2026_{number}-1.json" for number in range(1, 61)]


def test_a_directory_that_fails_keeps_no_other_from_coming(tmp_path: Path) -> None:
    """The failure is raised when everything else was taken."""
    answers: dict[str, bytes | tuple[int, dict[str, str]]] = {**ANSWERS, "/csaf-vex/changes.csv": (500, {})}
    with path_server(answers) as server:
        batches: list[Batch] = []
        with pytest.raises(FetchError, match="answered 500"):
            for batch in SOURCE.fetch(context(server, tmp_path)):
                batches.append(batch)  # the ones before the failure are kept
        assert paths(batches, server) == ["/csaf/opensuse-su-2026_7-1.json", "/csaf/suse-su-2026_1671-1.json"]


def test_a_list_that_is_none_is_an_error(tmp_path: Path) -> None:
    """A file without a row would say that all documents are gone."""
    with path_server({**ANSWERS, "/csaf/changes.csv": b"gone\n"}) as server, pytest.raises(FetchError) as caught:
        list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": f"{server.url}/csaf"})))
    assert caught.value.kind == "parse"
