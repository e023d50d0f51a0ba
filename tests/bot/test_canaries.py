"""Canaries: records that must read again as they did. One that differs is a correction, most of them another format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from advisories.observation import CellObservation, FixedVersion, Observation, Record, Rejected
from advisories.topics import parse_topic
from advisories.words import Status
from bot.app import App
from bot.cli.root import run_command_line
from bot.ingest.breaker import CycleTurns
from bot.ingest.cycle import Mode, ingest
from bot.ingest.parsing import parse_here
from bot.ingest.release import HeldSource
from bot.views.sources import source_views
from sources.base import Canary, RawDocument
from sources.registry import find_source
from storage import canaries, documents, source_health
from storage.canaries import load_canaries
from storage.tables import operator_notes
from tests.bot.stores import application, parsed, record, spec, take
from tests.build import CVE, at, cell, cve

ONE = parse_topic(f'slug = "copy-fail"\ntitle = "Copy Fail"\ncves = ["{CVE}"]\n', name="one.toml")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A topic that watches one CVE only: most canaries are about others."""
    with application(tmp_path, topics=[ONE]) as opened:
        yield opened


def row(number: int, version: str | None = "6.1.170-1") -> Record:
    name = f"CVE-2025-{number}"
    return record(f"tracker/{name}", cell(cve=name, fixed=version))


def unknown(number: int) -> Record:
    name = f"CVE-2025-{number}"
    return record(f"tracker/{name}", cell(Status.UNDER_INVESTIGATION, cve=name))


def held(app: App, *rows: Record, hours: float, complete: bool = False) -> str | None:
    return take(app, parsed(*rows, at=at(hours), complete=complete)).held


def keys(app: App, source: str = "debian") -> list[str]:
    with app.store.read() as connection:
        return list(load_canaries(connection, source))


def numbers(start: int = 1000, count: int = 20) -> range:
    return range(start, start + count)


def test_five_settled_records_of_a_document_are_kept(app: App) -> None:
    """Not those with something open; and although no topic watches them."""
    rows = [row(one) if one % 2 else row(one, None) for one in numbers()]
    assert held(app, *rows, hours=0) is None
    assert len(keys(app)) == 5
    assert all(int(one[-4:]) % 2 for one in keys(app))


def test_a_field_that_all_canaries_lost_holds_the_source(app: App) -> None:
    """Nothing is taken in; the line names a canary, what it lost and in how many."""
    held(app, *[row(one) for one in numbers()], hours=0)
    reason = held(app, *[unknown(one) for one in numbers()], hours=1)
    assert reason == "canary tracker/CVE-2025-1000: fixed is now an unknown word (in 20 of 20 records read again)"
    with app.store.read() as connection:
        health = source_health.load_health(connection, "debian")
        assert health is not None
        assert (health.state, health.held_reason) == ("held", reason)
        assert [one.held for one in documents.all_documents(connection)] == [False, True]
        assert {one.at for one in load_canaries(connection, "debian").values()} == {at(0)}


def test_one_canary_that_differs_is_a_correction(app: App) -> None:
    """It is taken and is a canary in its new form; the next document is judged by that."""
    held(app, *[row(one) for one in numbers()], hours=0)
    first = int(keys(app)[0][-4:])
    corrected = [unknown(one) if one == first else row(one) for one in numbers()]
    assert held(app, *corrected, hours=1) is None
    with app.store.read() as connection:
        known = load_canaries(connection, "debian")
    assert known[f"tracker/CVE-2025-{first}"].observations == unknown(first).observations
    assert {one.equal_at for one in known.values()} == {at(1)}
    assert held(app, *corrected, row(3000), hours=2) is None


def test_versions_of_most_canaries_that_turn_hold_the_source(app: App) -> None:
    """Two of five are corrections, three are not."""
    held(app, *[row(one) for one in numbers()], hours=0)
    chosen = [int(one[-4:]) for one in keys(app)]
    two = [row(one, "6.1.171-1" if one in chosen[:2] else "6.1.170-1") for one in numbers()]
    assert held(app, *two, hours=1) is None
    three = [row(one, "6.1.171-1" if one in chosen[:2] else "6.1.172-1") for one in numbers()]
    assert "(3 of 5 canaries say something else)" in str(held(app, *three, hours=2))


def test_a_lone_record_that_loses_what_decides_holds_its_source(app: App) -> None:
    """A document of one record has its own past only."""
    single = [record("x", cve("6.12.85", "7.0")), record("x", cve())]
    assert held(app, single[0], hours=0) is None
    assert "fixed 6.12.85, 7.0 is now absent" in str(held(app, single[1], hours=1))


def test_a_lone_record_that_loses_a_title_does_not(app: App) -> None:
    """Nobody does anything wrong for want of it."""
    held(app, record("x", cve("7.0", title="A title")), hours=0)
    assert held(app, record("x", cve("7.0")), hours=1) is None


def test_a_lone_loss_beside_records_that_still_have_the_field_is_a_correction(app: App) -> None:
    """The format has it still."""
    held(app, record("x", cve("7.0")), hours=0)
    assert held(app, record("x", cve()), record("y", cve("7.0", cve="CVE-2025-2")), hours=1) is None


