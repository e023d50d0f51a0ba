"""Fedora's kernel updates from Bodhi: parse and fetch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import (
    CellObservation,
    ErratumObservation,
    FixedVersion,
    PackageVersionObservation,
    ParsedDocument,
    Record,
)
from advisories.words import Disposition, Status
from sources.base import Batch, FetchContext
from sources.errors import FetchError, ParseError, RateLimited
from sources.fedora import PAGE_SIZE, SOURCE
from tests.sources.fedora.documents import KERNEL, page, update
from tests.sources.fetch_contexts import PathServer, make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document
from tests.sources.slices import read_with_slices

raw = raw_document("fedora", "https://bodhi.fedoraproject.org/updates/?packages=kernel&rows_per_page=50&page=1")
PAGES = [f"/updates/?packages=kernel&rows_per_page={PAGE_SIZE}&page={number}" for number in (1, 2)]
ALIAS = "FEDORA-2026-91f636af1c"
DAY = date(2026, 4, 17)


def cells(body: bytes) -> list[CellObservation]:
    return [
        one
        for record in SOURCE.parse(raw(body)).records
        for one in record.observations
        if isinstance(one, CellObservation)
    ]


def shipped(body: bytes) -> list[tuple[str | None, str, str]]:
    return [
        (one.release, one.version, one.upstream)
        for record in SOURCE.parse(raw(body)).records
        for one in record.observations
        if isinstance(one, PackageVersionObservation)
    ]


def test_a_stable_update() -> None:
    """The CVEs of bugs and notes are fixed, and the release ships this kernel; only whole ids count."""
    assert read_with_slices(SOURCE.parse, raw, page(KERNEL)) == ParsedDocument(
        records=(
            Record(
                key=ALIAS,
                modified=datetime(2026, 4, 17, 1, 39, 2, tzinfo=UTC),
                observations=(
                    ErratumObservation(
                        erratum=ALIAS,
                        distro="fedora",
                        title="kernel-6.19.12-200.fc43",
                        cves=("CVE-2026-31431", "CVE-2026-43033"),
                        issued=datetime(2026, 4, 17, 1, 39, 2, tzinfo=UTC),
                        url=f"https://bodhi.fedoraproject.org/updates/{ALIAS}",
                    ),
                    *(
                        CellObservation(
                            cve=cve,
                            distro="fedora",
                            release="43",
                            package="kernel",
                            status=Status.FIXED,
                            fixed=(FixedVersion(version="6.19.12-200.fc43", erratum=ALIAS, date=DAY),),
                            errata=(ALIAS,),
                            vendor_status="stable",
                            since=DAY,
                        )
                        for cve in ("CVE-2026-31431", "CVE-2026-43033")
                    ),
                ),
            ),
            Record(
                key="package/fedora/43/kernel",
                observations=(
                    PackageVersionObservation(
                        distro="fedora",
                        release="43",
                        package="kernel",
                        version="6.19.12-200.fc43",
                        upstream="6.19.12",
                    ),
                ),
            ),
        )
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("testing", [(Status.AFFECTED, Disposition.PENDING, "testing")]),
        ("pending", [(Status.AFFECTED, Disposition.PENDING, "pending")]),
        ("obsolete", []),
        ("unpushed", []),
        ("frozen", [(Status.UNDER_INVESTIGATION, Disposition.NONE, "frozen")]),
    ],
)
def test_an_update_that_is_not_stable(status: str, expected: list[tuple[Status, Disposition, str]]) -> None:
    """Nothing is fixed by it, and no release ships it."""
    body = page(update(ALIAS, "kernel-6.19.12-200.fc43", status=status, bugs=("CVE-2026-31431 kernel: x",)))
    assert [(one.status, one.disposition, one.vendor_status) for one in cells(body)] == expected
    assert [one.fixed for one in cells(body)] == [() for _ in expected]
    assert shipped(body) == []


def test_each_release_ships_its_newest_stable_kernel() -> None:
    """Whatever the order; 7.1.0 is built on 7.1, a candidate on a candidate; further pages say nothing of it."""
    updates = [
        update("FEDORA-2026-000001", "kernel-6.19.9-200.fc43"),
        update("FEDORA-2026-000002", "kernel-6.19.12-200.fc43"),
        update("FEDORA-2026-000003", "kernel-7.1.0-300.fc44", release="44"),
        update("FEDORA-2026-000004", "kernel-7.2.0~rc3-1.fc45", release="45"),
        update("FEDORA-2026-000005", "kernel-7.9.0-1.fc46", release="46", status="testing"),
    ]
    assert shipped(page(*updates)) == [
        ("43", "6.19.12-200.fc43", "6.19.12"),
        ("44", "7.1.0-300.fc44", "7.1"),
        ("45", "7.2.0~rc3-1.fc45", "7.2-rc3"),
    ]
    assert shipped(page(*updates, number=2)) == []


def test_what_is_no_kernel_of_fedora() -> None:
    """Containers, flatpaks, EPEL, other packages and ELN."""
    cve = ("CVE-2026-31431 kernel: x",)
    body = page(
        update("FEDORA-FLATPAK-2026-91f636af1c", "kernel-1-1", prefix="FEDORA-FLATPAK", bugs=cve),
        update("FEDORA-EPEL-2026-91f636af1c", "kernel-6.1.1-1.el9", prefix="FEDORA-EPEL", release="9", bugs=cve),
        update("FEDORA-2026-91f636af1d", "kernel-headers-6.19.12-200.fc43", bugs=cve),
        update("FEDORA-2026-91f636af1e", "kernel-6.19.12-200.eln1", release="eln", bugs=cve),
    )
    assert SOURCE.parse(raw(body)) == ParsedDocument(records=())


def test_a_bad_update_leaves_the_others() -> None:
    """By its place; a page of which nothing can be read is an error."""
    bad = {key: value for key, value in KERNEL.items() if key != "builds"}
    parsed = SOURCE.parse(raw(page(bad, KERNEL)))
    assert [one.key for one in parsed.rejected] == ["update 0"]
    assert [one.key for one in parsed.records] == [ALIAS, "package/fedora/43/kernel"]
    with pytest.raises(ParseError):
        SOURCE.parse(raw(page(bad)))


def test_hostile_documents() -> None:
    """Cut, damaged, and with wrong values in every field."""
    assert_only_parse_errors(SOURCE.parse, raw, page(KERNEL))
    assert_wrong_json_is_survived(SOURCE.parse, raw, page(KERNEL))


def test_the_real_updates(shared_data: Path) -> None:
    """Live updates of other packages, put on a page as Bodhi gives them: readable, and no kernel."""
    listed = b", ".join(
        path.read_bytes().strip().removeprefix(b"[").removesuffix(b"]")
        for path in sorted((shared_data / "fedora" / "bodhi" / "a" / "updates").glob("F*.json"))
        if len(path.read_bytes()) > 10
    )
    assert SOURCE.parse(raw(b'{"updates": [' + listed + b'], "page": 1}')) == ParsedDocument(records=())


# Fetch


def context(server: PathServer, folder: Path, checkpoint: Mapping[str, str] | None = None, *held: str) -> FetchContext:
    settings = {"url": server.url + "/updates/"}
    return make_context(
        SOURCE, server, folder, settings, checkpoint=checkpoint, held=frozenset(server.url + path for path in held)
    )


FULL = page(*[update(f"FEDORA-2026-{number:06}", "kernel-6.19.12-200.fc43") for number in range(PAGE_SIZE)])


def test_fetch_reads_back_to_what_is_known(tmp_path: Path) -> None:
    """Two pages at first, one from then on, and 304 when nothing changed."""
    with path_server({PAGES[0]: FULL, PAGES[1]: page(KERNEL, number=2)}) as server:
        first = list(SOURCE.fetch(context(server, tmp_path)))
        assert [one.url.removeprefix(server.url) for batch in first for one in batch.documents] == PAGES
        checkpoint = first[-1].checkpoint
        assert checkpoint == {"newest": "2026-04-13T10:00:00+00:00"}
        known = {"newest": "2026-04-13T11:00:00+00:00"}
        (second,) = SOURCE.fetch(context(server, tmp_path, known))
        assert [one.url.removeprefix(server.url) for one in second.documents] == PAGES[:1]
        (third,) = SOURCE.fetch(context(server, tmp_path, checkpoint, PAGES[0]))
        assert third == Batch(documents=(), checkpoint=checkpoint, same=(server.url + PAGES[0],))


def test_fetch_that_fails_in_the_middle(tmp_path: Path) -> None:
    """The first page was handed on, and the list is marked as open."""
    with path_server({PAGES[0]: FULL, PAGES[1]: (500, {})}) as server:
        batches: list[Batch] = []
        with pytest.raises(FetchError):
            batches.extend(SOURCE.fetch(context(server, tmp_path)))
        assert [(len(batch.documents), batch.checkpoint) for batch in batches] == [(1, {"open": "1"})]


def test_a_host_that_asks_for_silence(tmp_path: Path) -> None:
    """Retry-After comes through."""
    with path_server({PAGES[0]: (429, {"Retry-After": "60"})}) as server, pytest.raises(RateLimited) as caught:
        list(SOURCE.fetch(context(server, tmp_path)))
    assert caught.value.retry_after == pytest.approx(60, abs=5)
