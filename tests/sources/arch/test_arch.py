"""Arch: vulnerability groups, package versions, and their fetch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from advisories.observation import (
    CellObservation,
    FixedVersion,
    PackageVersionObservation,
    ParsedDocument,
    Record,
)
from advisories.words import CellKind, Disposition, Status
from sources.arch import SOURCE
from sources.arch.parse import parse
from sources.errors import FetchError, ParseError
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document

groups_of = raw_document("arch", "https://security.archlinux.org/all.json")
package_of = raw_document("arch", "https://archlinux.org/packages/core/x86_64/linux/json/")

KERNEL_GROUP: dict[str, Any] = {
    "name": "AVG-2901",
    "packages": ["linux", "linux-zen", "kmod"],
    "status": "Fixed",
    "severity": "High",
    "type": "privilege escalation",
    "affected": "6.19.11.arch1-1",
    "fixed": "6.19.12.arch1-1",
    "ticket": None,
    "issues": ["CVE-2026-31431", "not an id"],
    "advisories": ["ASA-202604-2"],
}
OTHER_GROUP = {**KERNEL_GROUP, "name": "AVG-2900", "packages": ["exampleviewer", "linux-atm"], "issues": []}
PACKAGE = {
    "pkgname": "linux",
    "pkgbase": "linux",
    "repo": "core",
    "arch": "x86_64",
    "pkgver": "6.19.12.arch1",
    "pkgrel": "1",
    "epoch": 0,
    "last_update": "2026-04-12T08:00:00.000Z",
}


def groups(*listed: dict[str, Any]) -> bytes:
    return json.dumps(listed).encode()


def cell(package: str, kind: CellKind) -> CellObservation:
    return CellObservation(
        cve="CVE-2026-31431",
        distro="arch",
        release=None,
        package=package,
        kind=kind,
        status=Status.FIXED,
        fixed=(FixedVersion(version="6.19.12.arch1-1", erratum="ASA-202604-2"),),
        errata=("ASA-202604-2",),
        vendor_status="Fixed",
    )


def test_a_group_makes_a_cell_per_package_and_cve() -> None:
    """Kernels set a cell, kmod is related, and what is neither is passed over."""
    parsed = parse(groups_of(groups(OTHER_GROUP, KERNEL_GROUP)))
    assert [(one.key, one.observations) for one in parsed.records] == [
        (
            "AVG-2901",
            (
                cell("linux", CellKind.PACKAGE),
                cell("linux-zen", CellKind.PACKAGE),
                cell("kmod", CellKind.RELATED),
            ),
        )
    ]
    assert (parsed.rejected, parsed.complete) == ((), True)


def test_a_slice_and_a_group_alone_say_the_same() -> None:
    """A list of one group, or the group itself."""
    record = parse(groups_of(groups(OTHER_GROUP, KERNEL_GROUP))).records[0]
    assert parse(groups_of(record.slice)) == ParsedDocument(records=(record,))
    alone = parse(groups_of(json.dumps(KERNEL_GROUP).encode()))
    assert alone == ParsedDocument(records=(Record(key="AVG-2901", observations=record.observations),))


@pytest.mark.parametrize(
    ("word", "status", "disposition"),
    [
        ("Vulnerable", Status.AFFECTED, Disposition.NONE),
        ("Testing", Status.AFFECTED, Disposition.PENDING),
        ("Not affected", Status.NOT_AFFECTED, Disposition.NONE),
        ("Unknown", Status.UNDER_INVESTIGATION, Disposition.NONE),
        ("Sleeping", Status.UNDER_INVESTIGATION, Disposition.NONE),
    ],
)
def test_each_word_keeps_its_meaning(word: str, status: Status, disposition: Disposition) -> None:
    """And none of these is a fix, whatever stands in `fixed`."""
    (record,) = parse(groups_of(groups({**KERNEL_GROUP, "status": word, "packages": ["linux"]}))).records
    (found,) = record.observations
    assert isinstance(found, CellObservation)
    assert (found.status, found.disposition, found.vendor_status, found.fixed) == (status, disposition, word, ())


def test_fixed_without_a_version_is_no_fix() -> None:
    """The word alone does not turn a cell."""
    (record,) = parse(groups_of(groups({**KERNEL_GROUP, "fixed": None, "packages": ["linux"]}))).records
    (found,) = record.observations
    assert isinstance(found, CellObservation)
    assert found.status is Status.UNDER_INVESTIGATION


def test_a_bad_group_is_rejected_alone() -> None:
    """The others of the list count."""
    parsed = parse(groups_of(groups({**KERNEL_GROUP, "packages": "linux"}, KERNEL_GROUP)))
    assert [one.key for one in parsed.records] == ["AVG-2901"]
    assert [one.key for one in parsed.rejected] == ["#0"]


@pytest.mark.parametrize(
    ("package", "pkgver", "epoch", "version", "upstream"),
    [
        ("linux", "6.19.12.arch1", 0, "6.19.12.arch1-1", "6.19.12"),
        ("linux-lts", "6.12.85", 0, "6.12.85-1", "6.12.85"),
        ("linux-zen", "7.0.zen2", 0, "7.0.zen2-1", "7.0"),
        ("linux-hardened", "6.18.22.hardened1", 1, "1:6.18.22.hardened1-1", "6.18.22"),
        ("linux", "7.1rc3.arch1", 0, "7.1rc3.arch1-1", "7.1-rc3"),
    ],
)
def test_a_package_says_what_is_shipped(package: str, pkgver: str, epoch: int, version: str, upstream: str) -> None:
    """The package's own version and the upstream release that it is built on."""
    body = json.dumps({**PACKAGE, "pkgname": package, "pkgver": pkgver, "epoch": epoch}).encode()
    assert parse(package_of(body)) == ParsedDocument(
        records=(
            Record(
                key=f"package/{package}",
                observations=(
                    PackageVersionObservation(
                        distro="arch", release=None, package=package, version=version, upstream=upstream
                    ),
                ),
            ),
        )
    )