def test_a_withdrawn_record_loses_nothing(app: App) -> None:
    """REJECTED says nothing else: the breaker counts it."""
    held(app, record("x", cve("7.0")), hours=0)
    assert held(app, record("x", cve(withdrawn=True)), hours=1) is None


@pytest.mark.parametrize("lost", ["a whole list without them", "entries that cannot be read"])
def test_canaries_that_are_gone_hold_the_source(app: App, lost: str) -> None:
    """A list that leaves all of them out, or in which no entry can be read."""
    held(app, *[row(one) for one in numbers()], hours=0, complete=True)
    if lost == "entries that cannot be read":
        answer = take(app, parsed(at=at(1), rejected=(Rejected(key="entry 0", what="no CVE id"),))).held
    else:
        answer = held(app, *[row(one) for one in numbers(5000)], hours=1, complete=True)
    assert answer is not None
    assert answer.startswith("canary tracker/CVE-2025-1000: it is now absent or cannot be read (in ")


def test_a_window_that_moves_on_has_canaries_of_what_it_shows(app: App) -> None:
    """A list of the newest only: what left it is no loss, and is replaced."""
    held(app, *[row(one) for one in numbers()], hours=0)
    assert held(app, *[row(one) for one in numbers(5000)], hours=1) is None
    assert [one[-4:] for one in keys(app)] == ["5000", "5001", "5002", "5003", "5004"]


def test_an_older_document_that_comes_late_is_not_judged(app: App) -> None:
    """It had less, and was right."""
    held(app, *[row(one) for one in numbers()], hours=5)
    assert held(app, *[unknown(one) for one in numbers()], hours=1) is None


def test_what_is_read_once_has_no_canary(app: App) -> None:
    """A mail never changes."""
    once = replace(spec("lore"), canary=Canary.READ_ONCE)
    for hours, given in ((0, cve("7.0")), (1, cve())):
        assert take(app, parsed(record("x", given), at=at(hours), source="lore"), source=once).held is None
    assert keys(app, "lore") == []


def test_values_that_move_on_are_no_loss_where_nothing_settles(app: App) -> None:
    """Each field is there, with another value."""
    fields = replace(spec(), canary=Canary.FIELDS)
    for hours in range(3):
        rows = [row(one, f"6.1.17{hours}-1") for one in numbers()]
        assert take(app, parsed(*rows, at=at(hours)), source=fields).held is None


def tracker(*, version: str = "fixed_version") -> bytes:
    issue = {
        "releases": {"bookworm": {"status": "resolved", version: "6.1.170-1", "repositories": {}, "urgency": "low"}}
    }
    return json.dumps({"linux": {f"CVE-2025-{one}": issue for one in numbers()}, "curl": {"CVE-2026-1": {}}}).encode()


def take_tracker(app: App, body: bytes, hours: float) -> str | None:
    debian = find_source("debian")
    raw = RawDocument(
        source="debian", url="https://security-tracker.debian.org/tracker/data/json", at=at(hours), body=body
    )
    return ingest(app.intake, debian, [parse_here(debian, raw)], now=at(hours), mode=Mode()).held


def test_a_release_shows_what_the_canaries_lost_and_makes_it_the_new_form(app: App) -> None:
    """Afterwards the source reads as it does now."""
    assert take_tracker(app, tracker(), 0) is None
    assert take_tracker(app, tracker(version="fixed_in"), 1) is not None
    shown = HeldSource.load(app, "debian")
    assert "canary tracker/CVE-2025-1000: fixed is now an unknown word" in list(shown.difference())
    shown.release()
    assert take_tracker(app, tracker(version="fixed_in").replace(b"low", b"high"), 2) is None
    assert take_tracker(app, tracker(), 3) is None


def test_a_parser_that_reads_otherwise_than_the_last_program_holds_nothing(app: App) -> None:
    """The stored document is read once more: the new document gives what the old one gives today."""
    assert take_tracker(app, tracker(), 0) is None
    richer: tuple[Observation, ...] = (cve("7.0", cve="CVE-2025-1000"),)  # what a former parser found besides
    with app.store.write() as connection:
        known = load_canaries(connection, "debian").values()
        canaries.save_canaries(
            connection, "debian", [replace(one, observations=(*one.observations, *richer)) for one in known]
        )
    assert take_tracker(app, tracker().replace(b"low", b"high"), 1) is None


def test_sources_say_what_is_expected_and_how_the_canaries_are(app: App) -> None:
    """Cadence, how many, when they last read the same; and that they differ."""
    take_tracker(app, tracker(), 0)
    (view,) = [one for one in source_views(app) if one["name"] == "debian"]
    assert view["expected"] == "a good answer at least every 3 days"
    assert (view["canaries"], view["canary"]) == (
        5,
        "5 kept: records with nothing open, read the same 2026-04-22 10:00",
    )
    take_tracker(app, tracker(version="fixed_in"), 1)
    (view,) = [one for one in source_views(app) if one["name"] == "debian"]
    assert view["canary"] == "differs: the source is held"


