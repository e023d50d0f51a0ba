"""When two titles or two people are the same: what a maintainer changes on the way is left out of the comparison."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

from advisories.mail_subject import normalise_title

_AREA = re.compile(r"(?:[a-z0-9_./,+*{}() -]{1,60}?:\s+){1,4}")
_PART_OF_AREA = re.compile(r"[a-z0-9_./,+*-]{1,40}(?: [a-z0-9_/]{1,20})? - ")
_ARCH = re.compile(r"(?:\[[A-Za-z0-9_,|* /-]{1,40}\]\s*){1,3}")
_CVES = re.compile(r"(?:\s*\(CVE-[0-9]{4}-[0-9]{4,7}(?:,\s*CVE-[0-9]{4}-[0-9]{4,7}){0,20}\))+$", re.ASCII)
_MERGED_WORDS = 3


@lru_cache(maxsize=16_384)
def bare_title(title: str) -> str:
    """A title without the subsystem before it: "AF_ALG: Drop x" and "crypto: af_alg - Drop x" are the same change.

    Too short a rest says nothing on its own; then the whole title stands.
    """
    whole = normalise_title(title)
    rest = whole
    if area := _AREA.match(rest):
        rest = rest[area.end() :]
    if part := _PART_OF_AREA.match(rest):
        rest = rest[part.end() :]
    return rest if len(rest.split()) >= _MERGED_WORDS else whole


@lru_cache(maxsize=65_536)
def changelog_title(line: str) -> str:
    """A line of a package's changelog as the upstream title: "[x86] crypto: x (CVE-2026-1)" names "crypto: x"."""
    return normalise_title(_CVES.sub("", _ARCH.sub("", line, count=1) if line.startswith("[") else line))


def author_key(name: str, addr: str) -> str:
    """Who wrote it: the full name when there is one, as people write from several addresses."""
    folded = " ".join(name.lower().split())
    return folded if " " in folded else addr.lower()


def alike(one: str, other: str) -> float:
    """How alike two titles are, 0 to 1."""
    return SequenceMatcher(None, normalise_title(one)[:200], normalise_title(other)[:200], autojunk=False).ratio()


def same_person(name: str, addr: str, other_name: str, other_addr: str) -> bool:
    """By address, else by the full name: people write from several addresses."""
    if addr and addr.lower() == other_addr.lower():
        return True
    folded, other = " ".join(name.lower().split()), " ".join(other_name.lower().split())
    return " " in folded and folded == other


def overlap(files: tuple[str, ...], others: tuple[str, ...]) -> float | None:
    """Share of the smaller set of files that both change; None when either side does not name its files."""
    if not files or not others:
        return None
    return len(set(files) & set(others)) / min(len(set(files)), len(set(others)))
