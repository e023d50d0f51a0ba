"""EPSS scores (FIRST): a CSV of every CVE with the probability that it is exploited within 30 days.

    #model_version:v2026.03.16,score_date:2026-05-04T12:00:00Z
    cve,epss,percentile
    CVE-2026-31431,0.91234,0.99710

Files before February 2022 have no first line, those before September 2021 no percentile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from advisories.observation import ExploitationObservation, ParsedDocument, Record, Rejected
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.inflate import inflate, is_gzip
from sources.formats.text import clean_line, is_cve_id, utc_time

LARGEST_CONTENT: Final = 64 * 1024 * 1024
MOST_REJECTED: Final = 1_000
HEADERS: Final = (["cve", "epss", "percentile"], ["cve", "epss"])

_NUMBER = re.compile(r"(?:0|1|0?\.[0-9]{1,20}|[01]\.[0-9]{1,20}|[0-9](?:\.[0-9]{1,20})?[eE]-[0-9]{1,3})")
_SCORE_DATE = re.compile(r"score_date:([0-9T:+.Z-]{10,40})")


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per CVE. Raises ParseError; a line that is no score is rejected."""
    text = _text(raw.body)
    whole = is_gzip(raw.body) or text.endswith("\n")
    scored, lines = _head(text)
    records: dict[str, Record] = {}
    rejected: list[Rejected] = []
    for number, line in enumerate(lines, start=1):
        record = _record(line, scored)
        cut = number == len(lines) and not whole
        if record is not None and not cut and record.key not in records:
            records[record.key] = record
        elif len(rejected) < MOST_REJECTED:
            what = "the last line has no end" if cut else f"no score: {clean_line(line, 80)!r}"
            rejected.append(Rejected(key=f"line {number}", what=what))
    if not records:
        raise ParseError("no line with a score")
    return ParsedDocument(records=tuple(records.values()), rejected=tuple(rejected))


def _text(body: bytes) -> str:
    try:
        return inflate(body, LARGEST_CONTENT).removeprefix(b"\xef\xbb\xbf").decode("ascii")
    except UnicodeDecodeError:
        raise ParseError("no EPSS file: bytes that are no ASCII") from None


def _head(text: str) -> tuple[datetime | None, Sequence[str]]:
    """(when the scores are of, the lines with scores)."""
    lines = text.splitlines()
    comment = lines.pop(0) if lines and lines[0].startswith("#") else ""
    if not lines or lines.pop(0).strip().lower().split(",") not in HEADERS:
        raise ParseError("no EPSS file: its columns are not cve,epss,percentile")
    found = _SCORE_DATE.search(comment[:200])
    return (utc_time(found.group(1)) if found else None), lines


def _record(line: str, scored: datetime | None) -> Record | None:
    fields = line.strip().split(",")
    if len(fields) not in (2, 3) or not is_cve_id(fields[0]):
        return None
    numbers = [_probability(field) for field in fields[1:]]
    if None in numbers:
        return None
    observation = ExploitationObservation(
        cve=fields[0], epss=numbers[0], epss_percentile=numbers[1] if len(numbers) > 1 else None
    )
    return Record(key=fields[0], observations=(observation,), modified=scored)


def _probability(field: str) -> float | None:
    if _NUMBER.fullmatch(field) is None:
        return None
    number = float(field)
    return number if 0 <= number <= 1 else None
