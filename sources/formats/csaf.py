"""CSAF 2.0 documents (OASIS standard of 2022-11-18), of the profiles `csaf_security_advisory` and `csaf_vex`.

Only what a status needs is decoded: the document's head, the product tree with its relationships, and of each
vulnerability its statuses, flags, remediations, threats and scores. The tree is decoded by msgspec, which bounds its
own depth, and walked without recursion. Two faults that the standard names make a vulnerability unreadable: a product
that is defined by itself (6.1.3) and one with contradicting statuses (6.1.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from advisories.observation import Rejected, SeverityClaim
from advisories.severity import claim_from_vector, level_of_word
from advisories.words import Status
from sources.errors import ParseError
from sources.formats.csaf_tree import BadProduct, Product, Products, read_tree
from sources.formats.csaf_wire import Csaf, Cve, Tree, WireDocument, WireVulnerability
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line, clean_text, is_cve_id, is_cwe_id, web_link
from sources.formats.times import read_time

MOST_VULNERABILITIES: Final = 10_000
MOST_STATEMENTS: Final = 1_000_000
PUBLIC_LABELS: Final = frozenset({"", "white", "clear"})  # of the Traffic Light Protocol, versions 1 and 2

# product_status (3.2.3.9): what each list says of its products
STATUS_OF_LIST: Final = {
    "first_fixed": Status.FIXED,
    "fixed": Status.FIXED,
    "recommended": Status.FIXED,  # SUSE's word for the version that has the fix
    "first_affected": Status.AFFECTED,
    "known_affected": Status.AFFECTED,
    "last_affected": Status.AFFECTED,
    "known_not_affected": Status.NOT_AFFECTED,
    "under_investigation": Status.UNDER_INVESTIGATION,
}
# flags (3.2.3.5): the justifications of VEX
JUSTIFICATIONS: Final = frozenset(
    {
        "component_not_present",
        "inline_mitigations_already_exist",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_not_present",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What the vendor does about a product: category as in 3.2.3.12, its own words, its address and date."""

    category: str
    details: str
    url: str
    date: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One product's status in one vulnerability; `word` is the name of the list it stood in."""

    product: Product
    status: Status
    word: str
    justification: str | None = None
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    cve: str
    title: str
    description: str
    published: datetime | None
    cwe: tuple[str, ...]
    severity: tuple[SeverityClaim, ...]
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsafDocument:
    """A whole document. `url`: the document's own reference to itself; dates are the document's, in UTC."""

    category: str
    id: str
    title: str
    status: str
    initial: datetime | None
    current: datetime | None
    severity_word: str
    url: str | None
    vulnerabilities: tuple[Vulnerability, ...]
    rejected: tuple[Rejected, ...] = ()

    @property
    def is_vex(self) -> bool:
        """Whether it is the record of one CVE; openEuler writes this category on its advisories too."""
        return is_cve_id(self.id.removeprefix("msrc_"))


def read_csaf(body: bytes) -> CsafDocument:
    """The document. Raises ParseError: no CSAF, cut, past every bound, or not for publication (TLP)."""
    decoded = decode_json(body, Csaf, "the CSAF document")
    head = decoded.document
    if not head.category.startswith("csaf_"):
        raise ParseError(f"not a CSAF document: its category is {head.category[:50]!r}", "document.category")
    label = head.distribution.tlp.label if head.distribution and head.distribution.tlp else ""
    if label.strip().lower() not in PUBLIC_LABELS:
        raise ParseError(f"not for publication: TLP:{label[:20]}", "document.distribution.tlp")
    if len(decoded.vulnerabilities) > MOST_VULNERABILITIES:
        raise ParseError(f"more than {MOST_VULNERABILITIES} vulnerabilities", "vulnerabilities")
    products = read_tree(decoded.product_tree or Tree())
    read: list[Vulnerability] = []
    rejected: list[Rejected] = []
    budget = MOST_STATEMENTS
    for number, raw in enumerate(decoded.vulnerabilities):
        one = _vulnerability(raw, number, products, head, budget)
        if isinstance(one, Rejected):
            rejected.append(one)
        elif one is not None:
            budget -= len(one.statements)
            read.append(one)
    return CsafDocument(
        category=clean_line(head.category, 100),
        id=clean_line(head.tracking.id, 100),
        title=clean_line(head.title),
        status=clean_line(head.tracking.status, 20),
        initial=read_time(head.tracking.initial_release_date),
        current=read_time(head.tracking.current_release_date),
        severity_word=clean_line(head.aggregate_severity.text, 40) if head.aggregate_severity else "",
        url=next((link for one in head.references if one.category == "self" and (link := web_link(one.url))), None),
        vulnerabilities=tuple(read),
        rejected=tuple(rejected),
    )


