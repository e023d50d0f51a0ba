"""Azure Linux in the documents of the Microsoft Security Response Center."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from advisories.observation import CellObservation, CveObservation, FixedVersion, ParsedDocument, Record, Reference
from advisories.words import Status
from sources.azurelinux import SOURCE
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document

RAW = raw_document("azurelinux", "https://msrc.microsoft.com/csaf/vex/2026/msrc_cve-2026-31431.json")
CVE = "CVE-2026-31431"
COMPONENTS = {
    "1": ("product_version_range", "<azl3 kernel 6.6.137.1-1"),
    "20001": ("product_version", "azl3 kernel 6.6.137.1-1"),
    "20002": ("product_version", "azl3 kernel 6.6.137.1-2"),
    "3": ("product_version", "azl3 kernel-mshv 6.6.100.mshv1-1"),
    "4": ("product_version", "azl3 kernel-headers 6.6.137.1-1"),
    "5": ("product_version", "cbl2 kernel 5.15.200.1-1"),
}


def document(**statuses: list[str]) -> bytes:
    """Numbers for names, as the center writes them: "17084-1" and "20001-17084" both are components of 17084."""
    pairs = {one for listed in statuses.values() for one in listed}
    components = {pair: next(part for part in pair.split("-") if part in COMPONENTS) for pair in pairs}
    platforms = {"17084": ("3.0", "Azure Linux 3.0"), "17086": ("2.0", "CBL Mariner 2.0")}
    branches = [
        {"category": "product_version", "name": version, "product": {"product_id": key, "name": name}}
        for key, (version, name) in platforms.items()
    ]
    branches += [
        {"category": category, "name": name, "product": {"product_id": key, "name": name}}
        for key, (category, name) in COMPONENTS.items()
    ]
    relationships = [
        {
            "category": "default_component_of",
            "full_product_name": {"product_id": pair, "name": pair},
            "product_reference": components[pair],
            "relates_to_product_reference": next(part for part in pair.split("-") if part in platforms),
        }
        for pair in sorted(pairs)
    ]
    tracking = {"id": f"msrc_{CVE}", "status": "final", "current_release_date": "2026-05-08T00:00:00.000Z"}
    return json.dumps(
        {
            "document": {
                "category": "csaf_vex",
                "tracking": tracking,
                "title": "a flaw",
                "references": [
                    {"category": "self", "url": "https://msrc.microsoft.com/csaf/vex/2026/msrc_cve-2026-31431.json"}
                ],
            },
            "product_tree": {"branches": branches, "relationships": relationships},
            "vulnerabilities": [{"cve": CVE, "title": "crypto: a flaw", "product_status": statuses}],
        }
    ).encode()


def cell(package: str, status: Status, word: str, *versions: str) -> CellObservation:
    return CellObservation(
        cve=CVE,
        distro="azurelinux",
        release="3.0",
        package=package,
        status=status,
        fixed=tuple(FixedVersion(version=version) for version in versions),
        vendor_status=word,
    )


def test_a_record_is_read_whole() -> None:
    """The range below the fix is no second word; the smallest fixed version counts; headers and Mariner set no cell."""
    body = document(fixed=["20001-17084", "20002-17084", "4-17084", "5-17086"], known_affected=["17084-1", "3-17084"])
    cve = CveObservation(
        cve=CVE,
        opens=True,
        title="crypto: a flaw",
        modified=datetime(2026, 5, 8, tzinfo=UTC),
        references=(Reference(url="https://msrc.microsoft.com/csaf/vex/2026/msrc_cve-2026-31431.json", tag="self"),),
    )
    assert SOURCE.parse(RAW(body)) == ParsedDocument(
        records=(
            Record(
                key="vex/CVE-2026-31431",
                modified=datetime(2026, 5, 8, tzinfo=UTC),
                observations=(
                    cve,
                    cell("kernel", Status.FIXED, "fixed", "6.6.137.1-1"),
                    cell("kernel-mshv", Status.AFFECTED, "known_affected"),
                ),
            ),
        )
    )


def test_a_range_without_a_fix_is_affected() -> None:
    """No version is invented from it."""
    (only,) = SOURCE.parse(RAW(document(known_affected=["17084-1"]))).records
    assert only.observations[1:] == (cell("kernel", Status.AFFECTED, "known_affected"),)


def test_the_real_documents_are_about_other_software(shared_data: Path) -> None:
    """Ruby, OpenSSH and Edge say nothing of kernels."""
    for path in sorted((shared_data / "azurelinux").glob("msrc_*/a/happy/*/*.json")):
        assert SOURCE.parse(RAW(path.read_bytes())) == ParsedDocument(records=()), path


def test_broken_documents_are_parse_errors() -> None:
    """Cut, damaged, replaced by a page, or with a wrong value in any field."""
    small = document(fixed=["20001-17084"], known_affected=["17084-1"])
    assert_only_parse_errors(SOURCE.parse, RAW, small)
    assert_wrong_json_is_survived(SOURCE.parse, RAW, small)


def test_fetching_by_either_list(tmp_path: Path) -> None:
    """changes.csv where there is one, else index.txt; documents of other CVEs are left alone."""
    path = "2026/msrc_cve-2026-31431.json"
    lists = {
        "/vex/changes.csv": f'"{path}","2026-05-08T00:00:00Z"\n"2026/msrc_cve-2026-2.json","2026-05-08T00:00:00Z"\n',
        "/vex/index.txt": f"{path}\n2026/msrc_cve-2026-2.json\n",
    }
    for name, text in lists.items():
        with path_server({name: text.encode(), f"/vex/{path}": document()}) as server:
            batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": f"{server.url}/vex"})))
            assert [one.url for batch in batches for one in batch.documents] == [f"{server.url}/vex/{path}"]
