"""The first fixed kernel of each distribution, cell by cell, from documents (CVE-2026-31431).

Debian, Red Hat, AlmaLinux and the CNA speak by the real recording, read in place; the others by our own documents in
the live formats. Every row was read in the vendor's own data, but for the two that say so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from advisories.model import Advisory, Cell
from advisories.words import CellKind, Disposition, Status
from bot.ingest.cycle import CycleResult
from bot.ingest.parsing import Parsed, parse_here
from bot.views.changes import change_view
from sources.registry import find_source
from tests.bot.stores import application
from tests.trust.facts import documents
from tests.trust.recordings import (
    NEVER,
    TRACKERS,
    load_advisory,
    parse_recording,
    shuffled_batches,
    take_all,
    take_batch,
    view,
)

Fix = tuple[str | None, str, str | None, str | None]  # branch, version, erratum, day


@dataclass(frozen=True)
class Row:
    """One cell: distro/release, stream, package and what is true of it."""

    place: str
    package: str
    stream: str | None
    status: Status
    fixed: tuple[Fix, ...] = ()
    disposition: Disposition = Disposition.NONE
    pro: bool = False
    partial: bool = False

    def __str__(self) -> str:
        return " ".join(part for part in (self.place, self.stream, self.package) if part)


def fixed(place: str, package: str, *fixes: Fix, stream: str | None = None, pro: bool = False) -> Row:
    return Row(place, package, stream, Status.FIXED, fixes, pro=pro)


def unaffected(place: str, package: str, *, stream: str | None = None, pro: bool = False) -> Row:
    return Row(place, package, stream, Status.NOT_AFFECTED, pro=pro)


RED_HAT = (
    fixed("rhel/10", "kernel", ("el10_1", "6.12.0-124.55.1.el10_1", "RHSA-2026:13566", "2026-05-04")),
    fixed("rhel/10", "kernel", ("el10_0", "6.12.0-55.71.1.el10_0", "RHSA-2026:13887", "2026-05-05"), stream="10.0"),
    fixed("rhel/10", "kernel", ("el10nv", "6.12.0-211.6.el10nv", "RHSA-2026:14926", "2026-05-07"), stream="nvidia"),
    fixed("rhel/9", "kernel", ("el9_7", "5.14.0-611.54.1.el9_7", "RHSA-2026:13565", "2026-05-04")),
    fixed("rhel/9", "kernel", ("el9_6", "5.14.0-570.112.1.el9_6", "RHSA-2026:14339", "2026-05-06"), stream="9.6"),
    fixed("rhel/9", "kernel", ("el9_4", "5.14.0-427.124.1.el9_4", "RHSA-2026:13932", "2026-05-06"), stream="9.4"),
    fixed("rhel/9", "kernel", ("el9_2", "5.14.0-284.169.1.el9_2", "RHSA-2026:13734", "2026-05-05"), stream="9.2"),
    fixed("rhel/9", "kernel", ("el9_0", "5.14.0-70.178.1.el9_0", "RHSA-2026:13936", "2026-05-06"), stream="9.0"),
    fixed(
        "rhel/9",
        "kernel-rt",
        ("el9_2", "5.14.0-284.169.1.rt14.454.el9_2", "RHSA-2026:14301", "2026-05-06"),
        stream="9.2",
    ),
    fixed(
        "rhel/9",
        "kernel-rt",
        ("el9_0", "5.14.0-70.178.1.rt21.250.el9_0", "RHSA-2026:14137", "2026-05-06"),
        stream="9.0",
    ),
    fixed("rhel/8", "kernel", ("el8_10", "4.18.0-553.123.1.el8_10", "RHSA-2026:13577", "2026-05-05")),
    fixed("rhel/8", "kernel-rt", ("el8_10", "4.18.0-553.123.1.rt7.464.el8_10", "RHSA-2026:13578", "2026-05-05")),
    fixed("rhel/8", "kernel", ("el8_8", "4.18.0-477.139.1.el8_8", "RHSA-2026:13681", "2026-05-05"), stream="8.8"),
    fixed("rhel/8", "kernel", ("el8_6", "4.18.0-372.191.1.el8_6", "RHSA-2026:14230", "2026-05-06"), stream="8.6"),
    fixed("rhel/8", "kernel", ("el8_4", "4.18.0-305.190.1.el8_4", "RHSA-2026:14165", "2026-05-06"), stream="8.4"),
    unaffected("rhel/7", "kernel"),
    unaffected("rhel/7", "kernel-rt"),
    unaffected("rhel/6", "kernel"),
)
ALMA = (
    fixed("almalinux/8", "kernel", ("el8_10", "4.18.0-553.121.1.el8_10", "ALSA-2026:A001", "2026-05-01")),
    fixed("almalinux/8", "kernel-rt", ("el8_10", "4.18.0-553.123.1.rt7.464.el8_10", "ALSA-2026:13578", "2026-05-05")),
    fixed(
        "almalinux/9",
        "kernel",
        ("el9_7", "5.14.0-611.49.2.el9_7", "ALSA-2026:A002", "2026-05-01"),
        ("el9_8", "5.14.0-687.5.3.el9_8", "ALSA-2026:19225", "2026-05-19"),
    ),
    fixed(
        "almalinux/10",
        "kernel",
        ("el10_1", "6.12.0-124.52.2.el10_1", "ALSA-2026:A003", "2026-05-01"),
        ("el10_2", "6.12.0-211.7.3.el10_2", "ALSA-2026:19074", "2026-05-19"),
    ),
)
DEBIAN = (
    fixed("debian/13", "linux", (None, "6.12.85-1", "DSA-6238-1", "2026-04-30")),
    fixed("debian/12", "linux", (None, "6.1.170-1", "DSA-6243-1", "2026-05-01")),
    fixed("debian/11", "linux", (None, "5.10.251-3", "DLA-4560-1", "2026-05-02")),
    fixed("debian/11", "linux-6.1", (None, "6.1.170-1~deb11u1", "DLA-4561-1", "2026-05-02")),
    fixed("debian/sid", "linux", (None, "6.19.12-1", None, None)),
)
MAY_19 = "2026-05-19"
UBUNTU = (
    fixed("ubuntu/25.10", "linux", (None, "6.17.0-29.29", "USN-8277-1", MAY_19)),
    fixed("ubuntu/24.04", "linux-hwe-6.17", (None, "6.17.0-29.29~24.04.1", "USN-8277-1", MAY_19)),
    fixed("ubuntu/22.04", "linux", (None, "5.15.0-179.189", "USN-8279-1", MAY_19)),
    fixed("ubuntu/18.04", "linux", (None, "4.15.0-250.262", "USN-8281-1", MAY_19), stream="esm-infra", pro=True),
    # the version alone was read: the notice that published it is inferred elsewhere, and not said here
    fixed("ubuntu/24.04", "linux", (None, "6.8.0-117.117", None, None)),
    fixed("ubuntu/20.04", "linux", (None, "5.4.0-230.250", None, None), stream="esm-infra", pro=True),
    unaffected("ubuntu/26.04", "linux"),
    unaffected("ubuntu/16.04", "linux", stream="esm-infra", pro=True),
    unaffected("ubuntu/14.04", "linux", stream="esm-infra-legacy", pro=True),
    Row("ubuntu/20.04", "linux", None, Status.AFFECTED, disposition=Disposition.EOL),
    Row("ubuntu/18.04", "linux", None, Status.AFFECTED, disposition=Disposition.EOL),
    Row("ubuntu/18.04", "linux-aws-5.4", "esm-infra", Status.AFFECTED, disposition=Disposition.PENDING, pro=True),
)
UEK6, UEK7, UEK8 = "ELSA-2026-50255", "ELSA-2026-50253", "ELSA-2026-50254"
MAY_1, MAY_2, MAY_4, MAY_5 = "2026-05-01", "2026-05-02", "2026-05-04", "2026-05-05"
ORACLE = (
    fixed("ol/10", "kernel", ("el10_1", "6.12.0-124.55.1.el10_1", "ELSA-2026-13566", MAY_5)),
    fixed("ol/9", "kernel", ("el9_7", "5.14.0-611.54.1.el9_7", "ELSA-2026-13565", MAY_5)),
    fixed("ol/8", "kernel", ("el8_10", "4.18.0-553.123.1.el8_10", "ELSA-2026-13577", MAY_5)),
    fixed("ol/7", "kernel-uek", ("el7uek", "5.4.17-2136.354.4.2.el7uek", UEK6, MAY_1), stream="uek6"),
    fixed("ol/8", "kernel-uek", ("el8uek", "5.4.17-2136.354.4.2.el8uek", UEK6, MAY_1), stream="uek6"),
    fixed("ol/8", "kernel-uek", ("el8uek", "5.15.0-319.201.4.4.el8uek", UEK7, MAY_1), stream="uek7"),
    fixed("ol/9", "kernel-uek", ("el9uek", "5.15.0-319.201.4.4.el9uek", UEK7, MAY_1), stream="uek7"),
    fixed("ol/9", "kernel-uek", ("el9uek", "6.12.0-201.74.2.2.el9uek", UEK8, MAY_1), stream="uek8"),
    fixed("ol/10", "kernel-uek", ("el10uek", "6.12.0-201.74.2.2.el10uek", UEK8, MAY_1), stream="uek8"),
)
AMAZON = (
    fixed("amzn/2023", "kernel", (None, "1:6.1.168-203.330.amzn2023", "ALAS2023-2026-1651", MAY_4)),
    # lists in the wild leave the epoch of these two out; the documents have it
    fixed("amzn/2023", "kernel6.12", (None, "1:6.12.80-106.156.amzn2023", "ALAS2023-2026-1650", MAY_4)),
    fixed("amzn/2023", "kernel6.18", (None, "1:6.18.20-41.237.amzn2023", "ALAS2023-2026-1649", MAY_4)),
)
SLES = "kernel-default"
SUSE = (
    fixed("sles/15.6", SLES, (None, "6.4.0-150600.23.100.1", "SUSE-SU-2026:1671-1", MAY_2), stream="ltss"),
    fixed("sles/15.5", SLES, (None, "5.14.21-150500.55.149.1", "SUSE-SU-2026:1670-1", MAY_4), stream="ltss"),
    fixed("sles/15.4", SLES, (None, "5.14.21-150400.24.205.1", "SUSE-SU-2026:1672-1", MAY_4), stream="ltss"),
    fixed("sles/15.7", "kernel-rt", (None, "6.4.0-150700.7.40.1", "SUSE-SU-2026:1678-1", MAY_2)),
    Row(
        "sles/16.0",
        SLES,
        None,
        Status.FIXED,
        ((None, "6.12.0-160000.29.1", "SUSE-SU-2026:21421-1", MAY_2),),
        partial=True,  # seen by its cluster modules alone
    ),
)
OTHERS = (
    fixed("photon/4.0", "linux", (None, "5.10.254-1.ph4", None, None)),
    fixed("photon/5.0", "linux", (None, "6.1.177-1.ph5", None, None)),
    Row("photon/5.0", "linux-esx", None, Status.UNDER_INVESTIGATION),
    unaffected("flatcar", "linux"),
    Row("bottlerocket", "kernel-6.12", None, Status.AFFECTED, disposition=Disposition.MITIGATED),
)
ROWS = (*DEBIAN, *UBUNTU, *RED_HAT, *ALMA, *ORACLE, *AMAZON, *SUSE, *OTHERS)
# What others call a fix of the kernel and is none: no kernel cell at all may stand here.
NO_KERNEL_CELL = ("alpine", "openEuler")


@dataclass(frozen=True)
class Told:
    given: list[Parsed]
    advisory: Advisory
    matrix: object
    shown: str  # the status document and all changes, as JSON


def own_documents() -> list[Parsed]:
    parsed = [parse_here(find_source(raw.source), raw) for raw in documents()]
    assert [(one.raw.url, one.problem) for one in parsed if one.document is None] == []
    assert [one.document.rejected for one in parsed if one.document and one.document.rejected] == []
    return parsed


@pytest.fixture(scope="module")
def told(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    given = parse_recording(shared_data, sources=TRACKERS) + own_documents()
    with application(tmp_path_factory.mktemp("facts")) as app:
        results: list[CycleResult] = take_all(app, sorted(given, key=lambda one: (one.raw.at, one.raw.source)))
        assert [one.held for one in results if one.held] == []
        found = load_advisory(app)
        assert found is not None
        said = [change_view(change) for one in results for change in one.changes]
        yield Told(given, found, view(app), json.dumps([view(app), said]))


def row_of(cell: Cell) -> Row:
    return Row(
        place="/".join(part for part in (cell.distro, cell.release) if part),
        package=cell.package,
        stream=cell.stream,
        status=cell.status,
        fixed=tuple(
            (one.branch, one.version, one.erratum, one.date.isoformat() if one.date else None) for one in cell.fixed
        ),
        disposition=cell.disposition,
        pro=cell.needs_subscription,
        partial=cell.partial,
    )


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_cell_is_as_its_vendor_says(told: Told, row: Row) -> None:
    """Status, disposition, and of each branch the first fixed version with its erratum and day."""
    found = [row_of(cell) for cell in told.advisory.cells]
    assert [one for one in found if (one.place, one.stream, one.package) == (row.place, row.stream, row.package)] == [
        row
    ]


def test_no_other_kernel_cell_is_fixed_or_not_affected(told: Told) -> None:
    """Nothing turns by an erratum of another CVE (SLES 15 SP7), a live patch, kmod or docker. Ubuntu's own record
    names three more kernels of its Pro pockets."""
    known = {str(one) for one in ROWS}
    kernels = [one for one in told.advisory.cells if one.kind is CellKind.PACKAGE]
    quiet = {str(row_of(one)) for one in kernels if one.status in (Status.FIXED, Status.NOT_AFFECTED)}
    assert sorted(quiet - known) == [
        "ubuntu/14.04 esm-infra-legacy linux-azure",
        "ubuntu/16.04 esm-infra linux-aws-hwe",
        "ubuntu/16.04 esm-infra linux-gcp",
    ]


@pytest.mark.parametrize("distro", NO_KERNEL_CELL)
def test_what_is_no_kernel_makes_no_kernel_cell(told: Told, distro: str) -> None:
    """Alpine's only row is docker's; openEuler-SA-2026-1544 is busybox'."""
    kernels = [one for one in told.advisory.cells if one.distro == distro and one.kind is CellKind.PACKAGE]
    assert kernels == []


