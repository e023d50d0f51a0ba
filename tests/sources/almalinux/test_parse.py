"""AlmaLinux errata: OSV records and errata.full.json."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import CellObservation, ErratumObservation, FixedVersion, ParsedDocument, Record
from advisories.words import CellKind, Status
from sources.almalinux import SOURCE
from sources.errors import ParseError
from tests.sources.almalinux.documents import FULL, body, errata, osv
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document
from tests.sources.slices import read_with_slices

raw = raw_document("almalinux", "https://raw.githubusercontent.com/AlmaLinux/osv-database/master/advisories/x.json")
full = raw_document("almalinux", "https://errata.almalinux.org/9/errata.full.json")
CVE = "CVE-2026-31431"
DAY = date(2026, 5, 4)


def cells(document: dict[str, object]) -> list[CellObservation]:
    return [
        one
        for record in SOURCE.parse(raw(body(document))).records
        for one in record.observations
        if isinstance(one, CellObservation)
    ]


def test_an_erratum_fixes_its_source_package_once() -> None:
    """Dozens of binaries, flavours and a CVE that is named twice make one cell."""
    document = osv(
        "ALSA-2026:19074",
        "AlmaLinux:10",
        dict.fromkeys(
            ["kernel", "kernel-core", "kernel-64k-debug-devel-matched", "kernel-rt-core", "perf", "rtla"],
            "6.12.0-211.7.3.el10_2",
        ),
        related=(CVE, CVE),
    )
    assert SOURCE.parse(raw(body(document))) == ParsedDocument(
        records=(
            Record(
                key="ALSA-2026:19074",
                modified=datetime(2026, 5, 6, 23, 0, 34, tzinfo=UTC),
                observations=(
                    ErratumObservation(
                        erratum="ALSA-2026:19074",
                        distro="almalinux",
                        title="Important: kernel security update",
                        cves=(CVE,),
                        issued=datetime(2026, 5, 4, tzinfo=UTC),
                        updated=datetime(2026, 5, 6, 23, 0, 34, tzinfo=UTC),
                        url="https://errata.almalinux.org/10/ALSA-2026-19074.html",
                    ),
                    CellObservation(
                        cve=CVE,
                        distro="almalinux",
                        release="10",
                        package="kernel",
                        status=Status.FIXED,
                        fixed=(
                            FixedVersion(
                                version="6.12.0-211.7.3.el10_2",
                                branch="el10_2",
                                erratum="ALSA-2026:19074",
                                date=DAY,
                            ),
                        ),
                        errata=("ALSA-2026:19074",),
                        since=DAY,
                    ),
                ),
            ),
        )
    )


def test_packages_beside_the_kernel_give_a_partial_cell() -> None:
    """ALSA-2026:13566 lists no kernel that boots: the cell is derived and says so."""
    (cell,) = cells(
        osv(
            "ALSA-2026:13566",
            "AlmaLinux:10",
            dict.fromkeys(["kernel-abi-stablelists", "kernel-doc"], "6.12.0-124.55.1.el10_1"),
        )
    )
    assert (cell.package, cell.partial, cell.fixed[0].branch) == ("kernel", True, "el10_1")


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ({"kernel-rt-core": "0:4.18.0-553.123.1.rt7.464.el8_10"}, [("kernel-rt", "4.18.0-553.123.1.rt7.464.el8_10")]),
        ({"kernel-rt": "5.14.0-611.54.1.el9_7"}, [("kernel", "5.14.0-611.54.1.el9_7")]),
        ({"kpatch-patch-4_18_0-553_120_1": "1-2.el8_10"}, [("kpatch-patch", None)]),
        ({"kernel-srpm-macros": "1.0-13.el9", "kernelshark": "1:1.2-10.el9"}, []),
        ({"kernel": "not a version"}, []),
        ({"bpftool": "7.5.0-611.54.1.el9_7"}, []),
    ],
)
def test_only_kernels_set_a_cell(packages: dict[str, str], expected: list[tuple[str, str | None]]) -> None:
    """kernel-rt is a source of its own where its release says rt; macros and tools of that name are no kernel."""
    found = cells(osv("ALSA-2026:1", "AlmaLinux:9", packages))
    assert [(one.package, one.fixed[0].version if one.fixed else None) for one in found] == expected


def test_a_live_patch_is_no_kernel() -> None:
    """It is shown as what it is."""
    (cell,) = cells(osv("ALSA-2026:1", "AlmaLinux:9", {"kpatch-patch-5_14_0-611_49_1": "1-2.el9_7"}))
    assert (cell.kind, cell.errata) == (CellKind.LIVEPATCH, ("ALSA-2026:1",))


def test_kitten_is_a_stream() -> None:
    """AlmaLinux Kitten 10 is no 10."""
    (cell,) = cells(osv("ALSA-2026:2", "AlmaLinux:Kitten 10", {"kernel-core": "6.12.0-225.el10"}))
    assert (cell.release, cell.stream) == ("10", "kitten")


@pytest.mark.parametrize(
    "document",
    [
        osv("RLSA-2026:1", "Rocky Linux:9", {"kernel": "5.14.0-1.el9"}),
        osv("ALSA-2026:1", "Rocky Linux:9", {"kernel": "5.14.0-1.el9"}),
    ],
)
def test_another_vendors_record_is_an_error(document: dict[str, object]) -> None:
    """It must not read as an empty erratum."""
    with pytest.raises(ParseError):
        SOURCE.parse(raw(body(document)))


def test_the_full_list_of_errata() -> None:
    """The same erratum from errata.full.json: the source package is told there, the release by the address."""
    parsed = read_with_slices(SOURCE.parse, full, errata(FULL, {"id": "ALSA-2026:1"}))
    assert [one.key for one in parsed.rejected] == ["erratum 1"]
    assert parsed.records == (
        Record(
            key="ALSA-2026:13565",
            modified=datetime(2026, 5, 7, 0, 12, 38, tzinfo=UTC),
            observations=(
                ErratumObservation(
                    erratum="ALSA-2026:13565",
                    distro="almalinux",
                    title="Important: kernel security update",
                    cves=(CVE,),
                    issued=datetime(2026, 5, 4, tzinfo=UTC),
                    updated=datetime(2026, 5, 7, 0, 12, 38, tzinfo=UTC),
                    url="https://errata.almalinux.org/9/ALSA-2026-13565.html",
                ),
                CellObservation(
                    cve=CVE,
                    distro="almalinux",
                    release="9",
                    package="kernel",
                    status=Status.FIXED,
                    fixed=(
                        FixedVersion(
                            version="5.14.0-611.54.1.el9_7", branch="el9_7", erratum="ALSA-2026:13565", date=DAY
                        ),
                    ),
                    errata=("ALSA-2026:13565",),
                    since=DAY,
                ),
            ),
        ),
    )


def test_the_old_form_of_the_list() -> None:
    """A bare list with updateinfo_id, pkglist and milliseconds gives the same record."""
    old = {key: value for key, value in FULL.items() if key not in ("id", "packages")} | {
        "updateinfo_id": "ALSA-2026:13565",
        "pkglist": {"packages": FULL["packages"]},
        "issued_date": {"$date": 1777852800000},
        "updated_date": {"$date": 1778112758000},
    }
    read = read_with_slices(SOURCE.parse, full, json.dumps([old]).encode())
    assert read == read_with_slices(SOURCE.parse, full, errata(FULL))


def test_a_list_of_which_nothing_can_be_read_is_an_error() -> None:
    """A renamed field is news about the source."""
    with pytest.raises(ParseError):
        SOURCE.parse(full(errata({key: value for key, value in FULL.items() if key != "packages"})))


OSV = body(osv("ALSA-2026:19074", "AlmaLinux:10", {"kernel": "6.12.0-211.7.3.el10_2"}))


@pytest.mark.parametrize("document", [OSV, errata(FULL)])
def test_hostile_documents(document: bytes) -> None:
    """Cut, damaged, and with wrong values in every field."""
    assert_only_parse_errors(SOURCE.parse, full, document)
    assert_wrong_json_is_survived(SOURCE.parse, full, document)


def test_the_real_records(shared_data: Path) -> None:
    """Ten live records: release, package, version and whether the cell is partial."""
    found = []
    for path in sorted((shared_data / "alma" / "osv" / "real").glob("*.json")):
        for record in SOURCE.parse(raw(path.read_bytes())).records:
            for one in record.observations:
                if isinstance(one, CellObservation) and one.cve in (CVE, "CVE-2025-38079"):
                    found.append((record.key, one.release, one.package, one.fixed[0].version, one.partial))
    assert found == [
        ("ALSA-2025:12753", "8", "kernel-rt", "4.18.0-553.66.1.rt7.407.el8_10", False),
        ("ALSA-2025:13602", "9", "kernel", "5.14.0-570.33.2.el9_6", False),
        ("ALSA-2026:13565", "9", "kernel", "5.14.0-611.54.1.el9_7", False),
        ("ALSA-2026:13566", "10", "kernel", "6.12.0-124.55.1.el10_1", True),
        ("ALSA-2026:13577", "8", "kernel", "4.18.0-553.123.1.el8_10", False),
        ("ALSA-2026:19074", "10", "kernel", "6.12.0-211.7.3.el10_2", False),
        ("ALSA-2026:A001", "8", "kernel", "4.18.0-553.121.1.el8_10", False),
        ("ALSA-2026:A002", "9", "kernel", "5.14.0-611.49.2.el9_7", False),
        ("ALSA-2026:A003", "10", "kernel", "6.12.0-124.52.2.el10_1", False),
    ]
