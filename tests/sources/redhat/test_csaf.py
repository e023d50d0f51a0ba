"""Red Hat's CSAF documents: VEX in its older and newer form, and security advisories."""

from __future__ import annotations

import json
import subprocess
import tarfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import (
    CellObservation,
    CveObservation,
    ErratumObservation,
    FixedVersion,
    ParsedDocument,
    Record,
    Reference,
)
from advisories.words import CellKind, Disposition, Status
from sources.redhat import SOURCE
from tests.sources.csaf_documents import Flaw, Platform, csaf
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document

CVE = "CVE-2026-31431"
RAW = raw_document("redhat", "https://security.access.redhat.com/data/csaf/v2/vex/2026/cve-2026-31431.json")
BASE = Platform(
    id="BaseOS-9.7.0.Z.MAIN",
    name="Red Hat Enterprise Linux BaseOS (v. 9)",
    cpe="cpe:/o:redhat:enterprise_linux:9::baseos",
)
STREAM = Platform(
    id="AppStream-9.7.0.Z.MAIN",
    name="Red Hat Enterprise Linux AppStream (v. 9)",
    cpe="cpe:/a:redhat:enterprise_linux:9::appstream",
)
EUS = Platform(
    id="BaseOS-9.6.0.Z.EUS",
    name="Red Hat Enterprise Linux BaseOS EUS (v.9.6)",
    cpe="cpe:/o:redhat:rhel_eus:9.6::baseos",
)
SEVEN = Platform(
    id="red_hat_enterprise_linux_7", name="Red Hat Enterprise Linux 7", cpe="cpe:/o:redhat:enterprise_linux:7"
)
NINE = Platform(
    id="red_hat_enterprise_linux_9", name="Red Hat Enterprise Linux 9", cpe="cpe:/o:redhat:enterprise_linux:9"
)
MAIN_VERSION, EUS_VERSION = "5.14.0-611.54.1.el9_7", "5.14.0-570.112.1.el9_6"


def products(platform: Platform, *names: str, version: str) -> list[str]:
    return [f"{platform.id}:{name}-0:{version}.{arch}" for name in names for arch in ("src", "x86_64", "aarch64")]


def vendor_fix(number: int, day: int, *ids: str) -> dict[str, object]:
    return {
        "category": "vendor_fix",
        "details": "Update.",
        "date": f"2026-05-{day:02}T09:00:00+00:00",
        "url": f"https://access.redhat.com/errata/RHSA-2026:{number}",
        "product_ids": list(ids),
    }


def cell(
    stream: str | None, version: str, erratum: str, day: date, *programmes: str, package: str = "kernel"
) -> CellObservation:
    return CellObservation(
        cve=CVE,
        distro="rhel",
        release="9",
        stream=stream,
        programmes=programmes,
        package=package,
        status=Status.FIXED,
        fixed=(FixedVersion(version=version, branch=version.rpartition(".")[2], erratum=erratum, date=day),),
        errata=(erratum,),
        vendor_status="fixed",
        since=day,
    )


def legacy_vex() -> bytes:
    main = [
        *products(BASE, "kernel", "kernel-core", "kernel-devel", "bpftool", version=MAIN_VERSION),
        *products(STREAM, "kernel-headers", "perf", version=MAIN_VERSION),
        *products(STREAM, "kernel-rt", version=MAIN_VERSION),
    ]
    eus = products(EUS, "kernel", "kernel-modules", version=EUS_VERSION)
    unfixed = [f"{SEVEN.id}:kernel", f"{NINE.id}:kernel", f"{NINE.id}:kernel-rt"]
    flaw = Flaw(
        statuses={
            "fixed": [*main, *eus],
            "known_not_affected": [f"{SEVEN.id}:kernel-rt", *products(EUS, "kernel-doc", version=EUS_VERSION)],
            "known_affected": unfixed,
        },
        further={
            "title": "kernel: algif_aead works in place",
            "flags": [{"label": "vulnerable_code_not_present", "product_ids": [f"{SEVEN.id}:kernel-rt"]}],
            "remediations": [
                vendor_fix(13565, 4, *main),
                vendor_fix(14339, 6, *eus),
                {"category": "no_fix_planned", "details": "Out of support scope", "product_ids": unfixed[:1]},
                {"category": "none_available", "details": "Fix deferred", "product_ids": unfixed[1:]},
            ],
        },
    )
    return csaf(CVE, [BASE, STREAM, EUS, SEVEN, NINE], flaw, title="kernel: algif_aead works in place")


