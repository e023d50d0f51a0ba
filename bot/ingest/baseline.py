"""The shipped baseline: facts of the package itself, lowest class of evidence, so that the first second is useful.

It is loaded once per version of its file, never sends, gives way to any live answer, and expires.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

from bot.app import App
from sources.base import RawDocument
from sources.baseline import SOURCE, as_of
from storage import identity, marks, records

FILE = Path(__file__).with_name("baseline.json")
URL = "patchwatch:baseline"
EXPIRES_AFTER = timedelta(days=180)


def load_baseline(app: App, *, now: datetime) -> bool:
    """Takes the shipped facts in when this version of them is new here; drops them when they have expired.

    Returns whether anything was loaded. A store made by replay never gets a baseline.
    """
    body = FILE.read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    dated = as_of(body)
    with app.store.read() as connection:
        held = marks.load_mark(connection, "baseline")
        replayed = marks.load_mark(connection, "origin") == "replay"
    if replayed:
        return False
    if now - dated > EXPIRES_AFTER:
        if held not in (None, "expired"):
            _drop(app, now)
            _mark(app, "expired")
        return False
    if held == digest:
        return False
    from bot.ingest.cycle import Mode, ingest  # heavy, and needed once per version of the file
    from bot.ingest.parsing import parse_here

    raw = RawDocument(source=SOURCE.name, url=URL, at=dated, body=body, kind="baseline")
    ingest(app.intake, SOURCE, [parse_here(SOURCE, raw)], now=now, mode=Mode(quiet=True, checked=False))
    _mark(app, digest)
    return True


def _mark(app: App, value: str) -> None:
    with app.store.write() as connection:
        marks.save_mark(connection, "baseline", value)
        if marks.load_mark(connection, "origin") is None:
            marks.save_mark(connection, "origin", "live")


def _drop(app: App, now: datetime) -> None:
    from bot.ingest.state import Refold

    with app.store.write() as connection:
        touched = records.evidence_by_subject(connection, SOURCE.name)
        records.forget_source(connection, SOURCE.name)
        refold = Refold(connection, app.topics)
        known = identity.resolve_many(connection, touched)
        for cve, pw_id in sorted(known.items()):
            refold.refold(pw_id, because=touched[cve], at=now)