def _vulnerability(
    raw: msgspec.Raw, number: int, products: Products, head: WireDocument, budget: int
) -> Vulnerability | Rejected | None:
    """One vulnerability; None for one that has no CVE id (the field is optional)."""
    key = f"{clean_line(head.tracking.id, 100)}/{number}"
    try:
        if msgspec.json.decode(raw, type=Cve).cve is None:
            return None
        decoded = msgspec.json.decode(raw, type=WireVulnerability)
        if not is_cve_id(decoded.cve):
            return Rejected(key=key, what="its CVE id is none")
        key = f"{clean_line(head.tracking.id, 100)}/{decoded.cve}"
        if sum(map(len, decoded.product_status.values())) > budget:
            return Rejected(key=key, what=f"more than {MOST_STATEMENTS} statuses in the document")
        statements = _statements(decoded, products)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadProduct) as error:
        return Rejected(key=key, what=clean_line(str(error), 200))
    words = [clean_line(one.details, 40) for one in decoded.threats if one.category == "impact"]
    return Vulnerability(
        cve=decoded.cve,
        title=clean_line(decoded.title),
        description=_description(decoded),
        published=read_time(decoded.release_date) or read_time(decoded.discovery_date),
        cwe=(decoded.cwe.id,) if decoded.cwe is not None and is_cwe_id(decoded.cwe.id) else (),
        severity=_severity(decoded, next((word for word in words if level_of_word(word)), None)),
        statements=statements,
    )


def _description(decoded: WireVulnerability) -> str:
    for category in ("description", "general", "summary"):
        for note in decoded.notes:
            if note.category == category and note.text:
                return clean_text(note.text)
    return ""


def _severity(decoded: WireVulnerability, word: str | None) -> tuple[SeverityClaim, ...]:
    scores = [each for one in decoded.scores for each in (one.cvss_v4, one.cvss_v3, one.cvss_v2) if each is not None]
    vectors = dict.fromkeys(each.vector for each in scores)
    claims = [claim for vector in list(vectors)[:20] if (claim := claim_from_vector(vector, word)) is not None]
    if not claims and word is not None:
        claims = [SeverityClaim(vector=None, score=None, level=level_of_word(word), word=word)]
    return tuple(claims)


def _statements(decoded: WireVulnerability, products: Products) -> tuple[Statement, ...]:
    said: dict[str, str] = {}
    for word, status in STATUS_OF_LIST.items():
        for product_id in decoded.product_status.get(word, ()):
            before = said.setdefault(product_id, word)
            if STATUS_OF_LIST[before] is not status:
                raise BadProduct(f"the product {product_id[:200]} is both {before} and {word}")
    labels = {each: flag.label for flag in decoded.flags if flag.label in JUSTIFICATIONS for each in flag.product_ids}
    remedies: dict[str, list[Remedy]] = {}
    for one in decoded.remediations:
        remedy = Remedy(
            category=clean_line(one.category, 40),
            details=clean_line(one.details, 100),
            url=web_link(one.url) or "",
            date=read_time(one.date),
        )
        for product_id in one.product_ids:
            remedies.setdefault(product_id, []).append(remedy)
    return tuple(
        Statement(
            product=products.find(product_id),
            status=STATUS_OF_LIST[word],
            word=word,
            justification=labels.get(product_id) if STATUS_OF_LIST[word] is Status.NOT_AFFECTED else None,
            remedies=tuple(remedies.get(product_id, ())),
        )
        for product_id, word in said.items()
    )
