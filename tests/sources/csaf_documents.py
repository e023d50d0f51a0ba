"""Small CSAF documents in the true wire form, for the tests of every source that reads CSAF."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A product that components are part of."""

    id: str
    name: str
    cpe: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One vulnerability: statuses by list, each product as "platform:component"."""

    statuses: Mapping[str, Sequence[str]]
    cve: str = "CVE-2026-31431"
    further: Mapping[str, object] = field(default_factory=dict)


def csaf(
    identifier: str,
    platforms: Iterable[Platform],
    *flaws: Flaw,
    category: str = "csaf_vex",
    title: str = "a document",
    head: Mapping[str, object] | None = None,
) -> bytes:
    """A document whose tree holds the platforms, the components and the relationships of all flaws."""
    places = list(platforms)
    pairs = dict.fromkeys(pair for flaw in flaws for pairs in flaw.statuses.values() for pair in pairs)
    known = {place.id for place in places}
    split = {
        pair: next((pair[: len(one)], pair[len(one) + 1 :]) for one in known if pair.startswith(one + ":"))
        for pair in pairs
    }
    components = dict.fromkeys(component for _, component in split.values())
    tree: Json = {
        "branches": [
            {
                "category": "vendor",
                "name": "a vendor",
                "branches": [
                    *(
                        {"category": "product_name", "name": one.name, "product": _named(one.id, one.name, one.cpe)}
                        for one in places
                    ),
                    *({"category": "product_version", "name": one, "product": _named(one, one)} for one in components),
                ],
            }
        ],
        "relationships": [
            {
                "category": "default_component_of",
                "full_product_name": _named(pair, f"{component} as a component of {platform}"),
                "product_reference": component,
                "relates_to_product_reference": platform,
            }
            for pair, (platform, component) in split.items()
        ],
    }
    return json.dumps(
        {
            "document": {
                "category": category,
                "csaf_version": "2.0",
                "title": title,
                "distribution": {"tlp": {"label": "WHITE"}},
                "references": [{"category": "self", "url": f"https://vendor.example/{identifier}"}],
                "tracking": {
                    "id": identifier,
                    "status": "final",
                    "initial_release_date": "2026-05-02T10:00:00Z",
                    "current_release_date": "2026-05-03T12:00:00+02:00",
                },
                **(head or {}),
            },
            "product_tree": tree,
            "vulnerabilities": [
                {
                    "cve": flaw.cve,
                    "product_status": {word: list(said) for word, said in flaw.statuses.items()},
                    **flaw.further,
                }
                for flaw in flaws
            ],
        }
    ).encode()


def _named(identifier: str, name: str, cpe: str = "") -> Json:
    named: Json = {"product_id": identifier, "name": name}
    if cpe:
        named["product_identification_helper"] = {"cpe": cpe}
    return named
