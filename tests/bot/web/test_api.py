"""The API: CONTRACT's documents, pages that miss nothing, errors that say what would be right, and its description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest

from advisories.model import Advisory
from advisories.words import Status
from bot.app import App
from bot.hostcheck.matrix import parse_matrix
from storage import advisories as advisory_store
from storage import identity
from tests.bot.web.asking import Ask, asker, served
from tests.bot.web.hostile import hostile_app
from tests.bot.web.stores import CVE, UPSTREAM, cell, make_app, take

API = "/api/v1"
START = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[App]:
    app = make_app(tmp_path)
    yield app
    app.store.close()


@pytest.fixture(scope="module")
def served_api(filled: App) -> Iterator[str]:
    with served(filled) as url:
        yield url + API


def documents(ask: Ask) -> dict[str, Any]:  # Any: JSON
    """Every advisory as the API gives it alone, by id."""
    listed = ask(f"{API}/advisories?limit=200").json()["advisories"]
    ids = [one["advisory"]["id"] for one in listed]
    return {pw_id: ask(f"{API}/advisories/{pw_id}").json() for pw_id in ids}


def test_an_advisory(ask: Ask) -> None:
    """One document is CONTRACT's status document, by id and by alias."""
    document = ask(f"{API}/advisories/{CVE}").json()
    assert document == ask(f"{API}/advisories/pw-2026-1").json()
    assert document["advisory"]["aliases"] == [CVE]
    assert document["as_of"] == document["changed"] == "2026-05-19T23:00:00Z"
    debian = next(one for one in document["cells"] if one["release"] == "12")
    assert (debian["status"], debian["fixed_version"], debian["errata"], debian["evidence"][0]["source"]) == (
        "fixed",
        "6.1.170-1",
        ["DSA-6243-1"],
        "debian",
    )


def test_changes_in_pages(ask: Ask) -> None:
    """Pages by cursor hold each change once, in order; the last page says so and gives where to go on."""
    seen: list[int] = []
    cursor = "0"
    while True:
        page = ask(f"{API}/changes?limit=4&cursor={cursor}").json()
        seen += [one["seq"] for one in page["changes"]]
        cursor = page["next"]
        if not page["more"]:
            break
    assert seen == list(range(1, 12))
    assert ask(f"{API}/changes?cursor={cursor}").json() == {"changes": [], "next": "11", "more": False}


def test_changes_since(ask: Ask) -> None:
    """`since` takes a day or a time in any zone, and a topic narrows."""
    for since in ("2026-05-19", "2026-05-20T01:00:00%2B02:00", "2026-05-19T23:00:00Z"):
        assert [one["seq"] for one in ask(f"{API}/changes?since={since}").json()["changes"]] == [9, 10, 11]
    assert len(ask(f"{API}/changes?topic=copy-fail").json()["changes"]) == 11


@pytest.mark.parametrize("way", ["cursor", "since"])
def test_a_mirror_ends_identical(empty: App, way: str) -> None:
    """A mirror that follows by cursor or by time holds exactly what the API gives, late documents included."""
    chance = Random(3)  # a test's data, no secret
    ask = asker(empty)
    mirror: dict[str, Any] = {}
    place = ""
    for step in range(30):
        late = timedelta(minutes=chance.randint(0, 50))
        at = START + timedelta(hours=step) - late
        cve = f"CVE-2026-{40000 + chance.randint(1, 8)}"
        claim = replace(cell("debian", "12", "linux", Status.FIXED, f"6.1.{step}-1"), cve=cve)
        take(empty, "debian", at, cve, [replace(UPSTREAM, cve=cve, title=f"step {step}"), claim])
        if step % 3 == 0:
            place = follow(ask, mirror, way, place)
    follow(ask, mirror, way, place)
    assert mirror == documents(ask)
    assert len(mirror) > 4


def follow(ask: Ask, mirror: dict[str, Any], way: str, place: str) -> str:
    """Takes in what is new after `place`; returns where to go on."""
    query = f"{way}={place}" if place else "limit=3"
    while True:
        page = ask(f"{API}/advisories?{query}").json()
        for one in page["advisories"]:
            mirror[one["advisory"]["id"]] = one
        if not page["more"]:
            break
        query = f"limit=3&cursor={page['next']}"
    return str(page["next"] if way == "cursor" else max((one["changed"] for one in mirror.values()), default=place))


