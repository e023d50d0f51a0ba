"""The CVE API and the list of notices."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisories.observation import CellObservation, ErratumObservation, FixedVersion, ParsedDocument, Record
from advisories.words import CellKind, Disposition, Status
from sources.ubuntu import SOURCE
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document
from tests.sources.slices import read_with_slices
from tests.sources.ubuntu.documents import api_cve, notice_page, status

raw = raw_document("ubuntu", "https://ubuntu.com/security/cves/CVE-2026-31431.json")

LINUX = {
    "linux": [
        status("bionic", "ignored", "end of standard support, was needed"),
        status("bionic", "released", "4.15.0-250.262", "esm-infra"),
        status("devel", "needs-triage"),
        status("noble", "released", "6.8.0-117.117"),
        status("upstream", "released", "7.0~rc7"),
    ]
}


def cells(body: bytes) -> list[CellObservation]:
    (record,) = SOURCE.parse(raw(body)).records
    return [one for one in record.observations if isinstance(one, CellObservation)]


def test_a_cve_of_the_api() -> None:
    """One cell per release and pocket; upstream and devel are no release that anybody runs."""
    assert SOURCE.parse(raw(api_cve(LINUX))) == ParsedDocument(
        records=(
            Record(
                key="cve-api/CVE-2026-31431",
                modified=datetime(2026, 5, 20, 10, 11, 12, tzinfo=UTC),
                observations=(
                    CellObservation(
                        cve="CVE-2026-31431",
                        distro="ubuntu",
                        release="18.04",
                        codename="bionic",
                        package="linux",
                        status=Status.AFFECTED,
                        disposition=Disposition.EOL,
                        vendor_status="ignored (end of standard support, was needed)",
                    ),
                    CellObservation(
                        cve="CVE-2026-31431",
                        distro="ubuntu",
                        release="18.04",
                        codename="bionic",
                        stream="esm-infra",
                        package="linux",
                        status=Status.FIXED,
                        fixed=(FixedVersion(version="4.15.0-250.262"),),
                        vendor_status="released",
                        needs_subscription=True,
                    ),
                    CellObservation(
                        cve="CVE-2026-31431",
                        distro="ubuntu",
                        release="24.04",
                        codename="noble",
                        package="linux",
                        status=Status.FIXED,
                        fixed=(FixedVersion(version="6.8.0-117.117"),),
                        vendor_status="released",
                    ),
                ),
            ),
        )
    )


@pytest.mark.parametrize(
    ("word", "note", "expected"),
    [
        ("released", "5.15.0-179.189 [USN-8279-1]", (Status.FIXED, Disposition.NONE, "released", None)),
        (
            "pending",
            "5.4.0-1159.169~18.04.1",
            (Status.AFFECTED, Disposition.PENDING, "pending", "5.4.0-1159.169~18.04.1 is to be released"),
        ),
        ("needed", "", (Status.AFFECTED, Disposition.NONE, "needed", None)),
        ("in-progress", "", (Status.AFFECTED, Disposition.NONE, "in-progress", None)),
        ("needs-triage", "", (Status.UNDER_INVESTIGATION, Disposition.NONE, "needs-triage", None)),
        ("deferred", "2026-06-01", (Status.AFFECTED, Disposition.DEFERRED, "deferred (2026-06-01)", "2026-06-01")),
        (
            "ignored",
            "end of kernel support",
            (Status.AFFECTED, Disposition.EOL, "ignored (end of kernel support)", None),
        ),
        ("ignored", "end of life", (Status.AFFECTED, Disposition.EOL, "ignored (end of life)", None)),
        ("ignored", "too intrusive", (Status.AFFECTED, Disposition.WONT_FIX, "ignored (too intrusive)", None)),
        ("ignored", "", (Status.AFFECTED, Disposition.WONT_FIX, "ignored", None)),
        (
            "not-affected",
            "7.0.0-13.13",
            (Status.NOT_AFFECTED, Disposition.NONE, "not-affected", "not affected from 7.0.0-13.13"),
        ),
        ("quantum", "who knows", (Status.UNDER_INVESTIGATION, Disposition.NONE, "quantum", "who knows")),
    ],
)
def test_the_trackers_words(word: str, note: str, expected: tuple[Status, Disposition, str, str | None]) -> None:
    """Every word keeps its meaning; a version behind "pending" is no fix; an unknown word decides nothing."""
    (cell,) = cells(api_cve({"linux": [status("jammy", word, note)]}))
    assert (cell.status, cell.disposition, cell.vendor_status, cell.note) == expected
    assert [one.version for one in cell.fixed] == (["5.15.0-179.189"] if word == "released" else [])


def test_words_that_are_no_cell() -> None:
    """A package that does not exist there, and one that another replaced."""
    gone = [status("jammy", "DNE"), status("noble", "ignored", "superseded by linux-hwe-6.17")]
    assert cells(api_cve({"linux-hwe-6.8": gone})) == []


def test_code_that_is_not_there_is_said_in_vex() -> None:
    """The tracker's words for it become the justification."""
    (cell,) = cells(api_cve({"linux": [status("trusty", "not-affected", "code not present")]}))
    assert (cell.justification, cell.note) == ("vulnerable_code_not_present", "code not present")


