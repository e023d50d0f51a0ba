"""Fetching Ubuntu: watched CVEs by validators, new notices by the list, and what goes on when one address fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sources.base import Batch, FetchContext
from sources.errors import FetchError, RateLimited
from sources.ubuntu import SOURCE
from tests.sources.fetch_contexts import PathServer, make_context, path_server
from tests.sources.ubuntu.documents import CVE_RECORD, KERNEL_NOTICE, KMOD_NOTICE, api_cve, body, notice_page, status

Answers = dict[str, bytes | tuple[int, dict[str, str]]]

CVE_PATH = "/osv/cve/2026/UBUNTU-CVE-2026-31431.json"
API_PATH = "/cves/CVE-2026-31431.json"
LIST_PATH = "/notices.json?limit=20&offset=0"
KMOD_PATH = "/osv/usn/USN-8226-1.json"
KERNEL_PATH = "/osv/usn/USN-8277-1.json"
PAGE = notice_page(
    ("USN-8277-1", "2026-05-03T22:20:01", "linux", []),
    ("USN-8276-1", "2026-05-03T20:00:00", "wayland", ["CVE-2026-1000"]),
    ("USN-8226-1", "2026-04-30T15:55:28", "kmod", ["CVE-2026-31431"]),
    ("USN-7000-1", "2025-12-01T00:00:00", "linux", []),
)
ALL: Answers = {
    CVE_PATH: body(CVE_RECORD),
    API_PATH: api_cve({"linux": [status("noble", "needed")]}),
    LIST_PATH: PAGE,
    KMOD_PATH: body(KMOD_NOTICE),
    KERNEL_PATH: body(KERNEL_NOTICE),
}
SEEN = {
    "newest": "2026-05-03T22:20:01+00:00",
    "fetched": "USN-8226-1,USN-8277-1",
    "pending": "",
    "api": "2026-05-04T12:00:00+00:00",
}


def context(server: PathServer, folder: Path, checkpoint: Mapping[str, str] | None = None, *held: str) -> FetchContext:
    settings = {
        "url": server.url,
        "notices_url": server.url + "/notices.json",
        "cves_url": server.url + "/cves",
    }
    return make_context(
        SOURCE, server, folder, settings, checkpoint=checkpoint, held=frozenset(server.url + path for path in held)
    )


def documents(batches: list[Batch], server: PathServer) -> list[str]:
    return [one.url.removeprefix(server.url) for batch in batches for one in batch.documents]


def test_a_first_fetch_takes_what_is_watched_and_what_is_new(tmp_path: Path) -> None:
    """The CVE in both forms, the notices it names, the list; nothing of wayland, nothing older than the topics."""
    with path_server(ALL) as server:
        batches = list(SOURCE.fetch(context(server, tmp_path)))
        assert documents(batches, server) == [CVE_PATH, API_PATH, LIST_PATH, KMOD_PATH, KERNEL_PATH]
        assert server.asked == [CVE_PATH, API_PATH, LIST_PATH, KMOD_PATH, KERNEL_PATH]
    assert batches[-1].checkpoint == SEEN


def test_a_moved_repository_sends_nobody_to_the_live_hosts(tmp_path: Path) -> None:
    """With only `url` set, the CVE and the notices that it names come from there; ubuntu.com is not asked."""
    with path_server(ALL) as server:
        batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": server.url})))
        assert documents(batches, server) == [CVE_PATH, KMOD_PATH, KERNEL_PATH]


def test_nothing_changed_costs_two_small_answers(tmp_path: Path) -> None:
    """The CVE's record and the list by their validators; the API is not asked again within six hours."""
    with path_server(ALL) as server:
        batches = list(SOURCE.fetch(context(server, tmp_path, SEEN, CVE_PATH, LIST_PATH)))
        assert server.asked == [CVE_PATH, LIST_PATH]
        assert documents(batches, server) == []
        assert [url.removeprefix(server.url) for batch in batches for url in batch.same] == [CVE_PATH, LIST_PATH]
    assert batches[-1].checkpoint == SEEN


def test_one_address_that_fails_keeps_none_of_the_others(tmp_path: Path) -> None:
    """A broken CVE record: the rest is handed on, then the failure is raised; the API is asked again next time."""
    with path_server({**ALL, CVE_PATH: (500, {})}) as server:
        batches: list[Batch] = []
        with pytest.raises(FetchError) as caught:
            batches.extend(SOURCE.fetch(context(server, tmp_path)))
        assert server.asked == [CVE_PATH, API_PATH, LIST_PATH, KMOD_PATH, KERNEL_PATH]
        assert documents(batches, server) == [API_PATH, LIST_PATH, KMOD_PATH, KERNEL_PATH]
    assert (caught.value.status, caught.value.url) == (500, server.url + CVE_PATH)


