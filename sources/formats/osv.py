"""OSV records (https://ossf.github.io/osv-schema/, 1.7): a typed partial decode of the fields that claims rest on.

`versions` lists are left undecoded: they make up most of a kernel's record and say nothing that the ranges do not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from sources.errors import ParseError
from sources.formats.text import is_cve_id

MOST_AFFECTED: Final = 50_000
MOST_CVES: Final = 5_000
LONGEST_NAME: Final = 200

_UBUNTU_PREFIX = "UBUNTU-"


class OsvPackage(msgspec.Struct, gc=False):
    ecosystem: str
    name: str
    purl: str | None = None


class OsvEvent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Exactly one of these; another word would read as a range without a fix."""

    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None
    limit: str | None = None


class OsvRange(msgspec.Struct, gc=False):
    type: str
    events: tuple[OsvEvent, ...]


class OsvEcosystemSpecific(msgspec.Struct, gc=False):
    """Ubuntu's own: `module_version` of a live patch."""

    module_version: str | None = None


class OsvCve(msgspec.Struct, gc=False):
    id: str


class OsvCvesMap(msgspec.Struct, gc=False):
    cves: tuple[OsvCve, ...]


class OsvDatabaseSpecific(msgspec.Struct, gc=False):
    """Ubuntu's own: which of the notice's CVEs this package and release is about."""

    cves_map: OsvCvesMap | None = None


class OsvAffected(msgspec.Struct, gc=False):
    package: OsvPackage
    ranges: tuple[OsvRange, ...] | None  # the key must be there: a renamed one would read as no fix
    ecosystem_specific: OsvEcosystemSpecific | None = None
    database_specific: OsvDatabaseSpecific | None = None

    def fixed_versions(self) -> tuple[str, ...]:
        """The versions that end an affected range, in order; commits are no versions."""
        events = [event for one in self.ranges or () if one.type != "GIT" for event in one.events]
        return tuple(dict.fromkeys(event.fixed for event in events if event.fixed))


class OsvSeverity(msgspec.Struct, gc=False):
    type: str
    score: str


class OsvReference(msgspec.Struct, gc=False):
    url: str
    type: str | None = None


class OsvRecord(msgspec.Struct, gc=False):
    id: str
    modified: datetime
    affected: tuple[OsvAffected, ...] | msgspec.UnsetType | None = msgspec.UNSET
    published: datetime | None = None
    withdrawn: datetime | None = None
    summary: str | None = None
    details: str | None = None
    aliases: tuple[str, ...] | None = None
    upstream: tuple[str, ...] | None = None
    related: tuple[str, ...] | None = None
    severity: tuple[OsvSeverity, ...] | None = None
    references: tuple[OsvReference, ...] | None = None

    @property
    def packages(self) -> tuple[OsvAffected, ...]:
        return self.affected or ()


_decoder = msgspec.json.Decoder(OsvRecord)


def decode_osv(body: bytes) -> OsvRecord:
    """One record. Raises ParseError: also when `affected` is missing from a record that is not withdrawn, since a
    renamed field must not read as "nothing is affected"."""
    try:
        record = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"no OSV record: {error}") from None
    if not record.id or len(record.id) > LONGEST_NAME:
        raise ParseError("an OSV record without an id")
    if record.affected is msgspec.UNSET and record.withdrawn is None:
        raise ParseError("an OSV record without affected", record.id)
    if any(event == OsvEvent() for one in record.packages for each in one.ranges or () for event in each.events):
        raise ParseError("an OSV record with an event that says nothing", record.id)
    if len(record.packages) > MOST_AFFECTED:
        raise ParseError(f"more than {MOST_AFFECTED} affected packages", record.id)
    return record


def cve_ids(*lists: tuple[str, ...] | None) -> tuple[str, ...]:
    """The CVE ids of the lists in order, each once; Ubuntu's own ids ("UBUNTU-CVE-…") stand for the CVE."""
    plain = (text.removeprefix(_UBUNTU_PREFIX) for texts in lists for text in texts or ())
    return tuple(dict.fromkeys(text for text in plain if is_cve_id(text)))[:MOST_CVES]
