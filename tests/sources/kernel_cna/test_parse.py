"""The kernel CNA's files: what each says, and what happens to broken ones."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import (
    CveObservation,
    ExploitationObservation,
    ParsedDocument,
    Record,
    Reference,
    Rejected,
    SeverityClaim,
    UpstreamFix,
    UpstreamPoint,
)
from advisories.words import SeverityLevel
from sources.base import RawDocument
from sources.errors import ParseError
from sources.kernel_cna.parse import parse
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document, without
from tests.sources.kernel_cna.records import (
    AT,
    BASE,
    FILES,
    INTRODUCED,
    PAIRS,
    TITLE,
    VECTOR,
    WORDS,
    announcement,
    cvss,
    dyad,
    raw,
    record,
)

CVE = "CVE-2026-46028"
JSON_ADDRESS = f"{BASE}/plain/cve/published/2026/{CVE}.json"
FIXED = (
    UpstreamFix(branch="6.18", version="6.18.27", commit="ebc235675f24b0e3f8bc92b8419471d42f837d8f"),
    UpstreamFix(branch="7.0", version="7.0.4", commit="3d72f8c6490dc79210b64270740cb2a8619361a4"),
    UpstreamFix(branch="7.1", version="7.1", commit="5aa58c3a572b3e3b6c786953339f7978b845cc52"),
)
POINTS = (UpstreamPoint(version="4.14", commit=INTRODUCED),)
CLAIM = SeverityClaim(vector=VECTOR, score=7.8, level=SeverityLevel.HIGH)
LINKS = tuple(Reference(url=f"https://git.kernel.org/stable/c/{commit}") for *_, commit in PAIRS)
WHOLE = CveObservation(
    cve=CVE,
    opens=True,
    title=TITLE,
    description=WORDS,
    introduced=POINTS,
    fixed=FIXED,
    files=FILES,
    references=LINKS,
)


def only(parsed: ParsedDocument) -> CveObservation:
    (found,) = parsed.records[0].observations
    assert isinstance(found, CveObservation)
    return found


def parse_record(cve: str = CVE, **changes: object) -> ParsedDocument:
    return parse(raw(record(cve, **changes), f"{cve}.json"))  # type: ignore[arg-type]  # changes by their names


def test_a_record_gives_branches_commits_and_files() -> None:
    """The whole value of a published record, under the key of its file."""
    assert parse_record() == ParsedDocument(records=(Record(key=f"{CVE}.json", observations=(WHOLE,)),))


def test_every_file_of_a_cve_has_a_key_of_its_own() -> None:
    """dyad, cvss, sha1 and announce mail complete the record without replacing it."""
    files = {
        "dyad": (dyad(), CveObservation(cve=CVE, opens=True, introduced=POINTS, fixed=FIXED)),
        "cvss": (cvss(), CveObservation(cve=CVE, opens=True, severity=(CLAIM,))),
        "sha1": (PAIRS[-1][3].encode(), CveObservation(cve=CVE, opens=True, references=LINKS[-1:])),
        "mbox": (
            announcement(CVE),
            CveObservation(
                cve=CVE,
                opens=True,
                title=TITLE,
                description=WORDS,
                severity=(CLAIM,),
                introduced=POINTS,
                fixed=FIXED,
                files=FILES,
                references=LINKS,
            ),
        ),
    }
    for kind, (body, observation) in files.items():
        expected = ParsedDocument(records=(Record(key=f"{CVE}.{kind}", observations=(observation,)),))
        assert parse(raw(body, f"{CVE}.{kind}")) == expected


def test_the_spelling_of_old_records_is_read() -> None:
    """Until April 2026 the CNA wrote cveID where the schema has cveId."""
    body = record(CVE).replace(b'"cveId"', b'"cveID"').replace(b'"5.1.1"', b'"5.0"')
    assert only(parse(raw(body, f"{CVE}.json"))) == WHOLE


def test_a_rejected_record_withdraws() -> None:
    """State REJECTED, with the reason as its text."""
    body = json.dumps(
        {
            "dataType": "CVE_RECORD",
            "dataVersion": "5.1",
            "cveMetadata": {"cveId": CVE, "state": "REJECTED", "dateUpdated": "2026-06-01T10:00:00.000Z"},
            "containers": {"cna": {"rejectedReasons": [{"lang": "en", "value": "Not a flaw."}]}},
        }
    ).encode()
    at = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
    observation = CveObservation(cve=CVE, opens=True, description="Not a flaw.", modified=at, withdrawn=True)
    parsed = parse(raw(body, f"{CVE}.json"))
    assert parsed == ParsedDocument(records=(Record(key=f"{CVE}.json", observations=(observation,), modified=at),))


@pytest.mark.parametrize("kind", ["json", "dyad", "cvss", "mbox"])
def test_files_in_the_rejected_folder_withdraw(kind: str) -> None:
    """The CNA moves the files of a CVE that it takes back; their own state may still say published."""
    bodies = {"json": record(CVE), "dyad": dyad(), "cvss": cvss(), "mbox": announcement(CVE)}
    assert only(parse(raw(bodies[kind], f"{CVE}.{kind}", folder="rejected"))).withdrawn is True
    assert only(parse(raw(bodies[kind], f"{CVE}.{kind}"))).withdrawn is False


def test_a_rejection_by_mail_withdraws() -> None:
    """The announce mail of a CVE that was taken back."""
    body = announcement(CVE).replace(b"Subject: CVE", b"Subject: REJECTED: CVE")
    assert only(parse(raw(body, f"{CVE}.mbox"))) == CveObservation(cve=CVE, opens=True, title=TITLE, withdrawn=True)


def test_the_record_of_the_cve_services_adds_what_cisa_says() -> None:
    """SSVC, KEV, CWE and dates of the ADP container; its vector only where the CNA gives none."""
    other = {"cvssV3_1": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "baseSeverity": "CRITICAL"}}
    ssvc = {"type": "ssvc", "content": {"id": CVE, "options": [{"Exploitation": "active"}, {"Automatable": "no"}]}}
    kev = {"type": "kev", "content": {"dateAdded": "2026-05-01", "reference": "https://www.cisa.gov/"}}
    adp = {
        "title": "CISA ADP Vulnrichment",
        "metrics": [{"other": ssvc}, {"other": kev}, other],
        "problemTypes": [{"descriptions": [{"type": "CWE", "cweId": "CWE-669", "lang": "en", "description": "x"}]}],
    }
    own = {"metrics": [{"cvssV3_1": {"vectorString": VECTOR, "baseSeverity": "HIGH", "baseScore": 7.8}}]}
    dates = {"datePublished": "2026-04-22T10:17:00.000Z", "dateUpdated": "2026-05-02T00:00:00"}
    document = RawDocument(
        source="kernel-cna",
        url=f"https://cveawg.mitre.org/api/cve/{CVE}",
        at=AT,
        body=record(CVE, cna=own, adp=[adp, "bad"], metadata=dates),
    )
    parsed = parse(document)
    (observation, exploitation) = parsed.records[0].observations
    assert (parsed.records[0].key, parsed.records[0].modified) == (f"cve.org/{CVE}", datetime(2026, 5, 2, tzinfo=UTC))
    assert isinstance(observation, CveObservation)
    assert [one.vector for one in observation.severity] == [VECTOR]
    assert observation.cwe == ("CWE-669",)
    assert observation.published == datetime(2026, 4, 22, 10, 17, tzinfo=UTC)
    assert exploitation == ExploitationObservation(cve=CVE, kev=True, since=date(2026, 5, 1), ssvc="active")
    assert [one.key for one in parsed.rejected] == [f"cve.org/{CVE}#adp/1"]


def test_a_flaw_of_one_stable_branch_is_fixed_there() -> None:
    """A backport brought the flaw into 6.1 alone: an affected range with an end names the fixed release."""
    versions = [{"version": "6.1.5", "lessThan": "6.1.9", "status": "affected", "versionType": "semver"}]
    commits = [{"version": "a" * 40, "lessThan": "b" * 40, "status": "affected", "versionType": "git"}]
    product = {"vendor": "Linux", "product": "Linux"}
    affected = [{**product, "versions": commits}, {**product, "versions": versions}]
    observation = only(parse_record(cna={"affected": affected}))
    assert observation.introduced == (UpstreamPoint(version="6.1.5", commit="a" * 40),)
    assert observation.fixed == (UpstreamFix(branch="6.1", version="6.1.9", commit="b" * 40),)


def test_a_branch_that_is_fixed_in_steps_counts_from_the_last() -> None:
    """Two fixes in one branch: the release that has both; the old 2.6 series have three numbers; "0" is nothing."""
    body = f"2.6.38:{'a' * 40}:2.6.38.3:{'b' * 40}\n4.1:{'a' * 40}:6.1.9:{'c' * 40}\n"
    body += f"4.1:{'d' * 40}:6.1.10:{'e' * 40}\n4.1:{'d' * 40}:0:0\n0:0:7.1-rc2:{'f' * 40}\n"
    observation = only(parse(raw(body.encode(), f"{CVE}.dyad")))
    assert observation.fixed == (
        UpstreamFix(branch="2.6.38", version="2.6.38.3", commit="b" * 40),
        UpstreamFix(branch="6.1", version="6.1.10", commit="e" * 40),
        UpstreamFix(branch="7.1", version="7.1-rc2", commit="f" * 40),
    )
    assert observation.introduced == (
        UpstreamPoint(version="2.6.38", commit="a" * 40),
        UpstreamPoint(version="4.1", commit="a" * 40),
        UpstreamPoint(version="4.1", commit="d" * 40),
    )


def test_commits_are_joined_only_when_their_order_tells() -> None:
    """More commits than releases: the record names releases alone, the dyad has the commits."""
    more = (*PAIRS[:1], ("4.14", "c" * 40, "6.18.27", "d" * 40), *PAIRS[1:])
    assert [fix.commit for fix in only(parse_record(pairs=more)).fixed] == [None, None, None]


def test_foreign_links_files_and_texts_are_made_safe() -> None:
    """No other scheme, no user part, no way out of the tree, no NUL."""
    links = [
        "javascript:alert(1)",
        "https://git.kernel.org@evil.example/",
        "https://ok.example/a b",
        "https://ok.example/",
    ]
    observation = only(
        parse_record(
            files=["/etc/passwd", "../x", "crypto/a.c", "crypto/a.c"],
            title="a\x00b\n c",
            cna={"references": [{"url": link} for link in links]},
        )
    )
    assert (observation.title, observation.files) == ("ab c", ("crypto/a.c",))
    assert observation.references == (Reference(url="https://ok.example/"),)


@pytest.mark.parametrize(
    "spelling", ["CVE-2026-31431\n", "cve-2026-31431", "CVE-2026-031431", "CVE-2026-３１４３１", ""]
)
def test_ids_are_taken_in_their_one_spelling(spelling: str) -> None:
    """B108: nothing that only looks like an id becomes one."""
    with pytest.raises(ParseError):
        parse_record(metadata={"cveId": spelling})


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    """B82: as every reader of JSON has it; never half of each."""
    twice = record(CVE).replace(b'"state": "PUBLISHED"', b'"state": "REJECTED", "state": "PUBLISHED"')
    assert only(parse(raw(twice, f"{CVE}.json"))) == WHOLE


def test_a_record_at_the_address_of_another_is_refused() -> None:
    """The file CVE-2026-1111.json may not speak for CVE-2026-46028."""
    with pytest.raises(ParseError, match="at the address of CVE-2026-1111"):
        parse(raw(record(CVE), "CVE-2026-1111.json"))
    rejected = Rejected(key="CVE-2026-1111.mbox", what=f"announces {CVE}, not CVE-2026-1111")
    assert parse(raw(announcement(CVE), "CVE-2026-1111.mbox")) == ParsedDocument(records=(), rejected=(rejected,))


REQUIRED = [
    (("containers", "cna"), "cna"),
    (("containers", "cna", "descriptions"), "without description"),
    (("containers", "cna", "affected"), "without description or affected"),
    (("containers", "cna", "affected", 0, "versions"), "versions"),
    (("containers", "cna", "affected", 0, "vendor"), "vendor"),
    (("containers", "cna", "affected", 1, "versions", 0, "status"), "status"),
    (("containers", "cna", "affected", 1, "versions", 0, "version"), "version"),
    (("containers", "cna", "references", 0, "url"), "url"),
]


@pytest.mark.parametrize(("place", "named"), REQUIRED)
def test_a_record_without_a_field_that_we_use_is_rejected(place: tuple[str | int, ...], named: str) -> None:
    """S28: a renamed field is an error that names it, never a record that says less."""
    parsed = parse(raw(without(record(CVE), place), f"{CVE}.json"))
    assert parsed.records == ()
    assert [one.key for one in parsed.rejected] == [f"{CVE}.json"]
    assert named in parsed.rejected[0].what


@pytest.mark.parametrize("name", ["lessThan", "lessThanOrEqual"])
def test_ranges_without_their_ends_are_rejected(name: str) -> None:
    """Were lessThan renamed, the fixes would vanish one by one without a word."""
    parsed = parse(raw(record(CVE).replace(f'"{name}"'.encode(), b'"upTo"'), f"{CVE}.json"))
    assert [one.key for one in parsed.rejected] == [f"{CVE}.json"]


@pytest.mark.parametrize("place", [("dataType",), ("dataVersion",), ("cveMetadata",), ("containers",)])
def test_what_is_no_record_is_a_parse_error(place: tuple[str | int, ...]) -> None:
    """The frame of a record must be there."""
    with pytest.raises(ParseError):
        parse(raw(without(record(CVE), place), f"{CVE}.json"))


BODIES = {"json": record(CVE), "dyad": dyad(), "cvss": cvss(), "sha1": b"a" * 40, "mbox": announcement(CVE)}


@pytest.mark.parametrize("kind", sorted(BODIES))
def test_broken_files_are_parse_errors(kind: str) -> None:
    """Cut, blocked, damaged: nothing else is raised, and a cut file gives no record. (A dyad cut between two lines and
    reasons behind a vector look whole; git gives no cut files.)"""
    raw_of = raw_document("kernel-cna", f"{BASE}/plain/cve/published/2026/{CVE}.{kind}")
    assert_only_parse_errors(parse, raw_of, BODIES[kind], cuts_fail=kind in ("json", "mbox", "sha1"))


def test_wrong_values_in_any_field_are_survived() -> None:
    """Each value of a record left out or replaced by what no field means."""
    own = {"metrics": [{"cvssV3_1": {"vectorString": VECTOR}}, {"other": {"type": "ssvc", "content": {"options": []}}}]}
    assert_wrong_json_is_survived(parse, raw_document("kernel-cna", JSON_ADDRESS), record(CVE, PAIRS[-1:], cna=own))


def test_real_records_and_their_companions_agree(shared_data: Path) -> None:
    """Of every CVE in the CNA's real files: JSON, dyad and mail name the same fixes, commits included."""
    files = sorted((shared_data / "kernel-cna" / "current").glob("CVE-*.*"))
    said: dict[str, dict[str, CveObservation]] = {}
    for file in files:
        parsed = parse(raw(file.read_bytes(), file.name))
        assert parsed.rejected == ()
        said.setdefault(file.stem, {})[file.suffix] = only(parsed)
    assert len(said) == 8
    for cve, by_kind in said.items():
        whole = by_kind[".json"]
        assert len(whole.fixed) >= 4, cve
        for other in (".dyad", ".mbox"):
            if other in by_kind:
                assert (by_kind[other].fixed, by_kind[other].introduced) == (whole.fixed, whole.introduced)
        if ".mbox" in by_kind:
            mail = by_kind[".mbox"]
            assert (mail.title, mail.description, mail.files) == (whole.title, whole.description, whole.files)