def major(
    release: str, package: str, status: Status, word: str, disposition: Disposition, justification: str | None = None
) -> CellObservation:
    return CellObservation(
        cve=CVE,
        distro="rhel",
        release=release,
        package=package,
        status=status,
        disposition=disposition,
        justification=justification,
        vendor_status=word,
        coarse=True,
    )


def test_a_legacy_vex_gives_the_cells_of_the_api() -> None:
    """Architectures, binaries and variants are one cell; a word per major release never hides a fixed line; a real-time
    kernel that is built from the one source package (its version has no .rt) is the kernel."""
    cve = CveObservation(
        cve=CVE,
        opens=True,
        title="kernel: algif_aead works in place",
        modified=datetime(2026, 5, 3, 10, tzinfo=UTC),
        references=(Reference(url="https://vendor.example/CVE-2026-31431", tag="self"),),
    )
    assert SOURCE.parse(RAW(legacy_vex())) == ParsedDocument(
        records=(
            Record(
                key="vex/CVE-2026-31431",
                modified=datetime(2026, 5, 3, 10, tzinfo=UTC),
                observations=(
                    cve,
                    major("7", "kernel", Status.AFFECTED, "Out of support scope", Disposition.EOL),
                    major(
                        "7",
                        "kernel-rt",
                        Status.NOT_AFFECTED,
                        "known_not_affected",
                        Disposition.NONE,
                        "vulnerable_code_not_present",
                    ),
                    cell(None, MAIN_VERSION, "RHSA-2026:13565", date(2026, 5, 4)),
                    major("9", "kernel-rt", Status.AFFECTED, "Fix deferred", Disposition.DEFERRED),
                    cell("9.6", EUS_VERSION, "RHSA-2026:14339", date(2026, 5, 6), "eus"),
                ),
            ),
        )
    )


def test_the_new_vex_speaks_for_each_stream() -> None:
    """The vex-feed names minors also for what is not fixed: such a word is no longer coarse."""
    main = Platform(id="rhel-9.8.z", name="Red Hat Enterprise Linux 9.8.z", cpe="cpe:/a:redhat:enterprise_linux:9")
    four = Platform(id="rhel-9.4.0.z", name="Red Hat Enterprise Linux 9.4.0.z", cpe="cpe:/a:redhat:rhel_eus:9.4")
    two = Platform(id="rhel-9.2.0.z", name="Red Hat Enterprise Linux 9.2.0.z", cpe="cpe:/a:redhat:rhel_e4s:9.2")
    patched = f"{two.id}:kernel-0:5.14.0-284.169.1.el9_2.src"
    flaw = Flaw(
        statuses={
            "known_affected": [f"{main.id}:kernel"],
            "under_investigation": [f"{four.id}:kernel"],
            "fixed": [patched],
        },
        further={
            "remediations": [
                {"category": "none_available", "details": "Affected", "product_ids": [f"{main.id}:kernel"]},
                vendor_fix(13734, 5, patched),
            ]
        },
    )
    document = json.loads(csaf(CVE, [main, four, two], flaw))
    del document["document"]["distribution"], document["document"]["references"]
    (only,) = SOURCE.parse(RAW(json.dumps(document).encode())).records
    assert only.observations[1:] == (
        CellObservation(
            cve=CVE, distro="rhel", release="9", package="kernel", status=Status.AFFECTED, vendor_status="Affected"
        ),
        cell("9.2", "5.14.0-284.169.1.el9_2", "RHSA-2026:13734", date(2026, 5, 5), "e4s"),
        CellObservation(
            cve=CVE,
            distro="rhel",
            release="9",
            stream="9.4",
            programmes=("eus",),
            package="kernel",
            status=Status.UNDER_INVESTIGATION,
            vendor_status="under_investigation",
        ),
    )


def test_an_advisory_is_its_erratum() -> None:
    """Its own id and date stand in every cell; the erratum names the CVEs whose cells it sets."""
    ids = products(BASE, "kernel", "kernel-core", version=MAIN_VERSION)
    body = csaf(
        "RHSA-2026:13565",
        [BASE],
        Flaw(statuses={"fixed": ids}),
        category="csaf_security_advisory",
        title="kernel security update",
    )
    erratum = ErratumObservation(
        erratum="RHSA-2026:13565",
        distro="rhel",
        title="kernel security update",
        cves=(CVE,),
        issued=datetime(2026, 5, 2, 10, tzinfo=UTC),
        updated=datetime(2026, 5, 3, 10, tzinfo=UTC),
        url="https://vendor.example/RHSA-2026:13565",
    )
    assert SOURCE.parse(RAW(body)) == ParsedDocument(
        records=(
            Record(
                key="RHSA-2026:13565",
                modified=datetime(2026, 5, 3, 10, tzinfo=UTC),
                observations=(erratum, cell(None, MAIN_VERSION, "RHSA-2026:13565", date(2026, 5, 2))),
            ),
        )
    )


