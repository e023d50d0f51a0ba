"""CVE records, JSON 5.x, as the kernel's CNA and the CVE services write them.

Format: the CVE program's record schema 5 (github.com/CVEProject/cve-schema). The kernel's own part of it: per product
entry either git ranges (commit that brought the flaw in, `lessThan` the commit that fixes it) or versions: "affected"
from a release on, "unaffected" from the first fixed release of a branch to its end ("6.12.85" to "6.12.*"), mainline to
"*" with versionType `original_commit_for_fix`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from advisories.observation import (
    CveObservation,
    ExploitationObservation,
    Reference,
    Rejected,
    SeverityClaim,
)
from advisories.severity import claim_from_vector
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.kernel_ranges import AffectedProduct, fixes_of, introduced_of
from sources.formats.text import clean_line, clean_text, is_cve_id, is_cwe_id, iso_date, utc_time, web_link

MOST_REFERENCES: Final = 200
MOST_FILES: Final = 500
MOST_METRICS: Final = 20
LONGEST_PATH: Final = 300
SSVC_WORDS: Final = frozenset({"none", "poc", "active"})


class _Text(msgspec.Struct):
    value: str
    lang: str = "en"


class _Link(msgspec.Struct):
    url: str
    tags: list[str] = []


class _Cvss(msgspec.Struct, rename="camel"):
    vector_string: str
    base_severity: str | None = None


class _Other(msgspec.Struct):
    type: str
    content: msgspec.Raw


class _Metric(msgspec.Struct):
    v4: _Cvss | None = msgspec.field(default=None, name="cvssV4_0")
    v31: _Cvss | None = msgspec.field(default=None, name="cvssV3_1")
    v30: _Cvss | None = msgspec.field(default=None, name="cvssV3_0")
    v2: _Cvss | None = msgspec.field(default=None, name="cvssV2_0")
    other: _Other | None = None

    def vectors(self) -> Iterator[_Cvss]:
        yield from (one for one in (self.v4, self.v31, self.v30, self.v2) if one is not None)


class _Weakness(msgspec.Struct, rename="camel"):
    cwe_id: str | None = None


class _ProblemType(msgspec.Struct):
    descriptions: list[_Weakness]


class _Container(msgspec.Struct, rename="camel"):
    """What a CNA and an ADP container share."""

    metrics: list[_Metric] = []
    problem_types: list[_ProblemType] = []
    references: list[_Link] = []


class _Cna(_Container, rename="camel"):
    title: str | None = None
    descriptions: list[_Text] = []
    affected: list[AffectedProduct] = []
    rejected_reasons: list[_Text] = []


class _Containers(msgspec.Struct):
    cna: _Cna
    adp: list[msgspec.Raw] = []


class _Metadata(msgspec.Struct, rename="camel"):
    state: str
    cve_id: str | None = None
    old_id: str | None = msgspec.field(default=None, name="cveID")  # how the kernel's CNA wrote it until April 2026
    date_published: str | None = None
    date_updated: str | None = None


class _Document(msgspec.Struct, rename="camel"):
    data_type: str
    data_version: str
    cve_metadata: _Metadata
    containers: msgspec.Raw


class _SsvcContent(msgspec.Struct):
    options: list[dict[str, str]]


class _KevContent(msgspec.Struct, rename="camel"):
    date_added: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CveRecord:
    """One record: the CNA's word with what the ADP containers add, and those of them that could not be read."""

    observation: CveObservation
    exploitation: ExploitationObservation | None
    rejected: tuple[Rejected, ...]
    modified: datetime | None


def read_cve_record(body: bytes) -> CveRecord | Rejected:
    """The record in `body`, or why a record of this CVE cannot be used. A bad ADP container is rejected alone.

    Raises ParseError when it is no CVE record at all.
    """
    document = decode_json(body, _Document, "the CVE record")
    if document.data_type != "CVE_RECORD" or not document.data_version.startswith("5."):
        raise ParseError(f"no CVE record of version 5: {document.data_type[:40]} {document.data_version[:40]}")
    cve = document.cve_metadata.cve_id or document.cve_metadata.old_id or ""
    if not is_cve_id(cve):
        raise ParseError(f"{cve[:60]!r} is no CVE id", "cveMetadata.cveId")
    try:
        return _read_record(cve, document.cve_metadata, bytes(document.containers))
    except ParseError as error:
        return Rejected(key=cve, what=str(error))


def _read_record(cve: str, metadata: _Metadata, raw: bytes) -> CveRecord:
    containers = decode_json(raw, _Containers, "containers")
    adp, rejected = _read_adp(containers.adp)
    modified = utc_time(metadata.date_updated or "")
    return CveRecord(
        observation=_observation(cve, metadata, containers.cna, adp, modified),
        exploitation=_exploitation(cve, [containers.cna, *adp], rejected),
        rejected=tuple(rejected),
        modified=modified,
    )


