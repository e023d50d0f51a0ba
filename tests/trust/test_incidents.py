"""Incidents that fooled others (TRUST G13): nobody is told that something is fixed, resolved or no longer listed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from advisories.topics import parse_topic
from advisories.words import Disposition, Status
from bot.app import App
from bot.ingest.breaker import CycleTurns
from bot.ingest.cycle import Mode, ingest
from bot.ingest.parsing import Parsed, parse_here
from bot.ingest.release import HeldSource, NotHeld
from sources.base import RawDocument
from sources.registry import find_source
from storage import source_health
from tests.bot.stores import application, parsed, record, spec, take
from tests.build import CVE, at, cell, cell_of
from tests.sources.http_answers import ANUBIS, CLOUDFLARE, LOGIN, MAINTENANCE
from tests.sources.kernel_cna import records as cna
from tests.sources.kev.test_kev import ENTRY, OTHER, catalogue
from tests.sources.nvd.test_nvd import entry, page
from tests.trust.recordings import load_advisory
from tests.trust.subscribers import notes, owed, subscribe

TRACKER = "https://security-tracker.debian.org/tracker/data/json"
EVERY = parse_topic('slug = "copy-fail"\ntitle = "Copy Fail"\ncves = ["*"]\n', name="every.toml")
PAGES = ["Anubis", "Cloudflare", "login", "maintenance", "empty"]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """One topic that watches every kernel CVE, and one reader of all of it."""
    with application(tmp_path, topics=[EVERY]) as opened:
        subscribe(opened)
        yield opened


def raw(source: str, url: str, body: bytes, hours: float) -> RawDocument:
    return RawDocument(source=source, url=url, at=at(hours), body=body)


def take_raw(app: App, *documents: RawDocument, turns: CycleTurns | None = None) -> list[str]:
    """One batch through the real parser; returns what was unreadable."""
    found = find_source(documents[0].source)
    given = [parse_here(found, one) for one in documents]
    newest = max(one.at for one in documents)
    result = ingest(app.intake, found, given, now=newest, mode=Mode(), turns=turns)
    return [what for _, what in result.problems]


def health(app: App, source: str) -> source_health.SourceHealth:
    with app.store.read() as connection:
        found = source_health.load_health(connection, source)
    assert found is not None
    return found


def cve_files(count: int, hours: float, state: str) -> list[RawDocument]:
    """The CNA's records of that many CVEs, published or rejected."""
    metadata = {"state": state} | ({"dateRejected": "2026-06-01T00:00:00"} if state == "REJECTED" else {})
    return [
        cna.raw(cna.record(f"CVE-2026-{number}", metadata=metadata), f"CVE-2026-{number}.json", at=at(hours))
        for number in range(20_000, 20_000 + count)
    ]


@pytest.mark.parametrize(
    ("count", "batch"),
    [(240, 240), (240, 8), *(pytest.param(1736, n, marks=pytest.mark.slow) for n in (1736, 200, 8, 1))],
)
def test_records_withdrawn_at_once_hold_the_source(app: App, count: int, batch: int) -> None:
    """osv.dev 2704: one faulty export withdrew 1,736 records. However they are batched, the source is held before more
    than a tenth of them counts, the operator gets one line, and all of the cycle is kept for the look at it."""
    take_raw(app, *cve_files(count, 0, "PUBLISHED"))
    known = len(owed(app))
    assert known == count
    gone, turns = cve_files(count, 1, "REJECTED"), CycleTurns()
    for start in range(0, count, batch):
        take_raw(app, *gone[start : start + batch], turns=turns)
    assert health(app, "kernel-cna").state == "held"
    assert len(notes(app)) == 1
    assert "kernel-cna is held: " in notes(app)[0]
    assert f"{count} records turned" in str(health(app, "kernel-cna").held_reason)
    assert len(owed(app)) - known <= 0.1 * count


def test_a_cve_added_to_kev_and_taken_back_within_hours_is_not_called_harmless(app: App) -> None:
    """kev-data 481: eleven CVEs came and went. The entry stays said until three catalogues over a day leave it out."""
    take_raw(app, *cve_files(1, 0, "PUBLISHED"))
    cve = "CVE-2026-20000"
    listed = catalogue(ENTRY.replace(CVE.encode(), cve.encode()), OTHER)
    url = str(find_source("kev").settings["url"])
    take_raw(app, raw("kev", url, listed, 1))
    for hours in (3, 4, 5):
        take_raw(app, raw("kev", url, catalogue(OTHER) + b" " * hours, hours))
    found = load_advisory(app, cve)
    assert found is not None
    assert found.exploited.kev is True
    assert [kind for kind, _ in owed(app)] == ["advisory_new", "exploitation_changed"]
    take_raw(app, raw("kev", url, catalogue(OTHER) + b" " * 30, 30))
    assert [kind for kind, _ in owed(app)][2:] == ["correction"]  # to whom the claim is owed
    found = load_advisory(app, cve)
    assert found is not None
    assert found.exploited.kev is False