def test_a_notice_without_its_record_waits(tmp_path: Path) -> None:
    """Announced, but not yet in the repository: it is pending and fetched as soon as it is there."""
    with path_server({path: ALL[path] for path in ALL if path != KERNEL_PATH}) as server:
        batches = list(SOURCE.fetch(context(server, tmp_path)))
        waiting = batches[-1].checkpoint
        assert (waiting["fetched"], waiting["pending"]) == ("USN-8226-1", "USN-8277-1@2026-05-04")
        server.answers[KERNEL_PATH] = ALL[KERNEL_PATH]
        batches = list(SOURCE.fetch(context(server, tmp_path, waiting, CVE_PATH, LIST_PATH)))
        assert documents(batches, server) == [KERNEL_PATH]
    assert batches[-1].checkpoint == SEEN


def test_an_announced_notice_is_given_up_after_two_weeks(tmp_path: Path) -> None:
    """With a line for the operator."""
    with path_server(ALL) as server:
        checkpoint = {**SEEN, "pending": "USN-8300-1@2026-04-01"}
        batches = list(SOURCE.fetch(context(server, tmp_path, checkpoint, CVE_PATH, LIST_PATH)))
    assert [note for batch in batches for note in batch.notes] == [
        "ubuntu: USN-8300-1 was announced, but its record never came"
    ]
    assert batches[-1].checkpoint == SEEN


def test_a_cve_that_ubuntu_does_not_know_is_no_failure(tmp_path: Path) -> None:
    """404 for a fresh CVE: absence means nothing."""
    with path_server({LIST_PATH: notice_page()}) as server:
        batches = list(SOURCE.fetch(context(server, tmp_path)))
        assert documents(batches, server) == [LIST_PATH]


def test_a_host_that_asks_for_silence_is_left_alone(tmp_path: Path) -> None:
    """Retry-After: nothing more is sent to it, and the wait comes through."""
    with path_server({CVE_PATH: (429, {"Retry-After": "120"})}) as server:
        with pytest.raises(RateLimited) as caught:
            list(SOURCE.fetch(context(server, tmp_path)))
        assert server.asked == [CVE_PATH]
    assert caught.value.retry_after == pytest.approx(120, abs=5)


def test_a_list_that_broke_off_is_read_whole_the_next_time(tmp_path: Path) -> None:
    """The second page failed: the first one's validators do not count until the list was read to what is known."""
    new = [(f"USN-9{number:03}-1", f"2026-05-04T01:{59 - number}:00", "wayland", list[str]()) for number in range(20)]
    second = "/notices.json?limit=20&offset=20"
    with path_server({**ALL, LIST_PATH: notice_page(*new), second: (500, {})}) as server:
        batches: list[Batch] = []
        with pytest.raises(FetchError):
            batches.extend(SOURCE.fetch(context(server, tmp_path, SEEN, CVE_PATH)))
        assert batches[-1].checkpoint == {**SEEN, "open": "1"}
        server.answers[second] = PAGE
        server.asked.clear()
        batches = list(SOURCE.fetch(context(server, tmp_path, batches[-1].checkpoint, CVE_PATH, LIST_PATH, second)))
        assert server.asked == [CVE_PATH, LIST_PATH, second]
        assert batches[-1].checkpoint == {**SEEN, "newest": "2026-05-04T01:59:00+00:00"}


def test_the_list_is_read_back_to_what_is_known(tmp_path: Path) -> None:
    """Twenty new notices on the first page: the second one is read too, and not stored."""
    page = notice_page(
        *[(f"USN-9{number:03}-1", f"2026-05-04T01:{59 - number}:00", "wayland", []) for number in range(20)]
    )
    second = "/notices.json?limit=20&offset=20"
    with path_server({**ALL, LIST_PATH: page, second: PAGE}) as server:
        checkpoint = {**SEEN, "newest": "2026-05-01T00:00:00+00:00", "fetched": "USN-8226-1"}
        batches = list(SOURCE.fetch(context(server, tmp_path, checkpoint, CVE_PATH)))
        assert server.asked == [CVE_PATH, LIST_PATH, second, KERNEL_PATH]
        assert documents(batches, server) == [LIST_PATH, KERNEL_PATH]
    assert batches[-1].checkpoint["newest"] == "2026-05-04T01:59:00+00:00"
