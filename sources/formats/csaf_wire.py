"""CSAF 2.0 as it is written: the fields that a status needs, each by its name in the standard."""

from __future__ import annotations

import msgspec


class Helper(msgspec.Struct):
    cpe: str = ""
    purl: str = ""


class Named(msgspec.Struct):
    product_id: str
    name: str = ""
    product_identification_helper: Helper = msgspec.field(default_factory=Helper)


class Branch(msgspec.Struct):
    category: str = ""
    name: str = ""
    product: Named | None = None
    branches: list[Branch] = msgspec.field(default_factory=list)


class Relationship(msgspec.Struct):
    full_product_name: Named
    product_reference: str
    relates_to_product_reference: str


class Tree(msgspec.Struct):
    branches: list[Branch] = msgspec.field(default_factory=list)
    full_product_names: list[Named] = msgspec.field(default_factory=list)
    relationships: list[Relationship] = msgspec.field(default_factory=list)


class Tlp(msgspec.Struct):
    label: str = ""


class Distribution(msgspec.Struct):
    tlp: Tlp | None = None


class Tracking(msgspec.Struct):
    id: str
    status: str = ""
    initial_release_date: str = ""
    current_release_date: str = ""


class Severity(msgspec.Struct):
    text: str = ""


class Link(msgspec.Struct):
    url: str = ""
    category: str = ""


class WireDocument(msgspec.Struct):
    category: str
    tracking: Tracking
    title: str = ""
    distribution: Distribution | None = None
    aggregate_severity: Severity | None = None
    references: list[Link] = msgspec.field(default_factory=list)


class Csaf(msgspec.Struct):
    document: WireDocument
    product_tree: Tree | None = None
    vulnerabilities: list[msgspec.Raw] = msgspec.field(default_factory=list)


class Cwe(msgspec.Struct):
    id: str = ""


class Note(msgspec.Struct):
    category: str = ""
    text: str = ""


class Flag(msgspec.Struct):
    label: str
    product_ids: list[str] = msgspec.field(default_factory=list)


class WireRemediation(msgspec.Struct):
    category: str
    details: str = ""
    date: str = ""
    url: str = ""
    product_ids: list[str] = msgspec.field(default_factory=list)


class Threat(msgspec.Struct):
    category: str = ""
    details: str = ""


class Cvss(msgspec.Struct):
    vector: str = msgspec.field(default="", name="vectorString")


class Score(msgspec.Struct):
    cvss_v2: Cvss | None = None
    cvss_v3: Cvss | None = None
    cvss_v4: Cvss | None = None


class Cve(msgspec.Struct):
    cve: str | None = None


class WireVulnerability(msgspec.Struct):
    cve: str
    title: str = ""
    cwe: Cwe | None = None
    release_date: str = ""
    discovery_date: str = ""
    notes: list[Note] = msgspec.field(default_factory=list)
    product_status: dict[str, list[str]] = msgspec.field(default_factory=dict)
    flags: list[Flag] = msgspec.field(default_factory=list)
    remediations: list[WireRemediation] = msgspec.field(default_factory=list)
    threats: list[Threat] = msgspec.field(default_factory=list)
    scores: list[Score] = msgspec.field(default_factory=list)
