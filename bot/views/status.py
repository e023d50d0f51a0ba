"""An advisory as `status --format json` (CONTRACT)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from advisories import wording
from advisories.model import Advisory, Carrier, Cell, CellConflict, Erratum, Evidence, SourcedSeverity
from advisories.observation import FixedVersion, LinkObservation, Reference
from advisories.topics import Mitigation, Topic

Json = dict[str, Any]  # Any: JSON


def when(value: datetime | None) -> str | None:
    """A time as CONTRACT writes it: 2026-04-30T11:32:00Z."""
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


def day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def evidence_view(one: Evidence) -> Json:
    return {
        "source": one.source,
        "class": one.evidence_class.value,
        "url": one.url,
        "fetched_at": when(one.fetched_at),
        "sha256": one.sha256,
    }


def status_view(
    advisory: Advisory, *, as_of: datetime, topics: Sequence[Topic] = (), cells: Sequence[Cell] | None = None
) -> Json:
    """The whole document; `cells` narrows the matrix (`--distro`)."""
    own = [topic for topic in topics if topic.slug in advisory.topics]
    return {
        "advisory": head_view(advisory),
        "upstream": upstream_view(advisory),
        "cells": [cell_view(cell) for cell in (advisory.cells if cells is None else cells)],
        "mitigations": mitigations_view(advisory, own),
        "errata": [_erratum_view(one) for one in advisory.errata],
        "references": [_reference_view(one) for one in advisory.references],
        "links": [_link_view(one) for one in advisory.links],
        "as_of": when(as_of),
    }


def head_view(advisory: Advisory) -> Json:
    exploited = advisory.exploited
    return {
        "id": advisory.id,
        "kind": advisory.kind.value,
        "title": advisory.title,
        "description": advisory.description,
        "aliases": list(advisory.aliases),
        "topics": list(advisory.topics),
        "severity": _severity_view(advisory.severity),
        "severities": [{**_severity_view(one), "source": one.evidence.source} for one in advisory.severities],
        "cwe": [{"id": one.cwe, "source": one.source} for one in advisory.cwe],
        "exploited": {
            "kev": exploited.kev,
            "since": day(exploited.since),
            "due": day(exploited.due),
            "ssvc": exploited.ssvc,
            "epss": exploited.epss,
        },
        "published": when(advisory.published),
        "modified": when(advisory.modified),
        "withdrawn": when(advisory.withdrawn),
        "files": list(advisory.files),
        "evidence": [evidence_view(one) for one in advisory.evidence],
    }


def _severity_view(one: SourcedSeverity | None) -> Json:
    if one is None:
        return {"cvss": None, "score": None, "level": None}
    level = one.claim.level.value if one.claim.level else None
    return {"cvss": one.claim.vector, "score": one.claim.score, "level": level}


def upstream_view(advisory: Advisory) -> Json:
    upstream = advisory.upstream
    return {
        "introduced": [{"version": one.version, "commit": one.commit} for one in upstream.introduced],
        "fixed": [
            {
                "branch": one.fix.branch,
                "version": one.fix.version,
                "commit": one.fix.commit,
                "evidence": evidence_view(one.evidence),
            }
            for one in upstream.fixed
        ],
        "conflicts": [
            {"branch": one.branch, "version": one.version, "says": one.says, "evidence": evidence_view(one.evidence)}
            for one in upstream.conflicts
        ],
    }


def cell_view(cell: Cell) -> Json:
    action = wording.action(cell)
    return {
        "kind": cell.kind.value,
        "distro": cell.distro,
        "release": cell.release,
        "codename": cell.codename,
        "stream": cell.stream,
        "programmes": list(cell.programmes),
        "package": cell.package,
        "status": cell.status.value,
        "disposition": cell.disposition.value,
        "justification": cell.justification,
        "action": None if action is None else {"action": action[0], "statement": action[1]},
        "fixed_version": cell.fixed_version,
        "fixed": [fixed_view(one) for one in cell.fixed],
        "errata": list(cell.errata),
        "vendor_status": cell.vendor_status,
        "since": day(cell.since),
        "first_seen": when(cell.first_seen),
        "needs_subscription": cell.needs_subscription,
        "inferred": cell.inferred,
        "partial": cell.partial,
        "note": cell.note,
        "shipped": cell.shipped_only,
        "evidence": [evidence_view(one) for one in cell.evidence],
        "conflicts": [_conflict_view(one) for one in cell.conflicts],
    }


def fixed_view(one: FixedVersion) -> Json:
    return {"branch": one.branch, "version": one.version, "erratum": one.erratum, "date": day(one.date)}


def _conflict_view(one: CellConflict) -> Json:
    return {
        "source": one.source,
        "status": one.status.value,
        "disposition": one.disposition.value,
        "vendor_status": one.vendor_status,
        "fixed_version": one.fixed_version,
        "reason": one.reason,
        "evidence": evidence_view(one.evidence),
    }


def mitigations_view(advisory: Advisory, topics: Sequence[Topic]) -> list[Json]:
    """The topic files' mitigations with what carries them, then carriers that no topic file describes."""
    views: list[Json] = []
    described: set[str] = set()
    for topic in topics:
        for one in topic.mitigations:
            if one.id not in described:
                described.add(one.id)
                views.append(_mitigation_view(one, [each for each in advisory.carriers if each.mitigation == one.id]))
    for carrier in advisory.carriers:
        if carrier.mitigation not in described:
            views.append(
                {
                    "id": carrier.mitigation,
                    "title": carrier.title,
                    "applies_when": "",
                    "inert_when": "",
                    "breaks": "",
                    "carried_by": [_carrier_view(carrier)],
                    "replaced_by": None,
                    "lift_when": "",
                    "source": carrier.evidence.url,
                }
            )
    return views


