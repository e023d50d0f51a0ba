"""Azure Linux' OVAL file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from advisories.observation import CellObservation, FixedVersion, ParsedDocument
from advisories.words import Status
from sources.azurelinux import SOURCE
from sources.errors import ParseError
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, raw_document

RAW = raw_document(
    "azurelinux", "https://raw.githubusercontent.com/microsoft/AzureLinuxVulnerabilityData/main/azurelinux-3.0-oval.xml"
)
CVE = "CVE-2026-31431"


def definition(package: str, comment: str, patchable: str = "true", cve: str = CVE) -> str:
    return f"""<definition class="vulnerability" id="oval:com.microsoft.azurelinux:def:1" version="1"><metadata>
<title>{cve} affecting package {package}</title><reference ref_id="{cve}" source="CVE"/>
<patchable>{patchable}</patchable>
<advisory_date>2026-05-08T22:02:46Z</advisory_date><severity>High</severity></metadata>
<criteria operator="AND"><criterion comment="{comment}" test_ref="oval:com.microsoft.azurelinux:tst:1"/></criteria>
</definition>"""


def earlier(package: str, version: str) -> str:
    return f"Package {package} is earlier than {version}, affected by {CVE}"


def document(*definitions: str) -> bytes:
    root = 'oval_definitions xmlns="http://oval.mitre.org/XMLSchema/oval-definitions-5"'
    return f"<{root}><definitions>{''.join(definitions)}</definitions></oval_definitions>".encode()


BODY = document(
    definition("kernel", earlier("kernel", "6.6.137.1-2")),
    definition("kernel", earlier("kernel", "6.6.137.1-1")),
    definition("kernel-64k", "Package kernel-64k is installed with version 6.6.130.1-1 or earlier", "false"),
    definition("kernel-mshv", "Package kernel-mshv is installed with version 6.6.57-1 or earlier", "Not Applicable"),
    definition("kernel-headers", earlier("kernel-headers", "6.6.137.1-1")),
    definition("freeglut", earlier("freeglut", "3.4.0-1")),
)


def cell(package: str, status: Status, word: str, *versions: str) -> CellObservation:
    day = date(2026, 5, 8)
    return CellObservation(
        cve=CVE,
        distro="azurelinux",
        release="3.0",
        package=package,
        status=status,
        fixed=tuple(FixedVersion(version=version, date=day) for version in versions),
        vendor_status=f"patchable: {word}",
        since=day,
    )


def test_definitions_of_a_cve_are_one_record() -> None:
    """The smallest version that has the fix; a package without a patch is affected; headers and other software are
    nothing to us."""
    parsed = SOURCE.parse(RAW(BODY))
    (only,) = parsed.records
    assert (only.key, parsed.rejected, parsed.complete) == ("oval/3.0/CVE-2026-31431", (), True)
    assert only.observations == (
        cell("kernel", Status.FIXED, "true", "6.6.137.1-1"),
        cell("kernel-64k", Status.AFFECTED, "false"),
        cell("kernel-mshv", Status.NOT_AFFECTED, "Not Applicable"),
    )


def test_an_unknown_word_decides_nothing() -> None:
    """It is kept."""
    (only,) = SOURCE.parse(RAW(document(definition("kernel", earlier("kernel", "6.6.1-1"), "perhaps")))).records
    assert only.observations == (cell("kernel", Status.UNDER_INVESTIGATION, "perhaps"),)


def test_a_slice_is_its_record_again() -> None:
    """What is kept of a large file parses into the same record."""
    (only,) = SOURCE.parse(RAW(BODY)).records
    (again,) = SOURCE.parse(RAW(only.slice)).records
    assert (again.key, again.observations) == (only.key, only.observations)


def test_the_real_file_has_no_kernel(shared_data: Path) -> None:
    """Three definitions of freeglut and ceph."""
    body = (shared_data / "azurelinux/oval/c/azure-linux-truncated-3.0-oval.xml").read_bytes()
    assert SOURCE.parse(RAW(body)) == ParsedDocument(records=(), complete=True)


def test_a_file_of_another_system_is_none() -> None:
    """Mariner's kernels are not Azure Linux'."""
    raw = raw_document("azurelinux", "https://example.org/cbl-mariner-2.0-oval.xml")
    with pytest.raises(ParseError, match="no release of Azure Linux"):
        SOURCE.parse(raw(BODY))


def test_broken_documents_are_parse_errors() -> None:
    """Cut, damaged, or replaced by a page."""
    assert_only_parse_errors(SOURCE.parse, RAW, BODY)


def test_a_named_file_is_fetched(tmp_path: Path) -> None:
    """Beside the directory, as a stream of its own."""
    answers = {
        "/azurelinux-3.0-oval.xml": BODY,
        "/vex/changes.csv": b'"2020/msrc_cve-2020-0001.json","2020-01-01T00:00:00Z"\n',
    }
    with path_server(answers) as server:
        url = f"{server.url}/azurelinux-3.0-oval.xml"
        settings = {"url": f"{server.url}/vex", "oval_url": url}
        batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings)))
        assert [(one.stream, [each.url for each in one.documents]) for one in batches] == [
            ("azurelinux-3.0-oval.xml", [url]),
            ("", []),
        ]
        again = SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings, held=frozenset({url})))
        assert next(again).same == (url,)
