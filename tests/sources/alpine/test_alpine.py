"""Alpine: the security database, one CVE of the tracker, and the version in an APKBUILD."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisories.observation import (
    CellObservation,
    FixedVersion,
    PackageVersionObservation,
    ParsedDocument,
    Record,
)
from advisories.words import CellKind, Status
from sources.alpine.parse import parse
from sources.errors import ParseError
from tests.sources.hostile import (
    assert_only_parse_errors,
    assert_wrong_json_is_survived,
    cut_documents,
    outcome,
    raw_document,
)

secdb_of = raw_document("alpine", "https://secdb.alpinelinux.org/v3.22/community.json")
tracker_of = raw_document("alpine", "https://security.alpinelinux.org/vuln/CVE-2026-31431")
aports_of = raw_document(
    "alpine", "https://gitlab.alpinelinux.org/alpine/aports/-/raw/3.22-stable/main/linux-lts/APKBUILD"
)

SECDB = b"""{
  "apkurl": "{{urlprefix}}/{{distroversion}}/{{reponame}}/{{arch}}/{{pkg.name}}-{{pkg.ver}}.apk",
  "archs": ["aarch64", "x86_64"], "reponame": "community", "urlprefix": "https://dl-cdn.alpinelinux.org/alpine",
  "distroversion": "v3.22",
  "packages": [
    {"pkg": {"name": "docker", "secfixes": {"29.4.2-r0": ["CVE-2026-31431"], "0": ["CVE-2026-43033 XSA-1"],
      "not a version": ["CVE-2026-20002"], "29.0.0-r0": null}}},
    {"pkg": {"name": "exampleviewer", "secfixes": {"1.2-r0": ["CVE-2026-20001"]}}},
    {"pkg": {"name": "linux-pam", "secfixes": {"1.7.0-r4": ["CVE-2025-6020"]}}}
  ]}
"""
TRACKER = {
    "id": "https://security.alpinelinux.org/vuln/CVE-2026-31431",
    "state": [
        {
            "fixed": True,
            "published": True,
            "repo": "edge-community",
            "packageName": "docker",
            "packageVersion": "29.4.10-r0",
        },
        {
            "fixed": True,
            "published": False,
            "repo": "edge-community",
            "packageName": "docker",
            "packageVersion": "29.4.2-r0",
        },
        {
            "fixed": False,
            "published": True,
            "repo": "3.22-main",
            "packageName": "linux-lts",
            "packageVersion": "6.12.80-r0",
        },
        {
            "fixed": False,
            "published": False,
            "repo": "3.21-main",
            "packageName": "linux-lts",
            "packageVersion": "6.12.70-r0",
        },
        {"fixed": True, "repo": "elsewhere", "packageName": "docker", "packageVersion": "1-r0"},
    ],
    "cpeMatch": [{"minimumVersion": "4.14", "maximumVersion": "5.10.254"}],
}
APKBUILD = b"""# Maintainer: Somebody <somebody@example.org>
pkgname=linux-lts
pkgver=6.12.85
case $pkgver in
	*.*.*)	_kernver=${pkgver%.*};;
