"""Red Hat's security data API: cells stream by stream, the vocabulary, and records that are broken."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import (
    CellObservation,
    CveObservation,
    FixedVersion,
    ParsedDocument,
    Record,
    Reference,
    SeverityClaim,
)
from advisories.words import CellKind, Disposition, SeverityLevel, Status
from sources.redhat import SOURCE
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document
from tests.sources.redhat.documents import COPY_FAIL, EUS, NINE, record, released, state

RAW = raw_document("redhat", "https://access.redhat.com/hydra/rest/securitydata/cve/CVE-2026-31431.json")
CVE = "CVE-2026-31431"


def fixed_cell(
    release: str, stream: str | None, package: str, version: str, erratum: str, day: date, *programmes: str
) -> CellObservation:
    branch = version.rpartition(".")[2]
    return CellObservation(
        cve=CVE,
        distro="rhel",
        release=release,
        stream=stream,
        programmes=programmes,
        package=package,
        status=Status.FIXED,
        fixed=(FixedVersion(version=version, branch=branch, erratum=erratum, date=day),),
        errata=(erratum,),
        vendor_status="Fixed",
        since=day,
    )


def patch_cell(release: str, stream: str | None, erratum: str, *programmes: str) -> CellObservation:
    return CellObservation(
        cve=CVE,
        distro="rhel",
        release=release,
        stream=stream,
        programmes=programmes,
        package="kpatch-patch",
        kind=CellKind.LIVEPATCH,
        status=Status.FIXED,
        errata=(erratum,),
        vendor_status="Fixed",
        since=date(2026, 5, 11),
    )


def major_cell(
    release: str, package: str, status: Status, word: str, disposition: Disposition = Disposition.NONE
) -> CellObservation:
    return CellObservation(
        cve=CVE,
        distro="rhel",
        release=release,
        package=package,
        status=status,
        disposition=disposition,
        vendor_status=word,
        coarse=True,
    )


def image_cell(release: str, version: str, erratum: str, day: date) -> CellObservation:
    return CellObservation(
        cve=CVE,
        distro="rhcos",
        release=release,
        package="rhcos",
        kind=CellKind.RELATED,
        status=Status.FIXED,
        fixed=(FixedVersion(version=version, erratum=erratum, date=day),),
        errata=(erratum,),
        vendor_status="Fixed",
        since=day,
    )


MAY = {day: date(2026, 5, day) for day in range(1, 12)}


def test_a_record_is_read_whole() -> None:
    """The CVE, one cell a stream, the live patch without a version, the major release that is not affected; the two
    variants of one product are one; libkcapi is no kernel; upstream_fix says nothing."""
    claim = SeverityClaim(
        vector="CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", score=7.8, level=SeverityLevel.HIGH, word="Important"
    )
    cve = CveObservation(
        cve=CVE,
        opens=True,
        title="kernel: algif_aead works in place",
        description="Data is changed where it is read.",
        published=datetime(2026, 4, 22, tzinfo=UTC),
        severity=(claim,),
        cwe=("CWE-1288",),
        references=(Reference(url="https://www.cve.org/CVERecord?id=CVE-2026-31431"),),
    )
    assert SOURCE.parse(RAW(COPY_FAIL)) == ParsedDocument(
        records=(
            Record(
                key="hydra/CVE-2026-31431",
                observations=(
                    cve,
                    image_cell("4.18", "418.94.202605042017-0", "RHSA-2026:13727", MAY[6]),
                    major_cell("7", "kernel-rt", Status.NOT_AFFECTED, "Not affected"),
                    fixed_cell("9", None, "kernel", "5.14.0-611.54.1.el9_7", "RHSA-2026:13565", MAY[4]),
                    patch_cell("9", None, "RHSA-2026:15978"),
                    fixed_cell("9", "9.6", "kernel", "5.14.0-570.112.1.el9_6", "RHSA-2026:14339", MAY[6], "eus"),
                ),
            ),
        )
    )


# FACTS: the first fixed kernel of each line of Red Hat Enterprise Linux
TABLE = (
    fixed_cell("10", None, "kernel", "6.12.0-124.55.1.el10_1", "RHSA-2026:13566", MAY[4]),
    fixed_cell("10", "10.0", "kernel", "6.12.0-55.71.1.el10_0", "RHSA-2026:13887", MAY[5], "eus"),
    fixed_cell("10", "nvidia", "kernel", "6.12.0-211.6.el10nv", "RHSA-2026:14926", MAY[7]),
    major_cell("6", "kernel", Status.NOT_AFFECTED, "Not affected"),
    major_cell("7", "kernel", Status.NOT_AFFECTED, "Not affected"),
    major_cell("7", "kernel-rt", Status.NOT_AFFECTED, "Not affected"),
    fixed_cell("8", None, "kernel", "4.18.0-553.123.1.el8_10", "RHSA-2026:13577", MAY[5]),
    fixed_cell("8", None, "kernel-rt", "4.18.0-553.123.1.rt7.464.el8_10", "RHSA-2026:13578", MAY[5]),
    patch_cell("8", None, "RHSA-2026:15976"),
    fixed_cell("8", "8.4", "kernel", "4.18.0-305.190.1.el8_4", "RHSA-2026:14165", MAY[6], "aus", "eus-long-life"),
    fixed_cell("8", "8.6", "kernel", "4.18.0-372.191.1.el8_6", "RHSA-2026:14230", MAY[6], "aus", "e4s", "tus"),
    fixed_cell("8", "8.8", "kernel", "4.18.0-477.139.1.el8_8", "RHSA-2026:13681", MAY[5], "e4s", "tus"),
    fixed_cell("9", None, "kernel", "5.14.0-611.54.1.el9_7", "RHSA-2026:13565", MAY[4]),
    patch_cell("9", None, "RHSA-2026:15978"),
    fixed_cell("9", "9.0", "kernel", "5.14.0-70.178.1.el9_0", "RHSA-2026:13936", MAY[6], "e4s"),
    fixed_cell("9", "9.0", "kernel-rt", "5.14.0-70.178.1.rt21.250.el9_0", "RHSA-2026:14137", MAY[6], "e4s"),
    fixed_cell("9", "9.2", "kernel", "5.14.0-284.169.1.el9_2", "RHSA-2026:13734", MAY[5], "e4s"),
    fixed_cell("9", "9.2", "kernel-rt", "5.14.0-284.169.1.rt14.454.el9_2", "RHSA-2026:14301", MAY[6], "e4s"),
    fixed_cell("9", "9.4", "kernel", "5.14.0-427.124.1.el9_4", "RHSA-2026:13932", MAY[6], "eus"),
    patch_cell("9", "9.4", "RHSA-2026:16063", "eus"),
    fixed_cell("9", "9.6", "kernel", "5.14.0-570.112.1.el9_6", "RHSA-2026:14339", MAY[6], "eus"),
    patch_cell("9", "9.6", "RHSA-2026:16018", "eus"),
)
IMAGES = (
    ("4.12", "412.86.202605060316-0", "RHSA-2026:14097", 8),
    ("4.13", "413.92.202605051442-0", "RHSA-2026:14112", 7),
    ("4.16", "416.94.202605042300-0", "RHSA-2026:13729", 7),
    ("4.17", "417.94.202605050021-0", "RHSA-2026:13885", 7),
    ("4.18", "418.94.202605042017-0", "RHSA-2026:13727", 6),
    ("4.19", "4.19.9.6.202605042214-0", "RHSA-2026:13690", 6),
    ("4.20", "4.20.9.6.202605051409-0", "RHSA-2026:13862", 6),
    ("4.21", "4.21.9.6.202605051105-0", "RHSA-2026:13811", 6),
)


def test_copy_fail_cell_by_cell(shared_data: Path) -> None:
    """The real record gives each line of Enterprise Linux its own kernel, erratum and date, and nothing besides."""
    body = (shared_data / "redhat/hydra/real/CVE-2026-31431.json").read_bytes()
    parsed = SOURCE.parse(RAW(body))
    (only,) = parsed.records
    assert (only.key, parsed.rejected) == ("hydra/CVE-2026-31431", ())
    images = tuple(image_cell(release, version, erratum, MAY[day]) for release, version, erratum, day in IMAGES)
    assert only.observations[1:] == (*images, *TABLE)


@pytest.mark.parametrize(
    ("word", "status", "disposition"),
    [
        ("Affected", Status.AFFECTED, Disposition.NONE),
        ("Fix deferred", Status.AFFECTED, Disposition.DEFERRED),
        ("Will not fix", Status.AFFECTED, Disposition.WONT_FIX),
        ("Out of support scope", Status.AFFECTED, Disposition.EOL),
        ("Not affected", Status.NOT_AFFECTED, Disposition.NONE),
        ("Under investigation", Status.UNDER_INVESTIGATION, Disposition.NONE),
        ("New", Status.UNDER_INVESTIGATION, Disposition.NONE),
        ("Thinking about it", Status.UNDER_INVESTIGATION, Disposition.NONE),
    ],
)
def test_each_word_keeps_its_meaning(word: str, status: Status, disposition: Disposition) -> None:
    """The vocabulary of package_state; an unknown word decides nothing and is kept."""
    (only,) = SOURCE.parse(RAW(record(states=[state(*NINE, "kernel", word)]))).records
    assert only.observations[1:] == (major_cell("9", "kernel", status, word, disposition),)


def test_two_minors_of_the_main_line_are_two_branches() -> None:
    """A later minor's kernel does not replace the earlier one's: versions are compared within their dist tag."""
    rows = [
        released(*NINE, "kernel-0:5.14.0-687.5.3.el9_8", "RHSA-2026:19225", "2026-05-19"),
        released(*NINE, "kernel-0:5.14.0-611.54.1.el9_7", "RHSA-2026:13565", "2026-05-04"),
        released(*NINE, "kernel-0:5.14.0-611.60.1.el9_7", "RHSA-2026:20000", "2026-05-25"),
    ]
    (only,) = SOURCE.parse(RAW(record(rows))).records
    (cell,) = only.observations[1:]
    assert isinstance(cell, CellObservation)
    assert cell.fixed == (
        FixedVersion(version="5.14.0-611.54.1.el9_7", branch="el9_7", erratum="RHSA-2026:13565", date=MAY[4]),
        FixedVersion(version="5.14.0-687.5.3.el9_8", branch="el9_8", erratum="RHSA-2026:19225", date=date(2026, 5, 19)),
    )
    assert cell.errata == ("RHSA-2026:13565", "RHSA-2026:19225", "RHSA-2026:20000")


@pytest.mark.parametrize(
    ("product", "cpe", "release", "stream", "programmes"),
    [
        ("Red Hat Enterprise Linux 7 Extended Lifecycle Support", "cpe:/o:redhat:rhel_els:7", "7", "els", ("els",)),
        ("Red Hat Enterprise Linux 7.7 Advanced Update Support", "cpe:/o:redhat:rhel_aus:7.7", "7", "7.7", ("aus",)),
        (
            "Red Hat Enterprise Linux 9.2 Telecommunications Update Service",
            "cpe:/o:redhat:rhel_tus:9.2::baseos",
            "9",
            "9.2",
            ("tus",),
        ),
        ("Red Hat Enterprise Linux for Real Time 7", "cpe:/a:redhat:rhel_extras_rt:7", "7", None, ()),
        (
            "Red Hat Enterprise Linux 10.2 Update Services for SAP Solutions",
            "cpe:/o:redhat:enterprise_linux_e4s:10.2",
            "10",
            "10.2",
            ("e4s",),
        ),
        ("NVIDIA for RHEL 10", "cpe:/a:redhat:enterprise_linux_nvidia:10::el10", "10", "nvidia", ()),
    ],
)
def test_each_programme_is_a_stream(
    product: str, cpe: str, release: str, stream: str | None, programmes: tuple[str, ...]
) -> None:
    """What is bought on top has kernels of its own and never becomes the main line's fix."""
    row = released(product, cpe, "kernel-0:5.14.0-1.2.3.el9_2", "RHSA-2026:1", "2026-05-04")
    (only,) = SOURCE.parse(RAW(record([row]))).records
    assert only.observations[1:] == (
        fixed_cell(release, stream, "kernel", "5.14.0-1.2.3.el9_2", "RHSA-2026:1", MAY[4], *programmes),
    )


