"""Debian's tracker JSON: words to cells, slices, and what a broken dump does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from advisories.observation import CellObservation, FixedVersion, ParsedDocument, Record, Rejected
from advisories.words import CellKind, Disposition, Status
from sources.debian.parse import parse
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document

URL = "https://security-tracker.debian.org/tracker/data/json"
raw_of = raw_document("debian", URL)
NOTE = "In the Linux kernel, the following vulnerability has been resolved: crypto: algif_aead"

# The state of 1 May 2026: trixie and bookworm fixed, bullseye (its LTS) open.
COPY_FAIL = {
    "description": NOTE,
    "scope": "local",
    "releases": {
        "bookworm": {
            "status": "resolved",
            "repositories": {"bookworm": "6.1.164-1", "bookworm-security": "6.1.170-1"},
            "fixed_version": "6.1.170-1",
            "urgency": "not yet assigned",
        },
        "bullseye": {"status": "open", "repositories": {"bullseye": "5.10.223-1"}, "urgency": "not yet assigned"},
        "forky": {
            "status": "resolved",
            "repositories": {"forky": "6.19.13-1"},
            "fixed_version": "6.19.12-1",
            "urgency": "not yet assigned",
        },
        "sid": {
            "status": "resolved",
            "repositories": {"sid": "6.19.14-1"},
            "fixed_version": "6.19.12-1",
            "urgency": "not yet assigned",
        },
    },
}
BACKPORT_KERNEL = {"releases": {"bullseye": {"status": "open", "repositories": {}, "urgency": "not yet assigned"}}}
OTHER = {"releases": {"sid": {"status": "open", "repositories": {"sid": "1.0-1"}, "urgency": "low"}}}


def dump(packages: dict[str, Any]) -> bytes:  # Any: the tests put wrong things in, too
    return json.dumps(packages).encode()


WHOLE = dump(
    {
        "kmod": {"CVE-2026-31431": OTHER},
        "linux": {"CVE-2026-31431": COPY_FAIL, "TEMP-0000000-A2EB44": OTHER},
        "linux-6.1": {"CVE-2026-31431": BACKPORT_KERNEL},
        "linux-atm": {"CVE-2026-31431": OTHER},
    }
)


def cell(release: str, codename: str, status: Status, word: str, **more: Any) -> CellObservation:
    values: dict[str, Any] = {"package": "linux", "kind": CellKind.PACKAGE, **more}
    return CellObservation(
        cve="CVE-2026-31431",
        distro="debian",
        release=release,
        codename=codename,
        status=status,
        vendor_status=word,
        **values,
    )


GOLDEN_CELLS = (
    cell("12", "bookworm", Status.FIXED, "resolved", fixed=(FixedVersion(version="6.1.170-1"),)),
    cell("11", "bullseye", Status.AFFECTED, "open"),
    cell("forky", "forky", Status.FIXED, "resolved", fixed=(FixedVersion(version="6.19.12-1"),)),
    cell("sid", "sid", Status.FIXED, "resolved", fixed=(FixedVersion(version="6.19.12-1"),)),
    cell("11", "bullseye", Status.AFFECTED, "open", package="linux-6.1"),
)


def test_kernel_packages_become_cells() -> None:
    """linux and linux-6.1 make one record per CVE; kmod, linux-atm and an issue without a CVE id make none."""
    parsed = parse(raw_of(WHOLE))
    assert [(one.key, one.observations) for one in parsed.records] == [("tracker/CVE-2026-31431", GOLDEN_CELLS)]
    assert (parsed.rejected, parsed.complete) == ((), True)


def test_a_slice_says_the_same_and_is_no_whole_list() -> None:
    """The slice of a record parses into that record alone, and a missing CVE in it is nobody's loss."""
    record = parse(raw_of(WHOLE)).records[0]
    again = parse(raw_of(record.slice))
    assert again == ParsedDocument(
        records=(Record(key="tracker/CVE-2026-31431", observations=GOLDEN_CELLS),), complete=False
    )


