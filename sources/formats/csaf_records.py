"""A CSAF document about kernels to the one record that it is; what is about other software says nothing to us."""

from __future__ import annotations

from advisories.observation import CellObservation, Observation, ParsedDocument, Record
from sources.formats.csaf import CsafDocument
from sources.formats.csaf_cells import FindPlace, cells_of, cve_observation, erratum_observation


def kernel_records(document: CsafDocument, find_place: FindPlace) -> ParsedDocument:
    """The record "vex/CVE-…" of a CVE's document, or that of an erratum under its own id; none when the document
    places nothing."""
    observations: list[Observation] = []
    cells: list[CellObservation] = []
    errata = None if document.is_vex else document.id
    issued = document.initial.date() if document.initial and not document.is_vex else None
    for vulnerability in document.vulnerabilities:
        placed = cells_of(vulnerability, find_place, erratum=errata, issued=issued)
        if placed and document.is_vex:
            observations.append(cve_observation(vulnerability, document))
        cells += placed
    if not cells:
        return ParsedDocument(records=(), rejected=document.rejected)
    if not document.is_vex:
        observations.append(erratum_observation(document, cells[0].distro, (one.cve for one in cells)))
    key = f"vex/{document.vulnerabilities[0].cve}" if document.is_vex else document.id
    record = Record(key=key, modified=document.current, observations=(*observations, *cells))
    return ParsedDocument(records=(record,), rejected=document.rejected)
