"""NVD's answers: severity and weaknesses, broken answers, and a fetch of few requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from advisories.observation import CveObservation, ParsedDocument, Record, SeverityClaim
from advisories.words import SeverityLevel
from sources.base import Batch
from sources.errors import FetchError, ParseError
from sources.nvd import SOURCE
from sources.nvd.parse import parse
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document, without

RAW = raw_document("nvd", "https://services.nvd.nist.gov/rest/json/cves/2.0?cveId=CVE-2026-31431")
VECTOR = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"
LOWER = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H"


def metric(vector: str, kind: str = "Primary") -> dict[str, object]:
    return {"source": "nvd@nist.gov", "type": kind, "cvssData": {"vectorString": vector, "baseSeverity": "HIGH"}}


def entry(cve: str = "CVE-2026-31431", **changes: object) -> dict[str, object]:
    said: dict[str, object] = {
        "id": cve,
        "sourceIdentifier": "416baaa9-dc9f-4396-8d5f-8c081fb06d67",
        "published": "2026-04-22T09:16:21.270",
        "lastModified": "2026-05-01T18:15:00.700",
        "vulnStatus": "Analyzed",
        "metrics": {"cvssMetricV31": [metric(VECTOR), metric(LOWER, "Secondary")], "cvssMetricV2": []},
        "weaknesses": [
            {"source": "nvd@nist.gov", "type": "Primary", "description": [{"lang": "en", "value": "CWE-669"}]},
            {"source": "x", "type": "Secondary", "description": [{"lang": "en", "value": "NVD-CWE-noinfo"}]},
        ],
    }
    return {"cve": {**said, **changes}}


def page(*entries: object, total: int | None = None, start: int = 0) -> bytes:
    return json.dumps(
        {
            "resultsPerPage": len(entries),
            "startIndex": start,
            "totalResults": len(entries) if total is None else total,
            "format": "NVD_CVE",
            "version": "2.0",
            "timestamp": "2026-05-04T12:00:00.000",
            "vulnerabilities": entries,
        }
    ).encode()


def only(parsed: ParsedDocument) -> CveObservation:
    (found,) = parsed.records[0].observations
    assert isinstance(found, CveObservation)
    return found


def test_an_entry_gives_severity_and_weakness() -> None:
    """NVD's own vector, real weaknesses, times in UTC; it opens nothing and names no fix."""
    modified = datetime(2026, 5, 1, 18, 15, 0, 700_000, tzinfo=UTC)
    observation = CveObservation(
        cve="CVE-2026-31431",
        opens=False,
        published=datetime(2026, 4, 22, 9, 16, 21, 270_000, tzinfo=UTC),
        modified=modified,
        severity=(SeverityClaim(vector=VECTOR, score=7.8, level=SeverityLevel.HIGH, word="HIGH"),),
        cwe=("CWE-669",),
    )
    record = Record(key="CVE-2026-31431", observations=(observation,), modified=modified)
    assert parse(RAW(page(entry()))) == ParsedDocument(records=(record,))


@pytest.mark.parametrize("status", ["Received", "Awaiting Analysis", "Undergoing Analysis", "Deferred"])
def test_a_status_of_nvds_work_says_nothing(status: str) -> None:
    """B96: an entry that awaits analysis is no statement about the flaw."""
    said = only(parse(RAW(page(entry(vulnStatus=status, metrics={}, weaknesses=[])))))
    assert (said.severity, said.cwe, said.withdrawn, said.fixed) == ((), (), False, ())


def test_a_rejected_cve_is_withdrawn() -> None:
    """vulnStatus "Rejected"; metrics may be missing then."""
    body = json.loads(page(entry(vulnStatus="Rejected")))
    del body["vulnerabilities"][0]["cve"]["metrics"]
    assert only(parse(RAW(json.dumps(body).encode()))).withdrawn is True


def test_the_newest_version_of_cvss_counts() -> None:
    """Version 2 beside 3.1, passed-on vectors without one of NVD's own, and a vector that is none."""
    old = {"cvssMetricV2": [metric("AV:L/AC:L/Au:N/C:C/I:C/A:C")]}
    both = {**old, "cvssMetricV31": [metric(LOWER, "Secondary")]}
    said = [
        only(parse(RAW(page(entry(metrics=one))))).severity for one in (old, both, {"cvssMetricV31": [metric("x")]})
    ]
    assert [[claim.vector for claim in one] for one in said] == [["AV:L/AC:L/Au:N/C:C/I:C/A:C"], [LOWER], []]