@pytest.mark.parametrize("wrong", [{"pkgname": "linux-firmware"}, {"pkgver": "20260401"}, {"pkgrel": "1 2"}])
def test_what_is_no_kernel_is_an_error(wrong: dict[str, str]) -> None:
    """A package whose version names no upstream release proves nothing."""
    with pytest.raises(ParseError, match="no kernel package"):
        parse(package_of(json.dumps({**PACKAGE, **wrong}).encode()))


@pytest.mark.parametrize("file", ["a/advisory.json", "b/archlinux-multi.json", "c/input/arch-advisories/all.json"])
def test_real_lists_are_read(shared_data: Path, file: str) -> None:
    """They hold no kernel, which is no error."""
    parsed = parse(groups_of((shared_data / "arch" / file).read_bytes()))
    assert (parsed.records, parsed.rejected) == ((), ())


def test_broken_documents() -> None:
    """Cut and damaged documents, and wrong values: ParseError or clean text."""
    for raw_of, body in (
        (groups_of, groups(OTHER_GROUP, KERNEL_GROUP)),
        (package_of, json.dumps(PACKAGE).encode()),
    ):
        assert_only_parse_errors(parse, raw_of, body)
        assert_wrong_json_is_survived(parse, raw_of, body)


def test_fetch_asks_for_groups_and_kernels(tmp_path: Path) -> None:
    """The list and four packages; what fails is raised after the others; what is unchanged is said to be."""
    paths = [
        f"/packages/{place}/json/" for place in ("core/x86_64/linux", "core/x86_64/linux-lts", "extra/x86_64/linux-zen")
    ]
    answers: dict[str, bytes | tuple[int, dict[str, str]]] = {"/all.json": b"[]", **dict.fromkeys(paths, b"{}")}
    with path_server(answers) as server:
        given = {"url": f"{server.url}/all.json", "packages_url": f"{server.url}/packages"}
        context = make_context(SOURCE, server, tmp_path, given, held=frozenset({f"{server.url}{paths[0]}"}))
        same: list[str] = []
        with pytest.raises(FetchError, match="answered 404"):
            for batch in SOURCE.fetch(context):
                same += batch.same
        assert server.asked == ["/all.json", *paths, "/packages/extra/x86_64/linux-hardened/json/"]
        assert same == [f"{server.url}{paths[0]}"]


def test_who_moves_the_list_moves_off_the_live_host(tmp_path: Path) -> None:
    """With `url` alone on another server, no package is asked for at its live address."""
    with path_server({"/all.json": b"[]"}) as server:
        batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": f"{server.url}/all.json"})))
    assert [raw.url for batch in batches for raw in batch.documents] == [f"{server.url}/all.json"]
