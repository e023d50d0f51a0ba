"""NixOS: the kernels of a branch of nixpkgs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisories.observation import PackageVersionObservation, ParsedDocument, Record, Rejected
from sources.errors import FetchError, ParseError
from sources.nixos import SOURCE
from sources.nixos.parse import release_of
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document

FILE = "pkgs/os-specific/linux/kernel/kernels-org.json"
URL = f"https://raw.githubusercontent.com/NixOS/nixpkgs/nixos-25.11/{FILE}"
RAW = raw_document("nixos", URL)
KERNELS = {
    "testing": {"version": "7.1-rc2", "hash": "sha256:0", "lts": False},
    "6.12": {"version": "6.12.85", "hash": "sha256:1", "lts": True},
    "7.0": {"version": "7.0", "hash": "sha256:2", "lts": False},
}
BODY = json.dumps(KERNELS, indent=4).encode()


def shipped(series: str, version: str, release: str | None = "25.11") -> Record:
    one = PackageVersionObservation(
        distro="nixos", release=release, package=f"linux-{series}", version=version, upstream=version
    )
    return Record(key=f"{release or 'unknown'}/linux-{series}", observations=(one,))


def test_each_series_is_a_package() -> None:
    """By the release of its branch; a release candidate is no release."""
    records = (shipped("6.12", "6.12.85"), shipped("7.0", "7.0"))
    assert SOURCE.parse(RAW(BODY)) == ParsedDocument(records=records, complete=True)


def test_the_real_list(shared_data: Path) -> None:
    """January 2026: every line before the fix."""
    parsed = SOURCE.parse(RAW((shared_data / "nixos/kernels-org.json").read_bytes()))
    versions = {
        "5.10": "5.10.247",
        "5.15": "5.15.197",
        "6.1": "6.1.159",
        "6.12": "6.12.64",
        "6.18": "6.18.5",
        "6.6": "6.6.119",
    }
    assert parsed == ParsedDocument(
        records=tuple(shipped(series, version) for series, version in versions.items()), complete=True
    )


@pytest.mark.parametrize(
    ("branch", "release"),
    [
        ("nixos-25.11", "25.11"),
        ("nixos-25.11-small", "25.11"),
        ("release-26.05", "26.05"),
        ("nixos-unstable", "unstable"),
        ("master", "unstable"),
        ("my-branch", None),
    ],
)
def test_the_branch_is_the_release(branch: str, release: str | None) -> None:
    """A branch that is none of NixOS's own names no release."""
    assert release_of(f"https://raw.githubusercontent.com/NixOS/nixpkgs/{branch}/{FILE}") == release


@pytest.mark.parametrize("version", ["6.13.1", "6.12.85-rc1", "٦.12.85", "", 6])
def test_a_version_of_another_series_is_rejected(version: object) -> None:
    """The other series count."""
    parsed = SOURCE.parse(RAW(json.dumps({**KERNELS, "6.12": {"version": version}}).encode()))
    assert parsed.records == (shipped("7.0", "7.0"),)
    assert [one.key for one in parsed.rejected] == ["25.11/linux-6.12"]


def test_rejected_text_is_one_line() -> None:
    """What the operator reads holds no control characters."""
    parsed = SOURCE.parse(RAW(json.dumps({"6.12": {"version": "x\x00\ny"}}).encode()))
    assert parsed.rejected == (Rejected(key="25.11/linux-6.12", what="x y is no release of 6.12"),)


def test_a_list_without_a_series_is_none() -> None:
    """The file was replaced by something else."""
    with pytest.raises(ParseError):
        SOURCE.parse(RAW(b'{"testing": {"version": "7.1-rc2"}}'))


def test_broken_documents_are_parse_errors() -> None:
    """Cut, damaged, replaced by a page, or with a wrong value in any field."""
    small = json.dumps(KERNELS).encode()
    assert_only_parse_errors(SOURCE.parse, RAW, small)
    assert_wrong_json_is_survived(SOURCE.parse, RAW, small)


def test_fetching_branches(tmp_path: Path) -> None:
    """Each branch is a stream; one that is gone is a note and the others come; when all are gone that is an error."""
    with path_server({f"/nixos-26.05/{FILE}": BODY}) as server:
        gone, there = (f"{server.url}/{branch}/{FILE}" for branch in ("nixos-25.11", "nixos-26.05"))
        batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": (gone, there)})))
        assert [(one.stream, [each.url for each in one.documents], len(one.notes)) for one in batches] == [
            ("25.11", [], 1),
            ("26.05", [there], 0),
        ]
        (same,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": there}, held=frozenset({there})))
        assert (same.documents, same.same) == ((), (there,))
        with pytest.raises(FetchError, match="answered 404"):
            list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": gone})))