def test_kmod_stands_for_no_kernel(told: Told) -> None:
    """USN-8226-1 for three releases is a mitigation with its versions; 22.04's kernel was fixed weeks later."""
    carriers = {(one.release, one.version) for one in told.advisory.carriers if one.package == "kmod"}
    assert carriers == {
        ("22.04", "29-1ubuntu1.1"),
        ("24.04", "31+20240202-2ubuntu7.2"),
        ("25.10", "34.2-2ubuntu1.1"),
    }
    assert [one for one in told.advisory.cells if one.kind is CellKind.PACKAGE and "USN-8226-1" in one.errata] == []


def test_a_live_patch_names_no_fixed_kernel(told: Told) -> None:
    """Red Hat's four kpatch errata fix a running kernel: no version to compare with."""
    live = [one for one in told.advisory.cells if one.kind is CellKind.LIVEPATCH]
    errata = sorted(erratum for one in live for erratum in one.errata)
    assert errata == ["RHSA-2026:15976", "RHSA-2026:15978", "RHSA-2026:16018", "RHSA-2026:16063"]
    assert [one.fixed for one in live] == [(), (), (), ()]


def test_the_wrong_answers_of_others_are_never_given(told: Told) -> None:
    """Neither in the matrix nor in any change on the way; and it is in KEV."""
    assert [word for word in NEVER if word in told.shown] == []
    assert told.advisory.exploited.kev


