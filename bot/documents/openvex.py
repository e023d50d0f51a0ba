"""OpenVEX 0.2.0 (github.com/openvex/spec): one document per advisory, a statement per package and version."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import quote

from advisories.model import Advisory, Cell
from advisories.words import Status
from bot.documents.common import (
    Publisher,
    action_statement,
    cve_of,
    derived_note,
    fixed_versions,
    impact_statement,
    justification,
    licences,
    package_cells,
    product_name,
    purl,
)
from bot.feeds.writers import clean
from bot.views.status import Json, when

CONTEXT = "https://openvex.dev/ns/v0.2.0"


def openvex_document(
    publisher: Publisher, advisory: Advisory, *, first_at: datetime, changed: datetime, revision: int, version: str
) -> Json:
    """The document. revision: how often it changed; version: of this program. Without a cell nobody knows yet."""
    statements = [one for cell in package_cells(advisory) for one in _statements(publisher, advisory, cell)]
    return {
        "@context": CONTEXT,
        "@id": f"{publisher.base_url}/openvex/{advisory.id}.json",
        "author": f"{publisher.name} ({publisher.base_url})",
        "role": "Derived",
        "timestamp": when(first_at),
        "last_updated": when(max(changed, first_at)),
        "version": max(revision, 1),
        "tooling": f"patchwatch {version}. {derived_note(publisher, advisory)} {' '.join(licences(advisory))}".strip(),
        "statements": statements or [_unknown(publisher, advisory)],
    }


def _vulnerability(publisher: Publisher, advisory: Advisory) -> Json:
    name = cve_of(advisory) or advisory.id
    found: Json = {"@id": publisher.page(advisory), "name": name}
    if name != advisory.id:
        found["aliases"] = [advisory.id]
    return found


def _unknown(publisher: Publisher, advisory: Advisory) -> Json:
    return {
        "vulnerability": _vulnerability(publisher, advisory),
        "products": [{"@id": "pkg:generic/linux-kernel"}],
        "status": Status.UNDER_INVESTIGATION.value,
    }


def _statements(publisher: Publisher, advisory: Advisory, cell: Cell) -> Iterable[Json]:
    for version in (*fixed_versions(cell),) or (None,):
        yield _statement(publisher, advisory, cell, version)


def _statement(publisher: Publisher, advisory: Advisory, cell: Cell, version: str | None) -> Json:
    product: Json = {"@id": _product_id(publisher, advisory, cell, version)}
    url = purl(cell, version)
    if url:
        product["identifiers"] = {"purl": url}
    notes = [product_name(cell)]
    notes += [f"vendor's word: {cell.vendor_status}"] if cell.vendor_status else []
    notes += ["inferred from the upstream version"] if cell.inferred else []
    notes += [f"errata: {', '.join(cell.errata)}"] if cell.errata else []
    statement: Json = {
        "vulnerability": _vulnerability(publisher, advisory),
        "products": [product],
        "status": cell.status.value,
        "status_notes": clean("; ".join(notes)),
        "timestamp": when(cell.first_seen),
    }
    if cell.status is Status.AFFECTED:
        statement["action_statement"] = action_statement(cell)
    if cell.status is Status.NOT_AFFECTED:
        known = justification(cell)
        if known:
            statement["justification"] = known
        else:
            statement["impact_statement"] = clean(impact_statement(cell))
    return statement


def _product_id(publisher: Publisher, advisory: Advisory, cell: Cell, version: str | None) -> str:
    """The package URL, or an address of ours for a package whose type has none."""
    url = purl(cell, version)
    if url:
        return url
    parts = [part for part in (cell.distro, cell.release, cell.stream) if part]
    place = "/".join(quote(part, safe="") for part in parts)
    at = f"@{quote(version, safe='')}" if version else ""
    return f"{publisher.base_url}/matrix/{advisory.id}?distro={place}#{quote(cell.package, safe='')}{at}"