esac
pkgrel=0
pkgdesc="Linux lts kernel"
url="https://www.kernel.org"
"""


def cell(package: str, release: str, status: Status, word: str, version: str | None = None) -> CellObservation:
    return CellObservation(
        cve="CVE-2026-31431",
        distro="alpine",
        release=release,
        package=package,
        kind=CellKind.PACKAGE if package == "linux-lts" else CellKind.RELATED,
        status=status,
        fixed=(FixedVersion(version=version),) if version else (),
        vendor_status=word,
    )


def test_the_database_says_what_was_fixed() -> None:
    """Of companions of a kernel, with the version; "0" is not affected; linux-pam and a viewer are passed over."""
    parsed = parse(secdb_of(SECDB))
    (record,) = parsed.records
    never = CellObservation(
        cve="CVE-2026-43033",
        distro="alpine",
        release="3.22",
        package="docker",
        kind=CellKind.RELATED,
        status=Status.NOT_AFFECTED,
        vendor_status="secfixes",
    )
    assert record.key == "secdb/3.22/community/docker"
    assert record.observations == (cell("docker", "3.22", Status.FIXED, "secfixes", "29.4.2-r0"), never)
    assert (parsed.rejected, parsed.complete) == ((), True)


def test_a_cve_that_was_fixed_twice_counts_from_the_second() -> None:
    """The first fix was not enough, in whatever order they stand."""
    body = SECDB.replace(b'"29.0.0-r0": null', b'"29.4.10-r0": ["CVE-2026-31431"], "29.4.3-r1": ["CVE-2026-31431"]')
    (record,) = parse(secdb_of(body)).records
    assert record.observations[0] == cell("docker", "3.22", Status.FIXED, "secfixes", "29.4.10-r0")


def test_a_slice_of_the_database_says_the_same() -> None:
    """And it is no whole list."""
    record = parse(secdb_of(SECDB)).records[0]
    assert parse(secdb_of(record.slice)) == ParsedDocument(records=(record,), complete=False)


def test_the_tracker_says_the_state_of_each_package() -> None:
    """The earliest fixed version per release, an open kernel, and nothing from a row that is not published."""
    parsed = parse(tracker_of(json.dumps(TRACKER).encode()))
    assert parsed.records == (
        Record(
            key="tracker/CVE-2026-31431",
            observations=(
                cell("docker", "edge", Status.FIXED, "fixed", "29.4.2-r0"),
                cell("linux-lts", "3.22", Status.AFFECTED, "open"),
            ),
        ),
    )
    assert [one.key for one in parsed.rejected] == ["tracker/CVE-2026-31431#4"]


def test_the_real_answer_of_the_tracker(shared_data: Path) -> None:
    """For Copy Fail it has docker alone: a related package, and no word about the kernel."""
    body = (shared_data / "alpine/unfixed/real/CVE-2026-31431.json").read_bytes()
    assert parse(tracker_of(body)).records == (
        Record(
            key="tracker/CVE-2026-31431",
            observations=(cell("docker", "edge", Status.FIXED, "fixed", "29.4.2-r0"),),
        ),
    )


@pytest.mark.parametrize("file", ["v3.16/main.json", "v3.16/community.json", "v3.2/main.json"])
def test_real_databases_are_read(shared_data: Path, file: str) -> None:
    """They hold no kernel and no companion, which is no error."""
    parsed = parse(secdb_of((shared_data / "alpine/secdb/a" / file).read_bytes()))
    assert (parsed.records, parsed.rejected) == ((), ())


@pytest.mark.parametrize(
    ("branch", "version", "release", "upstream"),
    [
        ("3.22-stable", "6.12.85", "3.22", "6.12.85"),
        ("master", "7.0", "edge", "7.0"),
        ("master", "7.1_rc3", "edge", "7.1-rc3"),
    ],
)
def test_an_apkbuild_says_what_is_shipped(branch: str, version: str, release: str, upstream: str) -> None:
    """Package version and the upstream release that it is built on; the branch is the release."""
    raw_of = raw_document("alpine", f"http://127.0.0.1/alpine/aports/-/raw/{branch}/main/linux-lts/APKBUILD")
    assert parse(raw_of(APKBUILD.replace(b"6.12.85", version.encode()))) == ParsedDocument(
        records=(
            Record(
                key=f"aports/{release}/linux-lts",
                observations=(
                    PackageVersionObservation(
                        distro="alpine",
                        release=release,
                        package="linux-lts",
                        version=f"{version}-r0",
                        upstream=upstream,
                    ),
                ),
            ),
        )
    )


@pytest.mark.parametrize("value", [b"$(id)", b"${_base}.3", b"6.12.85.tar", b"'6.12.85"])
def test_a_version_that_a_shell_would_make_is_not_read(value: bytes) -> None:
    """Nothing of the script is evaluated."""
    with pytest.raises(ParseError):
        parse(aports_of(APKBUILD.replace(b"pkgver=6.12.85", b"pkgver=" + value)))


def test_broken_documents() -> None:
    """Cut and damaged documents, and wrong values: ParseError or clean text."""
    tracker = json.dumps(TRACKER).encode()
    assert_only_parse_errors(parse, secdb_of, SECDB)
    assert_only_parse_errors(parse, tracker_of, tracker)
    assert_only_parse_errors(parse, aports_of, APKBUILD, cuts_fail=False)
    assert_wrong_json_is_survived(parse, secdb_of, SECDB)
    assert_wrong_json_is_survived(parse, tracker_of, tracker)


def test_a_cut_apkbuild_names_no_wrong_version() -> None:
    """6.12.85-r0 or an error, wherever it was cut."""
    for name, cut in cut_documents(APKBUILD, 300):
        parsed = outcome(parse, aports_of(cut))
        found = (
            [getattr(one, "version", "") for record in parsed.records for one in record.observations] if parsed else []
        )
        assert found in ([], ["6.12.85-r0"]), name