def test_bad_entries_are_rejected_alone() -> None:
    """A wrong id, a time that is none, an entry without its cve, a CVE listed twice."""
    bad = [
        entry("cve-2026-1"),
        entry("CVE-2026-2222", lastModified="soon"),
        {"vuln": 1},
        entry(lastModified="2026-06-01"),
    ]
    parsed = parse(RAW(page(entry(), *bad)))
    assert [record.key for record in parsed.records] == ["CVE-2026-31431"]
    assert [one.key for one in parsed.rejected] == ["entry 1", "CVE-2026-2222", "entry 3", "CVE-2026-31431"]


@pytest.mark.parametrize(
    "name", ["resultsPerPage", "startIndex", "totalResults", "format", "version", "vulnerabilities"]
)
def test_an_answer_without_its_frame_is_a_parse_error(name: str) -> None:
    """S28: a renamed field is an error."""
    with pytest.raises(ParseError, match=name):
        parse(RAW(without(page(entry()), (name,))))


@pytest.mark.parametrize("name", ["id", "lastModified", "vulnStatus"])
def test_an_entry_without_a_field_that_we_use_is_rejected(name: str) -> None:
    """The entry says nothing then."""
    parsed = parse(RAW(without(page(entry()), ("vulnerabilities", 0, "cve", name))))
    assert (parsed.records, [one.key for one in parsed.rejected]) == ((), ["entry 0"])


def test_broken_answers_are_parse_errors() -> None:
    """Cut, blocked, damaged, and any value in any field; fewer entries than promised."""
    assert_only_parse_errors(parse, RAW, page(entry()))
    assert_wrong_json_is_survived(parse, RAW, page(entry()))
    with pytest.raises(ParseError, match="1 entries where 2 are promised"):
        parse(RAW(page(entry(), entry()).replace(b', {"cve"', b'], "more": [{"cve"', 1)))


def test_real_answers(shared_data: Path) -> None:
    """Every entry of every real page is read, and a plain JSON reader finds the same ids."""
    for file in sorted((shared_data / "nvd" / "api20").rglob("*.json")):
        body = file.read_bytes()
        parsed = parse(RAW(body))
        plain = [one["cve"]["id"] for one in json.loads(body)["vulnerabilities"]]
        assert ([record.key for record in parsed.records], parsed.rejected) == (plain, ()), file.name


def test_the_real_entry_of_log4shell(shared_data: Path) -> None:
    """Version 3.1 before version 2, all weaknesses."""
    observation = only(parse(RAW((shared_data / "nvd/api20/a/ssvc_affected/0-3.json").read_bytes())))
    assert [claim.score for claim in observation.severity] == [10.0]
    assert observation.cwe == ("CWE-20", "CWE-400", "CWE-502", "CWE-917")


CVES = tuple(f"CVE-2026-{number}" for number in range(10_001, 10_007))
NOW_TEXT = "2026-05-04T12:00:00.000+00:00"
Answers = Mapping[str, bytes | tuple[int, dict[str, str]]]


def fetch_from(
    answers: Answers, folder: Path, *, cves: tuple[str, ...] = CVES, checkpoint: dict[str, str] | None = None
) -> tuple[list[Batch], list[str]]:
    with path_server(answers) as server:
        context = make_context(SOURCE, server, folder, {"url": f"{server.url}/2.0"}, cves=cves, checkpoint=checkpoint)
        return list(SOURCE.fetch(context)), [urlsplit(path).query for path in server.asked]


def by_id(*cves: str) -> dict[str, bytes]:
    return {f"/2.0?cveId={cve}": page(entry(cve)) for cve in cves}


def window(since: str, until: str, start: int) -> str:
    return (
        (f"/2.0?lastModStartDate={since}&lastModEndDate={until}&noRejected&startIndex={start}")
        .replace(":", "%3A")
        .replace("+", "%2B")
    )


