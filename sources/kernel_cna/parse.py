"""The kernel CNA's documents to records: one record key per file of a CVE, so that the files complete each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from advisories.observation import CveObservation, Observation, ParsedDocument, Record, Rejected
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.cve_record import CveRecord, read_cve_record
from sources.kernel_cna.announcement import read_announcement
from sources.kernel_cna.companions import read_cvss, read_dyad, read_sha1
from sources.kernel_cna.files import Address, read_address

LARGEST_DOCUMENT: Final = 8 * 1024 * 1024

_DYAD = re.compile(r"# dyad version|[0-9][^:\n]{0,30}:[0-9a-f]{1,40}:[0-9]")
_MAIL = re.compile(r"From |[A-Z][A-Za-z-]{1,40}: ")
_SHA1 = re.compile(r"[0-9a-f]{40}\s*(?:\n|$)")
_CVSS = re.compile(r"(?:[0-9a-f]{8}-[0-9a-f-]{27}\s+)?(?:CVSS:|AV:)")

Reader = Callable[[str, str], CveObservation]


def parse(raw: RawDocument) -> ParsedDocument:
    """One record. Raises ParseError for what is none of the CNA's files; one whose content is of no use is Rejected."""
    if len(raw.body) > LARGEST_DOCUMENT:
        raise ParseError(f"more than {LARGEST_DOCUMENT} bytes")
    address = read_address(raw.url)
    if raw.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return _parse_json(raw.body, address)
    return _parse_text(raw.body, address)


def _parse_json(body: bytes, address: Address) -> ParsedDocument:
    read = read_cve_record(body)
    cve = read.key if isinstance(read, Rejected) else read.observation.cve
    if address.cve and address.cve != cve:
        raise ParseError(f"a record of {cve} at the address of {address.cve}")
    key = f"{cve}.json" if address.kind else f"cve.org/{cve}"
    if isinstance(read, Rejected):
        return ParsedDocument(records=(), rejected=(Rejected(key=key, what=read.what),))
    record = Record(key=key, observations=_observations(read, address), modified=read.modified)
    return ParsedDocument(
        records=(record,), rejected=tuple(Rejected(key=f"{key}#{one.key}", what=one.what) for one in read.rejected)
    )


def _observations(read: CveRecord, address: Address) -> tuple[Observation, ...]:
    observation = _withdrawn_when_rejected(read.observation, address)
    return (observation,) if read.exploitation is None else (observation, read.exploitation)


def _withdrawn_when_rejected(observation: CveObservation, address: Address) -> CveObservation:
    """The CNA takes a CVE back by moving its files to cve/rejected/, whatever state they name."""
    return replace(observation, withdrawn=True) if address.rejected else observation


def _parse_text(body: bytes, address: Address) -> ParsedDocument:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(f"not UTF-8: {error.reason}", f"byte {error.start}") from None
    kind, reader = _kind_of(text)
    if not address.cve:
        raise ParseError(f"a {kind} file whose address names no CVE")
    key = f"{address.cve}.{kind}"
    try:
        observation = _withdrawn_when_rejected(reader(address.cve, text), address)
    except ParseError as error:
        return ParsedDocument(records=(), rejected=(Rejected(key=key, what=str(error)),))
    return ParsedDocument(records=(Record(key=key, observations=(observation,)),))


def _kind_of(text: str) -> tuple[str, Reader]:
    start = text.lstrip()
    if _DYAD.match(start):
        return "dyad", read_dyad
    if _SHA1.match(start):
        return "sha1", read_sha1
    if _CVSS.match(start):
        return "cvss", read_cvss
    if _MAIL.match(start):
        return "mbox", read_announcement
    raise ParseError("neither a CVE record nor one of its companion files")
