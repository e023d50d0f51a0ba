"""Photon OS's CVE metadata."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisories.observation import CellObservation, FixedVersion, ParsedDocument, Record, Rejected
from advisories.words import Disposition, Status
from sources.errors import FetchError, ParseError
from sources.photon import SOURCE
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document

BASE = "https://packages.broadcom.com/photon/photon_cve_metadata"
RAW = raw_document("photon", f"{BASE}/cve_data_photon5.0.json")
CVE = "CVE-2026-31431"
Row = dict[str, object]


def row(
    package: str = "linux", affected: str = "NA", resolved: str = "NA", status: str | None = None, cve: str = CVE
) -> Row:
    whole: Row = {"cve_id": cve, "pkg": package, "cve_score": 7.8, "aff_ver": affected, "res_ver": resolved}
    return whole if status is None else {**whole, "status": status}


def fixed(package: str = "linux", version: str = "6.1.177-1.ph5") -> Row:
    return row(package, f"all versions before {version} are vulnerable", version, "Fixed")


def cell(
    package: str,
    status: Status,
    word: str | None,
    *versions: str,
    release: str = "5.0",
    disposition: Disposition = Disposition.NONE,
) -> CellObservation:
    return CellObservation(
        cve=CVE,
        distro="photon",
        release=release,
        package=package,
        status=status,
        disposition=disposition,
        fixed=tuple(FixedVersion(version=version) for version in versions),
        vendor_status=word,
    )


def test_a_list_is_one_record_a_cve() -> None:
    """Its kernels are cells; sub-packages and other software are none; other databases' ids are named."""
    rows = [
        fixed(),
        row("linux-esx", status="Under Review"),
        fixed("linux-devel"),
        fixed("curl"),
        row(cve="BDSA-2026-1"),
    ]
    assert SOURCE.parse(RAW(json.dumps(rows).encode())) == ParsedDocument(
        records=(
            Record(
                key="5.0/CVE-2026-31431",
                observations=(
                    cell("linux", Status.FIXED, "Fixed", "6.1.177-1.ph5"),
                    cell("linux-esx", Status.UNDER_INVESTIGATION, "Under Review"),
                ),
                slice=json.dumps(rows[:2]).replace("}, {", "},{").encode(),
            ),
        ),
        rejected=(Rejected(key="row 4", what="no CVE id: BDSA-2026-1"),),
        complete=True,
    )


@pytest.mark.parametrize(
    ("entry", "status", "disposition"),
    [
        (row(status="Not Affected"), Status.NOT_AFFECTED, Disposition.NONE),
        (row(), Status.UNDER_INVESTIGATION, Disposition.NONE),
        (row(status="Fixed"), Status.UNDER_INVESTIGATION, Disposition.NONE),
        (row(status="Pondering"), Status.UNDER_INVESTIGATION, Disposition.NONE),
        (row(status="Will Not Fix"), Status.AFFECTED, Disposition.WONT_FIX),
        (row(affected="all versions are vulnerable"), Status.AFFECTED, Disposition.NONE),
        (row(affected="some"), Status.UNDER_INVESTIGATION, Disposition.NONE),
        (row(resolved="6.1.177-1.ph5", status="Not Affected"), Status.NOT_AFFECTED, Disposition.NONE),
    ],
)
def test_na_decides_nothing(entry: Row, status: Status, disposition: Disposition) -> None:
    """NA is under investigation, never not affected, unless the status says so."""
    (only,) = SOURCE.parse(RAW(json.dumps([entry]).encode())).records
    (got,) = only.observations
    assert isinstance(got, CellObservation)
    assert (got.status, got.disposition, got.fixed) == (status, disposition, ())