def test_the_real_record_of_copy_fail(shared_data: Path) -> None:
    """Its eight branches with the commits that the kernel's own trees have."""
    file = shared_data / "kernel-cna" / "current" / "CVE-2026-31431.json"
    observation = only(parse(raw(file.read_bytes(), file.name)))
    assert [(fix.branch, fix.version, fix.commit) for fix in observation.fixed] == [
        ("5.10", "5.10.254", "893d22e0135fa394db81df88697fba6032747667"),
        ("5.15", "5.15.204", "19d43105a97be0810edbda875f2cd03f30dc130c"),
        ("6.1", "6.1.170", "961cfa271a918ad4ae452420e7c303149002875b"),
        ("6.6", "6.6.137", "3115af9644c342b356f3f07a4dd1c8905cd9a6fc"),
        ("6.12", "6.12.85", "8b88d99341f139e23bdeb1027a2a3ae10d341d82"),
        ("6.18", "6.18.22", "fafe0fa2995a0f7073c1c358d7d3145bcc9aedd8"),
        ("6.19", "6.19.12", "ce42ee423e58dffa5ec03524054c9d8bfd4f6237"),
        ("7.0", "7.0", "a664bf3d603dc3bdcf9ae47cc21e0daec706d7a5"),
    ]
    assert observation.introduced == (UpstreamPoint(version="4.14", commit="72548b093ee38a6d4f2a19e6ef1948ae05c181f7"),)
    assert [(one.vector, one.score) for one in observation.severity] == [(VECTOR, 7.8)]
