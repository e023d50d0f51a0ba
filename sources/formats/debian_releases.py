"""Debian's releases: codename to number, and which one is testing now."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

UNSTABLE: Final = "sid"
# Testing is known by its codename until it is released (forky since August 2025); unstable by its own for ever.
TESTING: Final = "forky"
NUMBERS: Final = {
    "woody": "3.0",
    "sarge": "3.1",
    "etch": "4",
    "lenny": "5",
    "squeeze": "6",
    "wheezy": "7",
    "jessie": "8",
    "stretch": "9",
    "buster": "10",
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
    "forky": "14",
    "duke": "15",
}
CODENAME = re.compile(r"[a-z]{2,20}")
_POCKET = re.compile(r"-(?:security|lts|updates|proposed-updates)$")
_SUITES: Final = {"unstable": UNSTABLE, "(unstable)": UNSTABLE, "testing": TESTING}


def codename_of(suite: str) -> str:
    """The release that a suite belongs to: "bookworm-security" is bookworm, "unstable" is sid."""
    name = _POCKET.sub("", suite)
    return _SUITES.get(name, name)


@lru_cache(maxsize=1024)
def release_of(codename: str) -> str:
    """The release number; sid, testing and a name we do not know stand for themselves."""
    if codename == TESTING:
        return codename
    return NUMBERS.get(codename, codename)
