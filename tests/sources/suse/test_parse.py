"""SUSE's CSAF: products to releases, flavours to packages, errata and records of one CVE."""

from __future__ import annotations

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
    Rejected,
    SeverityClaim,
)
from advisories.words import CellKind, SeverityLevel, Status
from sources.suse import SOURCE
from sources.suse.products import line_of, source_of
from tests.sources.csaf_documents import Flaw, Platform, csaf
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document

CVE = "CVE-2026-31431"
RAW = raw_document("suse", "https://ftp.suse.com/pub/projects/security/csaf/suse-su-2026_1671-1.json")


def named(name: str) -> Platform:
    return Platform(id=name, name=name, cpe="cpe:/o:suse:something")


LTSS = named("SUSE Linux Enterprise Server 15 SP6-LTSS")
SERVER = named("SUSE Linux Enterprise Server 15 SP6")
HA = named("SUSE Linux Enterprise High Availability Extension 15 SP6")
LIVE = named("SUSE Linux Enterprise Live Patching 15 SP6")
BASE = named("SUSE Linux Enterprise Module for Basesystem 15 SP6")
REALTIME = named("SUSE Real Time Module 15 SP7")
LEAP = named("openSUSE Leap 15.6")
TUMBLEWEED = named("openSUSE Tumbleweed")
SIXTEEN = named("SUSE Linux Enterprise High Availability Extension 16.0")


def erratum(identifier: str, platforms: list[Platform], *products: str) -> bytes:
    flaw = Flaw(
        statuses={"recommended": products}, further={"threats": [{"category": "impact", "details": "important"}]}
    )
    return csaf(
        identifier, platforms, flaw, category="csaf_security_advisory", title="Security update for the Linux Kernel"
    )


def cell(
    release: str | None,
    package: str,
    version: str | None,
    number: str | None = None,
    *,
    stream: str | None = None,
    distro: str = "sles",
    status: Status = Status.FIXED,
    word: str = "recommended",
    partial: bool = False,
    kind: CellKind = CellKind.PACKAGE,
) -> CellObservation:
    day = date(2026, 5, 2) if number else None
    return CellObservation(
        cve=CVE,
        distro=distro,
        release=release,
        stream=stream,
        package=package,
        kind=kind,
        status=status,
        fixed=(FixedVersion(version=version, erratum=number, date=day),) if version else (),
        errata=(number,) if number else (),
        vendor_status=word,
        since=day,
        partial=partial,
    )


def cells_in(body: bytes) -> tuple[object, ...]:
    (only,) = SOURCE.parse(RAW(body)).records
    return only.observations[1:]


def test_an_erratum_is_read_whole() -> None:
    """Binaries and architectures are one package; the empty live patch that comes with a kernel is none; what only
    extensions of the plain release list (its kernels go to LTSS) sets no cell of the plain release."""
    body = erratum(
        "SUSE-SU-2026:1671-1",
        [LTSS, HA, LIVE],
        f"{LTSS.id}:kernel-default-6.4.0-150600.23.100.1.x86_64",
        f"{LTSS.id}:kernel-default-6.4.0-150600.23.100.1.aarch64",
        f"{LTSS.id}:kernel-64kb-6.4.0-150600.23.100.1.aarch64",
        f"{LTSS.id}:kernel-docs-6.4.0-150600.23.100.2.noarch",
        f"{LTSS.id}:kernel-default-base-6.4.0-150600.23.100.1.150600.12.46.2.x86_64",
        f"{HA.id}:cluster-md-kmp-default-6.4.0-150600.23.100.1.x86_64",
        f"{LIVE.id}:kernel-default-livepatch-6.4.0-150600.23.100.1.x86_64",
        f"{LIVE.id}:kernel-livepatch-6_4_0-150600_23_100-default-1-150600.13.3.1.x86_64",
    )
    number = "SUSE-SU-2026:1671-1"
    observed = ErratumObservation(
        erratum=number,
        distro="sles",
        title="Security update for the Linux Kernel",
        cves=(CVE,),
        issued=datetime(2026, 5, 2, 10, tzinfo=UTC),
        updated=datetime(2026, 5, 3, 10, tzinfo=UTC),
        url="https://vendor.example/SUSE-SU-2026:1671-1",
    )
    assert SOURCE.parse(RAW(body)) == ParsedDocument(
        records=(
            Record(
                key=number,
                modified=datetime(2026, 5, 3, 10, tzinfo=UTC),
                observations=(
                    observed,
                    cell("15.6", "kernel-default", "6.4.0-150600.23.100.1", number, stream="ltss"),
                ),
            ),
        )
    )


