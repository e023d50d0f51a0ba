"""5,680 OSV records, 35 MB, all decoded and held: our typed partial decode against json.loads."""

from __future__ import annotations

import json
from typing import Any

from scripts.benches.documents import osv_record
from scripts.benches.figure import Figure
from scripts.benches.rounds import compared
from sources.formats.osv import OsvRecord, decode_osv

COUNT = 5_680


def versions_of(record: OsvRecord) -> tuple[str, ...]:
    return tuple(fixed for part in record.packages for fixed in part.fixed_versions())


def versions_in(record: dict[str, Any]) -> tuple[str, ...]:  # Any: JSON
    """The same from what json.loads gives."""
    ranges = (one for part in record["affected"] for one in part["ranges"])
    return tuple(event["fixed"] for one in ranges for event in one["events"] if "fixed" in event)


def run() -> list[Figure]:
    bodies = [osv_record(number) for number in range(COUNT)]
    if any(versions_of(decode_osv(one)) != versions_in(json.loads(one)) for one in bodies):
        raise RuntimeError("the two read different versions")
    return [
        compared(
            f"OSV, {COUNT} records, {sum(map(len, bodies)) / 1e6:.0f} MB",
            lambda: [decode_osv(one) for one in bodies],
            "json.loads",
            lambda: [json.loads(one) for one in bodies],
            limit=0.25,
        )
    ]
