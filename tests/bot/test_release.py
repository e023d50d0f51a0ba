"""Letting a held source go on: the difference first, then everything that was held, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisories.words import Status
from bot.app import App
from bot.ingest.cycle import Mode, ingest
from bot.ingest.parsing import parse_here
from bot.ingest.release import MAX_LINES, HeldSource, NotHeld
from sources.base import RawDocument
from sources.registry import find_source
from storage import documents, source_health
from tests.bot.stores import application
from tests.build import at
from tests.trust.recordings import load_advisory
from tests.trust.test_incidents import EVERY

URL = "https://security-tracker.debian.org/tracker/data/json"
DEBIAN = find_source("debian")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with application(tmp_path, topics=[EVERY]) as opened:
        yield opened


def take(app: App, hours: int, statuses: dict[int, str]) -> str | None:
    """One whole dump of the tracker with bookworm's state of each CVE; returns why the source is held."""
    listed = {
        f"CVE-2026-{number}": {"releases": {"bookworm": {"status": word, "repositories": {}, "urgency": "low", **fix}}}
        for number, word in statuses.items()
        for fix in ({"fixed_version": "6.1.170-1"} if word == "resolved" else {},)
    }
    body = json.dumps({"linux": listed, "curl": {"CVE-2026-1": {"releases": {}}}}).encode()
    raw = RawDocument(source="debian", url=URL, at=at(hours), body=body)
    return ingest(app.intake, DEBIAN, [parse_here(DEBIAN, raw)], now=at(hours), mode=Mode()).held


def status_of(app: App, number: int) -> Status:
    found = load_advisory(app, f"CVE-2026-{number}")
    assert found is not None
    return found.cells[0].status


def test_the_difference_names_each_record_and_how_it_turns(app: App) -> None:
    """Lost ones first, then the turned ones with their place and both words."""
    take(app, 0, dict.fromkeys(range(1000, 1100), "open"))
    held = take(app, 1, dict.fromkeys(range(1000, 1050), "resolved"))
    assert held == (
        "50 records no longer listed and 50 records turned to fixed without an erratum, not affected, withdrawn or "
        "lower, of 100 stored"
    )
    lines = list(HeldSource.load(app, "debian").difference())
    assert (len(lines), lines[0], lines[-1]) == (
        100,
        "tracker/CVE-2026-1050: no longer listed",
        "tracker/CVE-2026-1049: debian/12/linux affected -> fixed",
    )


def test_a_long_difference_is_cut_with_its_number(app: App) -> None:
    """Two hundred lines, and how many more."""
    take(app, 0, dict.fromkeys(range(1000, 1300), "open"))
    take(app, 1, {1000: "open"})
    lines = list(HeldSource.load(app, "debian").difference())
    assert (len(lines), lines[-1]) == (MAX_LINES + 1, "… and 99 more")


def test_a_release_takes_in_what_was_held_and_the_source_is_due_again(app: App) -> None:
    """The fixes count; no document stays held; the next dump is judged against the new state."""
    take(app, 0, dict.fromkeys(range(1000, 1100), "open"))
    take(app, 1, dict.fromkeys(range(1000, 1100), "resolved"))
    assert status_of(app, 1000) is Status.AFFECTED
    assert HeldSource.load(app, "debian").release() == 100
    assert status_of(app, 1000) is Status.FIXED
    with app.store.read() as connection:
        health = source_health.load_health(connection, "debian")
        assert health is not None
        assert (health.state, health.held_reason, health.next_due_at) == ("waiting", None, None)
        assert list(documents.all_documents(connection, held=True)) == []
    assert take(app, 2, dict.fromkeys(range(1000, 1100), "resolved")) is None


def test_only_a_held_source_can_be_released(app: App) -> None:
    """The line names its state."""
    with pytest.raises(NotHeld, match="debian is not held; its state is waiting"):
        HeldSource.load(app, "debian")


def test_what_cannot_be_read_any_more_is_left_out_of_the_difference(app: App) -> None:
    """A held page of another day does no harm."""
    take(app, 0, dict.fromkeys(range(1000, 1100), "open"))
    take(app, 1, {1000: "open"})
    with app.store.write() as connection:
        sha256 = app.store.blobs.put(b"<html>")
        held = documents.NewDocument(
            source="debian", url=URL, kind="", at=at(2), sha256=sha256, size_bytes=6, held=True
        )
        known = documents.known_documents(connection, source="debian", urls=[URL])
        documents.add_documents(connection, [held], known=known)
    source = HeldSource.load(app, "debian")
    assert len(list(source.difference())) == 99
    source.release()
    assert status_of(app, 1001) is Status.AFFECTED
