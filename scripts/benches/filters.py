"""One change against 1,000,000 filters: the inverted index against a loop over all, and whether only matches cost."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from advisories.filter_index import FilterIndex
from advisories.filters import Filter, matches
from advisories.model import ChangeDraft, Evidence
from advisories.words import ChangeType, EvidenceClass
from scripts.benches.figure import Figure, middle
from scripts.benches.rounds import MILLI, ROUNDS, seconds

COUNT = 1_000_000
FOUND = 50
FEWER = COUNT // 10
_AT = datetime(2026, 5, 1, tzinfo=UTC)
_KINDS = ("debian/12", "debian/13", "ubuntu/24.04", "rhel/9", "fedora/43")


def make_filter(number: int) -> Filter:
    """Half follow an advisory of their own, the rest a topic, most of these with a distribution."""
    if number % 2:
        return Filter(advisories=frozenset({f"PW-2026-{1_000 + number}"}))
    topic = frozenset({f"topic-{number % 500}"})
    return Filter(topics=topic) if number % 10 == 0 else Filter(topics=topic, distros=frozenset({_KINDS[number % 5]}))


def make_change() -> ChangeDraft:
    evidence = Evidence(
        source="debian",
        evidence_class=EvidenceClass.VENDOR,
        url="https://tracker.example/data/json",
        fetched_at=_AT,
        sha256="0" * 64,
    )
    return ChangeDraft(
        at=_AT,
        advisory="PW-2026-1",
        aliases=("CVE-2025-20001",),
        topics=("watched",),
        change=ChangeType.FIXED_IN,
        field="cells.fixed",
        old=None,
        new="6.1.170-1",
        distro="debian",
        release="12",
        package="linux",
        version="6.1.170-1",
        source="debian",
        evidence=evidence,
        text="Fixed in Debian 12: linux 6.1.170-1",
    )


def fill(count: int) -> tuple[FilterIndex, list[tuple[int, Filter]]]:
    """`count` filters, of which FOUND match the change."""
    wanted = Filter(topics=frozenset({"watched"}), distros=frozenset({"debian/12"}))
    filters = [(number, wanted if number < FOUND else make_filter(number)) for number in range(count)]
    index = FilterIndex()
    for number, one in filters:
        index.add(number, one)
    return index, filters


def run() -> list[Figure]:
    change = make_change()
    small, _ = fill(FEWER)
    large, filters = fill(COUNT)
    if (
        large.match(change) != {number for number, one in filters if matches(one, change)}
        or len(small.match(change)) != FOUND
    ):
        raise RuntimeError("index and loop differ")
    times: dict[str, list[float]] = {"small": [], "large": [], "loop": []}
    for _ in range(ROUNDS):
        times["small"].append(seconds(lambda: small.match(change), time.perf_counter))
        times["large"].append(seconds(lambda: large.match(change), time.perf_counter))
        times["loop"].append(seconds(lambda: [number for number, one in filters if matches(one, change)]))
    ours = middle(times["large"]) * MILLI
    return [
        Figure(
            name=f"one change, {COUNT:,} filters, {FOUND} match",
            unit="ms",
            ours=ours,
            peer="loop over all",
            peers=middle(times["loop"]) * MILLI,
            limit=1 / 100,
        ),
        Figure(
            name=f"the same matches, {COUNT:,} filters instead of {FEWER:,}",
            unit="ms",
            ours=ours,
            peer=f"{FEWER:,} filters",
            peers=middle(times["small"]) * MILLI,
            limit=2.0,
        ),
    ]