def _mitigation_view(one: Mitigation, carriers: Sequence[Carrier]) -> Json:
    listed = [
        {
            "distro": each.distro,
            "release": each.release,
            "package": each.package,
            "version": each.version,
            "erratum": each.erratum,
        }
        for each in one.carried_by
    ]
    return {
        "id": one.id,
        "title": one.title,
        "applies_when": one.applies_when,
        "inert_when": one.inert_when,
        "breaks": one.breaks,
        "carried_by": listed + [_carrier_view(each) for each in carriers],
        "replaced_by": one.replaced_by,
        "lift_when": one.lift_when,
        "source": one.source,
    }


def _carrier_view(one: Carrier) -> Json:
    return {
        "distro": one.distro,
        "release": one.release,
        "package": one.package,
        "version": one.version,
        "erratum": one.erratum,
        "date": day(one.date),
        "evidence": evidence_view(one.evidence),
    }


def _erratum_view(one: Erratum) -> Json:
    return {
        "id": one.erratum,
        "distro": one.distro,
        "title": one.title,
        "issued": when(one.issued),
        "updated": when(one.updated),
        "url": one.url,
        "withdrawn": one.withdrawn,
    }


def _reference_view(one: Reference) -> Json:
    return {"url": one.url, "tag": one.tag}


def _link_view(one: LinkObservation) -> Json:
    return {"title": one.title, "url": one.url, "published": when(one.published)}


def parse_place(text: str) -> tuple[str, str | None, str | None]:
    """ "debian/12" as (distro, release, stream); release and stream may be missing."""
    parts = text.strip().split("/")
    return parts[0], (parts[1] if len(parts) > 1 and parts[1] else None), (parts[2] if len(parts) > 2 else None)


def select_cells(advisory: Advisory, place: str | None) -> list[Cell]:
    """The cells of one distribution, release or stream; all of them when no place is given."""
    if place is None:
        return list(advisory.cells)
    distro, release, stream = parse_place(place)
    return [
        cell
        for cell in advisory.cells
        if cell.distro.lower() == distro.lower()
        and (release is None or release.lower() in ((cell.release or "").lower(), (cell.codename or "").lower()))
        and (stream is None or stream == cell.stream)
    ]
