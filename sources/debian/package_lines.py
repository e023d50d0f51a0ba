"""The lines about packages that `data/CVE/list`, `data/DSA/list` and `data/DLA/list` share.

    <blank>- linux 6.19.12-1 (bug #1053115)            unstable
    <blank>[bookworm] - linux <not-affected> (Vulnerable code not present)

Indented by a tab, in old entries by blanks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sources.debian.verdict import DROPPED_KINDS, Verdict, of_list, of_version
from sources.formats.debian_releases import UNSTABLE
from sources.formats.text import clean_line

LONGEST_LINE: Final = 2_000
_LINE = re.compile(
    r"[ \t]+(?:\[([a-z]{2,20})\][ \t]+)?-[ \t]+([a-z0-9][a-z0-9+.-]{0,100})[ \t]+"
    r"(?:<([a-z-]{1,30})>|([0-9][^\s<>()]{0,119}))"
    r"(?:[ \t]+\((.{0,1000}?)\))?[ \t]*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageLine:
    codename: str
    package: str
    verdict: Verdict


def read_package_line(line: str) -> PackageLine | None:
    """The line's claim; None for another kind of line, for experimental, and where there is no package to speak of."""
    found = _LINE.fullmatch(line) if len(line) <= LONGEST_LINE else None
    if found is None:
        return None
    codename, package, kind, version, remark = found.groups()
    if codename == "experimental" or kind in DROPPED_KINDS:
        return None
    verdict = of_version(version, "fixed") if version else of_list(kind, clean_line(remark or ""))
    return PackageLine(codename=codename or UNSTABLE, package=package, verdict=verdict)