def test_an_erratum_of_each_fix_that_goes_is_a_loss(app: App) -> None:
    """A field inside a field, in three records or more."""
    fixed = (FixedVersion(version="6.1.170-1", erratum="DSA-1-1"),)
    rows = [
        record(one.key, *(replace(each, fixed=fixed) for each in one.observations if isinstance(each, CellObservation)))
        for one in map(row, numbers())
    ]
    held(app, *rows, hours=0)
    assert "fixed.erratum DSA-1-1 is now absent" in str(held(app, *[row(one) for one in numbers()], hours=1))


def test_the_batches_of_a_cycle_count_together(app: App) -> None:
    """Documents of one record each: one that lost its fixes beside two that did not is a correction; once most of them
    have, the rest of the cycle is held, too."""
    urls = [f"https://debian.example/{number}" for number in range(6)]
    one = [record(f"cve/{number}", cve("7.0", cve=f"CVE-2025-{number}")) for number in range(6)]
    bare = [record(f"cve/{number}", cve(cve=f"CVE-2025-{number}")) for number in range(6)]
    for number, url in enumerate(urls):
        take(app, parsed(one[number], at=at(0), url=url))
    turns, answers = CycleTurns(), []
    for number, given in enumerate((one[0], one[1], bare[2], bare[3], bare[4], one[5])):
        document = parsed(given, at=at(1), url=urls[number], body=b"changed")
        answers.append(ingest(app.intake, spec(), [document], now=at(1), mode=Mode(), turns=turns).held is not None)
    assert answers == [False, False, False, False, True, True]


def state(app: App) -> str:
    with app.store.read() as connection:
        health = source_health.load_health(connection, "debian")
        assert health is not None
        assert health.asked
        return health.state


def test_a_bad_moment_ends_by_itself(app: App) -> None:
    """The same bad document again changes nothing and confirms nothing; the next good one is taken in."""
    good, bad = [row(one) for one in numbers()], [unknown(one) for one in numbers()]
    held(app, *good, hours=0)
    assert (held(app, *bad, hours=1) or "").startswith("canary ")
    assert held(app, *bad, hours=2) == "as before; the difference: patchwatch sources release debian"
    assert state(app) == "held"
    assert held(app, *[row(one, "6.1.171-1") for one in numbers()][:1], *good[1:], hours=3) is None
    assert state(app) == "waiting"
    with app.store.read() as connection:
        assert [one.held for one in documents.all_documents(connection)] == [False, False]
        notes = connection.execute(select(operator_notes.c.text).order_by(operator_notes.c.note_id)).scalars().all()
    assert notes[1:] == ["debian goes on: its documents read as before. What was held meanwhile is dropped"]


def test_not_modified_is_a_document_that_reads_as_before(app: App) -> None:
    """The server serves again what it served before the bad moment."""
    document = parsed(*[row(one) for one in numbers()], at=at(0))
    take(app, document)
    held(app, *[unknown(one) for one in numbers()], hours=1)
    ingest(app.intake, spec(), [], now=at(2), mode=Mode(), same=[document.raw.url])
    assert state(app) == "waiting"


def test_one_record_may_take_its_fixes_back(app: App) -> None:
    """In however many releases: a vendor's word, which is believed when it is said twice."""
    releases = ("11", "12", "13", "14")
    fixed = record("tracker/CVE-2025-1", *(cell(fixed="6.1.170-1", release=one, cve="CVE-2025-1") for one in releases))
    back = record("tracker/CVE-2025-1", *(cell(Status.AFFECTED, release=one, cve="CVE-2025-1") for one in releases))
    assert (held(app, fixed, hours=0), held(app, back, hours=1)) == (None, None)


@pytest.mark.parametrize(("said", "taken"), [("needs-triage", True), ("released", False), (None, False)])
def test_another_word_of_the_vendor_is_no_lost_field(app: App, said: str | None, taken: bool) -> None:
    """What is new and means nothing to us is his word; the word that he used before lost what gave it its meaning."""
    before = record("tracker/CVE-2025-1", cell(fixed="6.1.170-1", cve="CVE-2025-1", vendor_status="released"))
    now = record("tracker/CVE-2025-1", cell(Status.UNDER_INVESTIGATION, cve="CVE-2025-1", vendor_status=said))
    held(app, before, hours=0)
    assert (held(app, now, hours=1) is None) is taken


def test_the_table_of_sources_fits_a_terminal(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """The long words are on the board and in JSON."""
    for hours in (0, 1):
        held(app, *[row(one) for one in numbers()], hours=hours)
    assert run_command_line(["--data", str(app.config.data_dir), "sources"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.index("why") < 80
    shown = {line.split()[0]: line[head.index("within") : head.index("why")].split() for line in lines}
    assert (shown["debian"], shown["lore"]) == (["3", "days", "5", "same"], ["3", "days", "-"])
    assert shown["suse"] == ["4", "days", "none", "yet"]
