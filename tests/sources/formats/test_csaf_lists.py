"""Lists of CSAF directories, and JSON with trailing commas."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sources.errors import ParseError
from sources.formats.changes_csv import ListedFile, read_changes, read_index
from sources.formats.lenient_json import without_trailing_commas


def test_changes_keep_the_newest_time_of_a_path_and_skip_other_lines() -> None:
    """Quoted or not, unsorted, twice, with other zones; what is no row is skipped."""
    body = b"""\xef\xbb\xbf"2026/cve-2026-31431.json","2026-05-04T10:00:00+00:00"\r
2026/cve-2026-43033.json,2026-05-05T02:00:00+02:00
"2026/cve-2026-31431.json","2026-05-06T10:00:00Z"
"2026/cve-2026-1.json","yesterday"
"../../etc/passwd.json","2026-05-06T10:00:00Z"
"https://evil.example/a.json","2026-05-06T10:00:00Z"
"suse-su-403.json","2014-10-24T22:07:03Z"
"2026/\xff.json","2026-05-06T10:00:00Z"
"""
    assert read_changes(body) == (
        ListedFile(path="2026/cve-2026-31431.json", changed_at=datetime(2026, 5, 6, 10, tzinfo=UTC)),
        ListedFile(path="2026/cve-2026-43033.json", changed_at=datetime(2026, 5, 5, tzinfo=UTC)),
        ListedFile(path="suse-su-403.json", changed_at=datetime(2014, 10, 24, 22, 7, 3, tzinfo=UTC)),
    )


def test_an_index_is_its_paths() -> None:
    """The last line may have no end."""
    assert read_index(b"2025/msrc_cve-2025-25186.json\r\n\n2025/msrc_cve-2025-26465.json") == (
        ListedFile(path="2025/msrc_cve-2025-25186.json"),
        ListedFile(path="2025/msrc_cve-2025-26465.json"),
    )


@pytest.mark.parametrize(
    ("path", "cve"),
    [
        ("cve-2026-31431.json", "CVE-2026-31431"),
        ("2026/csaf-openeuler-cve-2026-31431.json", "CVE-2026-31431"),
        ("2026/msrc_cve-2026-31431.json", "CVE-2026-31431"),
        ("2026/rhsa-2026_13565.json", None),
        ("notcve-2026-31431.json", None),
    ],
)
def test_a_name_tells_its_cve(path: str, cve: str | None) -> None:
    """With the prefixes of the vendors."""
    assert ListedFile(path=path).cve == cve


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"\x00" * 100, b'"a","b"'])
def test_a_list_without_a_row_is_none(body: bytes) -> None:
    """An empty list would say that a vendor lost all documents."""
    with pytest.raises(ParseError):
        read_changes(body)
    with pytest.raises(ParseError):
        read_index(body)


def test_lists_of_the_vendors(shared_data: Path) -> None:
    """The real lists of Red Hat and openEuler are read to their last row."""
    assert len(read_changes((shared_data / "redhat/csaf/c/csaf/server/changes.csv").read_bytes())) == 5
    assert len(read_index((shared_data / "openeuler/csaf/a/happy/cve/index.txt").read_bytes())) == 3


def test_trailing_commas_go_and_strings_stay() -> None:
    """Commas before brackets, with white space between; the same text inside a string is untouched."""
    body = b'{"a": [1, 2,\r\n ], "b": "x, ]", "c": "\\",}", "d": {"e": null, \t},}'
    assert json.loads(without_trailing_commas(body)) == {"a": [1, 2], "b": "x, ]", "c": '",}', "d": {"e": None}}


@pytest.mark.parametrize(
    "body", [b'"' * 200_001, b'\\"' * 100_000, b'"' + b"\\" * 200_001, b"," * 200_000 + b" " * 200_000, b'"a']
)
def test_hostile_text_costs_no_more_than_its_length(body: bytes) -> None:
    """Strings without an end and walls of quotes come back as they were, at once."""
    assert without_trailing_commas(body) == body
