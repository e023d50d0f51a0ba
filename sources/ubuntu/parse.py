"""Ubuntu's documents: OSV records of notices (USN, LSN) and CVEs, the CVE API and the list of notices."""

from __future__ import annotations

import msgspec

from advisories.observation import ParsedDocument, Record, Rejected
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.osv import decode_osv
from sources.ubuntu.cve_api import decode_cve, read_api_cve
from sources.ubuntu.cve_records import is_cve_record, read_cve_record
from sources.ubuntu.notice_list import read_errata
from sources.ubuntu.notices import is_notice, read_notice

MOST_CVES = 1_000


class _Shape(msgspec.Struct):
    """The keys that tell the kinds apart; none of the values is looked at here."""

    schema_version: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    notices: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    packages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    cves: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def parse(raw: RawDocument) -> ParsedDocument:
    """Records by their own ids. Raises ParseError."""
    try:
        shape = msgspec.json.decode(raw.body, type=_Shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"no JSON document of Ubuntu: {error}") from None
    if shape.packages is not msgspec.UNSET:  # a CVE of the API lists its notices too
        record, rejected = read_api_cve(decode_cve(raw.body))
        return ParsedDocument(records=(record,), rejected=rejected)
    if isinstance(shape.cves, msgspec.Raw) and shape.schema_version is msgspec.UNSET:
        return _api_list(shape.cves)
    if shape.notices is not msgspec.UNSET:
        records, rejected = read_errata(raw.body)
        return ParsedDocument(records=records, rejected=rejected)
    return _osv(raw.body)


def _osv(body: bytes) -> ParsedDocument:
    osv = decode_osv(body)
    if is_notice(osv):
        record, rejected = read_notice(osv)
    elif is_cve_record(osv):
        record, rejected = read_cve_record(osv)
    else:
        raise ParseError("an OSV record of another kind than USN, LSN and UBUNTU-CVE")
    return ParsedDocument(records=(record,), rejected=rejected)


def _api_list(cves: msgspec.Raw) -> ParsedDocument:
    try:
        listed = msgspec.json.decode(cves, type=tuple[msgspec.Raw, ...])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ParseError(f"no list of CVEs: {error}") from None
    records: list[Record] = []
    rejected: list[Rejected] = []
    for number, one in enumerate(listed[:MOST_CVES]):
        try:
            record, bad = read_api_cve(decode_cve(one))
        except ParseError as error:
            rejected.append(Rejected(key=f"cve {number}", what=str(error)))
        else:
            records.append(record)
            rejected += bad
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected))
