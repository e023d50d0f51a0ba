"""Oracle Linux errata from the OVAL file, and how it is fetched."""

from __future__ import annotations

import bz2
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import CellObservation, ErratumObservation, FixedVersion, ParsedDocument, Record
from advisories.words import Status
from sources.base import Batch
from sources.errors import FetchError, ParseError, RateLimited
from sources.oracle import SOURCE
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, raw_document
from tests.sources.oracle.documents import BIND, OLD, RHCK, UEK, definition, oval
from tests.sources.slices import read_with_slices

URL = "https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2"
raw = raw_document("oracle", URL, kind="oval")
PATH = "/security/oval/com.oracle.elsa-all.xml.bz2"


def found(body: bytes) -> list[tuple[str, str | None, str | None, str, list[str]]]:
    return [
        (record.key, one.release, one.stream, one.package, [each.version for each in one.fixed])
        for record in SOURCE.parse(raw(body)).records
        for one in record.observations
        if isinstance(one, CellObservation)
    ]


def test_a_kernel_erratum() -> None:
    """One record for the kernel's definition, none for bind's; packed or plain, whole or as its slice."""
    day = date(2026, 5, 5)
    record = Record(
        key="ELSA-2026-13565",
        modified=datetime(2026, 5, 5, tzinfo=UTC),
        observations=(
            ErratumObservation(
                erratum="ELSA-2026-13565",
                distro="ol",
                title="kernel security update (IMPORTANT)",
                cves=("CVE-2026-31431",),
                issued=datetime(2026, 5, 5, tzinfo=UTC),
                url="https://linux.oracle.com/errata/ELSA-2026-13565.html",
            ),
            CellObservation(
                cve="CVE-2026-31431",
                distro="ol",
                release="9",
                package="kernel",
                status=Status.FIXED,
                fixed=(
                    FixedVersion(version="5.14.0-611.54.1.el9_7", branch="el9_7", erratum="ELSA-2026-13565", date=day),
                ),
                errata=("ELSA-2026-13565",),
                since=day,
            ),
        ),
    )
    body = oval(BIND, RHCK)
    assert read_with_slices(SOURCE.parse, raw, body) == ParsedDocument(records=(record,))
    assert read_with_slices(SOURCE.parse, raw, bz2.compress(body)) == ParsedDocument(records=(record,))


def test_each_uek_is_a_stream() -> None:
    """The same erratum in two releases; the series names the stream, a new series itself."""
    uek9 = definition("ELSA-2026-50300", "UEK", {"10": {"kernel-uek": "0:7.2.0-1.1.el10uek"}})
    assert found(oval(UEK, uek9)) == [
        ("ELSA-2026-50253", "8", "uek7", "kernel-uek", ["5.15.0-319.201.4.4.el8uek"]),
        ("ELSA-2026-50253", "9", "uek7", "kernel-uek", ["5.15.0-319.201.4.4.el9uek"]),
        ("ELSA-2026-50300", "10", "uek-7.2", "kernel-uek", ["7.2.0-1.1.el10uek"]),
    ]


def test_old_errata_are_left_out() -> None:
    """More than three years old: not read, and nothing said of it."""
    assert [one.key for one in SOURCE.parse(raw(oval(OLD, RHCK))).records] == ["ELSA-2026-13565"]


def test_a_definition_without_an_erratum_is_rejected() -> None:
    """The others count."""
    parsed = SOURCE.parse(raw(oval(RHCK.replace('source="elsa"', 'source="other"'), UEK)))
    assert [one.key for one in parsed.rejected] == ["oval:com.oracle.elsa:def:202613565"]
    assert [one.key for one in parsed.records] == ["ELSA-2026-50253"]


@pytest.mark.parametrize(
    "body",
    [
        oval(),
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + oval(RHCK).partition(b"?>")[2],
        bz2.compress(oval(RHCK))[:-20],
        bz2.compress(oval(RHCK))[:200] + b"\x00" * 200 + bz2.compress(oval(RHCK))[400:],
        oval(RHCK).replace(b"oval-definitions-5", b"oval-definitions-6"),
    ],
)
def test_documents_that_are_refused(body: bytes) -> None:
    """No definition at all, a document type, cut and damaged bzip2, another namespace."""
    with pytest.raises(ParseError):
        SOURCE.parse(raw(body))


def test_hostile_documents() -> None:
    """Cut and damaged, plain and packed."""
    assert_only_parse_errors(SOURCE.parse, raw, oval(RHCK, UEK))
    assert_only_parse_errors(SOURCE.parse, raw, bz2.compress(oval(RHCK, UEK)))


def test_the_real_definitions(shared_data: Path) -> None:
    """A live kernel erratum of 2018 as it was read then, and a live file without one."""
    then = raw_document("oracle", URL, at=datetime(2018, 9, 1, tzinfo=UTC))
    folder = shared_data / "oracle"
    (record,) = SOURCE.parse(then((folder / "d" / "oracle__oval__elsa-2018-1196-1.xml.bz2").read_bytes())).records
    assert record.observations[1] == CellObservation(
        cve="CVE-2017-5715",
        distro="ol",
        release="5",
        package="kernel",
        status=Status.FIXED,
        fixed=(
            FixedVersion(
                version="2.6.18-419.0.0.0.10.el5", branch="el5", erratum="ELSA-2018-1196-1", date=date(2018, 8, 3)
            ),
        ),
        errata=("ELSA-2018-1196-1",),
        since=date(2018, 8, 3),
    )
    assert SOURCE.parse(raw((folder / "a" / "com.oracle.elsa-all.xml.bz2").read_bytes())) == ParsedDocument(records=())


def test_fetch_asks_for_one_file(tmp_path: Path) -> None:
    """First whole, then by its validators."""
    body = bz2.compress(oval(RHCK))
    with path_server({PATH: body}) as server:
        settings = {"url": server.url + PATH}
        (first,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings))
        assert [(one.url, one.body, one.kind) for one in first.documents] == [(server.url + PATH, body, "oval")]
        held = frozenset({server.url + PATH})
        (second,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings, held=held))
        assert second == Batch(documents=(), checkpoint={}, same=(server.url + PATH,))


@pytest.mark.parametrize(
    ("answer", "error"), [((404, {}), FetchError), ((429, {"Retry-After": "60"}), RateLimited), (b"<html>", FetchError)]
)
def test_fetch_that_fails(tmp_path: Path, answer: bytes | tuple[int, dict[str, str]], error: type[FetchError]) -> None:
    """A file that is not there, a host that asks for silence, a page in place of the file."""
    with path_server({PATH: answer}) as server, pytest.raises(error) as caught:
        list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": server.url + PATH})))
    assert type(caught.value) is error
