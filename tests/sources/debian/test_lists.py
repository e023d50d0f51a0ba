"""DSA/list, DLA/list and CVE/list: dated advisories, every kind of package line, and cut lists."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from advisories.observation import (
    CellObservation,
    ErratumObservation,
    FixedVersion,
    ParsedDocument,
    Record,
    Rejected,
)
from advisories.words import CellKind, Disposition, Status
from sources.debian.parse import parse
from tests.sources.hostile import assert_only_parse_errors, cut_documents, outcome, raw_document

BASE = "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data"
errata_of = raw_document("debian", f"{BASE}/DSA/list")
cves_of = raw_document("debian", f"{BASE}/CVE/list")

TRIXIE = b"""[30 Apr 2026] DSA-6238-1 linux - security update
	{CVE-2024-14027 CVE-2026-31431}
	[trixie] - linux 6.12.85-1
"""
OTHERS = b"""[29 Apr 2026] DSA-6237-1 exampleviewer - security update
	{CVE-2026-20001}
	[trixie] - exampleviewer 1.2-3+deb13u1
[28 Apr 2026] a header that somebody mistyped
	{CVE-2026-31431}
	[trixie] - linux 6.12.80-1
[18 Apr 2018] DSA-4205-1 jessie end-of-life
        NOTE: end of security support for jessie
