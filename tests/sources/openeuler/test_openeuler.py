"""openEuler's CSAF: trailing commas, service packs, errata by address."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from advisories.observation import CellObservation, CveObservation, FixedVersion, ParsedDocument, Record, Reference
from advisories.words import Status
from sources.openeuler import SOURCE
from tests.sources.csaf_documents import Flaw, Platform, csaf
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document

RAW = raw_document(
    "openeuler", "https://repo.openeuler.org/security/data/csaf/cve/2026/csaf-openeuler-cve-2026-31431.json"
)
CVE = "CVE-2026-31431"
PLAIN = Platform(id="openEuler-24.03-LTS", name="openEuler-24.03-LTS")
PACK = Platform(id="openEuler-24.03-LTS-SP1", name="openEuler-24.03-LTS-SP1")


def fix(number: int, *products: str) -> dict[str, object]:
    url = f"https://www.openeuler.org/zh/security/security-bulletins/detail/?id=openEuler-SA-2026-{number}"
    return {"category": "vendor_fix", "details": "kernel security update", "product_ids": list(products), "url": url}


def document() -> bytes:
    plain = [f"{PLAIN.id}:kernel-6.6.0-57.0.0.59.oe2403.{arch}.rpm" for arch in ("src", "x86_64", "aarch64")]
    plain.append(f"{PLAIN.id}:kernel-devel-6.6.0-57.0.0.59.oe2403.x86_64.rpm")
    pack = [
        f"{PACK.id}:kernel-6.6.0-97.0.0.102.oe2403sp1.src.rpm",
        f"{PACK.id}:bpftool-6.6.0-97.0.0.102.oe2403sp1.x86_64.rpm",
    ]
    flaw = Flaw(
        statuses={"fixed": [*plain, *pack]}, further={"title": CVE, "remediations": [fix(100, *plain), fix(101, *pack)]}
    )
    return csaf(CVE, [PLAIN, PACK], flaw, title=f"openEuler cve {CVE}")


def cell(stream: str | None, version: str, erratum: str, release: str = "24.03", cve: str = CVE) -> CellObservation:
    return CellObservation(
        cve=cve,
        distro="openEuler",
        release=release,
        stream=stream,
        package="kernel",
        status=Status.FIXED,
        fixed=(FixedVersion(version=version, erratum=erratum),),
        errata=(erratum,),
        vendor_status="fixed",
    )


def test_a_record_with_trailing_commas() -> None:
    """As the live files are written; service packs are streams, binaries are their source."""
    body = document().replace(b"]", b", ]").replace(b"[, ]", b"[]").replace(b"}", b",\n}").replace(b"{,\n}", b"{}")
    expected = ParsedDocument(
        records=(
            Record(
                key="vex/CVE-2026-31431",
                modified=datetime(2026, 5, 3, 10, tzinfo=UTC),
                observations=(
                    CveObservation(
                        cve=CVE,
                        opens=True,
                        modified=datetime(2026, 5, 3, 10, tzinfo=UTC),
                        references=(Reference(url="https://vendor.example/CVE-2026-31431", tag="self"),),
                    ),
                    cell(None, "6.6.0-57.0.0.59.oe2403", "openEuler-SA-2026-100"),
                    cell("sp1", "6.6.0-97.0.0.102.oe2403sp1", "openEuler-SA-2026-101"),
                ),
            ),
        )
    )
    assert (SOURCE.parse(RAW(body)), SOURCE.parse(RAW(document()))) == (expected, expected)


def test_the_real_documents(shared_data: Path) -> None:
    """The kernel's record gives three releases; Varnish and Vim say nothing of kernels."""
    folder = shared_data / "openeuler/csaf/a/happy"
    (only,) = SOURCE.parse(RAW((folder / "cve/2023/csaf-openeuler-cve-2023-52920.json").read_bytes())).records
    assert only.observations[1:] == (
        cell("sp3", "5.10.0-237.0.0.139.oe2203sp3", "openEuler-SA-2024-2448", "22.03", "CVE-2023-52920"),
        cell("sp4", "5.10.0-237.0.0.136.oe2203sp4", "openEuler-SA-2024-2447", "22.03", "CVE-2023-52920"),
        cell(None, "6.6.0-57.0.0.59.oe2403", "openEuler-SA-2024-2492", "24.03", "CVE-2023-52920"),
    )
    for other in ("cve/2025/csaf-openeuler-cve-2025-30346.json", "advisories/2025/csaf-openeuler-sa-2025-1351.json"):
        assert SOURCE.parse(RAW((folder / other).read_bytes())) == ParsedDocument(records=())


def test_broken_documents_are_parse_errors() -> None:
    """Cut, damaged, replaced by a page, or with a wrong value in any field."""
    flaw = Flaw(statuses={"fixed": [f"{PLAIN.id}:kernel-6.6.0-57.0.0.59.oe2403.src.rpm"]})
    small = csaf(CVE, [PLAIN], flaw)
    assert_only_parse_errors(SOURCE.parse, RAW, small)
    assert_wrong_json_is_survived(SOURCE.parse, RAW, small)


def test_fetching_by_index(tmp_path: Path) -> None:
    """An index.txt has no times: the followed record is asked for at once, then again in turn; errata by number."""
    name, old, new = (f"2026/csaf-openeuler-{one}.json" for one in ("cve-2026-31431", "sa-2026-9", "sa-2026-10"))
    answers = {"/csaf/index.txt": f"{name}\n2026/csaf-openeuler-cve-2026-1111.json\n{old}".encode()}
    answers |= {f"/csaf/{path}": document() for path in (name, old, new)}
    with path_server(answers) as server:
        settings = {"url": f"{server.url}/csaf"}
        first = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings)))
        assert [one.url for batch in first for one in batch.documents] == [
            f"{server.url}/csaf/{one}" for one in (name, old)
        ]
        server.answers["/csaf/index.txt"] = f"{name}\n{new}\n{old}\n".encode()
        checkpoint = {key: value for key, value in first[-1].checkpoint.items() if not key.startswith("etag")}
        held = frozenset({f"{server.url}/csaf/{name}"})
        second = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings, checkpoint=checkpoint, held=held)))
        assert [one.url for batch in second for one in batch.documents] == [f"{server.url}/csaf/{new}"]
        assert [url for batch in second for url in batch.same] == [f"{server.url}/csaf/{name}"]
