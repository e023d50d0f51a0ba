"""Ids, links, texts and times of foreign documents: what is kept, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.kernel_ranges import branch_of_release
from sources.formats.text import (
    clean_line,
    clean_text,
    is_commit_id,
    is_cve_id,
    is_cwe_id,
    iso_date,
    utc_time,
    web_link,
)

CVE_IDS = {
    "CVE-2026-31431": True,
    "CVE-1999-0001": True,
    "CVE-2026-1234567890123456789": True,
    "CVE-2026-31431\n": False,
    " CVE-2026-31431": False,
    "cve-2026-31431": False,
    "CVE-2026-031431": False,
    "CVE-2026-314": False,
    "CVE-0026-31431": False,
    "CVE-2026-٣١٤٣١": False,
    "СVE-2026-31431": False,
    "CVE‑2026‑31431": False,
    "CVE-2026-31\u200b431": False,
    "\u202eCVE-2026-31431": False,
    "CVE-2026-12345678901234567890": False,
}


@pytest.mark.parametrize("text", CVE_IDS)
def test_cve_ids_have_one_spelling(text: str) -> None:
    """B60 to B64 and B108: no other script, no invisible character, no other case or length."""
    assert is_cve_id(text) is CVE_IDS[text]


def test_commit_and_weakness_ids() -> None:
    """Whole commit ids in lower case; weaknesses by number."""
    assert [is_commit_id(text) for text in ("a" * 40, "A" * 40, "a" * 12, "a" * 41, "a" * 40 + "\n")] == [
        True, False, False, False, False
    ]  # fmt: skip
    names = ("CWE-669", "CWE-0", "NVD-CWE-noinfo", "CWE-669 x", "CWE-٦٦٩")
    assert [is_cwe_id(text) for text in names] == [True, False, False, False, False]


LINKS = {
    "https://git.kernel.org/stable/c/a664bf3d603d": "https://git.kernel.org/stable/c/a664bf3d603d",
    " http://xint.io/blog#the-fix-6 ": "http://xint.io/blog#the-fix-6",
    "https://example.org:8443?a=b": "https://example.org:8443?a=b",
    "javascript:alert(1)": None,
    "data:text/html,x": None,
    "tg://user?id=1": None,
    "//example.org/": None,
    "https://git.kernel.org@evil.example/": None,
    "https://evil.example\\@git.kernel.org/": None,
    "https://a b/": None,
    "https://git.kernеl.org/": None,
    "https://example.org/\u202e": None,
    "https://example.org/" + "x" * 2_000: None,
    "": None,
}


@pytest.mark.parametrize("text", LINKS)
def test_links_are_plain_web_addresses(text: str) -> None:
    """B40, B65, B66, B105: other schemes, user parts, other scripts and endless addresses are no links."""
    assert web_link(text) == LINKS[text]


def test_text_can_be_stored() -> None:
    """B67, B68: NULs and lone surrogates go, the length is bounded, a line is one line."""
    assert clean_text(" a\x00b\ud800c \n", 10) == "abc"
    assert clean_text("x" * 100, 7) == "x" * 7
    assert clean_line("a\n\t b\u2028c", 80) == "a b c"
    assert clean_line("\x00" * 50 + "a", 10) == ""


TIMES = {
    "2026-04-22T10:17:00.000Z": datetime(2026, 4, 22, 10, 17, tzinfo=UTC),
    "2026-04-22T10:17:00": datetime(2026, 4, 22, 10, 17, tzinfo=UTC),
    "2026-04-22T12:17:00+02:00": datetime(2026, 4, 22, 10, 17, tzinfo=UTC),
    "2022-08-18T13:36:57.4469Z": datetime(2022, 8, 18, 13, 36, 57, 446_900, tzinfo=UTC),
    "0001-01-01T00:00:00+14:00": None,
    "2026-13-01": None,
    "٢٠٢٦-04-22": None,
    "soon": None,
    "": None,
}


@pytest.mark.parametrize("text", TIMES)
def test_times_are_utc_or_none(text: str) -> None:
    """Zones are applied, no zone is UTC, what no calendar has is none."""
    assert utc_time(text) == TIMES[text]


def test_dates_are_whole_dates() -> None:
    """YYYY-MM-DD alone."""
    texts = ("2026-05-01", "2026-02-30", "20260501", "2026-05-01T00:00", "2026-W18-5", "٢٠٢٦-05-01")
    assert [iso_date(text) for text in texts] == [date(2026, 5, 1), None, None, None, None, None]


BRANCHES = {
    "6.12.85": "6.12",
    "7.0": "7.0",
    "7.0-rc7": "7.0",
    "2.6.38": "2.6.38",
    "2.6.38.3": "2.6.38",
    "3.16.85": "3.16",
    "6.12.*": None,
    "*": None,
    "0": None,
    "6": None,
    "next-20260504": None,
    "6.12.85-1": None,
    "6.１2": None,
}


@pytest.mark.parametrize("version", BRANCHES)
def test_branches_of_releases(version: str) -> None:
    """Two numbers are the branch, three in the 2.6 days; a package's version or a pattern has none."""
    assert branch_of_release(version) == BRANCHES[version]


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"[" * 100_000, b"\xff", b'{"a": "\\ud800"}', b"{}{}", b'{"a": 1e999}']
)
def test_what_is_no_json_of_the_shape_is_one_error(body: bytes) -> None:
    """Whatever msgspec says, the caller sees ParseError."""
    with pytest.raises(ParseError, match="the list"):
        decode_json(body, dict[str, str], "the list")
    assert decode_json(b'\xef\xbb\xbf{"a": "b"}', dict[str, str], "the list") == {"a": "b"}