@pytest.mark.parametrize("word", ["Awaiting Analysis", "Received", "Undergoing Analysis", "Deferred"])
def test_awaiting_analysis_is_no_fix(app: App, word: str) -> None:
    """wazuh 12598 read NVD's "awaiting analysis", which has no configuration, as not vulnerable."""
    take_raw(app, *cve_files(1, 0, "PUBLISHED"))
    waiting = entry("CVE-2026-20000", vulnStatus=word, metrics={}, configurations=[], weaknesses=[])
    take_raw(app, raw("nvd", "https://services.nvd.nist.gov/rest/json/cves/2.0?x", page(waiting), 1))
    found = load_advisory(app, "CVE-2026-20000")
    assert found is not None
    assert (found.cells, found.withdrawn, found.severity) == ((), None, None)
    assert [kind for kind, _ in owed(app)] == ["advisory_new"]


def tracker(releases: dict[str, str], extra: str = "") -> bytes:
    """Debian's whole dump: the kernel's releases with their states, and another package."""
    open_issue: dict[str, Any] = {"repositories": {}, "urgency": "not yet assigned"}
    issue = {"releases": {name: {**open_issue, "status": word} for name, word in releases.items()}}
    return json.dumps({"linux": {CVE: issue}, "curl": {"CVE-2026-1": {"releases": {}, "description": extra}}}).encode()


def test_a_release_that_the_tracker_drops_is_neither_fixed_nor_safe(app: App) -> None:
    """agent-bom 3213: a release past its end of life left Debian's dump, and its open issues were read as resolved.
    After three dumps over a day the cell says "no longer listed"."""
    take_raw(app, raw("debian", TRACKER, tracker({"bullseye": "open", "bookworm": "open"}), 0))
    seen = []
    for number, hours in enumerate((1, 2, 30, 60)):
        take_raw(app, raw("debian", TRACKER, tracker({"bookworm": "open"}, extra=str(number)), hours))
        found = load_advisory(app)
        assert found is not None
        dropped = cell_of(found, release="11")
        seen.append((dropped.status, dropped.vendor_status))
    assert seen[:2] == [(Status.AFFECTED, "open"), (Status.AFFECTED, "open")]
    assert seen[-1] == (Status.UNDER_INVESTIGATION, "no longer listed")
    assert {kind for kind, _ in owed(app)} <= {"advisory_new", "status_changed"}
    assert ("status_changed", "not_affected") not in owed(app)


def test_the_tracker_without_any_kernel_is_a_loss_and_no_fix(app: App) -> None:
    """The package left the dump altogether: every record is missing, none is resolved."""
    take_raw(app, raw("debian", TRACKER, tracker({"bookworm": "open"}), 0))
    take_raw(app, raw("debian", TRACKER, json.dumps({"curl": {"CVE-2026-1": {"releases": {}}}}).encode(), 1))
    found = load_advisory(app)
    assert found is not None
    assert cell_of(found).status is Status.AFFECTED


@pytest.mark.parametrize("page_given", [ANUBIS, CLOUDFLARE, LOGIN, MAINTENANCE, b""], ids=PAGES)
@pytest.mark.parametrize("source", ["debian", "ubuntu", "redhat", "almalinux", "kernel-cna", "kev", "suse", "amazon"])
def test_a_page_in_place_of_a_document_is_an_error_of_its_source(app: App, source: str, page_given: bytes) -> None:
    """Anubis and its like answer 200: unreadable, by name, and nothing follows."""
    url = {"debian": TRACKER, "kernel-cna": f"{cna.BASE}/plain/cve/published/2026/{CVE}.json"}.get(
        source, f"https://vendor.example/{CVE}.json"
    )
    problems = take_raw(app, raw(source, url, page_given, 1))
    assert len(problems) == 1
    assert owed(app) == []


