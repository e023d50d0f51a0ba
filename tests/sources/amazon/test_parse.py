"""Amazon Linux: updateinfo of its repositories and the ALAS feeds."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import CellObservation, ErratumObservation, FixedVersion, ParsedDocument
from advisories.words import CellKind, Status
from sources.amazon import SOURCE
from sources.errors import ParseError
from tests.sources.amazon.documents import EXTRAS, KERNEL, LIVE_PATCH, OTHER, SECOND, feed, update, updateinfo
from tests.sources.hostile import assert_only_parse_errors, raw_document
from tests.sources.slices import read_with_slices

raw = raw_document("amazon", "https://cdn.amazonlinux.com/al2023/core/repodata/updateinfo.xml.gz", kind="updateinfo")
CVE = "CVE-2026-31431"
DAY = date(2026, 5, 4)
PAGE = "https://alas.aws.amazon.com/AL2023/ALAS2023-2026-1651.html"
FEED = feed(
    ("ALAS2023-2026-1651 (important): kernel", "CVE-2026-31431, CVE-2026-43033", PAGE),
    ("ALAS2023-2026-1600 (medium): rsyslog", "CVE-2026-1", PAGE.replace("1651", "1600")),
)


def cells(body: bytes) -> list[CellObservation]:
    return [
        one
        for record in SOURCE.parse(raw(body)).records
        for one in record.observations
        if isinstance(one, CellObservation)
    ]


def contents(parsed: ParsedDocument) -> list[tuple[str, datetime | None, object]]:
    return [(one.key, one.modified, one.observations) for one in parsed.records]


def test_a_kernel_erratum_of_2023() -> None:
    """Epoch 1 is kept, the empty live patch of the new kernel and other packages' errata are no cell."""
    parsed = read_with_slices(SOURCE.parse, raw, gzip.compress(updateinfo(OTHER, KERNEL)))
    assert parsed.rejected == ()
    assert contents(parsed) == [
        (
            "ALAS2023-2026-1651",
            datetime(2026, 5, 13, 23, 16, tzinfo=UTC),
            (
                ErratumObservation(
                    erratum="ALAS2023-2026-1651",
                    distro="amzn",
                    title="Important priority update for kernel",
                    cves=(CVE,),
                    issued=datetime(2026, 5, 4, 9, tzinfo=UTC),
                    updated=datetime(2026, 5, 13, 23, 16, tzinfo=UTC),
                    url=PAGE,
                ),
                CellObservation(
                    cve=CVE,
                    distro="amzn",
                    release="2023",
                    package="kernel",
                    status=Status.FIXED,
                    fixed=(FixedVersion(version="1:6.1.168-203.330.amzn2023", erratum="ALAS2023-2026-1651", date=DAY),),
                    errata=("ALAS2023-2026-1651",),
                    since=DAY,
                ),
            ),
        )
    ]


def test_kernels_of_their_own_names_and_streams() -> None:
    """kernel6.18 is a package, an extra of Amazon Linux 2 a stream; a live patch has no version to compare."""
    found = [
        (one.release, one.stream, one.package, one.kind, [each.version for each in one.fixed])
        for one in cells(updateinfo(SECOND, EXTRAS, LIVE_PATCH))
    ]
    assert found == [
        ("2023", None, "kernel6.18", CellKind.PACKAGE, ["1:6.18.20-41.237.amzn2023"]),
        ("2", "kernel-5.10", "kernel", CellKind.PACKAGE, ["5.10.254-250.1010.amzn2"]),
        ("2023", None, "kernel-livepatch", CellKind.LIVEPATCH, []),
    ]


def test_a_slice_is_a_document_of_its_own() -> None:
    """What is kept of a large document reads as the record it was cut from, also with letters beyond ASCII."""
    packages = KERNEL[KERNEL.index("<package") : KERNEL.index("</collection")]
    titled = update("ALAS2023-2026-9", "x", packages, title="é &amp; ü")
    parsed = read_with_slices(SOURCE.parse, raw, updateinfo(OTHER, titled, SECOND))
    assert [one.key for one in parsed.records] == ["ALAS2023-2026-9", "ALAS2023-2026-1649"]


def test_a_feed_names_the_fix_before_its_version() -> None:
    """A kernel's entry makes fixed cells without a version; other packages' entries nothing."""
    parsed = read_with_slices(SOURCE.parse, raw, FEED)
    assert parsed.rejected == ()
    assert contents(parsed) == [
        (
            "feed/ALAS2023-2026-1651",
            None,
            (
                ErratumObservation(
                    erratum="ALAS2023-2026-1651",
                    distro="amzn",
                    title="ALAS2023-2026-1651: kernel",
                    cves=(CVE, "CVE-2026-43033"),
                    issued=datetime(2026, 5, 4, 9, tzinfo=UTC),
                    url=PAGE,
                ),
                *(
                    CellObservation(
                        cve=cve,
                        distro="amzn",
                        release="2023",
                        package="kernel",
                        status=Status.FIXED,
                        errata=("ALAS2023-2026-1651",),
                        since=DAY,
                    )
                    for cve in (CVE, "CVE-2026-43033")
                ),
            ),
        )
    ]


