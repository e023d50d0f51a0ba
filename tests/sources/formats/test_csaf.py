"""The reader of CSAF: products, statuses, and what makes a document or a vulnerability unreadable."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from advisories.observation import Rejected, SeverityClaim
from advisories.words import SeverityLevel, Status
from sources.errors import ParseError
from sources.formats.csaf import CsafDocument, Remedy, Statement, Vulnerability, read_csaf
from sources.formats.csaf_tree import Product
from tests.sources.csaf_documents import Flaw, Platform, csaf

NINE = Platform(
    id="BaseOS-9.7.0.Z.MAIN", name="Red Hat Enterprise Linux BaseOS (v. 9)", cpe="cpe:/o:redhat:enterprise_linux:9"
)
KERNEL = "kernel-0:5.14.0-611.54.1.el9_7.x86_64"
FIXED = f"{NINE.id}:{KERNEL}"


def fixed_document(**head: object) -> bytes:
    return csaf("CVE-2026-31431", [NINE], Flaw(statuses={"fixed": [FIXED]}), head=head)


def test_a_document_is_read_whole() -> None:
    """Head, times in UTC, and the one statement with its component, platform, remediation, severity and weakness."""
    flaw = Flaw(
        statuses={"fixed": [FIXED]},
        further={
            "title": "algif_aead works in place",
            "cwe": {"id": "CWE-1288", "name": "Improper Validation of Consistency within Input"},
            "release_date": "2026-04-22T00:00:00+00:00",
            "notes": [{"category": "description", "text": "Data is changed where it is read."}],
            "threats": [{"category": "impact", "details": "Important"}],
            "scores": [
                {"cvss_v3": {"vectorString": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"}, "products": [FIXED]}
            ],
            "remediations": [
                {
                    "category": "vendor_fix",
                    "date": "2026-05-04T09:00:00+00:00",
                    "details": "Update.",
                    "product_ids": [FIXED],
                    "url": "https://access.redhat.com/errata/RHSA-2026:13565",
                }
            ],
        },
    )
    product = Product(
        product_id=FIXED,
        name=KERNEL,
        component_id=KERNEL,
        branch="product_version",
        platform_name="Red Hat Enterprise Linux BaseOS (v. 9)",
        platform_cpe="cpe:/o:redhat:enterprise_linux:9",
    )
    remedy = Remedy(
        category="vendor_fix",
        details="Update.",
        url="https://access.redhat.com/errata/RHSA-2026:13565",
        date=datetime(2026, 5, 4, 9, tzinfo=UTC),
    )
    claim = SeverityClaim(
        vector="CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", score=7.8, level=SeverityLevel.HIGH, word="Important"
    )
    assert read_csaf(csaf("CVE-2026-31431", [NINE], flaw, title="algif_aead works in place")) == CsafDocument(
        category="csaf_vex",
        id="CVE-2026-31431",
        title="algif_aead works in place",
        status="final",
        initial=datetime(2026, 5, 2, 10, tzinfo=UTC),
        current=datetime(2026, 5, 3, 10, tzinfo=UTC),
        severity_word="",
        url="https://vendor.example/CVE-2026-31431",
        vulnerabilities=(
            Vulnerability(
                cve="CVE-2026-31431",
                title="algif_aead works in place",
                description="Data is changed where it is read.",
                published=datetime(2026, 4, 22, tzinfo=UTC),
                cwe=("CWE-1288",),
                severity=(claim,),
                statements=(
                    Statement(
                        product=product, status=Status.FIXED, word="fixed", justification=None, remedies=(remedy,)
                    ),
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("fixed", Status.FIXED),
        ("first_fixed", Status.FIXED),
        ("recommended", Status.FIXED),
        ("known_affected", Status.AFFECTED),
        ("first_affected", Status.AFFECTED),
        ("last_affected", Status.AFFECTED),
        ("known_not_affected", Status.NOT_AFFECTED),
        ("under_investigation", Status.UNDER_INVESTIGATION),
    ],
)
def test_each_list_has_its_status_and_keeps_its_name(word: str, status: Status) -> None:
    """The eight lists of product_status."""
    (vulnerability,) = read_csaf(csaf("CVE-2026-31431", [NINE], Flaw(statuses={word: [FIXED]}))).vulnerabilities
    assert [(one.status, one.word) for one in vulnerability.statements] == [(status, word)]


def test_a_flag_justifies_what_is_not_affected_only() -> None:
    """A flag on a fixed product justifies nothing; an unknown label is none of VEX."""
    other, third = f"{NINE.id}:kernel-rt", f"{NINE.id}:kernel-alt"
    flaw = Flaw(
        statuses={"fixed": [FIXED], "known_not_affected": [other, third]},
        further={
            "flags": [
                {"label": "vulnerable_code_not_present", "product_ids": [FIXED, other]},
                {"label": "we_do_not_think_so", "product_ids": [third]},
            ]
        },
    )
    (vulnerability,) = read_csaf(csaf("CVE-2026-31431", [NINE], flaw)).vulnerabilities
    assert [(one.product.component_id, one.justification) for one in vulnerability.statements] == [
        (KERNEL, None),
        ("kernel-rt", "vulnerable_code_not_present"),
        ("kernel-alt", None),
    ]


def test_a_product_without_a_relationship_is_split_at_its_platform() -> None:
    """Lists name products that the tree leaves out; their platform is the longest known beginning."""
    document = json.loads(fixed_document())
    document["product_tree"]["relationships"] = []
    (vulnerability,) = read_csaf(json.dumps(document).encode()).vulnerabilities
    (statement,) = vulnerability.statements
    assert (statement.product.component_id, statement.product.platform_cpe) == (KERNEL, NINE.cpe)


@pytest.mark.parametrize(
    ("statuses", "what"),
    [
        ({"fixed": [FIXED], "known_affected": [FIXED]}, f"the product {FIXED} is both fixed and known_affected"),
        (
            {"known_not_affected": [FIXED], "recommended": [FIXED]},
            f"the product {FIXED} is both recommended and known_not_affected",
        ),
    ],
)
def test_a_contradiction_rejects_its_vulnerability_alone(statuses: dict[str, list[str]], what: str) -> None:
    """CSAF 6.1.6: nobody can tell what holds; the other vulnerability counts."""
    good = Flaw(cve="CVE-2026-43033", statuses={"fixed": [FIXED]})
    document = read_csaf(csaf("RHSA-2026:13565", [NINE], Flaw(statuses=statuses), good))
    assert [one.cve for one in document.vulnerabilities] == ["CVE-2026-43033"]
    assert document.rejected == (Rejected(key="RHSA-2026:13565/CVE-2026-31431", what=what),)


def test_a_product_defined_by_itself_rejects_its_vulnerability() -> None:
    """CSAF 6.1.3: relationships that lead to themselves have no end."""
    document = json.loads(fixed_document())
    document["product_tree"]["relationships"][0]["product_reference"] = FIXED
    assert read_csaf(json.dumps(document).encode()).rejected == (
        Rejected(key="CVE-2026-31431/CVE-2026-31431", what=f"the product {FIXED} is defined by itself"),
    )


@pytest.mark.parametrize("label", ["AMBER", "RED", "AMBER+STRICT", "GREEN", "amber ", "?"])
def test_what_is_not_for_publication_is_refused(label: str) -> None:
    """A public feed that holds such a document has lost it; nothing of it is taken in."""
    with pytest.raises(ParseError, match="not for publication"):
        read_csaf(fixed_document(distribution={"tlp": {"label": label}}))


@pytest.mark.parametrize("head", [{"distribution": {"tlp": {"label": "CLEAR"}}}, {"distribution": {}}])
def test_what_is_public_is_read(head: dict[str, object]) -> None:
    """TLP 2 says CLEAR; Red Hat's newer files leave the label out."""
    assert len(read_csaf(fixed_document(**head)).vulnerabilities) == 1


@pytest.mark.parametrize("cve", ["cve-2026-31431", "CVE-2026-031431", "CVE-2026-31431\n", "СVE-2026-31431", 31431, []])
def test_an_id_that_is_no_cve_is_rejected(cve: object) -> None:
    """Case, padding, line ends, look-alike letters and other types."""
    document = json.loads(fixed_document())
    document["vulnerabilities"][0]["cve"] = cve
    read = read_csaf(json.dumps(document).encode())
    assert (read.vulnerabilities, len(read.rejected)) == ((), 1)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"document": {}}', b'{"document": {"category": "x", "tracking": {"id": "a"}}}']
)
def test_other_json_is_no_csaf(body: bytes) -> None:
    """Without a head or with another category there is no document."""
    with pytest.raises(ParseError):
        read_csaf(body)
