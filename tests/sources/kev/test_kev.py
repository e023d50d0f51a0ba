"""The KEV catalogue: entries, counts, withdrawals, broken documents, and its fetch."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from advisories.observation import ExploitationObservation, ParsedDocument, Record
from sources.base import Batch
from sources.errors import FetchError, ParseError
from sources.kev import SOURCE
from sources.kev.parse import parse
from tests.sources.fetch_contexts import NOW, make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document, without

RAW = raw_document("kev", str(SOURCE.settings["url"]))
ENTRY = (
    b'{"cveID": "CVE-2026-31431", "vendorProject": "Linux", "product": "Kernel", "dateAdded": "2026-05-01", '
    b'"requiredAction": "\\"Apply what the vendor says.", "dueDate": "2026-05-15", "notes": "https:\\/\\/xint.io\\/", '
    b'"cwes": ["CWE-669"]}'
)
OTHER = b'{"cveID": "CVE-2024-53104", "vendorProject": "Linux", "dateAdded": "2025-02-05", "dueDate": "2025-02-26"}'


def catalogue(*entries: bytes, count: int | None = None) -> bytes:
    head = '{"title": "CISA Catalog", "catalogVersion": "2026.05.01", "dateReleased": "2026-05-01T18:00:00.1Z"'
    size = len(entries) if count is None else count
    return f'{head}, "count": {size}, "vulnerabilities": ['.encode() + b",\n".join(entries) + b"]}\n"


def test_entries_are_exploitation_with_their_own_dates() -> None:
    """Since dateAdded, due dueDate; quotes and escaped slashes in texts do no harm; the list is complete."""
    parsed = parse(RAW(catalogue(ENTRY, OTHER)))
    assert parsed.records[0] == Record(
        key="CVE-2026-31431",
        observations=(
            ExploitationObservation(cve="CVE-2026-31431", kev=True, since=date(2026, 5, 1), due=date(2026, 5, 15)),
        ),
        slice=parsed.records[0].slice,
    )
    assert [record.key for record in parsed.records] == ["CVE-2026-31431", "CVE-2024-53104"]
    assert (parsed.rejected, parsed.complete) == ((), True)


def test_a_slice_is_its_record_and_no_catalogue() -> None:
    """It parses into the same record, and never says that the other entries are gone."""
    whole = parse(RAW(catalogue(ENTRY, OTHER)))
    for record in whole.records:
        assert parse(RAW(record.slice)) == ParsedDocument(records=(record,), complete=False)


def test_a_catalogue_that_counts_more_than_it_has_is_broken() -> None:
    """A cut at an entry's end would read as withdrawals."""
    with pytest.raises(ParseError, match="counts 3 entries and has 2"):
        parse(RAW(catalogue(ENTRY, OTHER, count=3)))
    with pytest.raises(ParseError, match="of 0 entries"):
        parse(RAW(catalogue()))


def test_bad_entries_are_rejected_alone() -> None:
    """A wrong id, a date that is none, an entry that is no object, a CVE listed twice."""
    bad = [
        ENTRY.replace(b"CVE-2026-31431", b"cve-2026-31431"),
        ENTRY.replace(b"2026-05-01", b"2026-13-45"),
        b"7",
        OTHER.replace(b"2025-02-05", b"2026-01-01"),
    ]
    parsed = parse(RAW(catalogue(OTHER, *bad)))
    assert [record.key for record in parsed.records] == ["CVE-2024-53104"]
    assert [(one.key, one.what[:18]) for one in parsed.rejected] == [
        ("entry 1", "'cve-2026-31431' i"),
        ("CVE-2026-31431", "dateAdded is '2026"),
        ("entry 3", "the entry cannot b"),
        ("CVE-2024-53104", "listed twice; the "),
    ]


@pytest.mark.parametrize("place", [("catalogVersion",), ("count",), ("vulnerabilities",)])
def test_a_catalogue_without_a_field_that_we_use_is_broken(place: tuple[str, ...]) -> None:
    """S28: a renamed field is an error."""
    with pytest.raises(ParseError, match=place[0]):
        parse(RAW(without(catalogue(ENTRY), place)))


@pytest.mark.parametrize("name", ["cveID", "dateAdded"])
def test_an_entry_without_a_field_that_we_use_is_rejected(name: str) -> None:
    """The others count."""
    parsed = parse(RAW(catalogue(OTHER, ENTRY.replace(name.encode(), b"renamed"))))
    assert ([record.key for record in parsed.records], len(parsed.rejected)) == (["CVE-2024-53104"], 1)


def test_broken_catalogues_are_parse_errors() -> None:
    """Cut anywhere, blocked, damaged, and any value in any field."""
    assert_only_parse_errors(parse, RAW, catalogue(ENTRY, OTHER))
    assert_wrong_json_is_survived(parse, RAW, catalogue(ENTRY))


def test_the_real_catalogues(shared_data: Path) -> None:
    """Every entry of both is read; Copy Fail is in the later one alone, with CISA's dates."""
    before, after = (
        parse(RAW((shared_data / "kev" / "real" / f"known_exploited_vulnerabilities.{day}.json").read_bytes()))
        for day in ("2025-08-25", "2026-08-08")
    )
    assert (len(before.records), before.rejected, len(after.records), after.rejected) == (1404, (), 1662, ())
    found = {record.key: record.observations for record in after.records}
    assert found["CVE-2026-31431"] == (
        ExploitationObservation(cve="CVE-2026-31431", kev=True, since=date(2026, 5, 1), due=date(2026, 5, 15)),
    )
    assert "CVE-2026-31431" not in {record.key for record in before.records}


def test_every_real_entry_agrees_with_a_plain_reading(shared_data: Path) -> None:
    """The standard library's JSON reader as the referee."""
    body = (shared_data / "kev" / "real" / "known_exploited_vulnerabilities.2026-08-08.json").read_bytes()
    plain = {
        one["cveID"]: (date.fromisoformat(one["dateAdded"]), date.fromisoformat(one["dueDate"]))
        for one in json.loads(body)["vulnerabilities"]
    }
    ours = {
        one.cve: (one.since, one.due)
        for record in parse(RAW(body)).records
        for one in record.observations
        if isinstance(one, ExploitationObservation)
    }
    assert ours == plain


def test_a_shortened_catalogue_is_broken(shared_data: Path) -> None:
    """An excerpt that kept the count of the whole list."""
    with pytest.raises(ParseError, match="counts 801"):
        parse(RAW((shared_data / "kev" / "a" / "known_exploited_vulnerabilities.json").read_bytes()))


def test_fetch_takes_the_catalogue_once(tmp_path: Path) -> None:
    """First the document, then "not modified", and an error where there is none."""
    body = catalogue(ENTRY)
    with path_server({"/kev.json": body}) as server:
        url = f"{server.url}/kev.json"
        (first,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": url}))
        (document,) = first.documents
        assert (document.url, document.body, document.at) == (url, body, NOW)
        again = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": url}, held=frozenset({url}))))
        assert again == [Batch(documents=(), checkpoint={}, same=(url,))]
        with pytest.raises(FetchError, match="404"):
            list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": f"{server.url}/gone.json"})))
