"""Ubuntu's OSV records: what a notice fixes, what only mitigates, and what a CVE record leaves open."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import (
    CellObservation,
    CveObservation,
    ErratumObservation,
    FixedVersion,
    MitigationObservation,
    Observation,
    ParsedDocument,
    Record,
    Reference,
    SeverityClaim,
)
from advisories.words import CellKind, Disposition, SeverityLevel, Status
from sources.errors import ParseError
from sources.ubuntu import SOURCE
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document
from tests.sources.ubuntu.documents import CVE_RECORD, KERNEL_NOTICE, KMOD_NOTICE, LIVE_PATCH, body

CVE = "CVE-2026-31431"
BASE = "https://raw.githubusercontent.com/canonical/ubuntu-security-notices/main/osv"
raw = raw_document("ubuntu", f"{BASE}/usn/USN-8277-1.json", kind="osv")
DAY = date(2026, 5, 19)


def parse(document: dict[str, object]) -> ParsedDocument:
    return SOURCE.parse(raw(body(document)))


def observations(document: dict[str, object]) -> tuple[Observation, ...]:
    parsed = parse(document)
    assert parsed.rejected == ()
    (record,) = parsed.records
    return record.observations


def test_a_notice_fixes_each_package_it_lists() -> None:
    """One erratum, and a cell for each kernel source package in each release."""
    assert parse(KERNEL_NOTICE) == ParsedDocument(
        records=(
            Record(
                key="USN-8277-1",
                modified=datetime(2026, 7, 5, 10, tzinfo=UTC),
                observations=(
                    ErratumObservation(
                        erratum="USN-8277-1",
                        distro="ubuntu",
                        title="linux, linux-hwe-6.17 vulnerabilities",
                        cves=(CVE,),
                        issued=datetime(2026, 5, 19, 22, 20, 1, tzinfo=UTC),
                        updated=datetime(2026, 7, 5, 10, tzinfo=UTC),
                        url="https://ubuntu.com/security/notices/USN-8277-1",
                    ),
                    CellObservation(
                        cve=CVE,
                        distro="ubuntu",
                        release="25.10",
                        codename="questing",
                        package="linux",
                        status=Status.FIXED,
                        fixed=(FixedVersion(version="6.17.0-29.29", erratum="USN-8277-1", date=DAY),),
                        errata=("USN-8277-1",),
                        since=DAY,
                    ),
                    CellObservation(
                        cve=CVE,
                        distro="ubuntu",
                        release="24.04",
                        codename="noble",
                        package="linux-hwe-6.17",
                        status=Status.FIXED,
                        fixed=(FixedVersion(version="6.17.0-29.29~24.04.1", erratum="USN-8277-1", date=DAY),),
                        errata=("USN-8277-1",),
                        since=DAY,
                    ),
                ),
            ),
        )
    )


def test_kmod_mitigates_and_fixes_nothing() -> None:
    """An empty cves_map under a named CVE: a mitigation, and a related cell that stays affected."""
    day = date(2026, 4, 30)
    assert observations(KMOD_NOTICE)[1:] == (
        MitigationObservation(
            cve=CVE,
            mitigation="kmod",
            title="kmod update",
            distro="ubuntu",
            release="22.04",
            package="kmod",
            version="29-1ubuntu1.1",
            erratum="USN-8226-1",
            date=day,
        ),
        CellObservation(
            cve=CVE,
            distro="ubuntu",
            release="22.04",
            codename="jammy",
            package="kmod",
            kind=CellKind.RELATED,
            status=Status.AFFECTED,
            disposition=Disposition.MITIGATED,
            errata=("USN-8226-1",),
            since=day,
            note="carries a mitigation; fixes nothing",
        ),
    )


def test_a_live_patch_is_a_cell_of_its_own() -> None:
    """It names the kernel package it is for; its version is the module's, and the kernel's cell is not touched."""
    day = date(2026, 6, 1)
    assert observations(LIVE_PATCH)[1:] == (
        CellObservation(
            cve=CVE,
            distro="ubuntu",
            release="18.04",
            codename="bionic",
            stream="esm-infra",
            package="linux-aws-livepatch",
            kind=CellKind.LIVEPATCH,
            status=Status.FIXED,
            fixed=(FixedVersion(version="121", erratum="LSN-0121-1", date=day),),
            errata=("LSN-0121-1",),
            since=day,
            needs_subscription=True,
        ),
    )


def test_a_cve_record_lists_what_is_fixed_and_what_is_open() -> None:
    """The same vector twice is one claim; a range without an end is affected."""
    assert observations(CVE_RECORD) == (
        CveObservation(
            cve=CVE,
            opens=True,
            description="algif_aead goes back to working out of place.",
            published=datetime(2026, 4, 22, 9, 16, tzinfo=UTC),
            modified=datetime(2026, 9, 17, 16, 39, 15, tzinfo=UTC),
            severity=(
                SeverityClaim(
                    vector="CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", score=7.8, level=SeverityLevel.HIGH
                ),
                SeverityClaim(vector=None, score=None, level=SeverityLevel.HIGH, word="high"),
            ),
            references=(Reference(url="https://ubuntu.com/security/CVE-2026-31431", tag="REPORT"),),
        ),
        CellObservation(
            cve=CVE,
            distro="ubuntu",
            release="18.04",
            codename="bionic",
            stream="esm-infra",
            package="linux",
            status=Status.FIXED,
            fixed=(FixedVersion(version="4.15.0-250.262"),),
            needs_subscription=True,
        ),
        CellObservation(
            cve=CVE,
            distro="ubuntu",
            release="22.04",
            codename="jammy",
            package="linux-bluefield",
            status=Status.AFFECTED,
        ),
    )


def test_a_withdrawn_record_claims_no_cell() -> None:
    """A notice and a CVE record that were taken back say so and nothing else, also without any package."""
    gone = {key: value for key, value in CVE_RECORD.items() if key != "affected"} | {
        "withdrawn": "2026-10-01T00:00:00Z"
    }
    (cve,) = observations(gone)
    assert isinstance(cve, CveObservation)
    assert cve.withdrawn
    (erratum,) = observations({**KERNEL_NOTICE, "withdrawn": "2026-10-01T00:00:00Z"})
    assert isinstance(erratum, ErratumObservation)
    assert erratum.withdrawn


@pytest.mark.parametrize(
    ("ecosystem", "purl_distro", "expected"),
    [
        ("Ubuntu:24.04:LTS", "noble", ("24.04", "noble", None, False)),
        ("Ubuntu:25.10", "", ("25.10", "questing", None, False)),
        ("Ubuntu:Pro:16.04:LTS", "esm-infra/xenial", ("16.04", "xenial", "esm-infra", True)),
        ("Ubuntu:Pro:14.04:LTS", "esm-infra-legacy/trusty", ("14.04", "trusty", "esm-infra-legacy", True)),
        ("Ubuntu:Pro:14.04:LTS", "trusty/esm", ("14.04", "trusty", "esm-infra", True)),
        ("Ubuntu:Pro:18.04:LTS", "", ("18.04", "bionic", "esm-infra", True)),
        ("Ubuntu:Pro:FIPS:20.04:LTS", "fips/focal", ("20.04", "focal", "fips", True)),
        ("Ubuntu:Pro:FIPS-updates:22.04:LTS", "fips-updates/jammy", ("22.04", "jammy", "fips-updates", True)),
        ("Ubuntu:Pro:Realtime:22.04:LTS", "", ("22.04", "jammy", "realtime", True)),
        ("Ubuntu:Nvidia-BlueField:22.04:LTS", "bluefield/jammy", ("22.04", "jammy", "bluefield", False)),
        ("Ubuntu:Nvidia-BlueField:24.04:LTS", "", ("24.04", "noble", "bluefield", False)),
        ("Ubuntu:22.04:LTS:for:NVIDIA:BlueField", "", ("22.04", "jammy", "bluefield", False)),
        ("Ubuntu:28.10", "unheard", ("28.10", "unheard", None, False)),
    ],
)
def test_an_ecosystem_names_release_and_pocket(
    ecosystem: str, purl_distro: str, expected: tuple[str, str, str | None, bool]
) -> None:
    """Pro and its variants need a subscription; the purl's pocket is the stream."""
    purl = f"pkg:deb/ubuntu/linux@1?arch=source&distro={purl_distro}" if purl_distro else "pkg:deb/ubuntu/linux@1"
    entry = {"package": {"ecosystem": ecosystem, "name": "linux", "purl": purl}, "ranges": []}
    (_, cell) = observations({**CVE_RECORD, "affected": [entry]})
    assert isinstance(cell, CellObservation)
    assert (cell.release, cell.codename, cell.stream, cell.needs_subscription) == expected


