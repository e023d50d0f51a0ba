"""Filters: what a person writes, what it matches, and that the index finds just that."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from advisories.filter_index import FilterIndex
from advisories.filters import Filter, FilterError, matches, parse_filter, parse_stored
from advisories.model import ChangeDraft, Evidence
from advisories.words import ChangeType, EvidenceClass, Stage

TOPICS = frozenset({"copy-fail", "af-alg"})
NOW = datetime(2026, 5, 1, tzinfo=UTC)
DRAFT = ChangeDraft(
    at=NOW,
    advisory="PW-2026-1",
    aliases=("CVE-2026-31431",),
    topics=("copy-fail",),
    change=ChangeType.FIXED_IN,
    field="status",
    old=None,
    new="fixed",
    source="debian",
    evidence=Evidence(
        source="debian", evidence_class=EvidenceClass.VENDOR, url="https://d.test/", fetched_at=NOW, sha256="0" * 64
    ),
    text="Zero-copy fixed in Debian 12",
    distro="debian",
    release="12",
    package="linux",
    severity="high",
)
KEV = replace(DRAFT, change=ChangeType.EXPLOITATION_CHANGED, distro=None, release=None, package=None, severity=None)
STABLE = replace(KEV, change=ChangeType.STAGE_REACHED, stage=Stage.STABLE, branch="6.12")
STREAM = replace(DRAFT, distro="rhel", release="9", stream="9.6", package="kernel", severity="medium")


def read(words: str) -> Filter:
    return parse_filter(words, known_topics=TOPICS)


@pytest.mark.parametrize(
    ("words", "draft", "wanted"),
    [
        ("copy-fail debian/12", DRAFT, True),
        ("copy-fail debian/12", KEV, True),
        ("copy-fail debian/13", DRAFT, False),
        ("debian/13 debian", DRAFT, True),
        ("af-alg", DRAFT, False),
        ("cve-2026-31431", DRAFT, True),
        ("PW-2026-2", DRAFT, False),
        ("rhel/9/9.6", STREAM, True),
        ("rhel/9", STREAM, True),
        ("rhel/9/9.4", STREAM, False),
        ("severity:high", DRAFT, True),
        ("severity:high", STREAM, False),
        ("severity:low", KEV, False),
        ("stage:stable branch:6.12", STABLE, True),
        ("stage:mainline", STABLE, False),
        ("copy-fail branch:6.6", DRAFT, True),
        ("copy-fail package:linux", STREAM, False),
        ("change:fixed_in", STABLE, False),
        ('text:"ZERO-copy fixed"', DRAFT, True),
        ("copy-fail", replace(DRAFT, change=ChangeType.TEXT_CHANGED), False),
    ],
)
def test_matches(words: str, draft: ChangeDraft, wanted: bool) -> None:
    """Kinds must all hold, terms of one kind are alternatives, and a kind binds only changes that have it."""
    assert matches(read(words), draft) is wanted


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("copy-fial", "did you mean copy-fail?"),
        ("change:fixed", "did you mean fixed_in?"),
        ("change:text_changed", "is unknown"),
        ("severity:awful", "is unknown"),
        ("", "needs a word"),
        ('text:"a', "quotes"),
        ("x" * 65, "64 characters"),
        ("debian " * 80, "512 characters"),
        ("debian/\u0661\u0662", "no topic"),
    ],
)
def test_refuses_with_help(words: str, says: str) -> None:
    """What cannot be read is refused with a text that helps."""
    with pytest.raises(FilterError, match=says.replace("?", r"\?")):
        read(words)


WORDS = (
    "copy-fail", "af-alg", "debian", "debian/12", "rhel/9", "rhel/9/9.6", "stage:stable", "stage:mainline",
    "branch:6.12", "change:fixed_in", "change:alarm", "severity:high", "severity:low", "package:linux",
    'text:"zero-copy"', "text:" + "y" * 59, "CVE-2026-31431", "PW-2026-2",
)  # fmt: skip


def random_filters(count: int) -> list[Filter]:
    chance = random.Random(7)  # a test's data, no secret
    return [read(" ".join(chance.sample(WORDS, chance.randint(1, 5)))) for _ in range(count)]


def test_canonical_text_reads_back() -> None:
    """The canonical text of a filter parses to an equal filter, also without the topics' files."""
    assert [parse_stored(str(one)) for one in random_filters(500)] == random_filters(500)


def test_index_equals_brute_force() -> None:
    """For many filters, half of them removed again, the index finds exactly what a loop finds."""
    filters = dict(enumerate(random_filters(2000)))
    index = FilterIndex()
    for number, wanted in filters.items():
        index.add(number, wanted)
    for number in range(0, 2000, 2):
        index.remove(number)
        del filters[number]
    for draft in (DRAFT, KEV, STABLE, STREAM, replace(DRAFT, topics=(), aliases=()), replace(KEV, topics=("af-alg",))):
        found = {number for number, wanted in filters.items() if matches(wanted, draft)}
        assert index.match(draft) == found
        assert found