def test_live_patches_are_a_cell_without_a_version() -> None:
    """One package for each kernel that is patched: none of their versions is a fixed kernel."""
    number = "SUSE-SU-2026:1730-1"
    names = (
        "kernel-livepatch-6_4_0-150600_23_92-default-3-150600.2.1",
        "kernel-livepatch-6_4_0-150600_23_87-default-5-150600.2.1",
    )
    body = erratum(number, [LIVE], *(f"{LIVE.id}:{name}.x86_64" for name in names))
    assert cells_in(body) == (cell("15.6", "kernel-livepatch", None, number, kind=CellKind.LIVEPATCH),)


def test_the_real_time_kernel_is_a_package_of_its_own() -> None:
    """SLES 15 SP7, kernel-rt."""
    body = erratum("SUSE-SU-2026:1678-1", [REALTIME], f"{REALTIME.id}:kernel-rt-6.4.0-150700.7.40.1.x86_64")
    assert cells_in(body) == (cell("15.7", "kernel-rt", "6.4.0-150700.7.40.1", "SUSE-SU-2026:1678-1"),)


def test_an_extension_speaks_where_nothing_else_does() -> None:
    """SLE 16.0 was seen by its cluster modules alone: their version is the source's; the cell says partial."""
    body = erratum("SUSE-SU-2026:21421-1", [SIXTEEN], f"{SIXTEEN.id}:cluster-md-kmp-default-6.12.0-160000.29.1")
    assert cells_in(body) == (
        cell("16.0", "kernel-default", "6.12.0-160000.29.1", "SUSE-SU-2026:21421-1", partial=True),
    )


def test_a_record_of_one_cve() -> None:
    """Names come with a version when fixed and without one when not; Leap and Tumbleweed are their own; an extension's
    fixed module never turns a release whose kernel is affected."""
    flaw = Flaw(
        statuses={
            "recommended": [
                f"{LTSS.id}:kernel-default-6.4.0-150600.23.100.1",
                f"{LEAP.id}:kernel-azure-6.4.0-150600.8.60.1",
                f"{TUMBLEWEED.id}:kernel-default-6.19.12-1.1",
                f"{HA.id}:dlm-kmp-default-6.4.0-150600.23.100.1",
            ],
            "known_affected": [f"{SERVER.id}:kernel-default", f"{SERVER.id}:kernel-source"],
            "known_not_affected": [f"{BASE.id}:kernel-rt"],
            "under_investigation": [f"{LEAP.id}:kernel-rt"],
        },
        further={
            "title": CVE,
            "notes": [{"category": "general", "text": "Data is changed where it is read.", "title": "CVE description"}],
            "threats": [{"category": "impact", "details": "important"}],
        },
    )
    observed = CveObservation(
        cve=CVE,
        opens=True,
        description="Data is changed where it is read.",
        modified=datetime(2026, 5, 3, 10, tzinfo=UTC),
        severity=(SeverityClaim(vector=None, score=None, level=SeverityLevel.HIGH, word="important"),),
        references=(Reference(url="https://vendor.example/CVE-2026-31431", tag="self"),),
    )
    body = csaf(CVE, [LTSS, SERVER, HA, BASE, LEAP, TUMBLEWEED], flaw)
    assert SOURCE.parse(RAW(body)) == ParsedDocument(
        records=(
            Record(
                key="vex/CVE-2026-31431",
                modified=datetime(2026, 5, 3, 10, tzinfo=UTC),
                observations=(
                    observed,
                    cell("15.6", "kernel-azure", "6.4.0-150600.8.60.1", distro="opensuse-leap"),
                    cell(
                        "15.6", "kernel-rt", None, distro="opensuse-leap",
                        status=Status.UNDER_INVESTIGATION, word="under_investigation",
                    ),
                    cell(None, "kernel-default", "6.19.12-1.1", distro="opensuse-tumbleweed"),
                    cell("15.6", "kernel-default", None, status=Status.AFFECTED, word="known_affected"),
                    cell("15.6", "kernel-rt", None, status=Status.NOT_AFFECTED, word="known_not_affected"),
                    cell("15.6", "kernel-default", "6.4.0-150600.23.100.1", stream="ltss"),
                ),
            ),
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("SUSE Linux Enterprise Server 15 SP6", ("sles", "15.6", None)),
        ("SUSE Linux Enterprise Server 15 SP6-LTSS", ("sles", "15.6", "ltss")),
        ("SUSE Linux Enterprise Server 15-LTSS", ("sles", "15", "ltss")),
        ("SUSE Linux Enterprise Server 11 SP4 LTSS", ("sles", "11.4", "ltss")),
        ("SUSE Linux Enterprise Server LTSS Extended Security 12 SP5", ("sles", "12.5", "ltss-extended-security")),
        ("SUSE Linux Enterprise Server 16.0", ("sles", "16.0", None)),
        ("SUSE Linux Enterprise Server for SAP Applications 15 SP4", ("sles", "15.4", "sap")),
        ("SUSE Linux Enterprise High Performance Computing 15 SP3-ESPOS", ("sles", "15.3", "hpc-espos")),
        ("SUSE Linux Enterprise Module for Public Cloud 15 SP6", ("sles", "15.6", None)),
        ("SUSE Linux Enterprise Micro 5.5", ("sle-micro", "5.5", None)),
        ("SUSE Linux Micro 6.0", ("sl-micro", "6.0", None)),
        ("openSUSE Leap 15.6", ("opensuse-leap", "15.6", None)),
        ("openSUSE Tumbleweed", ("opensuse-tumbleweed", None, None)),
        ("SUSE Manager Server 4.3", None),
        ("SUSE Linux Enterprise Desktop 15 SP6", None),
        ("Image SLES15-SP6-Azure-Basic", None),
        ("SUSE Linux Enterprise Server 15 SP٦", None),
    ],
)
def test_products_are_releases_and_streams(name: str, line: tuple[str, str | None, str | None] | None) -> None:
    """The product tree's names; what has no kernel of its own or no release we name is none."""
    found = line_of(name)
    assert (None if found is None else (found.distro, found.release, found.stream)) == line


