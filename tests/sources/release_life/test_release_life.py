"""Dates of releases: distro-info-data's tables, both forms of endoflife.date, and their fetch."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from advisories.observation import ParsedDocument, Record, Rejected, ReleaseObservation
from sources.errors import FetchError, ParseError
from sources.release_life import SOURCE
from sources.release_life.parse import parse
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import (
    assert_only_parse_errors,
    assert_wrong_json_is_survived,
    cut_documents,
    outcome,
    raw_document,
)

csv_of = raw_document("release-life", "https://salsa.debian.org/debian/distro-info-data/-/raw/main/debian.csv")
kernel_of = raw_document("release-life", "https://endoflife.date/api/linux.json")
rhel_of = raw_document("release-life", "https://endoflife.date/api/v1/products/rhel/")

DEBIAN = b"""version,codename,series,created,release,eol,eol-lts,eol-elts
11,Bullseye,bullseye,2019-07-06,2021-08-14,2024-08-14,2026-08-31,2031-06-30
13,Trixie,trixie,2023-06-10,2025-08-09,2028-08-09,2030-06-30,2035-06-30
14,Forky,forky,2025-08-09
,Sid,sid,1993-08-16
"""
UBUNTU = b"""version,codename,series,created,release,eol,eol-server,eol-esm,eol-legacy
24.04 LTS,Noble Numbat,noble,2023-10-12,2024-04-25,2029-05-31,2029-05-31,2034-04-25,2036-04-25
25.10,Questing Quokka,questing,2025-04-17,2025-10-09,2026-07-09
"""
KERNEL = b"""[
 {"cycle": "6.12", "releaseDate": "2024-11-17", "eol": "2026-12-31", "latest": "6.12.85",
  "latestReleaseDate": "2026-04-30", "lts": true},
 {"cycle": "6.19", "releaseDate": "2026-02-08", "eol": false, "latest": "6.19.14", "lts": false},
 {"cycle": "6.17", "releaseDate": "2025-09-28", "eol": true, "latest": "6.17.13", "lts": false}
]"""
RHEL = b"""{"schema_version": "1.2.0", "generated_at": "2026-05-04T00:00:00Z", "result": {"name": "rhel",
 "aliases": [], "label": "Red Hat Enterprise Linux", "releases": [{"name": "9", "codename": "Plow", "label": "9",
 "releaseDate": "2022-05-17", "isLts": true, "ltsFrom": null, "isEoas": false, "eoasFrom": "2027-05-31",
 "isEol": false, "eolFrom": "2032-05-31", "isEoes": false, "eoesFrom": "2035-05-31", "isMaintained": true,
 "latest": {"name": "9.7", "date": "2025-11-11", "link": null}, "custom": null}]}}"""


def record(distro: str, release: str, **more: object) -> Record:
    observation = ReleaseObservation(distro=distro, release=release, **more)  # type: ignore[arg-type]  # as named
    return Record(key=f"release/{distro}/{release}", observations=(observation,))


def test_debian_has_three_ends() -> None:
    """Regular support, the volunteers' LTS and the paid one; a planned release has none; sid is no release."""
    assert parse(csv_of(DEBIAN)) == ParsedDocument(
        records=(
            record(
                "debian",
                "11",
                codename="bullseye",
                released=date(2021, 8, 14),
                support_ends=date(2024, 8, 14),
                lts_ends=date(2026, 8, 31),
                paid_ends=date(2031, 6, 30),
            ),
            record(
                "debian",
                "13",
                codename="trixie",
                released=date(2025, 8, 9),
                support_ends=date(2028, 8, 9),
                lts_ends=date(2030, 6, 30),
                paid_ends=date(2035, 6, 30),
            ),
            record("debian", "14", codename="forky"),
        ),
        complete=True,
    )


