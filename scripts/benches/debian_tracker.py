"""Debian's tracker JSON, 58,000 package/CVE pairs in five releases: to cells, found unchanged, and decoded alone.

Ours makes cells of the kernel's packages, a fifth of the document, and passes over the rest; vunnel makes records of
every package. Each run is a process of its own, since the peak of memory is a figure too.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Self

from scripts.benches.alone import Cost, cost_of
from scripts.benches.documents import debian_tracker
from scripts.benches.figure import Figure, middle
from scripts.benches.peers import load_peer
from scripts.benches.rounds import ROUNDS, Work

PAIRS, KERNEL_PAIRS = 58_000, 12_000
PADDING = 190  # of description an issue: 64 MB in all
_HERE = "scripts.benches.debian_tracker"


class NoFixDates:
    """vunnel's look-up of the dates of fixes, which is a database of its own: here it knows none."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def best(self, **asked: object) -> None:
        return None


def ours(folder: str) -> Work:
    from bot.ingest.parsing import collect_seldom
    from sources.base import RawDocument
    from sources.debian.parse import parse

    collect_seldom()  # as the parse worker does

    def read() -> object:
        body = (Path(folder) / "debian.json").read_bytes()
        parsed = parse(RawDocument(source="debian", url="https://tracker.example", at=datetime.now(UTC), body=body))
        if len(parsed.records) != KERNEL_PAIRS or parsed.rejected:
            raise RuntimeError(f"{len(parsed.records)} records, {len(parsed.rejected)} rejected")
        return parsed

    return read


def peer(folder: str) -> Work:
    parser_module = load_peer("vunnel.providers.debian.parser")
    logging.disable(logging.CRITICAL)
    parser = parser_module.Parser(SimpleNamespace(input_path=folder), fixdater=NoFixDates())

    def read() -> object:
        records = parser._normalize_json()
        if sorted(map(len, records.values())) != [PAIRS] * 5:
            raise RuntimeError(f"vunnel made {[len(one) for one in records.values()]} records")
        return records

    return read


def same(folder: str) -> Work:
    def read() -> object:
        return hashlib.sha256((Path(folder) / "debian.json").read_bytes()).hexdigest()

    return read


def typed(folder: str) -> Work:
    """The decoding that the source does: the kernels' issues typed, the other packages passed over."""
    from sources.debian.tracker_json import _issue, _kernel_issues, _packages

    body = (Path(folder) / "debian.json").read_bytes()

    def decode() -> object:
        issues = _kernel_issues(_packages.decode(body), [])
        return [_issue.decode(raw) for by_package in issues.values() for raw in by_package.values()]

    return decode


def untyped(folder: str) -> Work:
    loads = load_peer("orjson").loads
    body = (Path(folder) / "debian.json").read_bytes()
    return lambda: loads(body)


def run() -> list[Figure]:
    kinds = ("ours", "peer", "same", "typed", "untyped")
    costs: dict[str, list[Cost]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "debian.json").write_bytes(debian_tracker(PAIRS, KERNEL_PAIRS, PADDING))
        for _ in range(ROUNDS):
            for kind in kinds:
                costs[kind].append(cost_of(f"{_HERE}:{kind}", folder))
    seconds = {kind: middle([one.seconds for one in found]) for kind, found in costs.items()}
    peak = {kind: middle([one.peak_mib for one in found]) for kind, found in costs.items()}
    name = "Debian tracker JSON"
    return [
        Figure(
            name=f"{name}: to cells",
            unit="s CPU",
            ours=seconds["ours"],
            peer="vunnel",
            peers=seconds["peer"],
            limit=1 / 20,
        ),
        Figure(
            name=f"{name}: peak memory", unit="MiB", ours=peak["ours"], peer="vunnel", peers=peak["peer"], limit=0.4
        ),
        Figure(
            name=f"{name}: known by its hash",
            unit="s CPU",
            ours=seconds["same"],
            peer="vunnel",
            peers=seconds["peer"],
            limit=1 / 80,
        ),
        Figure(
            name=f"{name}: JSON decode alone",
            unit="s CPU",
            ours=seconds["typed"],
            peer="orjson.loads",
            peers=seconds["untyped"],
            limit=0.15,
        ),
    ]