def test_wrappers_speak_for_their_kernel_only_where_it_is_not_listed() -> None:
    """linux-signed and linux-meta are made of linux; linux-meta's versions are not the kernel's."""

    def entry(name: str, fixed: str) -> dict[str, object]:
        return {
            "package": {"ecosystem": "Ubuntu:24.04:LTS", "name": name},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
        }

    listed = [
        entry("linux-meta", "6.8.0.117.117"),
        entry("linux", "6.8.0-117.117"),
        entry("linux-signed-aws", "6.8.0-1055.58"),
        entry("linux-firmware", "20240318.git3b128b60-0ubuntu2.20"),
    ]
    found = [
        (one.package, one.kind, [each.version for each in one.fixed])
        for one in observations({**KERNEL_NOTICE, "affected": listed})
        if isinstance(one, CellObservation)
    ]
    assert found == [
        ("linux", CellKind.PACKAGE, ["6.8.0-117.117"]),
        ("linux-firmware", CellKind.RELATED, ["20240318.git3b128b60-0ubuntu2.20"]),
        ("linux-aws", CellKind.PACKAGE, []),
    ]


def test_a_bad_package_leaves_the_others() -> None:
    """An ecosystem that is none of Ubuntu's is rejected by name."""
    bad = {"package": {"ecosystem": "Debian:12", "name": "linux"}, "ranges": []}
    affected = KERNEL_NOTICE["affected"]
    assert isinstance(affected, list)
    parsed = parse({**KERNEL_NOTICE, "affected": [bad, *affected]})
    assert [one.key for one in parsed.rejected] == ["USN-8277-1/Debian:12 linux"]
    assert parsed.records == parse(KERNEL_NOTICE).records