def test_merged_ids_are_named(empty: App) -> None:
    """A mirror learns which id was found to be the same as another, and either name leads to the older one."""
    for cve in ("CVE-2026-40001", "CVE-2026-40002"):
        take(empty, "kernel-cna", START, cve, [replace(UPSTREAM, cve=cve)])
    with empty.store.write() as connection:
        identity.redirect(connection, younger="PW-2026-2", older="PW-2026-1")
    ask = asker(empty)
    assert ask(f"{API}/advisories").json()["merged"] == [{"id": "PW-2026-2", "into": "PW-2026-1"}]
    assert ask(f"{API}/advisories/PW-2026-2").json()["advisory"]["id"] == "PW-2026-1"
    assert ask(f"{API}/advisories/CVE-2026-40002").json()["advisory"]["id"] == "PW-2026-1"


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/advisories/CVE-2020-0001", 404, "No advisory"),
        ("/advisories?topic=none", 404, "copy-fail"),
        ("/advisories?cursor=x", 400, "cursor"),
        ("/advisories?cursor=-1", 400, "cursor"),
        ("/advisories?cursor=9007199254740993", 400, "cursor"),
        ("/changes?since=yesterday", 400, "since takes a time"),
        ("/changes?since=0001-01-01T00:00:00%2B14:00", 400, "calendar"),
        ("/changes?limit=0", 400, "limit"),
        ("/changes?limit=%D9%A3", 400, "limit"),
        ("/changes?sinse=2026-05-01", 400, "sinse"),
        ("/changes?limit=1&limit=2", 400, "once"),
        ("/none", 404, "No page"),
    ],
)
def test_errors_are_problems(ask: Ask, path: str, status: int, says: str) -> None:
    """An error is RFC 9457's JSON and says what would be right."""
    answer = ask(API + path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert says in answer.json()["detail"]
    assert answer.json()["status"] == status


def test_only_reading(ask: Ask) -> None:
    """Nothing but GET and HEAD is answered."""
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = ask(f"{API}/advisories", method=method)
        assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert ask("/", method="POST").status_code == 405
    assert ask("/", method="HEAD").status_code == 200


def test_other_sites_may_read(ask: Ask) -> None:
    """CORS lets any site read by GET, and nothing else."""
    assert ask(f"{API}/sources", origin="https://a.example").headers["access-control-allow-origin"] == "*"
    preflight = ask(f"{API}/sources", method="OPTIONS", origin="https://a.example", access_control_request_method="GET")
    assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (200, "GET, HEAD")
    refused = ask(
        f"{API}/sources", method="OPTIONS", origin="https://a.example", access_control_request_method="DELETE"
    )
    assert refused.status_code == 400


def test_matrix_is_what_the_host_check_reads(ask: Ask) -> None:
    """`/matrix.json` is read whole by the host check."""
    matrix = parse_matrix(ask("/matrix.json").content, "here")
    assert (len(matrix.advisories), matrix.rejected) == (1, 0)
    assert len(matrix.advisories[0].cells) == 9
    assert matrix.as_of == datetime(2026, 5, 19, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        (f"/advisories/{CVE}", "Advisory"),
        ("/advisories", "AdvisoryPage"),
        ("/changes", "ChangePage"),
        ("/sources", "Sources"),
        (f"/advisories/{CVE}/path", "Path"),
        ("/none", "Problem"),
    ],
)
def test_answers_are_as_described(ask: Ask, path: str, schema: str) -> None:
    """Each answer holds to the schema that OpenAPI gives for it."""
    described = ask(f"{API}/openapi.json").json()
    wanted = {"$ref": f"#/components/schemas/{schema}", "components": described["components"]}
    jsonschema.Draft202012Validator(wanted).validate(ask(API + path).json())


def test_described_and_routed_are_the_same(ask: Ask) -> None:
    """Every path of the description is answered."""
    for path in ask(f"{API}/openapi.json").json()["paths"]:
        assert ask(API + path.replace("{id}", CVE)).status_code == 200


def test_hostile_text_is_data(tmp_path: Path) -> None:
    """JSON holds hostile text as data and nothing that is no JSON."""
    app = hostile_app(tmp_path)
    ask = asker(app)
    for path in (f"{API}/advisories", f"{API}/changes?limit=200", "/matrix.json"):
        answer = ask(path)
        assert answer.headers["content-type"] == "application/json"
        assert json.loads(answer.content)
    with app.store.read() as connection:
        stored: Advisory | None = advisory_store.load_advisory(connection, "PW-2026-1")
    assert stored is not None
    assert ask(f"{API}/advisories/{CVE}").json()["advisory"]["title"] == stored.title
    app.store.close()


@pytest.mark.parametrize("path", ["/advisories", "/advisories/{id}", "/advisories/{id}/path", "/changes", "/sources"])
def test_generated_requests_find_no_failure(served_api: str, path: str) -> None:
    """Requests that schemathesis makes from the description: no 5xx, and each answer as it is described."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import checks

    operation = schemathesis.openapi.from_url(f"{served_api}/openapi.json")[path]["GET"]
    wanted = [checks.not_a_server_error, checks.CHECKS.get_one("response_schema_conformance")]
    bounded = settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def call(case: Any) -> None:  # Any: schemathesis's case
        case.call_and_validate(base_url=served_api, checks=wanted)

    bounded(given(case=operation.as_strategy())(call))()
