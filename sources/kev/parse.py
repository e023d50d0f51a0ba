"""CISA's catalogue of known exploited vulnerabilities (JSON; its schema is published beside it).

    {"catalogVersion", "dateReleased", "count", "vulnerabilities": [{"cveID", "dateAdded", "dueDate", ...}]}

The catalogue is complete: an entry that is missing was taken back, or the document is broken; `count` tells which.
"""

from __future__ import annotations

from typing import Final

import msgspec

from advisories.observation import ExploitationObservation, ParsedDocument, Record, Rejected
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line, is_cve_id, iso_date

MOST_ENTRIES: Final = 50_000
# Marks a document that we cut out of a whole one, so that it never counts as the complete catalogue.
SLICE_MARK: Final = "patchwatch-slice"


class _Catalogue(msgspec.Struct, rename="camel"):
    catalog_version: str
    count: int
    vulnerabilities: list[msgspec.Raw]
    slice: str | None = msgspec.field(default=None, name=SLICE_MARK)


class _Entry(msgspec.Struct, rename="camel"):
    cve_id: str = msgspec.field(name="cveID")
    date_added: str
    due_date: str | None = None


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per CVE. Raises ParseError, also when there are fewer entries than the catalogue counts."""
    catalogue = decode_json(raw.body, _Catalogue, "the KEV catalogue")
    entries = catalogue.vulnerabilities
    if len(entries) != catalogue.count:
        raise ParseError(f"the catalogue counts {catalogue.count} entries and has {len(entries)}")
    if not entries or len(entries) > MOST_ENTRIES:
        raise ParseError(f"a catalogue of {len(entries)} entries")
    records: dict[str, Record] = {}
    rejected: list[Rejected] = []
    for number, one in enumerate(entries):
        read = _read_entry(number, bytes(one), catalogue.catalog_version)
        if isinstance(read, Record) and read.key in records:
            rejected.append(Rejected(key=read.key, what="listed twice; the first entry counts"))
        elif isinstance(read, Record):
            records[read.key] = read
        else:
            rejected.append(read)
    return ParsedDocument(records=tuple(records.values()), rejected=tuple(rejected), complete=catalogue.slice is None)


def _read_entry(number: int, raw: bytes, version: str) -> Record | Rejected:
    try:
        entry = decode_json(raw, _Entry, "the entry")
    except ParseError as error:
        return Rejected(key=f"entry {number}", what=str(error))
    if not is_cve_id(entry.cve_id):
        return Rejected(key=f"entry {number}", what=f"{clean_line(entry.cve_id, 60)!r} is no CVE id")
    since = iso_date(entry.date_added)
    if since is None:
        return Rejected(key=entry.cve_id, what=f"dateAdded is {clean_line(entry.date_added, 40)!r}")
    due = iso_date(entry.due_date) if entry.due_date else None
    exploited = ExploitationObservation(cve=entry.cve_id, kev=True, since=since, due=due)
    return Record(key=entry.cve_id, observations=(exploited,), slice=_slice(raw, version))


def _slice(entry: bytes, version: str) -> bytes:
    alone = {"catalogVersion": version, "count": 1, "vulnerabilities": [msgspec.Raw(entry)], SLICE_MARK: "one entry"}
    return msgspec.json.encode(alone)
