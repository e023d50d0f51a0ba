"""CSAF 2.0, profile VEX (category `csaf_vex`): one document per advisory (docs.oasis-open.org/csaf/csaf/v2.0).

Products are the vendors' packages as their cells state them, and the upstream releases with the fix.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from advisories import wording
from advisories.model import Advisory, Cell
from advisories.words import Disposition, Status
from bot.documents.common import (
    Publisher,
    action_statement,
    by_status,
    cve_of,
    derived_note,
    fixed_versions,
    impact_statement,
    is_version,
    justification,
    licences,
    links,
    package_cells,
    product_name,
    purl,
)
from bot.feeds.writers import clean
from bot.views.status import Json, when

_STATUS = {
    Status.FIXED: "fixed",
    Status.AFFECTED: "known_affected",
    Status.NOT_AFFECTED: "known_not_affected",
    Status.UNDER_INVESTIGATION: "under_investigation",
}
_SEVERITIES = {"none": "NONE", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "critical": "CRITICAL"}
MAX_SUMMARY_CHARS = 500
UPSTREAM_ID = "linux-kernel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One day's news of an advisory: when, and what it was."""

    at: datetime
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product of the tree: a package in a release, in one version or in any (version None)."""

    id: str
    vendor: str
    name: str
    version: str | None
    purl: str | None


def csaf_document(
    publisher: Publisher, advisory: Advisory, revisions: Sequence[Revision], *, changed: datetime, version: str
) -> Json:
    """The document. revisions: oldest first, may be empty; version: of this program."""
    history = list(revisions) or [Revision(at=changed, summary="First version")]
    products = {status: list(_products(cells)) for status, cells in by_status(package_cells(advisory)).items()}
    products[Status.FIXED] = [*_upstream_products(advisory), *products[Status.FIXED]]
    _drop_doubles(products)
    if not any(products.values()):
        kernel = Product(id=UPSTREAM_ID, vendor="Linux", name="Linux kernel", version=None, purl=None)
        products[Status.UNDER_INVESTIGATION] = [kernel]
    return {
        "document": _head(publisher, advisory, history, version),
        "product_tree": {"branches": _branches([one for status in Status for one in products[status]])},
        "vulnerabilities": [_vulnerability(publisher, advisory, products)],
    }


def _drop_doubles(products: dict[Status, list[Product]]) -> None:
    """Names that `clean` made equal stand once (section 6.1.2), and in one status alone (6.1.6)."""
    seen: set[str] = set()
    for status, listed in products.items():
        kept = {one.id: one for one in listed if one.id not in seen}
        products[status] = list(kept.values())
        seen |= kept.keys()


def tracking_id(advisory: Advisory) -> str:
    return advisory.id


def file_name(advisory: Advisory) -> str:
    """Section 5.1: the tracking id in lower case."""
    return f"{tracking_id(advisory).lower()}.json"


def _head(publisher: Publisher, advisory: Advisory, history: Sequence[Revision], version: str) -> Json:
    first, last = when(history[0].at), when(history[-1].at)
    name = cve_of(advisory) or advisory.id
    notes = [{"category": "general", "title": "Derived", "text": derived_note(publisher, advisory)}]
    if advisory.description:
        notes.append({"category": "description", "title": "The record's own text", "text": clean(advisory.description)})
    taken_from = licences(advisory)
    if taken_from:
        notes.append({"category": "legal_disclaimer", "title": "Licences", "text": "\n".join(taken_from)})
    references = [
        {
            "category": "self" if one.kind == "self" else "external",
            "summary": _cut(one.summary) or one.url,
            "url": one.url,
        }
        for one in links(publisher, advisory)
    ]
    return {
        "category": "csaf_vex",
        "csaf_version": "2.0",
        "distribution": {"tlp": {"label": "WHITE", "url": "https://www.first.org/tlp/"}},
        "lang": "en",
        "notes": notes,
        "publisher": {"category": "other", "name": publisher.name, "namespace": publisher.base_url},
        "references": references,
        "title": _cut(f"{name}: {advisory.title}"),
        "tracking": {
            "id": tracking_id(advisory),
            "status": "final",
            "version": str(len(history)),
            "initial_release_date": first,
            "current_release_date": last,
            "generator": {"date": last, "engine": {"name": "patchwatch", "version": version}},
            "revision_history": [
                {"number": str(number), "date": when(one.at), "summary": _cut(one.summary) or "Revised"}
                for number, one in enumerate(history, start=1)
            ],
        },
    }


def _cut(text: str) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= MAX_SUMMARY_CHARS else f"{line[: MAX_SUMMARY_CHARS - 1]}…"


def _products(cells: Iterable[Cell]) -> Iterable[Product]:
    for cell in cells:
        for version in (*fixed_versions(cell),) or (None,):
            yield _product(cell, version)


def _product(cell: Cell, version: str | None) -> Product:
    place = "/".join(part for part in (cell.distro, cell.release, cell.stream, cell.package) if part)
    return Product(
        id=clean(f"{place}@{version}" if version else place),
        vendor=clean(wording.DISTRO_NAMES.get(cell.distro, cell.distro)),
        name=clean(product_name(cell)),
        version=clean(version) if version else None,
        purl=purl(cell, version),
    )


def _upstream_products(advisory: Advisory) -> list[Product]:
    versions = dict.fromkeys(one.fix.version for one in advisory.upstream.fixed if is_version(one.fix.version))
    return [
        Product(id=f"{UPSTREAM_ID}@{one}", vendor="Linux", name="Linux kernel", version=one, purl=None)
        for one in versions
    ]


def _branches(products: Iterable[Product]) -> list[Json]:
    """vendor, product name, version; a product of any version is the name itself."""
    vendors: dict[str, dict[str, list[Product]]] = {}
    for one in products:
        vendors.setdefault(one.vendor, {}).setdefault(one.name, []).append(one)
    return [
        {
            "category": "vendor",
            "name": vendor or "unnamed",
            "branches": [_named_branch(name, found) for name, found in names.items()],
        }
        for vendor, names in vendors.items()
    ]


def _named_branch(name: str, products: Sequence[Product]) -> Json:
    if len(products) == 1 and products[0].version is None:
        return {"category": "product_name", "name": name, "product": _full_product(products[0])}
    return {
        "category": "product_name",
        "name": name,
        "branches": [
            {"category": "product_version", "name": one.version, "product": _full_product(one)} for one in products
        ],
    }


def _full_product(one: Product) -> Json:
    product: Json = {"product_id": one.id, "name": f"{one.name} {one.version}" if one.version else one.name}
    if one.purl:
        product["product_identification_helper"] = {"purl": one.purl}
    return product


def _vulnerability(publisher: Publisher, advisory: Advisory, products: dict[Status, list[Product]]) -> Json:
    found: Json = {
        "title": _cut(advisory.title) or advisory.id,
        "notes": [{"category": "summary", "text": _cut(advisory.title) or advisory.id}],
        "product_status": {
            _STATUS[status]: [one.id for one in listed] for status, listed in products.items() if listed
        },
    }
    cve = cve_of(advisory)
    found["ids"] = [{"system_name": publisher.base_url, "text": advisory.id}]
    if cve:
        found["cve"] = cve
    if advisory.published:
        found["release_date"] = when(advisory.published)
    cells = by_status(package_cells(advisory))
    flags = [_flag(cell) for cell in cells[Status.NOT_AFFECTED] if justification(cell)]
    if flags:
        found["flags"] = flags
    threats = [_impact(cell) for cell in cells[Status.NOT_AFFECTED] if not justification(cell)]
    threats += [{"category": "exploit_status", "details": one} for one in _exploitation(advisory)]
    if threats:
        found["threats"] = threats
    remediations = [_remediation(cell) for cell in cells[Status.AFFECTED]]
    if remediations:
        found["remediations"] = remediations
    scores = _scores(advisory, [one.id for one in products[Status.AFFECTED]])
    if scores:
        found["scores"] = scores
    return found


def _flag(cell: Cell) -> Json:
    return {"label": justification(cell), "product_ids": [_product(cell, None).id]}


def _impact(cell: Cell) -> Json:
    return {
        "category": "impact",
        "details": clean(impact_statement(cell)),
        "product_ids": [_product(cell, None).id],
    }


def _remediation(cell: Cell) -> Json:
    """The action statement: what the vendor means to do, as its own word of the schema."""
    category = {
        Disposition.WONT_FIX: "no_fix_planned",
        Disposition.EOL: "no_fix_planned",
        Disposition.MITIGATED: "mitigation",
    }.get(cell.disposition, "none_available")
    return {"category": category, "details": action_statement(cell), "product_ids": [_product(cell, None).id]}


def _exploitation(advisory: Advisory) -> list[str]:
    found = advisory.exploited
    if found.kev:
        since = f" since {found.since.isoformat()}" if found.since else ""
        return [f"Listed by CISA as known to be exploited (KEV){since}"]
    return [f"CISA SSVC exploitation: {found.ssvc}"] if found.ssvc in ("poc", "active") else []


def _scores(advisory: Advisory, products: list[str]) -> list[Json]:
    claim = advisory.severity.claim if advisory.severity else None
    if claim is None or claim.score is None or claim.level is None or not products:
        return []
    vector = claim.vector or ""
    if not vector.startswith(("CVSS:3.0/", "CVSS:3.1/")):
        return []
    return [
        {
            "products": products,
            "cvss_v3": {
                "version": vector[5:8],
                "vectorString": vector,
                "baseScore": claim.score,
                "baseSeverity": _SEVERITIES[claim.level.value],
            },
        }
    ]