def test_ubuntu_is_told_by_its_columns() -> None:
    """The version without "LTS", and the paid end of Pro."""
    assert parse(csv_of(UBUNTU)).records == (
        record(
            "ubuntu",
            "24.04",
            codename="noble",
            released=date(2024, 4, 25),
            support_ends=date(2029, 5, 31),
            paid_ends=date(2034, 4, 25),
        ),
        record("ubuntu", "25.10", codename="questing", released=date(2025, 10, 9), support_ends=date(2026, 7, 9)),
    )


def test_a_row_with_a_wrong_date_is_rejected_alone() -> None:
    """The other rows of the table count."""
    parsed = parse(csv_of(DEBIAN.replace(b"2024-08-14", b"2024-13-14")))
    assert [one.key for one in parsed.records] == ["release/debian/13", "release/debian/14"]
    assert parsed.rejected == (
        Rejected(key="release/debian/11", what="no version, codename or date where one should be"),
    )


def test_kernel_branches_with_a_date_or_a_flag() -> None:
    """An end may be a date, "over" or "not yet"; the kernel's branches are longterm or stable."""
    assert parse(kernel_of(KERNEL)).records == (
        record(
            "kernel",
            "6.12",
            latest="6.12.85",
            released=date(2024, 11, 17),
            support_ends=date(2026, 12, 31),
            moniker="longterm",
        ),
        record("kernel", "6.19", latest="6.19.14", released=date(2026, 2, 8), eol=False, moniker="stable"),
        record("kernel", "6.17", latest="6.17.13", released=date(2025, 9, 28), eol=True, moniker="stable"),
    )


def test_the_newer_form_names_its_product() -> None:
    """The product comes from the document, the newest minor from `latest`."""
    assert parse(rhel_of(RHEL)) == ParsedDocument(
        records=(
            record(
                "rhel",
                "9",
                latest="9.7",
                released=date(2022, 5, 17),
                support_ends=date(2032, 5, 31),
                paid_ends=date(2035, 5, 31),
                eol=False,
                codename="plow",
            ),
        ),
        complete=True,
    )


def test_a_product_that_nobody_follows_is_an_error() -> None:
    """An address that gives the dates of something else is a mistake of the configuration."""
    with pytest.raises(ParseError, match="'nginx' is none that is followed"):
        parse(raw_document("release-life", "https://endoflife.date/api/nginx.json")(KERNEL))


def test_broken_documents() -> None:
    """Tables and JSON, cut and damaged: ParseError or clean text."""
    assert_only_parse_errors(parse, kernel_of, KERNEL)
    assert_only_parse_errors(parse, rhel_of, RHEL)
    assert_only_parse_errors(parse, csv_of, UBUNTU, cuts_fail=False)
    assert_wrong_json_is_survived(parse, kernel_of, KERNEL)
    assert_wrong_json_is_survived(parse, rhel_of, RHEL)


def test_a_cut_table_holds_whole_rows_only() -> None:
    """A date that lost its end, or a row that lost its last dates, is not taken in."""
    whole = set(parse(csv_of(DEBIAN)).records)
    for name, cut in cut_documents(DEBIAN, 300):
        parsed = outcome(parse, csv_of(cut))
        assert set(parsed.records if parsed else ()) <= whole, name


def test_fetch_asks_each_address(tmp_path: Path) -> None:
    """One document a batch; what is unchanged is said to be; one that fails is raised after the others."""
    answers: dict[str, bytes | tuple[int, dict[str, str]]] = {"/debian.csv": DEBIAN, "/api/linux.json": KERNEL}
    with path_server(answers) as server:
        urls = tuple(f"{server.url}{path}" for path in ("/api/rhel.json", "/debian.csv", "/api/linux.json"))
        context = make_context(SOURCE, server, tmp_path, {"url": urls}, held=frozenset({urls[2]}))
        got: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        with pytest.raises(FetchError, match="answered 404"):
            for batch in SOURCE.fetch(context):
                got.append((tuple(raw.url for raw in batch.documents), batch.same))
    assert got == [((urls[1],), ()), ((), (urls[2],))]