def test_live_patches_are_one_cell_without_a_version() -> None:
    """There is one package for each kernel that they patch: none of their versions is a fixed kernel."""
    names = ("kpatch-patch-5_14_0-611_49_1", "kpatch-patch-5_14_0-611_45_1")
    ids = [f"{BASE.id}:{name}-0:1-2.el9_7.x86_64" for name in names]
    body = csaf("RHSA-2026:15978", [BASE], Flaw(statuses={"fixed": ids}), category="csaf_security_advisory")
    (only,) = SOURCE.parse(RAW(body)).records
    assert only.observations[1:] == (
        CellObservation(
            cve=CVE,
            distro="rhel",
            release="9",
            package="kpatch-patch",
            kind=CellKind.LIVEPATCH,
            status=Status.FIXED,
            errata=("RHSA-2026:15978",),
            vendor_status="fixed",
            since=date(2026, 5, 2),
        ),
    )


def test_other_software_says_nothing() -> None:
    """kernel-srpm-macros, a container and a module of another product place no cell, so there is no record."""
    ids = [f"{BASE.id}:kernel-srpm-macros-0:1.0-13.el9.noarch", f"{BASE.id}:libkcapi-0:1.4.0-2.el9.x86_64"]
    assert SOURCE.parse(RAW(csaf(CVE, [BASE], Flaw(statuses={"fixed": ids})))) == ParsedDocument(records=())


def test_a_real_vex_of_two_megabytes(shared_data: Path, tmp_path: Path) -> None:
    """1941 fixed products of CVE-2023-6240 are eight kernels; Red Hat's own words stand for what is not fixed."""
    body = unpacked(shared_data / "redhat/vex/a/csaf_vex_2024-08-04.tar.zst", "2023/cve-2023-6240.json", tmp_path)
    (only,) = SOURCE.parse(RAW(body)).records
    cells = [one for one in only.observations if isinstance(one, CellObservation)]
    assert [
        (one.release, one.stream, one.package, one.vendor_status, [(each.version, each.erratum) for each in one.fixed])
        for one in cells
    ] == [
        ("6", None, "kernel", "Out of support scope", []),
        ("7", None, "kernel", "Out of support scope", []),
        ("7", None, "kernel-rt", "Out of support scope", []),
        ("8", None, "kernel", "fixed", [("4.18.0-553.5.1.el8_10", "RHSA-2024:3618")]),
        ("8", None, "kernel-rt", "fixed", [("4.18.0-553.5.1.rt7.346.el8_10", "RHSA-2024:3627")]),
        ("9", None, "kernel", "fixed", [("5.14.0-427.16.1.el9_4", "RHSA-2024:2758")]),
        ("9", None, "kernel-rt", "Affected", []),
        ("9", "9.0", "kernel", "fixed", [("5.14.0-70.101.1.el9_0", "RHSA-2024:3421")]),
        ("9", "9.0", "kernel-rt", "fixed", [("5.14.0-70.101.1.rt21.173.el9_0", "RHSA-2024:3414")]),
        ("9", "9.2", "kernel", "fixed", [("5.14.0-284.62.1.el9_2", "RHSA-2024:1881")]),
        ("9", "9.2", "kernel-rt", "fixed", [("5.14.0-284.62.1.rt14.347.el9_2", "RHSA-2024:1882")]),
    ]
    assert [(one.release, one.package) for one in cells if one.coarse] == [
        ("6", "kernel"),
        ("7", "kernel"),
        ("7", "kernel-rt"),
        ("9", "kernel-rt"),
    ]


def unpacked(archive: Path, member: str, folder: Path) -> bytes:
    """A member of a .tar.zst, by the zstd command."""
    plain = folder / "plain.tar"
    done = subprocess.run(["zstd", "-dqf", str(archive), "-o", str(plain)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("the zstd command cannot unpack the real documents")
    with tarfile.open(plain) as opened:
        found = opened.extractfile(member)
        assert found is not None
        return found.read()


def test_broken_documents_are_parse_errors() -> None:
    """Cut, damaged, replaced by a page, or with a wrong value in any field."""
    ids = [f"{BASE.id}:kernel-0:{MAIN_VERSION}.src"]
    small = csaf(CVE, [BASE], Flaw(statuses={"fixed": ids}, further={"remediations": [vendor_fix(13565, 4, *ids)]}))
    assert_only_parse_errors(SOURCE.parse, RAW, small)
    assert_wrong_json_is_survived(SOURCE.parse, RAW, small)
