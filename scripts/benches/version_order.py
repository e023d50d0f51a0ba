"""Debian's version order: ours with its keys warm against python-debian, and both against dpkg itself."""

from __future__ import annotations

import random
import subprocess

from advisories.versions import _compare, compare
from scripts.benches.figure import Figure
from scripts.benches.peers import load_peer
from scripts.benches.rounds import rates

PAIRS = 20_000
REFEREED = 1_500
_PARTS = (
    "1",
    "02",
    "10",
    "rc1",
    "~rc1",
    "+deb12u1",
    "~bpo12+1",
    "a",
    "Z",
    "~",
    "~~",
    "+b1",
    ".",
    "git2025",
    "0ubuntu1",
)


def spellings(chance: random.Random) -> list[str]:
    """Versions as kernels have them, and odd ones that are allowed."""
    found = [
        f"{epoch}{base}.{step}-{step % 4 + 1}"
        for epoch in ("", "1:")
        for base in ("5.10", "6.1", "6.12")
        for step in range(60)
    ]
    found += [f"6.1.{chance.randrange(200)}-{chance.randrange(4)}{chance.choice(_PARTS[3:8])}" for _ in range(200)]
    for _ in range(200):
        odd = "".join(chance.choice(_PARTS) for _ in range(chance.randrange(1, 5)))
        found.append(f"{chance.randrange(9)}{odd}-{chance.randrange(9)}")
    return sorted(set(found))


def dpkg(first: str, second: str) -> int:
    """dpkg's own word."""
    for order, word in ((-1, "lt"), (0, "eq")):
        if subprocess.run(["dpkg", "--compare-versions", first, word, second], check=False).returncode == 0:
            return order
    return 1


def mismatches(pairs: list[tuple[str, str]]) -> int:
    return sum(compare("debian", first, second) != dpkg(first, second) for first, second in pairs)


def compare_all(pairs: list[tuple[str, str]]) -> list[int | None]:
    """With the keys of the versions at hand, but no pair known from before."""
    _compare.cache_clear()
    return [compare("debian", first, second) for first, second in pairs]


def run() -> list[Figure]:
    support = load_peer("debian.debian_support")
    chance = random.Random(6)
    versions = spellings(chance)
    pairs = [(chance.choice(versions), chance.choice(versions)) for _ in range(PAIRS)]
    wrong = mismatches(pairs[:REFEREED])
    return [
        rates(
            "version order (dpkg), keys warm",
            PAIRS,
            "comparisons/s CPU",
            lambda: compare_all(pairs),
            "python-debian",
            lambda: [support.version_compare(first, second) for first, second in pairs],
            least=10.0,
        ),
        Figure(name=f"version order: mismatches of {REFEREED} against dpkg", unit="", ours=wrong, limit=0),
    ]
