"""Rocky Linux errata: Apollo's pages and updateinfo."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import CellObservation, ErratumObservation, FixedVersion, ParsedDocument, Record
from advisories.words import Status
from sources.errors import ParseError
from sources.rocky import SOURCE
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document
from tests.sources.rocky.documents import KERNEL, OTHER, REALTIME, UPDATEINFO, advisory, page
from tests.sources.slices import read_with_slices

raw = raw_document("rocky", "https://apollo.build.resf.org/api/v3/advisories/?page=1&size=50")
DAY = date(2026, 5, 5)
RECORD = Record(
    key="RLSA-2026:13565",
    modified=datetime(2026, 5, 6, 1, 2, 3, tzinfo=UTC),
    observations=(
        ErratumObservation(
            erratum="RLSA-2026:13565",
            distro="rocky",
            title="Important: kernel security update",
            cves=("CVE-2026-31431",),
            issued=datetime(2026, 5, 5, 10, 11, 22, tzinfo=UTC),
            updated=datetime(2026, 5, 6, 1, 2, 3, tzinfo=UTC),
            url="https://errata.rockylinux.org/RLSA-2026:13565",
        ),
        CellObservation(
            cve="CVE-2026-31431",
            distro="rocky",
            release="9",
            package="kernel",
            status=Status.FIXED,
            fixed=(FixedVersion(version="5.14.0-611.54.1.el9_7", branch="el9_7", erratum="RLSA-2026:13565", date=DAY),),
            errata=("RLSA-2026:13565",),
            since=DAY,
        ),
    ),
)


def test_a_page_of_apollo() -> None:
    """Sources and binaries of one kernel make one cell; other packages' advisories are no record."""
    assert read_with_slices(SOURCE.parse, raw, page(OTHER, KERNEL)) == ParsedDocument(records=(RECORD,))


def test_updateinfo_says_the_same() -> None:
    """The same erratum from a repository is the same record."""
    assert read_with_slices(SOURCE.parse, raw, UPDATEINFO) == ParsedDocument(records=(RECORD,))


def test_releases_and_streams() -> None:
    """kernel-rt of 8 is a source of its own; a special interest group's kernel is a stream; one advisory for two
    releases fixes both."""
    both = advisory(
        "RLSA-2026:5",
        {
            "kernel-0:6.12.0-124.55.1.el10_1.src.rpm": "Rocky Linux 10 x86_64",
            "kernel-0:5.14.0-611.54.1.el9_7.src.rpm": "Rocky Linux 9 s390x",
            "kernel-0:5.14.0-611.54.1.cloud.el9_7.src.rpm": "Rocky Linux SIG Cloud 9 x86_64",
            "kernel-0:5.14.0-1.el9.src.rpm": "CentOS Stream 9",
            "kernel nonsense": "Rocky Linux 9 x86_64",
        },
    )
    found = [
        (one.release, one.stream, one.package, [each.version for each in one.fixed])
        for record in SOURCE.parse(raw(page(REALTIME, both))).records
        for one in record.observations
        if isinstance(one, CellObservation)
    ]
    assert found == [
        ("8", None, "kernel-rt", ["4.18.0-553.123.1.rt7.464.el8_10"]),
        ("10", None, "kernel", ["6.12.0-124.55.1.el10_1"]),
        ("9", None, "kernel", ["5.14.0-611.54.1.el9_7"]),
        ("9", "sig-cloud", "kernel", ["5.14.0-611.54.1.cloud.el9_7"]),
    ]


def test_a_bad_advisory_leaves_the_others() -> None:
    """By its place; a page of which nothing can be read is an error."""
    bad = {key: value for key, value in KERNEL.items() if key != "packages"}
    parsed = SOURCE.parse(raw(page(bad, KERNEL, {**KERNEL, "name": "no erratum"})))
    assert [one.key for one in parsed.rejected] == ["advisory 0", "advisory 2"]
    assert [one.key for one in parsed.records] == ["RLSA-2026:13565"]
    with pytest.raises(ParseError):
        SOURCE.parse(raw(page(bad)))


def test_hostile_documents() -> None:
    """Cut, damaged, and with wrong values in every field."""
    assert_only_parse_errors(SOURCE.parse, raw, page(KERNEL))
    assert_wrong_json_is_survived(SOURCE.parse, raw, page(KERNEL))
    assert_only_parse_errors(SOURCE.parse, raw, UPDATEINFO)


def test_the_real_documents(shared_data: Path) -> None:
    """A live page about Go has no kernel; a live updateinfo has one, of 8.4."""
    folder = shared_data / "rocky"
    assert SOURCE.parse(raw((folder / "apollo/a/happy/page1.json").read_bytes())) == ParsedDocument(records=())
    (record,) = SOURCE.parse(raw((folder / "updateinfo/d/rocky__fixtures__happy__updateinfo.xml").read_bytes())).records
    found = {
        (one.release, one.package, *(each.version for each in one.fixed))
        for one in record.observations
        if isinstance(one, CellObservation)
    }
    assert (record.key, found) == ("RLSA-2021:3057", {("8", "kernel", "4.18.0-305.12.1.el8_4")})
