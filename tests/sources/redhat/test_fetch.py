"""Fetching from Red Hat: the API's list and records, and a CSAF directory by its changes.csv."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sources.base import Batch, FetchContext
from sources.errors import FetchError, RateLimited
from sources.redhat import SOURCE
from tests.sources.fetch_contexts import PathServer, make_context, path_server
from tests.sources.redhat.documents import COPY_FAIL

LIST = "/api/cve.json?after={after}&package=kernel&per_page=1000&page=1"
FIRST_LIST = LIST.format(after="2026-01-01")
NEXT_LIST = LIST.format(after="2026-05-01")
RECORD = "/api/cve/CVE-2026-31431.json"
CHANGES = "/vex/changes.csv"
VEX = b'{"document": {}}'
EMPTY_CHANGES = b'"2020/cve-2020-0001.json","2020-01-01T00:00:00+00:00"\n'

Answers = Mapping[str, bytes | tuple[int, dict[str, str]]]


def listed(*cves: str) -> bytes:
    return json.dumps(
        [{"CVE": cve, "public_date": "2026-05-03T00:00:00Z", "severity": "moderate"} for cve in cves]
    ).encode()


def changes(**rows: str) -> bytes:
    return "".join(f'"2026/{name.replace("_", "-")}.json","{time}"\n' for name, time in rows.items()).encode()


def context(server: PathServer, folder: Path, **further: object) -> FetchContext:
    settings = {"url": f"{server.url}/api", "csaf_url": f"{server.url}/vex"}
    return make_context(SOURCE, server, folder, settings, **further)  # type: ignore[arg-type]  # make_context's own


def urls(batches: list[Batch], server: PathServer) -> list[str]:
    return [one.url.removeprefix(server.url) for batch in batches for one in batch.documents]


GOOD: Answers = {
    FIRST_LIST: listed("CVE-2026-31431", "CVE-2026-99999"),
    NEXT_LIST: listed(),
    RECORD: COPY_FAIL,
    CHANGES: changes(cve_2026_31431="2026-05-04T10:00:00+00:00", cve_2026_99999="2026-05-04T11:00:00+00:00"),
    "/vex/2026/cve-2026-31431.json": VEX,
}


def test_a_first_fetch_asks_for_what_is_watched(tmp_path: Path) -> None:
    """The record and the VEX of the watched CVE; other kernel CVEs of the lists are left alone."""
    with path_server(GOOD) as server:
        batches = list(SOURCE.fetch(context(server, tmp_path)))
        assert urls(batches, server) == [RECORD, "/vex/2026/cve-2026-31431.json"]
        assert server.asked == [FIRST_LIST, RECORD, CHANGES, "/vex/2026/cve-2026-31431.json"]
        assert batches[-1].checkpoint == {
            "after": "2026-05-01",
            "cves": "CVE-2026-31431",
            f"since {server.url}/vex": "2026-05-04T10:00:00+00:00",
            f"cves {server.url}/vex": "CVE-2026-31431",
            f"turn {server.url}/vex": "",
            f"etag {server.url}/vex": '"same"',
        }


def test_nothing_changed_gives_no_document(tmp_path: Path) -> None:
    """A watched record is asked for again and is the same; the unchanged changes.csv needs no further request."""
    with path_server(GOOD) as server:
        first = list(SOURCE.fetch(context(server, tmp_path)))
        del server.asked[:]
        held = frozenset({server.url + RECORD})
        second = list(SOURCE.fetch(context(server, tmp_path, checkpoint=first[-1].checkpoint, held=held)))
        assert (urls(second, server), [one.same for one in second if one.same]) == ([], [(server.url + RECORD,)])
        assert server.asked == [NEXT_LIST, RECORD, CHANGES]


def test_a_later_change_comes_alone(tmp_path: Path) -> None:
    """Rows up to the checkpoint are known; the row that is newer is asked for."""
    with path_server(GOOD) as server:
        first = list(SOURCE.fetch(context(server, tmp_path)))
        del server.asked[:]
        checkpoint = {key: value for key, value in first[-1].checkpoint.items() if not key.startswith("etag")}
        server.answers[CHANGES] = changes(cve_2026_31431="2026-05-04T11:30:00+00:00")
        second = list(SOURCE.fetch(context(server, tmp_path, checkpoint=checkpoint)))
        assert urls(second, server) == [RECORD, "/vex/2026/cve-2026-31431.json"]
        assert second[-1].checkpoint[f"since {server.url}/vex"] == "2026-05-04T11:30:00+00:00"


def test_unsorted_rows_times_to_come_and_absent_files(tmp_path: Path) -> None:
    """Oldest first whatever the order; a time to come does not move the checkpoint past now; a listed file that is not
    there is a note, and what comes after it is still taken."""
    cves = ("CVE-2026-31431", "CVE-2026-43033", "CVE-2026-43043")
    answers: Answers = {
        FIRST_LIST: listed(),
        CHANGES: changes(
            cve_2026_43043="2031-01-01T00:00:00+00:00",
            cve_2026_31431="2026-05-03T00:00:00+00:00",
            cve_2026_43033="2026-05-02T00:00:00+00:00",
        ),
        "/vex/2026/cve-2026-43033.json": VEX,
        "/vex/2026/cve-2026-43043.json": VEX,
    }
    with path_server(answers) as server:
        batches = list(SOURCE.fetch(context(server, tmp_path, cves=cves)))
        assert urls(batches, server) == ["/vex/2026/cve-2026-43033.json", "/vex/2026/cve-2026-43043.json"]
        since = f"since {server.url}/vex"
        assert [one.checkpoint.get(since) for one in batches] == [
            None,
            "2026-05-02T00:00:00+00:00",
            "2026-05-03T00:00:00+00:00",
            "2026-05-04T12:00:00+00:00",
            "2026-05-04T12:00:00+00:00",
        ]
        assert [note for one in batches for note in one.notes] == [
            "redhat: 2026/cve-2026-31431.json is listed but was left out: 127.0.0.1 answered 404"
        ]


def test_what_fails_does_not_keep_the_rest_from_coming(tmp_path: Path) -> None:
    """The API is down: the directory is followed all the same, then the failure is raised, and the API's part of the
    checkpoint has not moved."""
    with path_server({**GOOD, FIRST_LIST: (500, {})}) as server:
        got: list[Batch] = []
        with pytest.raises(FetchError, match="answered 500"):
            got.extend(SOURCE.fetch(context(server, tmp_path)))
        fetched = SOURCE.fetch(context(server, tmp_path))
        batches = [next(fetched), next(fetched)]
        assert urls(batches, server) == ["/vex/2026/cve-2026-31431.json"]
        assert "after" not in batches[-1].checkpoint


def test_a_document_that_fails_holds_the_checkpoint(tmp_path: Path) -> None:
    """The older document was yielded with its time; the one that could not be had is asked for next time."""
    answers: Answers = {
        FIRST_LIST: listed(),
        CHANGES: changes(cve_2026_43033="2026-05-02T00:00:00+00:00", cve_2026_31431="2026-05-03T00:00:00+00:00"),
        "/vex/2026/cve-2026-43033.json": VEX,
        "/vex/2026/cve-2026-31431.json": (502, {}),
    }
    with path_server(answers) as server:
        batches: list[Batch] = []
        with pytest.raises(FetchError, match="answered 502"):
            for batch in SOURCE.fetch(context(server, tmp_path, cves=("CVE-2026-31431", "CVE-2026-43033"))):
                batches.append(batch)  # the ones before the failure are kept
        assert batches[-1].checkpoint[f"since {server.url}/vex"] == "2026-05-02T00:00:00+00:00"
        assert f"etag {server.url}/vex" not in batches[-1].checkpoint


def test_retry_after_is_the_schedule_s(tmp_path: Path) -> None:
    """A host that asks for silence gets it: no further request, and the wait is told."""
    with path_server({**GOOD, FIRST_LIST: (429, {"Retry-After": "120"})}) as server:
        with pytest.raises(RateLimited) as caught:
            list(SOURCE.fetch(context(server, tmp_path)))
        assert (caught.value.retry_after, server.asked) == (120.0, [FIRST_LIST])


def test_a_cve_without_a_record_is_no_failure(tmp_path: Path) -> None:
    """Red Hat has no record of most CVEs."""
    with path_server({FIRST_LIST: listed(), CHANGES: EMPTY_CHANGES}) as server:
        batches = list(SOURCE.fetch(context(server, tmp_path)))
        assert (urls(batches, server), batches[-1].checkpoint["after"]) == ([], "2026-05-01")


def test_followed_records_are_asked_for_in_turn(tmp_path: Path) -> None:
    """CVEs that we know without a topic are asked for a few a cycle, from where the last cycle ended, in a ring."""
    known = tuple(f"CVE-2026-{number}" for number in range(40001, 40031))
    with path_server({FIRST_LIST: listed(), NEXT_LIST: listed(), CHANGES: EMPTY_CHANGES}) as server:
        asked: list[list[str]] = []
        checkpoint: Mapping[str, str] = {}
        for _ in range(4):
            del server.asked[:]
            cycle = replace(
                context(server, tmp_path, checkpoint=checkpoint, cves=()), known_advisories=frozenset(known)
            )
            checkpoint = list(SOURCE.fetch(cycle))[-1].checkpoint
            asked.append([path[9:-5] for path in server.asked if path.startswith("/api/cve/")])
        assert [len(each) for each in asked] == [8, 8, 8, 8]
        assert [cve for each in asked for cve in each] == [*known, *known[:2]]


@pytest.mark.parametrize("body", [b"{}", b"[1]"])
def test_a_list_in_another_form_is_an_error(body: bytes, tmp_path: Path) -> None:
    """The API may change: that is news about the source."""
    with path_server({**GOOD, FIRST_LIST: body}) as server, pytest.raises(FetchError) as caught:
        list(SOURCE.fetch(context(server, tmp_path)))
    assert caught.value.kind == "parse"
