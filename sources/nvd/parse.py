"""NVD's CVE API 2.0 (nvd.nist.gov/developers/vulnerabilities): severity and weaknesses, never a fix status.

    {"resultsPerPage", "startIndex", "totalResults", "format": "NVD_CVE", "version": "2.0", "timestamp",
     "vulnerabilities": [{"cve": {"id", "published", "lastModified", "vulnStatus", "metrics", "weaknesses", ...}}]}

Times have no zone and are UTC. "Awaiting Analysis" and the like say nothing about a flaw.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from advisories.observation import CveObservation, ParsedDocument, Record, Rejected, SeverityClaim
from advisories.severity import claim_from_vector
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line, is_cve_id, is_cwe_id, utc_time

MOST_ENTRIES: Final = 10_000
MOST_CLAIMS: Final = 20


class Page(msgspec.Struct, rename="camel"):
    """One answer; `vulnerabilities` undecoded, so that one bad entry spoils no other."""

    results_per_page: int
    start_index: int
    total_results: int
    format: str
    version: str
    vulnerabilities: list[msgspec.Raw]


class _CvssData(msgspec.Struct, rename="camel"):
    vector_string: str
    base_severity: str | None = None


class _Metric(msgspec.Struct, rename="camel"):
    type: str
    cvss_data: _CvssData
    base_severity: str | None = None


class _Metrics(msgspec.Struct):
    v40: list[_Metric] = msgspec.field(default=[], name="cvssMetricV40")
    v31: list[_Metric] = msgspec.field(default=[], name="cvssMetricV31")
    v30: list[_Metric] = msgspec.field(default=[], name="cvssMetricV30")
    v2: list[_Metric] = msgspec.field(default=[], name="cvssMetricV2")

    def best(self) -> Iterator[_Metric]:
        """Those of the newest version that has any, so that an old version 2 vector never outvotes it."""
        yield from (self.v40 or self.v31 or self.v30 or self.v2)[:MOST_CLAIMS]


class _Text(msgspec.Struct):
    value: str


class _Weakness(msgspec.Struct):
    description: list[_Text]


class _Cve(msgspec.Struct, rename="camel"):
    id: str
    last_modified: str
    vuln_status: str
    published: str | None = None
    metrics: _Metrics | None = None
    weaknesses: list[_Weakness] = []


class _Entry(msgspec.Struct):
    cve: _Cve


def read_page(body: bytes) -> Page:
    """The frame of an answer. Raises ParseError, also when it has fewer entries than it says."""
    page = decode_json(body, Page, "NVD's answer")
    if page.format != "NVD_CVE" or page.version != "2.0":
        raise ParseError(
            f"no answer of NVD's CVE API 2.0: {clean_line(page.format, 40)} {clean_line(page.version, 40)}"
        )
    if not 0 <= len(page.vulnerabilities) <= MOST_ENTRIES:
        raise ParseError(f"more than {MOST_ENTRIES} entries")
    promised = min(page.results_per_page, page.total_results - page.start_index)
    if len(page.vulnerabilities) < promised:
        raise ParseError(f"{len(page.vulnerabilities)} entries where {promised} are promised")
    return page


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per CVE. Raises ParseError; a bad entry is rejected alone."""
    records: dict[str, Record] = {}
    rejected: list[Rejected] = []
    for number, one in enumerate(read_page(raw.body).vulnerabilities):
        read = _read_entry(number, bytes(one))
        if isinstance(read, Rejected):
            rejected.append(read)
        elif read.key in records:
            rejected.append(Rejected(key=read.key, what="listed twice; the first entry counts"))
        else:
            records[read.key] = read
    return ParsedDocument(records=tuple(records.values()), rejected=tuple(rejected))


def _read_entry(number: int, raw: bytes) -> Record | Rejected:
    try:
        cve = decode_json(raw, _Entry, "the entry").cve
    except ParseError as error:
        return Rejected(key=f"entry {number}", what=str(error))
    if not is_cve_id(cve.id):
        return Rejected(key=f"entry {number}", what=f"{clean_line(cve.id, 60)!r} is no CVE id")
    modified = utc_time(cve.last_modified)
    if modified is None:
        return Rejected(key=cve.id, what=f"lastModified is {clean_line(cve.last_modified, 40)!r}")
    observation = CveObservation(
        cve=cve.id,
        opens=False,
        published=utc_time(cve.published or ""),
        modified=modified,
        withdrawn=cve.vuln_status.lower() == "rejected",
        severity=_claims(cve),
        cwe=_weaknesses(cve),
    )
    return Record(key=cve.id, observations=(observation,), modified=modified)


def _claims(cve: _Cve) -> tuple[SeverityClaim, ...]:
    """NVD's own vectors ("Primary"); those it passes on only where it has none."""
    metrics = list(cve.metrics.best()) if cve.metrics else []
    chosen = [one for one in metrics if one.type.lower() == "primary"] or metrics
    claims = [claim_from_vector(one.cvss_data.vector_string, word=_word(one)) for one in chosen]
    return tuple(dict.fromkeys(claim for claim in claims if claim is not None))


def _word(metric: _Metric) -> str | None:
    """NVD's word for the severity; of version 2 it stands outside the vector's data."""
    return clean_line(metric.cvss_data.base_severity or metric.base_severity or "", 20) or None


def _weaknesses(cve: _Cve) -> tuple[str, ...]:
    named = [text.value for weakness in cve.weaknesses[:MOST_CLAIMS] for text in weakness.description[:MOST_CLAIMS]]
    return tuple(dict.fromkeys(name for name in named if is_cwe_id(name)))