def _read_adp(raw: Sequence[msgspec.Raw]) -> tuple[list[_Container], list[Rejected]]:
    good: list[_Container] = []
    rejected: list[Rejected] = []
    for number, one in enumerate(raw[:MOST_METRICS]):
        try:
            good.append(decode_json(bytes(one), _Container, "the container"))
        except ParseError as error:
            rejected.append(Rejected(key=f"adp/{number}", what=str(error)))
    return good, rejected


def _observation(
    cve: str, metadata: _Metadata, cna: _Cna, adp: Sequence[_Container], modified: datetime | None
) -> CveObservation:
    published = utc_time(metadata.date_published or "")
    if metadata.state == "REJECTED":
        return CveObservation(
            cve=cve,
            opens=True,
            title=_line(cna.title),
            description=_english(cna.rejected_reasons or cna.descriptions),
            published=published,
            modified=modified,
            withdrawn=True,
        )
    if metadata.state != "PUBLISHED":
        raise ParseError(f"the state is {metadata.state[:40]!r}", "cveMetadata.state")
    if not cna.affected or _english(cna.descriptions) is None:
        raise ParseError("a published record without description or affected products", "containers.cna")
    return CveObservation(
        cve=cve,
        opens=True,
        title=_line(cna.title),
        description=_english(cna.descriptions),
        published=published,
        modified=modified,
        severity=_severities(cna, adp),
        cwe=_weaknesses([cna, *adp]),
        introduced=introduced_of(cna.affected),
        fixed=fixes_of(cna.affected),
        files=_files(cna.affected),
        references=_references([cna, *adp]),
    )


def _line(text: str | None) -> str | None:
    return clean_line(text) or None if text else None


def _english(texts: Sequence[_Text]) -> str | None:
    chosen = next((one for one in texts if one.lang.lower().startswith("en")), None)
    return clean_text(chosen.value) or None if chosen else None


def _severities(cna: _Cna, adp: Sequence[_Container]) -> tuple[SeverityClaim, ...]:
    """The CNA's own vectors; those of others only where it gives none, so that they never outvote it."""
    own = _claims(cna)
    return own or tuple(dict.fromkeys(claim for container in adp for claim in _claims(container)))


def _claims(container: _Container) -> tuple[SeverityClaim, ...]:
    claims = [
        claim_from_vector(one.vector_string, word=_line(one.base_severity))
        for metric in container.metrics[:MOST_METRICS]
        for one in metric.vectors()
    ]
    return tuple(dict.fromkeys(one for one in claims if one is not None))


def _weaknesses(containers: Sequence[_Container]) -> tuple[str, ...]:
    found = [
        one.cwe_id
        for container in containers
        for problem in container.problem_types[:MOST_METRICS]
        for one in problem.descriptions[:MOST_METRICS]
        if one.cwe_id and is_cwe_id(one.cwe_id)
    ]
    return tuple(dict.fromkeys(found))


def _files(affected: Sequence[AffectedProduct]) -> tuple[str, ...]:
    found = [file for one in affected for file in one.program_files if is_tree_file(file)]
    return tuple(dict.fromkeys(found))[:MOST_FILES]


def is_tree_file(path: str) -> bool:
    """Whether this can be a file of the kernel tree: relative, printable, no step upwards."""
    return (
        0 < len(path) <= LONGEST_PATH
        and path.isascii()
        and path.isprintable()
        and not path.startswith("/")
        and ".." not in path.split("/")
    )


def _references(containers: Sequence[_Container]) -> tuple[Reference, ...]:
    found: dict[str, Reference] = {}
    for container in containers:
        for one in container.references[:MOST_REFERENCES]:
            url = web_link(one.url)
            if url is not None:
                tag = clean_line(one.tags[0], 60) if one.tags else ""
                found.setdefault(url, Reference(url=url, tag=tag or None))
    return tuple(found.values())[:MOST_REFERENCES]


def _exploitation(
    cve: str, containers: Sequence[_Container], rejected: list[Rejected]
) -> ExploitationObservation | None:
    """What CISA's container says: SSVC's "Exploitation" and whether KEV lists the CVE, with its date."""
    ssvc: str | None = None
    kev: _KevContent | None = None
    others = [metric.other for one in containers for metric in one.metrics[:MOST_METRICS] if metric.other is not None]
    for other in others:
        try:
            if other.type == "ssvc":
                ssvc = _ssvc_word(decode_json(bytes(other.content), _SsvcContent, "SSVC"))
            elif other.type == "kev":
                kev = decode_json(bytes(other.content), _KevContent, "KEV")
        except ParseError as error:
            rejected.append(Rejected(key=f"metrics/{other.type[:20]}", what=str(error)))
    if ssvc is None and kev is None:
        return None
    return ExploitationObservation(
        cve=cve, kev=True if kev else None, since=iso_date(kev.date_added) if kev else None, ssvc=ssvc
    )


def _ssvc_word(content: _SsvcContent) -> str:
    for option in content.options[:MOST_METRICS]:
        word = option.get("Exploitation", "").lower()
        if word in SSVC_WORDS:
            return word
    raise ParseError("no Exploitation among SSVC's options")
