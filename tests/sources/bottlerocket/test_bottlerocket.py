"""Bottlerocket's updateinfo: kernels by GHSA id."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import CellObservation, ErratumObservation, FixedVersion, ParsedDocument, Record
from advisories.words import Status
from sources.bottlerocket import SOURCE
from sources.errors import FetchError, RateLimited
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, raw_document

RAW = raw_document("bottlerocket", "https://advisories.bottlerocket.aws/updateinfo.xml.gz")
GHSA = "GHSA-2222-3333-4444"
UPDATE = f"""<update author="somebody" from="somebody" status="final" type="security" version="1.4"><id>{GHSA}</id>
<title>kernel CVE-2026-31431</title><issued date="2026-05-06T20:00:00Z"/><updated date="2026-05-07T20:00:00Z"/>
<severity>important</severity><description>text</description>
<references><reference href="https://example.org/" id="CVE-2026-31431" type="cve"/>
<reference href="https://example.org/" id="{GHSA}" type="ghsa"/></references>
<pkglist><collection short="bottlerocket"><name>Bottlerocket</name>
<package arch="x86_64" name="kernel-6.1" version="6.1.170" release="1.1777.aaaa.br1" epoch="0"/>
<package arch="aarch64" name="kernel-6.1" version="6.1.170" release="1.1777.aaaa.br1" epoch="0"/>
<package arch="x86_64" name="kernel-6.12" version="6.12.85" release="1.1777.bbbb.br1" epoch="0"/>
<package arch="x86_64" name="kernel-6.12-modules" version="6.12.85" release="1.1777.bbbb.br1" epoch="0"/>
</collection></pkglist></update>"""
CURL = UPDATE.replace("kernel-6.1", "libcurl").replace(GHSA, "GHSA-5555-6666-7777")
BODY = f'<?xml version="1.0"?>\n<updates>{UPDATE}{CURL}</updates>'.encode()


def cell(package: str, version: str) -> CellObservation:
    return CellObservation(
        cve="CVE-2026-31431",
        distro="bottlerocket",
        release=None,
        package=package,
        status=Status.FIXED,
        fixed=(FixedVersion(version=version, erratum=GHSA, date=date(2026, 5, 6)),),
        errata=(GHSA,),
        since=date(2026, 5, 6),
    )


def test_an_advisory_is_one_record() -> None:
    """A cell for each kernel line, once for all architectures; other packages and other advisories set none."""
    (only,) = SOURCE.parse(RAW(gzip.compress(BODY))).records
    erratum = ErratumObservation(
        erratum=GHSA,
        distro="bottlerocket",
        title="kernel CVE-2026-31431",
        cves=("CVE-2026-31431",),
        issued=datetime(2026, 5, 6, 20, tzinfo=UTC),
        updated=datetime(2026, 5, 7, 20, tzinfo=UTC),
        url=f"https://github.com/bottlerocket-os/bottlerocket/security/advisories/{GHSA}",
    )
    cells = (cell("kernel-6.1", "6.1.170-1.1777.aaaa.br1"), cell("kernel-6.12", "6.12.85-1.1777.bbbb.br1"))
    assert only == Record(
        key=GHSA,
        observations=(erratum, *cells),
        modified=datetime(2026, 5, 7, 20, tzinfo=UTC),
        slice=only.slice,
    )


def test_a_slice_is_its_record_again() -> None:
    """What is kept of a large list parses into the same record."""
    (only,) = SOURCE.parse(RAW(BODY)).records
    (again,) = SOURCE.parse(RAW(only.slice)).records
    assert (again.key, again.observations) == (only.key, only.observations)


def test_the_real_advisory(shared_data: Path) -> None:
    """Of 2020, when the kernel package had the version of the system."""
    body = (shared_data / "bottlerocket/a/happy/updateinfo.xml.gz").read_bytes()
    (only,) = SOURCE.parse(RAW(body)).records
    number, day = "GHSA-mgxf-pj6m-9494", date(2020, 5, 14)
    assert only.observations[1:] == (
        CellObservation(
            cve="CVE-2020-10711",
            distro="bottlerocket",
            release=None,
            package="kernel",
            status=Status.FIXED,
            fixed=(FixedVersion(version="0.3.3-b7d91846", erratum=number, date=day),),
            errata=(number,),
            since=day,
        ),
    )


def test_no_advisory_is_an_empty_list() -> None:
    """A whole document without an update says nothing."""
    assert SOURCE.parse(RAW(b"<updates></updates>")) == ParsedDocument(records=(), complete=True)


def test_broken_documents_are_parse_errors() -> None:
    """Cut, damaged, or replaced by a page."""
    assert_only_parse_errors(SOURCE.parse, RAW, BODY)


def test_fetching_once_and_again(tmp_path: Path) -> None:
    """The list comes whole; unchanged it is the same; a host that fails or asks for silence is told."""
    body = gzip.compress(BODY)
    with path_server({"/u.gz": body}) as server:
        url = f"{server.url}/u.gz"
        (first,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": url}))
        assert [(one.url, one.body) for one in first.documents] == [(url, body)]
        (second,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": url}, held=frozenset({url})))
        assert (second.documents, second.same) == ((), (url,))
    for answer, error in (((404, {}), FetchError), ((429, {"Retry-After": "60"}), RateLimited)):
        with path_server({"/u.gz": answer}) as server, pytest.raises(error):
            list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": f"{server.url}/u.gz"})))
