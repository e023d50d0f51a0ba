"""Flatcar's list of releases."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisories.observation import PackageVersionObservation, ParsedDocument, Record
from sources.errors import FetchError, ParseError, RateLimited
from sources.flatcar import SOURCE
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document

RAW = raw_document("flatcar", "https://www.flatcar.org/releases-json/releases.json")


def release(kernel: str, date: str = "2026-05-05 07:00:00 +0000", channel: str = "stable") -> dict[str, object]:
    return {
        "channel": channel,
        "architectures": ["amd64", "arm64"],
        "release_date": date,
        "major_software": {"docker": ["28.0.4"], "kernel": [kernel], "systemd": ["257.9"]},
        "release_notes": "text",
    }


RELEASES = {
    "4593.2.0": release("6.12.85"),
    "4593.10.0": release("6.12.86", "2026-05-12 07:00:00 +0000"),
    "4459.2.3": release("6.12.84", "2026-05-20 07:00:00 +0000"),
    "4700.0.0": release("6.18.22", channel="alpha"),
    "current": release("1.2.3"),
}


def test_the_newest_stable_release_counts() -> None:
    """By its number, not its place or date (older lines are still served); other channels do not count."""
    shipped = PackageVersionObservation(
        distro="flatcar", release=None, package="linux", version="6.12.86", upstream="6.12.86"
    )
    record = Record(key="stable", observations=(shipped,), modified=datetime(2026, 5, 12, 7, tzinfo=UTC))
    assert SOURCE.parse(RAW(json.dumps(RELEASES).encode())) == ParsedDocument(records=(record,))


@pytest.mark.parametrize(
    "releases", [{}, {"4700.0.0": RELEASES["4700.0.0"]}, {"4593.2.0": {"channel": "stable"}}, {"x": 1}]
)
def test_a_list_without_a_stable_kernel_is_none(releases: dict[str, object]) -> None:
    """Nothing follows from what is not there."""
    with pytest.raises(ParseError):
        SOURCE.parse(RAW(json.dumps(releases).encode()))


def test_broken_documents_are_parse_errors() -> None:
    """Cut, damaged, replaced by a page, or with a wrong value in any field."""
    small = json.dumps({"4593.2.0": RELEASES["4593.2.0"]}).encode()
    assert_only_parse_errors(SOURCE.parse, RAW, small)
    assert_wrong_json_is_survived(SOURCE.parse, RAW, small)


def test_fetching_once_and_again(tmp_path: Path) -> None:
    """The list comes whole; unchanged it is the same; a host that fails or asks for silence is told."""
    body = json.dumps(RELEASES).encode()
    with path_server({"/releases.json": body}) as server:
        url = f"{server.url}/releases.json"
        (first,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": url}))
        assert [(one.url, one.body) for one in first.documents] == [(url, body)]
        (second,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": url}, held=frozenset({url})))
        assert (second.documents, second.same) == ((), (url,))
    for answer, error in (((500, {}), FetchError), ((429, {"Retry-After": "60"}), RateLimited)):
        with path_server({"/r.json": answer}) as server, pytest.raises(error):
            list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": f"{server.url}/r.json"})))