"""


def fixed_cell(cve: str, erratum: str, day: date, **more: Any) -> CellObservation:
    values: dict[str, Any] = {"release": "13", "codename": "trixie", "version": "6.12.85-1", "package": "linux", **more}
    version = values.pop("version")
    return CellObservation(
        cve=cve,
        distro="debian",
        status=Status.FIXED,
        fixed=(FixedVersion(version=version, erratum=erratum, date=day),),
        errata=(erratum,),
        vendor_status="fixed",
        since=day,
        **values,
    )


def test_a_kernel_erratum_dates_every_cve_it_names() -> None:
    """One record: the erratum, and a fixed cell per CVE with its version, erratum and date."""
    parsed = parse(errata_of(TRIXIE + OTHERS))
    day = date(2026, 4, 30)
    assert parsed == ParsedDocument(
        records=(
            Record(
                key="DSA-6238-1",
                observations=(
                    ErratumObservation(
                        erratum="DSA-6238-1",
                        distro="debian",
                        title="linux - security update",
                        cves=("CVE-2024-14027", "CVE-2026-31431"),
                        issued=datetime(2026, 4, 30, tzinfo=UTC),
                        url="https://security-tracker.debian.org/tracker/DSA-6238-1",
                    ),
                    fixed_cell("CVE-2024-14027", "DSA-6238-1", day),
                    fixed_cell("CVE-2026-31431", "DSA-6238-1", day),
                ),
                slice=TRIXIE,
            ),
        ),
        rejected=(
            Rejected(
                key="[28 Apr 2026] a header that somebody mistyped", what="no line with a date and an advisory id"
            ),
        ),
        complete=True,
    )


def test_a_slice_of_a_list_says_the_same() -> None:
    """The lines of one entry parse into its record alone, and claim no completeness."""
    record = parse(errata_of(TRIXIE + OTHERS)).records[0]
    assert parse(errata_of(record.slice)) == ParsedDocument(records=(record,), complete=False)


def test_a_list_for_300_cves_is_read_whole() -> None:
    """A large erratum keeps all its CVEs, each once, and drops what is no CVE id."""
    cves = [f"CVE-2026-{number}" for number in range(31_000, 31_320)]
    body = TRIXIE.replace(b"CVE-2024-14027", " ".join([*cves, cves[0], "CVE-2026-XXXX"]).encode())
    erratum, *cells = parse(errata_of(body)).records[0].observations
    assert isinstance(erratum, ErratumObservation)
    assert erratum.cves == (*cves, "CVE-2026-31431")
    assert len(cells) == 321


def test_an_erratum_of_another_package_is_related() -> None:
    """kmod may keep a module shut: its erratum is shown beside the kernel and never colours it."""
    body = b"[30 Apr 2026] DSA-6239-1 kmod - security update\n\t{CVE-2026-31431}\n\t[trixie] - kmod 34.2-2+deb13u1\n"
    cells = [one for one in parse(errata_of(body)).records[0].observations if isinstance(one, CellObservation)]
    assert [(one.package, one.kind, one.status) for one in cells] == [("kmod", CellKind.RELATED, Status.FIXED)]


def test_the_lists_of_the_first_days(shared_data: Path) -> None:
    """The real lines of four errata: which release, package and version each one fixed, and when."""
    body = (shared_data / "debian/real/data_DSA_DLA_list.reassembled.txt").read_bytes()
    found = {
        (one.release, one.package, one.fixed[0])
        for record in parse(errata_of(body)).records
        for one in record.observations
        if isinstance(one, CellObservation) and one.cve == "CVE-2026-31431"
    }
    assert found == {
        ("13", "linux", FixedVersion(version="6.12.85-1", erratum="DSA-6238-1", date=date(2026, 4, 30))),
        ("12", "linux", FixedVersion(version="6.1.170-1", erratum="DSA-6243-1", date=date(2026, 5, 1))),
        ("11", "linux", FixedVersion(version="5.10.251-3", erratum="DLA-4560-1", date=date(2026, 5, 2))),
        ("11", "linux-6.1", FixedVersion(version="6.1.170-1~deb11u1", erratum="DLA-4561-1", date=date(2026, 5, 2))),
    }


@pytest.mark.parametrize("body", [TRIXIE, TRIXIE + OTHERS])
def test_a_cut_list_names_no_wrong_version(body: bytes) -> None:
    """Wherever the list ends, a cell says 6.12.85-1 or is not there: never 6.12.8."""
    for name, cut in cut_documents(body, 300):
        parsed = outcome(parse, errata_of(cut))
        records = parsed.records if parsed else ()
        cells = [one for record in records for one in record.observations if isinstance(one, CellObservation)]
        assert {one.fixed[0].version for one in cells} <= {"6.12.85-1"}, name


def test_lines_of_a_million_blanks_are_read_in_one_pass() -> None:
    """A pattern that tried each of them again would not come back."""
    blanks = b" " * 1_000_000
    errata = TRIXIE.replace(b"update\n", b"update" + blanks + b"x\n")
    assert parse(errata_of(errata)).records[0].key == "DSA-6238-1"
    line = b"\t[trixie] - linux 6.12.85-1" + blanks + b"x\n"
    assert parse(errata_of(TRIXIE + line)).records[0].observations == parse(errata_of(TRIXIE)).records[0].observations


def test_broken_errata_lists() -> None:
    """Damaged lists give ParseError or clean text."""
    assert_only_parse_errors(parse, errata_of, TRIXIE + OTHERS, cuts_fail=False)


CVE_LIST = b"""CVE-2026-99998 (A flaw in a viewer of examples ...)
	- exampleviewer <unfixed> (bug #1053115)
	T\x4fDO: check
CVE-2026-31431 (In the Linux kernel, the following vulnerability has been resolved:  c ...)
	{DSA-6243-1 DSA-6238-1}
	- linux 6.19.12-1
	[bookworm] - linux <not-affected> (Vulnerable code not present)
	[bullseye] - linux <postponed> (Minor issue; fix later)
	[buster] - linux <end-of-life> (No longer supported)
	[stretch] - linux <ignored> (Too intrusive to backport)
	[jessie] - linux <no-dsa> (Minor issue)
	[experimental] - linux 7.0~rc7-1~exp1
	- linux-6.1 <removed>
	- linux-5.10 <unfixed> (unimportant)
	- linux-4.19 <undetermined>
	- linux-atm <unfixed>
	NOTE: https://git.kernel.org/linus/a664bf3d603dc3bdcf9ae47cc21e0daec706d7a5 (7.0-rc7)
CVE-2026-99997
	RESERVED
CVE-2026-XXXX [a flaw without an id]
	- linux <unfixed>
CVE-2026-99996 (Another)
	NOT-FOR-US: Example
"""


def test_every_kind_of_package_line() -> None:
    """Each word of the list in its release; the plain line is unstable's; removed and experimental say nothing."""
    parsed = parse(cves_of(CVE_LIST))
    assert [record.key for record in parsed.records] == ["list/CVE-2026-31431"]
    cells = [one for one in parsed.records[0].observations if isinstance(one, CellObservation)]
    assert [
        (one.package, one.release, one.status, one.disposition, one.vendor_status, one.justification, one.note)
        for one in cells
    ] == [
        ("linux", "sid", Status.FIXED, Disposition.NONE, "fixed", None, None),
        (
            "linux",
            "12",
            Status.NOT_AFFECTED,
            Disposition.NONE,
            "not-affected",
            "vulnerable_code_not_present",
            "Vulnerable code not present",
        ),
        ("linux", "11", Status.AFFECTED, Disposition.DEFERRED, "postponed", None, "Minor issue; fix later"),
        ("linux", "10", Status.AFFECTED, Disposition.EOL, "end-of-life", None, "No longer supported"),
        ("linux", "9", Status.AFFECTED, Disposition.WONT_FIX, "ignored", None, "Too intrusive to backport"),
        ("linux", "8", Status.AFFECTED, Disposition.NONE, "no-dsa", None, "Minor issue"),
        ("linux-5.10", "sid", Status.AFFECTED, Disposition.NONE, "unfixed", None, "unimportant"),
        ("linux-4.19", "sid", Status.UNDER_INVESTIGATION, Disposition.NONE, "undetermined", None, None),
    ]
    assert [one.fixed for one in cells if one.fixed] == [(FixedVersion(version="6.19.12-1"),)]
    assert all(one.coarse for one in cells)


def test_a_slice_of_the_cve_list_says_the_same() -> None:
    """The lines of one entry parse into its record alone."""
    record = parse(cves_of(CVE_LIST)).records[0]
    assert parse(cves_of(record.slice)).records == (record,)


def test_the_real_entry(shared_data: Path) -> None:
    """The entry of Copy Fail: fixed in unstable with 6.19.12-1, nothing said of the releases."""
    body = (shared_data / "debian/real/data_CVE_list.CVE-2026-31431.reassembled.txt").read_bytes()
    (record,) = parse(cves_of(body)).records
    (found,) = record.observations
    assert isinstance(found, CellObservation)
    assert (found.release, found.status, found.fixed) == ("sid", Status.FIXED, (FixedVersion(version="6.19.12-1"),))


def test_a_line_separator_of_unicode_starts_no_line() -> None:
    """A note cannot smuggle in a package line."""
    body = "CVE-2026-31431 (x)\n\t- linux <unfixed>\n\tNOTE: a\u2028\t[trixie] - linux 6.0-1\n".encode()
    (record,) = parse(cves_of(body)).records
    assert [getattr(one, "release", None) for one in record.observations] == ["sid"]


def test_broken_cve_lists() -> None:
    """Damaged lists give ParseError or clean text, and a cut never shortens the version."""
    assert_only_parse_errors(parse, cves_of, CVE_LIST, cuts_fail=False)
    for name, cut in cut_documents(CVE_LIST, 400):
        parsed = outcome(parse, cves_of(cut))
        records = parsed.records if parsed else ()
        fixed = {
            entry.version
            for record in records
            for one in record.observations
            if isinstance(one, CellObservation)
            for entry in one.fixed
        }
        assert fixed <= {"6.19.12-1"}, name
