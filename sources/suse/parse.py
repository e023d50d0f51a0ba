"""SUSE's CSAF documents: errata (`csaf/`) and one record a CVE (`csaf-vex/`).

The product tree is trusted, not the prose: SUSE-SU-2026:1671-1 speaks of 15 SP5 and lists 15 SP6.
"""

from __future__ import annotations

import re
from dataclasses import replace

from advisories.observation import CellObservation, Observation, ParsedDocument, Record, Rejected
from sources.base import RawDocument
from sources.formats.csaf import read_csaf
from sources.formats.csaf_records import kernel_records
from sources.suse.products import find_place

_ERRATUM_ID = re.compile(r"(?:open)?SUSE-[SRFO]U-[0-9]{4}:[0-9]{1,7}-[0-9]{1,3}")


def parse(raw: RawDocument) -> ParsedDocument:
    """The records of one document; a page that was published as an erratum ("SUSE-SU-403") is none. Raises
    ParseError."""
    document = read_csaf(raw.body)
    if not document.is_vex and _ERRATUM_ID.fullmatch(document.id) is None:
        return ParsedDocument(records=(), rejected=(Rejected(key=document.id, what="not the id of an erratum"),))
    parsed = kernel_records(document, find_place)
    return replace(parsed, records=tuple(_without_extensions(record) for record in parsed.records))


def _without_extensions(record: Record) -> Record:
    """The record without what only an extension says of a release whose kernels go to another stream.

    Modules for High Availability and Live Patching are listed by the plain release, whoever may still update its kernel
    (15 SP6 after its general support: only LTSS). They speak for the release only where no stream of it is listed.
    """
    cells = [one for one in record.observations if isinstance(one, CellObservation)]
    streams = {(one.cve, one.distro, one.release, one.package) for one in cells if one.stream is not None}

    def speaks(one: Observation) -> bool:
        if not isinstance(one, CellObservation) or not one.partial or one.stream is not None:
            return True
        return (one.cve, one.distro, one.release, one.package) not in streams

    return replace(record, observations=tuple(one for one in record.observations if speaks(one)))
