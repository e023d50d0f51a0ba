"""The files beside the CNA's JSON: dyad (pairs of vulnerable and fixed), cvss (a vector), sha1 (commits).

dyad: lines `introduced release:commit:fixed release:commit`, "0" where there is none, comments with "#".
cvss: `organisation vector`, then reasons in words. sha1: one mainline commit id a line.
"""

from __future__ import annotations

import re

from advisories.observation import CveObservation, Reference, UpstreamFix, UpstreamPoint
from advisories.severity import claim_from_vector
from sources.errors import ParseError
from sources.formats.kernel_ranges import branch_of_release, make_fix, one_per_branch
from sources.formats.text import clean_line, is_commit_id

MOST_LINES = 2_000
COMMIT_PAGE = "https://git.kernel.org/stable/c/"

_CVSS_LINE = re.compile(
    r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\s+)?((?:CVSS:[0-9.]{3}/|AV:)\S{1,300})(?:\s.*)?"
)


def read_dyad(cve: str, text: str) -> CveObservation:
    """Introduced and fixed of each pair. One line that is none of these makes the whole file bad."""
    introduced: list[UpstreamPoint] = []
    fixed: list[UpstreamFix] = []
    lines = [line for line in _lines(text) if not line.startswith("#")]
    for number, line in enumerate(lines, start=1):
        fields = line.split(":")
        if len(fields) != 4 or not all(map(_is_release_or_none, fields[::2])):
            raise ParseError("not four fields of releases and commits", f"pair {number}")
        point = UpstreamPoint(version=_or_none(fields[0]), commit=_commit(fields[1], number))
        if (point.version or point.commit) and point not in introduced:
            introduced.append(point)
        fix = make_fix(fields[2], _commit(fields[3], number))
        if fix is not None:
            fixed.append(fix)
    if not lines:
        raise ParseError("no pair of vulnerable and fixed")
    return CveObservation(cve=cve, opens=True, introduced=tuple(introduced), fixed=one_per_branch(fixed))


def read_cvss(cve: str, text: str) -> CveObservation:
    for line in _lines(text):
        found = _CVSS_LINE.fullmatch(line)
        claim = claim_from_vector(found.group(1)) if found else None
        if claim is not None:
            return CveObservation(cve=cve, opens=True, severity=(claim,))
    raise ParseError("no CVSS vector")


def read_sha1(cve: str, text: str) -> CveObservation:
    """The mainline commits that fix the flaw, as references: their releases are in the other files."""
    commits = _lines(text)
    if not commits or not all(map(is_commit_id, commits)):
        raise ParseError("not commit ids alone")
    references = tuple(Reference(url=COMMIT_PAGE + commit) for commit in dict.fromkeys(commits))
    return CveObservation(cve=cve, opens=True, references=references)


def _lines(text: str) -> list[str]:
    lines = [clean_line(line) for line in text.splitlines()[: MOST_LINES + 1]]
    if len(lines) > MOST_LINES:
        raise ParseError(f"more than {MOST_LINES} lines")
    return [line for line in lines if line]


def _is_release_or_none(field: str) -> bool:
    return field == "0" or branch_of_release(field) is not None


def _or_none(field: str) -> str | None:
    return None if field == "0" else field


def _commit(field: str, number: int) -> str | None:
    if field == "0":
        return None
    if not is_commit_id(field):
        raise ParseError("not a whole commit id", f"pair {number}")
    return field
