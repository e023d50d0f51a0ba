"""Debian's kernel changelog: titles, CVE ids and dates of each package version."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisories.observation import PackageChangelogObservation, ParsedDocument, Record, Rejected
from sources.debian.changelog import MOST_ENTRIES
from sources.debian.parse import parse
from tests.sources.hostile import assert_only_parse_errors, cut_documents, outcome, raw_document

URL = "https://salsa.debian.org/kernel-team/linux/-/raw/debian/6.12/trixie-security/debian/changelog"
raw_of = raw_document("debian", URL)

NEWEST = b"""linux (6.12.96-1) trixie-security; urgency=high

  * New upstream stable update:
    https://www.kernel.org/pub/linux/kernel/v6.x/ChangeLog-6.12.96
    - crypto: af_alg - Remove zero-copy support from skcipher and aead
    - [arm64,armhf] net: example: a title that is long enough to be folded onto
      a second line (CVE-2026-63829)
    - Revert "example: do a thing" (Closes: #1140651) (CVE-2026-1, CVE-2026-64514)

  [ A. Maintainer ]
  * [rt] Refresh the series
  * crypto: algif_aead - Backport of a664bf3d603dc3bdcf9ae47cc21e0daec706d7a5

 -- A. Maintainer <maintainer@example.org>  Mon, 20 Jul 2026 09:13:07 +0200
"""
OLDER = b"""
linux (6.12.85-1) unstable; urgency=medium

  * New upstream stable update:
    - crypto: algif_aead - Revert to operating out-of-place (CVE-2026-31431)

 -- A. Maintainer <maintainer@example.org>  Thu, 30 Apr 2026 13:38:11 +0200
"""


def entry(version: str, date: str = "Thu, 30 Apr 2026 13:38:11 +0200") -> bytes:
    return f"linux ({version}) trixie; urgency=low\n\n  * a title\n\n -- A <a@example.org>  {date}\n\n".encode()


def test_each_version_says_what_it_took_in() -> None:
    """Titles without architectures, bugs and CVE ids; folded lines joined; the entry itself as slice."""
    assert parse(raw_of(NEWEST + OLDER)) == ParsedDocument(
        records=(
            Record(
                key="changelog/linux/6.12.96-1",
                observations=(
                    PackageChangelogObservation(
                        distro="debian",
                        release="13",
                        package="linux",
                        version="6.12.96-1",
                        at=datetime(2026, 7, 20, 7, 13, 7, tzinfo=UTC),
                        titles=(
                            "crypto: af_alg - Remove zero-copy support from skcipher and aead",
                            "net: example: a title that is long enough to be folded onto a second line",
                            'Revert "example: do a thing"',
                            "Refresh the series",
                            "crypto: algif_aead - Backport of a664bf3d603dc3bdcf9ae47cc21e0daec706d7a5",
                        ),
                        commits=("a664bf3d603dc3bdcf9ae47cc21e0daec706d7a5",),
                        cves=("CVE-2026-63829", "CVE-2026-64514"),
                    ),
                ),
                slice=NEWEST,
            ),
            Record(
                key="changelog/linux/6.12.85-1",
                observations=(
                    PackageChangelogObservation(
                        distro="debian",
                        release="sid",
                        package="linux",
                        version="6.12.85-1",
                        at=datetime(2026, 4, 30, 11, 38, 11, tzinfo=UTC),
                        titles=("crypto: algif_aead - Revert to operating out-of-place",),
                        commits=(),
                        cves=("CVE-2026-31431",),
                    ),
                ),
                slice=OLDER.lstrip(),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("file", "release", "version", "title"),
    [
        ("trixie", "13", "6.12.96-1", "crypto: af_alg - Remove zero-copy support from skcipher and aead"),
        ("trixie", "13", "6.12.85-1", "crypto: algif_aead - Revert to operating out-of-place"),
        ("bookworm", "12", "6.1.180-1", "crypto: af_alg - Remove zero-copy support from skcipher and aead"),
        ("bookworm", "12", "6.1.170-1", "crypto: algif_aead - Revert to operating out-of-place"),
        ("bullseye", "11", "5.10.262-1", "crypto: af_alg - Remove zero-copy support from skcipher and aead"),
        ("bullseye", "11", "5.10.251-2", "crypto: algif_aead - Revert to operating out-of-place"),
    ],
)
def test_the_real_changelogs(shared_data: Path, file: str, release: str, version: str, title: str) -> None:
    """The patch without a CVE and the fix are found by title in the version that brought them."""
    body = (shared_data / f"debian/changelog.linux.{file}.afalg-entries.txt").read_bytes()
    parsed = parse(raw_of(body))
    found = [
        (one.release, one.version)
        for record in parsed.records
        for one in record.observations
        if isinstance(one, PackageChangelogObservation) and title in one.titles
    ]
    assert (found, parsed.rejected) == ([(release, version)], ())


def test_only_the_newest_entries_are_read() -> None:
    """A changelog of twenty years is read as far as its newest entries."""
    body = b"".join(entry(f"6.12.{number}-1") for number in range(200, 0, -1))
    records = parse(raw_of(body)).records
    assert [record.key for record in (records[0], records[-1])] == [
        "changelog/linux/6.12.200-1",
        f"changelog/linux/6.12.{200 - MOST_ENTRIES + 1}-1",
    ]


def test_what_was_not_released_is_left_out() -> None:
    """The entry that is being written, experimental and backports, and packages that are no kernel."""
    body = (
        entry("6.12.97-1").replace(b" trixie;", b" UNRELEASED;")
        + entry("7.1~rc3-1~exp1").replace(b" trixie;", b" experimental;")
        + entry("6.12.96-1~bpo12+1").replace(b" trixie;", b" bookworm-backports;")
        + entry("1.0-1").replace(b"linux", b"examplepkg", 1)
        + entry("6.12.96-1")
    )
    parsed = parse(raw_of(body))
    assert ([record.key for record in parsed.records], parsed.rejected) == (["changelog/linux/6.12.96-1"], ())


def test_a_date_that_no_calendar_has_is_none() -> None:
    """The entry counts; only its time is unknown."""
    (record,) = parse(raw_of(entry("6.12.96-1", "Thu, 31 Feb 2026 13:38:11 +9900"))).records
    (found,) = record.observations
    assert isinstance(found, PackageChangelogObservation)
    assert (found.version, found.at) == ("6.12.96-1", None)


def test_an_entry_without_its_trailer_is_rejected() -> None:
    """A cut entry may lack titles, so nothing of it counts."""
    cut = (NEWEST + OLDER)[:-20]
    parsed = parse(raw_of(cut))
    assert [record.key for record in parsed.records] == ["changelog/linux/6.12.96-1"]
    assert parsed.rejected == (Rejected(key="changelog/linux/6.12.85-1", what="the entry has no trailer line"),)


def test_a_trailer_of_a_million_blanks_is_read_in_one_pass() -> None:
    """A pattern that tried each of them again would not come back; the entry has no date then."""
    trailer = b" -- A <a@example.org>  Thu, 30 Apr 2026 13:38:11 +0200"
    body = entry("6.12.96-1").replace(trailer, trailer + b" " * 1_000_000 + b"x")
    (record,) = parse(raw_of(body)).records
    found = record.observations[0]
    assert isinstance(found, PackageChangelogObservation)
    assert found.at == datetime(2026, 4, 30, 11, 38, 11, tzinfo=UTC)


def test_broken_changelogs() -> None:
    """Damaged changelogs give ParseError or clean text, and a cut one whole entries only."""
    body = NEWEST + OLDER
    whole = set(parse(raw_of(body)).records)
    assert_only_parse_errors(parse, raw_of, body, cuts_fail=False)
    for name, cut in cut_documents(body, 200):
        parsed = outcome(parse, raw_of(cut))
        assert set(parsed.records if parsed else ()) <= whole, name