def test_backports_below_6_18_are_named(told: Told) -> None:
    """Eight branches, five of them older than 6.18."""
    assert [one.fix.version for one in told.advisory.upstream.fixed] == [
        "5.10.254",
        "5.15.204",
        "6.1.170",
        "6.6.137",
        "6.12.85",
        "6.18.22",
        "6.19.12",
        "7.0",
    ]


def test_the_openshift_images_are_related_packages(told: Told) -> None:
    """Eight errata of CoreOS images, none of them the kernel's cell."""
    images = [one for one in told.advisory.cells if one.distro == "rhcos"]
    assert {one.kind for one in images} == {CellKind.RELATED}
    assert sorted(erratum for one in images for erratum in one.errata) == [
        f"RHSA-2026:{number}" for number in (13690, 13727, 13729, 13811, 13862, 13885, 14097, 14112)
    ]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))])
def test_the_matrix_is_the_same_in_any_order_of_arrival(told: Told, tmp_path: Path, seed: int) -> None:
    """All vendors' documents shuffled together: no wrong answer on the way, and the same end."""
    with application(tmp_path) as app:
        said = [
            change_view(change)
            for source, batch in shuffled_batches(told.given, seed)
            for change in take_batch(app, source, batch).changes
        ]
        assert view(app) == told.matrix
    assert [word for word in NEVER if word in json.dumps(said)] == []