OPEN = {"status": "open", "repositories": {}, "urgency": "not yet assigned"}
WORDS: tuple[tuple[dict[str, Any], tuple[Any, ...]], ...] = (
    (OPEN, (Status.AFFECTED, Disposition.NONE, "open", None)),
    (
        {**OPEN, "nodsa": "Minor issue", "nodsa_reason": ""},
        (Status.AFFECTED, Disposition.NONE, "open, no-dsa", "Minor issue"),
    ),
    (
        {**OPEN, "nodsa": "Too intrusive", "nodsa_reason": "ignored"},
        (Status.AFFECTED, Disposition.WONT_FIX, "open, ignored", "Too intrusive"),
    ),
    (
        {**OPEN, "nodsa": "Later", "nodsa_reason": "postponed"},
        (Status.AFFECTED, Disposition.DEFERRED, "open, postponed", "Later"),
    ),
    (
        {**OPEN, "nodsa": "Later", "nodsa_reason": "postponed", "next_point_update": True},
        (Status.AFFECTED, Disposition.PENDING, "open, postponed, next point update", "Later"),
    ),
    ({**OPEN, "urgency": "unimportant"}, (Status.AFFECTED, Disposition.NONE, "open, unimportant", None)),
    ({**OPEN, "urgency": "end-of-life"}, (Status.AFFECTED, Disposition.EOL, "open, end-of-life", None)),
    ({**OPEN, "nodsa_reason": "asleep"}, (Status.AFFECTED, Disposition.NONE, "open, asleep", None)),
    ({"status": "undetermined"}, (Status.UNDER_INVESTIGATION, Disposition.NONE, "undetermined", None)),
    ({"status": "quarantined"}, (Status.UNDER_INVESTIGATION, Disposition.NONE, "quarantined", None)),
    (
        {"status": "resolved", "fixed_version": "0"},
        (Status.NOT_AFFECTED, Disposition.NONE, "resolved", "never had the flaw (fixed version 0)"),
    ),
    (
        {"status": "resolved"},
        (
            Status.UNDER_INVESTIGATION,
            Disposition.NONE,
            "resolved",
            "said to be resolved, without a version to tell by",
        ),
    ),
)


@pytest.mark.parametrize(("release", "expected"), WORDS)
def test_each_word_keeps_its_meaning(release: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """Status, disposition, the vendor's own word and its reason; never a fix without a version."""
    parsed = parse(raw_of(dump({"linux": {"CVE-2026-31431": {"releases": {"trixie": release}}}})))
    (found,) = parsed.records[0].observations
    assert isinstance(found, CellObservation)
    assert (found.status, found.disposition, found.vendor_status, found.note) == expected
    assert found.fixed == ()


def test_a_bad_record_is_rejected_alone() -> None:
    """A record of a wrong shape is named; the others of the dump count."""
    packages = {"linux": {"CVE-2026-31431": COPY_FAIL, "CVE-2026-43033": {"releases": {"sid": "open"}}}}
    parsed = parse(raw_of(dump(packages)))
    assert [record.key for record in parsed.records] == ["tracker/CVE-2026-31431"]
    assert parsed.rejected == (
        Rejected(key="tracker/CVE-2026-43033", what="Expected `object`, got `str` - at `$.releases[...]`"),
    )


def test_of_two_entries_with_one_key_the_last_counts() -> None:
    """JSON may repeat a key; the reader takes the last one, as the tracker's own reader would."""
    body = (
        b'{"linux": {"CVE-2026-31431": {"releases": {"sid": {"status": "open"}, "sid": {"status": "undetermined"}}}}}'
    )
    (found,) = parse(raw_of(body)).records[0].observations
    assert isinstance(found, CellObservation)
    assert found.status is Status.UNDER_INVESTIGATION


def test_broken_dumps_are_parse_errors() -> None:
    """Cut, empty, a page for people, deeply nested: ParseError and nothing else."""
    assert_only_parse_errors(parse, raw_of, WHOLE)


def test_wrong_values_are_survived() -> None:
    """Each field left out or of a wrong type: a rejected record or a ParseError, and clean text."""
    assert_wrong_json_is_survived(parse, raw_of, WHOLE)
