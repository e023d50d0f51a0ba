"""Ours and the peer's in turn, in one process: CPU time, with the garbage of the one never paid by the other."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from scripts.benches.figure import Figure, middle

ROUNDS = 5
MILLI, MICRO = 1e3, 1e6

Work = Callable[[], object]
Clock = Callable[[], float]


def seconds(work: Work, clock: Clock = time.process_time) -> float:
    """One run. The collector stays on, as it is in service; it starts with nothing left over."""
    gc.collect()
    before = clock()
    result = work()
    spent = clock() - before
    del result
    return spent


def interleaved(
    ours: Work, peer: Work, *, rounds: int = ROUNDS, clock: Clock = time.process_time
) -> tuple[float, float]:
    """The medians of both after one run of each that does not count."""
    ours()
    peer()
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        mine.append(seconds(ours, clock))
        theirs.append(seconds(peer, clock))
    return middle(mine), middle(theirs)


def compared(
    name: str,
    ours: Work,
    peer_name: str,
    peer: Work,
    *,
    limit: float | None,
    unit: str = "ms CPU",
    scale: float = MILLI,
) -> Figure:
    """A figure of time: `limit` is the greatest ratio. scale: from seconds to the unit (over a count, for one each)."""
    mine, theirs = interleaved(ours, peer)
    return Figure(name=name, unit=unit, ours=mine * scale, peer=peer_name, peers=theirs * scale, limit=limit)


def rates(name: str, count: float, unit: str, ours: Work, peer_name: str, peer: Work, *, least: float | None) -> Figure:
    """A figure of `count` per second of CPU: `least` is the smallest ratio."""
    mine, theirs = interleaved(ours, peer)
    return Figure(
        name=name, unit=unit, ours=count / mine, peer=peer_name, peers=count / theirs, limit=least, at_least=True
    )