@pytest.mark.parametrize(
    ("product", "cpe", "stream", "programmes"),
    [
        ("Red Hat Enterprise Linux 9", "", None, ()),
        ("Red Hat Enterprise Linux 9.6 Extended Update Support", "", "9.6", ("eus",)),
        ("Red Hat Enterprise Linux 9.2 Update Services for SAP Solutions", "", "9.2", ("e4s",)),
        ("Red Hat Enterprise Linux 9.6 EUS", "cpe:2.3:a:redhat:rhel_eus:9.6:*:*:*:*:*:*:*", "9.6", ("eus",)),
    ],
)
def test_a_name_tells_the_stream_where_there_is_no_cpe(
    product: str, cpe: str, stream: str | None, programmes: tuple[str, ...]
) -> None:
    """And a CPE may come in its newer form."""
    row = released(product, cpe, "kernel-0:5.14.0-570.112.1.el9_6", "RHSA-2026:14339", "2026-05-06")
    (only,) = SOURCE.parse(RAW(record([row]))).records
    assert only.observations[1:] == (
        fixed_cell("9", stream, "kernel", "5.14.0-570.112.1.el9_6", "RHSA-2026:14339", MAY[6], *programmes),
    )


def test_other_products_have_no_cell() -> None:
    """A kernel of MRG or a virtualization host is none of Enterprise Linux."""
    rows = [
        released(
            "Red Hat Enterprise MRG 2",
            "cpe:/a:redhat:enterprise_mrg:2:server:el6",
            "kernel-rt-1:3.10.0-1.el6rt",
            "RHSA-2018:1",
            "2018-01-01",
        ),
        released(
            "Somebody's", "cpe:/o:somebody:enterprise_linux:9", "kernel-0:5.14.0-1.el9_7", "RHSA-2026:1", "2026-05-04"
        ),
    ]
    (only,) = SOURCE.parse(RAW(record(rows))).records
    assert len(only.observations) == 1