def many(count: int, hours: float, **more: Any) -> Parsed:
    said = [record(f"tracker/CVE-2026-{number}", cell(cve=f"CVE-2026-{number}", **more)) for number in range(count)]
    return parsed(*said, at=at(hours), complete=True)


@pytest.mark.parametrize("kept", [266, 150, 0], ids=["-11 %", "-50 %", "-100 %"])
def test_a_list_that_shrinks_says_nothing(app: App, kept: int) -> None:
    """TRUST S4: no message, one line for the operator; polled again and again it stays one."""
    take(app, many(300, 0))
    before = owed(app)
    take(app, many(kept, 1))
    take(app, many(kept, 2))
    assert owed(app) == before
    assert len(notes(app)) == 1


def test_a_released_source_goes_on_after_its_difference_was_shown(tmp_path: Path) -> None:
    """What was held is taken in as one; afterwards the source is polled again."""
    small = [raw("debian", TRACKER, tracker_of_many(90, "open"), 0), raw("debian", TRACKER, tracker_of_many(30), 1)]
    with application(tmp_path, topics=[EVERY]) as app:
        for one in small:
            take_raw(app, one)
        held = HeldSource.load(app, "debian")
        lines = list(held.difference())
        assert (len(lines), lines[0]) == (60, "tracker/CVE-2026-1030: no longer listed")
        held.release()
        assert health(app, "debian").state == "waiting"
        with pytest.raises(NotHeld):
            HeldSource.load(app, "debian")
        found = load_advisory(app, "CVE-2026-1080")
        assert found is not None
        assert cell_of(found).status is Status.AFFECTED  # said once that it is not listed: no more than noted


def tracker_of_many(count: int, word: str = "open") -> bytes:
    issue = {"releases": {"bookworm": {"status": word, "repositories": {}, "urgency": "low"}}}
    listed = {f"CVE-2026-{number}": issue for number in range(1000, 1000 + count)}
    return json.dumps({"linux": listed, "curl": {"CVE-2026-1": {"releases": {}}}}).encode()


@pytest.mark.parametrize("again", ["the same bytes", "the same record elsewhere", "not modified"])
def test_a_fix_that_is_taken_back_is_corrected_after_the_second_fetch(app: App, again: str) -> None:
    """Rule 10: the first weaker word is a conflict that is shown, the second good fetch tells those who were told."""
    take(app, parsed(record("tracker/x", cell(fixed="6.1.170-1")), at=at(0)))
    take(app, parsed(record("tracker/x", cell()), at=at(1)))
    assert shown(app) == (Status.FIXED, ["weaker_unconfirmed"])
    if again == "the same bytes":
        take(app, parsed(record("tracker/x", cell()), at=at(2)))
    elif again == "not modified":
        take(app, parsed(at=at(2), url="https://debian.example/other"), same=("https://debian.example/all",))
    else:
        other = record("tracker/y", cell(cve="CVE-2026-1", disposition=Disposition.DEFERRED))
        take(app, parsed(record("tracker/x", cell()), other, at=at(2)))
    assert shown(app) == (Status.AFFECTED, [])


def test_a_severity_that_is_lowered_counts_after_the_second_fetch(app: App) -> None:
    """Also when the second fetch is of the same bytes."""
    from advisories.words import SeverityLevel
    from tests.build import cve, severity

    source = spec("kernel-cna")
    high, low = severity(7.8, SeverityLevel.HIGH), severity(3.3, SeverityLevel.LOW)
    levels = []
    for hours, claim in ((0, high), (1, low), (2, low)):
        document = parsed(record(f"{CVE}.json", cve("7.0", severity=(claim,))), at=at(hours), source="kernel-cna")
        take(app, document, source=source)
        found = load_advisory(app)
        assert found is not None
        assert found.severity is not None
        levels.append(found.severity.claim.level)
    assert levels == [SeverityLevel.HIGH, SeverityLevel.HIGH, SeverityLevel.LOW]


def shown(app: App) -> tuple[Status, list[str]]:
    found = load_advisory(app)
    assert found is not None
    only = cell_of(found)
    return only.status, [one.reason for one in only.conflicts]


def test_a_date_of_2106_makes_nothing_older(app: App) -> None:
    """TRUST S7: the next true update counts."""
    future = datetime(2106, 2, 7, tzinfo=UTC)
    take(app, parsed(record("tracker/x", cell(), modified=future), at=at(0)))
    take(app, parsed(record("tracker/x", cell(fixed="6.1.170-1"), modified=at(1)), at=at(1)))
    assert shown(app)[0] is Status.FIXED