def test_the_real_rows(shared_data: Path) -> None:
    """4.0 is fixed; 5.0 was NA in May and named its fix later."""
    found = []
    for name in ("4.0.linux.CVE-2026-31431", "5.0.linux.CVE-2026-31431.early", "5.0.linux.CVE-2026-31431.later"):
        parsed = SOURCE.parse(RAW((shared_data / f"photon/real/{name}.json").read_bytes()))
        found += [one for record in parsed.records for one in record.observations]
    assert found == [
        cell(
            "linux", Status.FIXED, "all versions before 5.10.254-1.ph4 are vulnerable", "5.10.254-1.ph4", release="4.0"
        ),
        cell("linux", Status.UNDER_INVESTIGATION, "NA"),
        cell("linux", Status.FIXED, "all versions before 6.1.177-1.ph5 are vulnerable", "6.1.177-1.ph5"),
    ]


def test_the_real_lists_have_no_kernel_cve(shared_data: Path) -> None:
    """A row of linux whose id is "Re" is rejected; curl and ansible say nothing."""
    body = (shared_data / "photon/a/happy/cve_data_photon4.0.json").read_bytes()
    assert SOURCE.parse(RAW(body)) == ParsedDocument(
        records=(), rejected=(Rejected(key="row 6", what="no CVE id: Re"),), complete=True
    )


def test_a_list_of_no_release_is_none() -> None:
    """Neither the address nor the row tells which Photon OS it is about."""
    raw = raw_document("photon", "https://example.org/list.json")
    with pytest.raises(ParseError, match="names a release"):
        SOURCE.parse(raw(json.dumps([fixed()]).encode()))


def test_a_slice_is_its_record_again() -> None:
    """What is kept of a large list parses into the same record."""
    (only,) = SOURCE.parse(RAW(json.dumps([fixed("curl"), fixed(), row("linux-rt")]).encode())).records
    assert SOURCE.parse(RAW(only.slice)).records == (only,)


def test_broken_documents_are_parse_errors() -> None:
    """Cut, damaged, replaced by a page, or with a wrong value in any field."""
    small = json.dumps([fixed(), row("linux-esx", status="Not Affected")]).encode()
    assert_only_parse_errors(SOURCE.parse, RAW, small)
    assert_wrong_json_is_survived(SOURCE.parse, RAW, small)


def test_fetching_what_is_named(tmp_path: Path) -> None:
    """One list a release, each a baseline of its own; what is no release, or too old, is not asked for."""
    body = json.dumps([fixed()]).encode()
    answers = {
        "/photon_versions.json": b'{"branches": ["1.0", "4.0", "5.0", "../6.0"]}',
        "/cve_data_photon4.0.json": body,
        "/cve_data_photon5.0.json": body,
    }
    with path_server(answers) as server:
        held = frozenset({f"{server.url}/cve_data_photon4.0.json"})
        batches = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": server.url}, held=held)))
        assert server.asked == list(answers)
        assert [(one.stream, len(one.documents), len(one.same)) for one in batches] == [
            ("cve_data_photon4.0.json", 0, 1),
            ("cve_data_photon5.0.json", 1, 0),
        ]
        single = f"{server.url}/cve_data_photon5.0.json"
        (alone,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": single}))
        assert [one.url for one in alone.documents] == [single]


def test_a_list_of_releases_in_another_form_is_an_error(tmp_path: Path) -> None:
    """That is news about the source."""
    with path_server({"/photon_versions.json": b"[]"}) as server, pytest.raises(FetchError) as caught:
        list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": server.url})))
    assert caught.value.kind == "parse"


def test_a_list_that_fails_keeps_no_other_from_coming(tmp_path: Path) -> None:
    """The failure is raised when the others were taken."""
    answers: dict[str, bytes | tuple[int, dict[str, str]]] = {
        "/photon_versions.json": b'{"branches": ["4.0", "5.0"]}',
        "/cve_data_photon4.0.json": (500, {}),
        "/cve_data_photon5.0.json": json.dumps([fixed()]).encode(),
    }
    with path_server(answers) as server:
        batches = SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": server.url}))
        assert next(batches).stream == "cve_data_photon5.0.json"
        with pytest.raises(FetchError, match="answered 500"):
            next(batches)