@pytest.mark.parametrize(
    ("title", "folder", "expected"),
    [
        ("ALAS-2023-126 (important): kernel", "AL2023", ("feed/ALAS2023-2023-126", "2023", None, "kernel")),
        ("ALAS-2018-939 (critical): kernel", "AL2", ("feed/ALAS2-2018-939", "2", None, "kernel")),
        (
            "ALASKERNEL-5.4-2022-001 (medium): kernel",
            "AL2",
            ("feed/ALAS2KERNEL-5.4-2022-001", "2", "kernel-5.4", "kernel"),
        ),
        (
            "ALAS2023-2026-1650 (important): kernel6.12",
            "AL2023",
            ("feed/ALAS2023-2026-1650", "2023", None, "kernel6.12"),
        ),
        (
            "ALAS2LIVEPATCH-2026-001 (important): kernel-livepatch-5.10.230-223.885",
            "AL2",
            ("feed/ALAS2LIVEPATCH-2026-001", "2", None, "kernel-livepatch"),
        ),
    ],
)
def test_the_feeds_older_ids(title: str, folder: str, expected: tuple[str, str, str | None, str]) -> None:
    """One id for one erratum, as updateinfo spells it; the page's address tells the release where the id does not."""
    name = title.split(maxsplit=1)[0]
    (record,) = SOURCE.parse(raw(feed((title, CVE, f"https://alas.aws.amazon.com/{folder}/{name}.html")))).records
    (_, cell) = record.observations
    assert isinstance(cell, CellObservation)
    assert (record.key, cell.release, cell.stream, cell.package) == expected


def test_an_entry_of_another_system_is_rejected() -> None:
    """Amazon Linux AMI (1) is no release that we follow."""
    parsed = SOURCE.parse(raw(feed(("ALAS-2018-1 (low): kernel", CVE, "https://alas.aws.amazon.com/ALAS-2018-1.html"))))
    assert (parsed.records, [one.key for one in parsed.rejected]) == ((), ["entry 0"])


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE updates [<!ENTITY a "b">]>' + updateinfo(KERNEL).partition(b"\n")[2],
        b" " * 9000 + b'<!DOCTYPE updates [<!ENTITY a "b">]>' + updateinfo(KERNEL).partition(b"\n")[2],
        ('<!DOCTYPE updates [<!ENTITY a "b">]>' + updateinfo(KERNEL).decode().partition("\n")[2]).encode("utf-16"),
        FEED.replace(b"<rss", b'<!doctype rss [<!ENTITY a "b">]><rss'),
        updateinfo(KERNEL).replace(b"<updates>", b"<other>").replace(b"</updates>", b"</other>"),
        b"<other>" + updateinfo(KERNEL).partition(b"\n")[2] + b"</other>",
        gzip.compress(updateinfo(KERNEL))[:-5],
        FEED.replace(b"<channel>", b'<channel xmlns:x="y"></broken>'),
    ],
)
def test_documents_that_are_refused(body: bytes) -> None:
    """Document types, another root, cut gzip, broken XML in a feed."""
    with pytest.raises(ParseError):
        SOURCE.parse(raw(body))


@pytest.mark.parametrize("body", [updateinfo(KERNEL, EXTRAS), FEED])
def test_hostile_documents(body: bytes) -> None:
    """Cut and damaged."""
    assert_only_parse_errors(SOURCE.parse, raw, body)


def test_an_update_without_an_id_leaves_the_others() -> None:
    """It is rejected by its place."""
    parsed = SOURCE.parse(raw(updateinfo(KERNEL.replace("<id>ALAS2023-2026-1651</id>", ""), SECOND)))
    assert [one.key for one in parsed.rejected] == ["update 0"]
    assert [one.key for one in parsed.records] == ["ALAS2023-2026-1649"]


def test_the_real_updateinfo(shared_data: Path) -> None:
    """Live excerpts: a kernel of AL2, one of its extras and a live patch; nothing of nvidia and others."""
    found = []
    for path in sorted((shared_data / "amazon" / "a").glob("updateinfo*.gz")):
        for record in SOURCE.parse(raw(path.read_bytes())).records:
            versions = {
                (one.release, one.stream, one.package, *(each.version for each in one.fixed))
                for one in record.observations
                if isinstance(one, CellObservation)
            }
            found.append((record.key, versions))
    assert found == [
        ("ALAS2-2018-939", {("2", None, "kernel", "4.9.76-38.79.amzn2")}),
        ("ALAS2023LIVEPATCH-2023-001", {("2023", None, "kernel-livepatch")}),
        ("ALAS2KERNEL-5.15-2022-001", {("2", "kernel-5.15", "kernel", "5.15.43-20.123.amzn2")}),
    ]