@pytest.mark.parametrize(
    ("binary", "source"),
    [
        ("kernel-default", "kernel-default"),
        ("kernel-default-devel", "kernel-default"),
        ("kernel-64kb", "kernel-default"),
        ("kernel-obs-build", "kernel-default"),
        ("kernel-source-azure", "kernel-azure"),
        ("kernel-rt_debug-devel", "kernel-rt"),
        ("dlm-kmp-rt", "kernel-rt"),
        ("kernel-default-base", None),
        ("kernel-firmware-all", None),
        ("kernel-livepatch-tools", None),
        ("libkcapi-tools", None),
    ],
)
def test_flavours_of_one_source_are_one_package(binary: str, source: str | None) -> None:
    """By the name of the main flavour; firmware, tools and the reduced base kernel are not the kernel."""
    assert source_of(binary) == source


def test_a_refused_page_published_as_an_erratum_is_none() -> None:
    """A real file: "SUSE-SU-403 Forbidden-1"."""
    body = erratum("SUSE-SU-403 Forbidden-1", [LTSS], f"{LTSS.id}:kernel-default-1-1.x86_64")
    rejected = (Rejected(key="SUSE-SU-403 Forbidden-1", what="not the id of an erratum"),)
    assert SOURCE.parse(RAW(body)) == ParsedDocument(records=(), rejected=rejected)


def test_real_documents_about_other_software_say_nothing(shared_data: Path) -> None:
    """Samba, Chromium, BIND and OpenSSL in the real files; the junk one is named."""
    found: list[ParsedDocument] = []
    for archive in ("csaf/a/csaf.tar.bz2", "csaf_vex/a/csaf-vex.tar.bz2"):
        with tarfile.open(shared_data / "suse" / archive) as opened:
            for member in opened.getmembers():
                if member.name.endswith(".json"):
                    document = opened.extractfile(member)
                    assert document is not None
                    found.append(SOURCE.parse(RAW(document.read())))
    junk = ParsedDocument(records=(), rejected=(Rejected(key="SUSE-SU-403", what="not the id of an erratum"),))
    assert sorted(found, key=lambda one: len(one.rejected)) == [*[ParsedDocument(records=())] * 4, junk]


def test_broken_documents_are_parse_errors() -> None:
    """Cut, damaged, replaced by a page, or with a wrong value in any field."""
    small = erratum("SUSE-SU-2026:1671-1", [LTSS], f"{LTSS.id}:kernel-default-6.4.0-150600.23.100.1.x86_64")
    assert_only_parse_errors(SOURCE.parse, RAW, small)
    assert_wrong_json_is_survived(SOURCE.parse, RAW, small)