@pytest.mark.parametrize("field", ["id", "modified", "affected"])
def test_a_lost_field_is_an_error(field: str) -> None:
    """A renamed field must not read as "nothing is affected"."""
    with pytest.raises(ParseError):
        parse({key: value for key, value in KERNEL_NOTICE.items() if key != field})


@pytest.mark.parametrize("document", [KERNEL_NOTICE, KMOD_NOTICE, LIVE_PATCH, CVE_RECORD])
def test_hostile_osv_records(document: dict[str, object]) -> None:
    """Cut, damaged, and with wrong values in every field."""
    assert_only_parse_errors(SOURCE.parse, raw, body(document))
    assert_wrong_json_is_survived(SOURCE.parse, raw, body(document))


def test_the_real_records(shared_data: Path) -> None:
    """The live kmod notice and the excerpt of the live CVE record."""
    folder = shared_data / "ubuntu" / "osv" / "real"
    kmod = SOURCE.parse(raw((folder / "USN-8226-1.json").read_bytes())).records[0].observations
    assert [(one.release, one.version) for one in kmod if isinstance(one, MitigationObservation)] == [
        ("22.04", "29-1ubuntu1.1"),
        ("24.04", "31+20240202-2ubuntu7.2"),
        ("25.10", "34.2-2ubuntu1.1"),
    ]
    assert {one.kind for one in kmod if isinstance(one, CellObservation)} == {CellKind.RELATED}
    cve = SOURCE.parse(raw((folder / "UBUNTU-CVE-2026-31431.EXCERPT.json").read_bytes())).records[0].observations
    assert [
        (one.release, one.stream, one.package, one.fixed[0].version) for one in cve if isinstance(one, CellObservation)
    ] == [
        ("14.04", "esm-infra-legacy", "linux-azure", "4.15.0-1201.216~14.04.1"),
        ("16.04", "esm-infra", "linux-aws-hwe", "4.15.0-1192.205~16.04.1"),
        ("16.04", "esm-infra", "linux-gcp", "4.15.0-1185.202~16.04.1"),
    ]


def test_a_notice_that_claims_without_end_is_an_error() -> None:
    """Thousands of CVEs in each of many packages, fixed or mitigated: the reading ends before memory does."""
    entries = [
        {"package": {"ecosystem": "Ubuntu:24.04:LTS", "name": f"linux-aws-{number}"}, "ranges": []}
        for number in range(60)
    ]
    named = [f"UBUNTU-CVE-2026-{10_000 + number}" for number in range(5_000)]
    nothing: dict[str, object] = {"database_specific": {"cves_map": {"cves": []}}}
    tools = [
        {"package": {"ecosystem": "Ubuntu:24.04:LTS", "name": f"tool{number}"}, "ranges": [], **nothing}
        for number in range(60)
    ]
    for affected in (entries, tools):
        with pytest.raises(ParseError):
            parse({**KERNEL_NOTICE, "affected": affected, "upstream": named})
