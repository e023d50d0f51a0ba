"""The announce mail that the CNA keeps beside its records (.mbox), written by its tool bippy.

Headers, then sections with underlined titles: Description, Severity, Affected and fixed versions, Affected files,
Mitigation (the commits that fix, as links). A record that was taken back has "REJECTED: " in the subject.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from advisories.observation import CveObservation, Reference, SeverityClaim, UpstreamFix, UpstreamPoint
from advisories.severity import claim_from_vector
from sources.errors import ParseError
from sources.formats.cve_record import is_tree_file
from sources.formats.kernel_ranges import make_fix, one_per_branch
from sources.formats.text import clean_line, clean_text, web_link

MOST_LINES = 10_000
LONGEST_HEADER_BLOCK = 64 * 1024

_SUBJECT = re.compile(r"^Subject:[ \t]*((?:[^\n]|\n[ \t])*)$", re.MULTILINE | re.IGNORECASE)
_TITLE = re.compile(r"(?P<rejected>REJECTED: )?(?P<cve>CVE-[0-9]{4}-[0-9]{4,19}): (?P<title>.+)")
_UNDERLINE = re.compile(r"={3,200}")
_RELEASE = r"([0-9][0-9a-z.-]{0,30})"
_COMMIT = r"([0-9a-f]{40})"
_INTRODUCED = re.compile(rf"[Ii]ssue introduced in {_RELEASE} with commit {_COMMIT}")
_FIXED = re.compile(rf"[Ff]ixed in {_RELEASE} with commit {_COMMIT}")
_VECTOR = re.compile(r"Vector:\s+(\S{1,300})")
_ASSIGNED = re.compile(r"^The Linux kernel CVE team has assigned ", re.MULTILINE)


def read_announcement(cve: str, text: str) -> CveObservation:
    """What the mail says of `cve`. Raises ParseError when it is no announcement of this CVE, or cut."""
    head, blank, body = text.replace("\r\n", "\n").partition("\n\n")
    title = _read_subject(cve, head[:LONGEST_HEADER_BLOCK])
    shown = None if "=?" in title["title"] else clean_line(title["title"]) or None
    if title["rejected"]:
        return CveObservation(cve=cve, opens=True, title=shown, withdrawn=True)
    if not blank:
        raise ParseError("an announcement without a body")
    sections = _sections(body)
    versions = sections.get("Affected and fixed versions", "")
    fixed = [fix for found in _FIXED.finditer(versions) if (fix := make_fix(found.group(1), found.group(2)))]
    references = _links(sections.get("Mitigation", ""))
    _check_whole(fixed, references)
    return CveObservation(
        cve=cve,
        opens=True,
        title=shown,
        description=clean_text(_ASSIGNED.split(sections.get("Description", ""))[0]) or None,
        severity=tuple(
            claim for vector in _VECTOR.findall(sections.get("Severity", "")) if (claim := claim_from_vector(vector))
        ),
        introduced=_introduced(versions),
        fixed=one_per_branch(fixed),
        files=_files(sections.get("Affected files", "")),
        references=references,
    )


def _read_subject(cve: str, head: str) -> re.Match[str]:
    header = _SUBJECT.search(head)
    found = _TITLE.fullmatch(" ".join(header.group(1).split())) if header else None
    if found is None:
        raise ParseError("no announcement: the subject names no CVE")
    if found["cve"] != cve:
        raise ParseError(f"announces {found['cve']}, not {cve}")
    return found


def _sections(body: str) -> dict[str, str]:
    """Title -> text of the sections; the first of each title counts."""
    lines = body.splitlines()[:MOST_LINES]
    starts = [number for number in range(1, len(lines)) if _UNDERLINE.fullmatch(lines[number]) and lines[number - 1]]
    found: dict[str, str] = {}
    for start, end in pairwise([*starts, len(lines) + 1]):
        found.setdefault(lines[start - 1].strip(), "\n".join(lines[start + 1 : end - 1]))
    return found


def _severities(section: str) -> tuple[SeverityClaim, ...]:
    claims = [claim_from_vector(vector) for vector in _VECTOR.findall(section)]
    return tuple(claim for claim in claims if claim is not None)


def _introduced(versions: str) -> tuple[UpstreamPoint, ...]:
    points = [UpstreamPoint(version=found.group(1), commit=found.group(2)) for found in _INTRODUCED.finditer(versions)]
    return tuple(dict.fromkeys(points))


def _files(section: str) -> tuple[str, ...]:
    listed = [line.strip() for line in section.splitlines() if line.startswith(("\t", "  "))]
    return tuple(dict.fromkeys(line for line in listed if is_tree_file(line)))


def _links(section: str) -> tuple[Reference, ...]:
    links = [web_link(line) for line in section.splitlines() if line.startswith(("\t", "  "))]
    return tuple(Reference(url=link) for link in dict.fromkeys(links) if link is not None)


def _check_whole(fixed: Sequence[UpstreamFix], references: Sequence[Reference]) -> None:
    """The mail ends with the commits that it names before: one that does not was cut."""
    linked = {reference.url.rpartition("/")[2] for reference in references}
    if not references or any(fix.commit not in linked for fix in fixed):
        raise ParseError("the mail ends before the commits that fix")