def test_fetch_asks_for_followed_cves_a_few_at_a_time(tmp_path: Path) -> None:
    """Six CVEs in two cycles, newest first; then nothing, as no time has passed since the first."""
    batches, asked = fetch_from(by_id(*CVES), tmp_path)
    assert asked == [f"cveId={cve}" for cve in reversed(CVES[2:])]
    assert [len(batch.documents) for batch in batches] == [1] * 4
    assert batches[-1].checkpoint == {"asked": " ".join(CVES[2:]), "since": NOW_TEXT}
    batches, asked = fetch_from(by_id(*CVES), tmp_path, checkpoint=dict(batches[-1].checkpoint))
    assert asked == [f"cveId={CVES[1]}", f"cveId={CVES[0]}"]
    assert batches[-1].checkpoint == {"asked": " ".join(CVES), "since": NOW_TEXT}


def test_fetch_reads_what_was_modified_page_by_page(tmp_path: Path) -> None:
    """Two pages; of three entries the followed one is kept, under the address that asks for it alone."""
    begun = {"asked": CVES[0], "since": "2026-05-04T10:00:00.000+00:00"}
    answers = {
        window("2026-05-04T09:45:00.000+00:00", NOW_TEXT, 0): page(entry("CVE-2026-5"), entry(CVES[0]), total=3),
        window("2026-05-04T09:45:00.000+00:00", NOW_TEXT, 2): page(entry("CVE-2026-7777"), total=3, start=2),
    }
    batches, asked = fetch_from(answers, tmp_path, cves=CVES[:1], checkpoint=begun)
    assert [parse_qs(query)["startIndex"] for query in asked] == [["0"], ["2"]]
    assert [[document.url.partition("?")[2] for document in batch.documents] for batch in batches] == [
        [f"cveId={CVES[0]}"],
        [],
    ]
    assert batches[0].checkpoint == {**begun, "until": NOW_TEXT, "start": "2"}
    assert batches[1].checkpoint == {"asked": CVES[0], "since": NOW_TEXT}
    (document,) = batches[0].documents
    assert parse(document) == parse(RAW(page(entry(CVES[0]))))


def test_fetch_looks_back_no_further_than_nvd_allows(tmp_path: Path) -> None:
    """After a year's sleep: a window of 120 days, then the next."""
    begun = {"asked": CVES[0], "since": "2025-05-04T12:00:00.000+00:00"}
    first = window("2025-05-04T11:45:00.000+00:00", "2025-09-01T12:00:00.000+00:00", 0)
    with pytest.raises(FetchError, match="404"):
        fetch_from({first: page()}, tmp_path, cves=CVES[:1], checkpoint=begun)
    with path_server({first: page()}) as server:
        settings = {"url": f"{server.url}/2.0"}
        context = make_context(SOURCE, server, tmp_path, settings, cves=CVES[:1], checkpoint=begun)
        assert next(SOURCE.fetch(context)).checkpoint["since"] == "2025-09-01T12:00:00.000+00:00"


def test_the_same_answer_gives_the_same_document(tmp_path: Path) -> None:
    """The time of the answer is no part of it."""
    later = page(entry(CVES[0])).replace(b"2026-05-04T12:00:00.000", b"2026-05-05T12:00:00.000")
    bodies = [
        fetch_from({f"/2.0?cveId={CVES[0]}": body}, tmp_path, cves=CVES[:1])[0][0].documents[0].body
        for body in (page(entry(CVES[0])), later)
    ]
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(
    ("answer", "kind"), [((403, {}), "status"), (b"[]", "content"), (page(entry(), total=9)[:-9] + b"}", "content")]
)
def test_fetch_errors_keep_what_came_before(
    tmp_path: Path, answer: bytes | tuple[int, dict[str, str]], kind: str
) -> None:
    """The second request fails; the first batch was yielded."""
    answers: Answers = {**by_id(CVES[1]), f"/2.0?cveId={CVES[0]}": answer}
    with path_server(answers) as server:
        context = make_context(SOURCE, server, tmp_path, {"url": f"{server.url}/2.0"}, cves=CVES[:2])
        batches = SOURCE.fetch(context)
        assert len(next(batches).documents) == 1
        with pytest.raises(FetchError) as caught:
            next(batches)
        assert caught.value.kind == kind
