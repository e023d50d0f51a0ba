"""Replaying a recording: by its own clock, without a network, and honest about what it could not read."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app import App
from bot.ingest.recording import RecordingError
from bot.ingest.replay import ReplayError, ReplayReport, prepare, replay
from storage import marks
from tests.bot.stores import application
from tests.sources.kernel_cna.records import BASE, record
from tests.trust.test_incidents import EVERY


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with application(tmp_path, topics=[EVERY]) as opened:
        yield opened


def line(number: int, at: str, **more: object) -> dict[str, object]:
    name = f"CVE-2026-100{number}.json"
    return {"at": at, "source": "kernel-cna", "url": f"{BASE}/plain/cve/published/2026/{name}", "file": name, **more}


def recording(folder: Path, *lines: dict[str, object]) -> Path:
    place = folder / "recording"
    place.mkdir()
    for one in lines:
        name = str(one.get("file"))
        body = record(name.partition(".")[0], title=name.partition(".")[0])
        if name.endswith(".gz"):
            body = gzip.compress(body)
        elif name.endswith(".xz"):
            body = lzma.compress(body)
        (place / name).write_bytes(body)
    text = "".join(json.dumps(one) + "\n" for one in lines)
    (place / "recording.jsonl").write_text(text, encoding="utf-8")
    return place


def run(app: App, place: Path) -> ReplayReport:
    prepare(app.store)
    return replay(app.intake, place)


def told(report: ReplayReport) -> list[tuple[str, str | None]]:
    return [(f"{one.draft.at:%d %H:%M}", one.draft.aliases[0]) for one in report.changes]


def test_documents_come_in_the_order_of_their_times(app: App, tmp_path: Path) -> None:
    """Whatever the order of the lines; each change bears its document's time."""
    place = recording(
        tmp_path, line(3, "2026-05-03T00:00:00Z"), line(1, "2026-05-01T02:00:00+02:00"), line(2, "2026-05-02T00:00:00Z")
    )
    assert told(run(app, place)) == [
        ("01 00:00", "CVE-2026-1001"),
        ("02 00:00", "CVE-2026-1002"),
        ("03 00:00", "CVE-2026-1003"),
    ]


def test_packed_files_are_read(app: App, tmp_path: Path) -> None:
    """.gz and .xz."""
    packed = [
        line(number, f"2026-05-0{number}T00:00:00Z", file=f"CVE-2026-100{number}.json.{kind}")
        for number, kind in ((1, "gz"), (2, "xz"))
    ]
    assert [name for _, name in told(run(app, recording(tmp_path, *packed)))] == ["CVE-2026-1001", "CVE-2026-1002"]


def test_what_cannot_be_read_is_named_by_its_line_and_the_rest_goes_on(app: App, tmp_path: Path) -> None:
    """A status that is no document, a file that is cut or gone, a page, an unknown source; "not modified" is none."""
    lines = [
        line(1, "2026-05-01T00:00:00Z", status=503),
        line(2, "2026-05-01T00:01:00Z", status=304),
        line(3, "2026-05-01T00:02:00Z"),
        line(4, "2026-05-01T00:03:00Z", file="CVE-2026-1004.json.gz"),
        line(5, "2026-05-01T00:04:00Z"),
        line(6, "2026-05-01T00:05:00Z", source="nobody"),
        line(7, "2026-05-01T00:06:00Z"),
    ]
    place = recording(tmp_path, *lines)
    (place / "CVE-2026-1003.json").unlink()
    (place / "CVE-2026-1004.json.gz").write_bytes((place / "CVE-2026-1004.json.gz").read_bytes()[:-20])
    (place / "CVE-2026-1005.json").write_bytes(b"<!DOCTYPE html><title>Making sure you're not a bot!</title>")
    report = run(app, place)
    assert [name for _, name in told(report)] == ["CVE-2026-1007"]
    assert [(number, source) for number, source, _ in report.problems] == [
        (1, "kernel-cna"),
        (3, "kernel-cna"),
        (4, "kernel-cna"),
        (5, "kernel-cna"),
        (6, "nobody"),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "line 1"),
        ('{"at": "2026-05-01T00:00:00", "source": "kev", "url": "x", "file": "x"}', "line 1: at has no time zone"),
        ('{"at": "2026-05-01T00:00:00Z", "source": "kev", "url": "x"}', "line 1: file is missing"),
        ('{"at": 1e999, "source": "kev", "url": "x", "file": "x"}', "line 1"),
    ],
)
def test_a_line_that_is_wrong_stops_the_replay_by_its_number(app: App, tmp_path: Path, text: str, what: str) -> None:
    """Before anything is taken in."""
    place = tmp_path / "recording.jsonl"
    place.write_text(text + "\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=what):
        run(app, place)


def test_a_live_store_is_not_replayed_into(app: App, tmp_path: Path) -> None:
    """Only an empty one, or one that a replay made."""
    with app.store.write() as connection:
        marks.save_mark(connection, "origin", "live")
    with pytest.raises(ReplayError, match="holds a live store"):
        prepare(app.store)