@pytest.mark.parametrize(
    "releases", [None, {}, released(*EUS, "kernel-0:5.14.0-570.112.1.el9_6", "RHSA-2026:14339", "2026-05-06")]
)
def test_lists_come_as_null_or_as_their_one_row(releases: object) -> None:
    """The API writes a list of one as the row itself, and leaves an empty one out or null."""
    (only,) = SOURCE.parse(RAW(record(releases, None))).records
    assert len(only.observations) == (2 if releases and "cpe" in releases else 1)  # type: ignore[operator]  # a row


def test_a_broken_row_is_rejected_alone() -> None:
    """The other rows count."""
    rows = [{"product_name": 5}, released(*EUS, "kernel-0:5.14.0-570.112.1.el9_6", "RHSA-2026:14339", "2026-05-06")]
    parsed = SOURCE.parse(RAW(record(rows)))
    assert [one.key for one in parsed.rejected] == ["hydra/CVE-2026-31431/affected_release[0]"]
    assert len(parsed.records[0].observations) == 2


def test_a_severity_may_be_a_word_alone() -> None:
    """A record without a vector keeps Red Hat's word."""
    (only,) = SOURCE.parse(RAW(record(threat_severity="Moderate", cvss3={"cvss3_scoring_vector": ""}))).records
    (cve,) = only.observations
    assert isinstance(cve, CveObservation)
    assert cve.severity == (SeverityClaim(vector=None, score=None, level=SeverityLevel.MEDIUM, word="Moderate"),)


def test_the_list_of_cves_says_nothing(shared_data: Path) -> None:
    """It is read to see that it is whole."""
    body = (shared_data / "redhat/hydra/a/cve.json").read_bytes()
    assert SOURCE.parse(RAW(body)) == ParsedDocument(records=())


def test_broken_records_are_parse_errors() -> None:
    """Cut, damaged, replaced by a page, or with a wrong value in any field."""
    small = json.dumps(json.loads(COPY_FAIL)).encode()
    assert_only_parse_errors(SOURCE.parse, RAW, small)
    assert_wrong_json_is_survived(SOURCE.parse, RAW, small)