def test_a_codename_may_carry_its_pocket() -> None:
    """As the tracker's own files write it; other packages are related."""
    found = cells(
        api_cve(
            {
                "linux": [status("esm-infra/focal", "needed", pocket=None), status("trusty/esm", "needed", pocket="")],
                "linux-firmware": [status("focal", "needed")],
            }
        )
    )
    assert [(one.release, one.stream, one.package, one.kind) for one in found] == [
        ("20.04", "esm-infra", "linux", CellKind.PACKAGE),
        ("14.04", "esm-infra", "linux", CellKind.PACKAGE),
        ("20.04", None, "linux-firmware", CellKind.RELATED),
    ]


def test_a_list_of_cves() -> None:
    """cves.json holds many; one that cannot be read does not harm the others."""
    listed = b'{"cves": [' + api_cve(LINUX) + b', {"id": "CVE-2026-1"}], "limit": 20, "offset": 0, "total_results": 2}'
    parsed = SOURCE.parse(raw(listed))
    assert [one.key for one in parsed.records] == ["cve-api/CVE-2026-31431"]
    assert [one.key for one in parsed.rejected] == ["cve 1"]


def test_the_list_of_notices_gives_errata_of_kernels() -> None:
    """A notice is an erratum there; other packages' notices are left to their readers, a bad one is rejected."""
    page = notice_page(
        ("USN-8277-1", "2026-05-19T22:20:01", "linux-hwe-6.17", ["CVE-2026-31431", "CVE-2026-31431"]),
        ("USN-8276-1", "2026-05-19T20:00:00", "wayland", ["CVE-2026-1000"]),
        ("USN-8275-1", "yesterday", "linux", []),
    )
    parsed = read_with_slices(SOURCE.parse, raw, page)
    assert parsed.records == (
        Record(
            key="notices/USN-8277-1",
            observations=(
                ErratumObservation(
                    erratum="USN-8277-1",
                    distro="ubuntu",
                    title="linux-hwe-6.17 vulnerabilities",
                    cves=("CVE-2026-31431",),
                    issued=datetime(2026, 5, 19, 22, 20, 1, tzinfo=UTC),
                    url="https://ubuntu.com/security/notices/USN-8277-1",
                ),
            ),
        ),
    )
    assert [one.key for one in parsed.rejected] == ["notice 2"]


@pytest.mark.parametrize(
    "body", [api_cve(LINUX), notice_page(("USN-8277-1", "2026-05-19T22:20:01", "linux", ["CVE-2026-31431"]))]
)
def test_hostile_documents_of_the_api(body: bytes) -> None:
    """Cut, damaged, and with wrong values in every field."""
    assert_only_parse_errors(SOURCE.parse, raw, body)
    assert_wrong_json_is_survived(SOURCE.parse, raw, body)


def test_the_real_kernel_cve_of_the_api(shared_data: Path) -> None:
    """The live answer of 225 KB: the statuses of `linux` as they stand there, and nothing that does not exist."""
    path = shared_data / "ubuntu" / "cve_api" / "a" / "happy" / "20_20.json"
    (record,) = SOURCE.parse(raw(path.read_bytes())).records
    linux = [one for one in record.observations if isinstance(one, CellObservation) and one.package == "linux"]
    assert [(one.release, one.status) for one in linux] == [
        ("18.04", Status.NOT_AFFECTED),
        ("20.04", Status.NOT_AFFECTED),
        ("22.04", Status.NOT_AFFECTED),
        ("24.04", Status.AFFECTED),
        ("24.10", Status.AFFECTED),
        ("14.04", Status.NOT_AFFECTED),
        ("16.04", Status.NOT_AFFECTED),
    ]
    (listed,) = json.loads(path.read_bytes())["cves"]
    named = {one["name"] for one in listed["packages"]}
    assert {one.package for one in record.observations if isinstance(one, CellObservation)} <= named
    assert {one.kind for one in record.observations if isinstance(one, CellObservation)} == {CellKind.PACKAGE}
