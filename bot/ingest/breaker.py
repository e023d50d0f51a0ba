"""The mass-change breaker (DESIGN rule 7): a source that turns too much at once is held for the operator.

Counted against what this source gave before, never against a constant: lost, withdrawn, turned to fixed without an
erratum, to not_affected, or to a lower severity. Additions, edits, end-of-life flips and `fixed` with its own erratum
never count: a DSA for 300 CVEs must get through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from advisories.establish import cell_key
from advisories.model import RecordVersion
from advisories.observation import CellObservation, CveObservation, Observation
from advisories.severity import rank
from advisories.words import Status
from bot.ingest.canaries import CanaryWatch

SHARE = 0.10
COUNT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """What a cycle would take away, by kind, against the number of records that the source has stored."""

    stored: int
    lost: tuple[str, ...] = ()
    weakened: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return len(set(self.lost) | set(self.weakened))

    @property
    def holds(self) -> bool:
        return self.count > COUNT and self.count > SHARE * self.stored

    @property
    def reason(self) -> str:
        parts = []
        if self.lost:
            parts.append(f"{len(self.lost)} records no longer listed")
        if self.weakened:
            parts.append(
                f"{len(self.weakened)} records turned to fixed without an erratum, not affected, withdrawn or lower"
            )
        return f"{' and '.join(parts)}, of {self.stored} stored"


class CycleTurns:
    """What one cycle has taken away so far: a source may come in many small batches, and counts as a whole."""

    def __init__(self) -> None:
        self.canaries = CanaryWatch()
        self._lost: set[str] = set()
        self._weakened: set[str] = set()

    def add(self, turned: Turned) -> Turned:
        """The turns of a further batch together with those before it."""
        self._lost.update(turned.lost)
        self._weakened.update(turned.weakened)
        return Turned(stored=turned.stored, lost=tuple(sorted(self._lost)), weakened=tuple(sorted(self._weakened)))


def weakened(old: RecordVersion, new: Iterable[Observation]) -> bool:
    """Whether the new statement takes a claim of the old one back without an erratum of its own."""
    cells = {(one.cve, cell_key(one)): one for one in old.observations if isinstance(one, CellObservation)}
    levels = {one.cve: _level(one) for one in old.observations if isinstance(one, CveObservation)}
    withdrawn = {one.cve for one in old.observations if isinstance(one, CveObservation) and one.withdrawn}
    for one in new:
        if isinstance(one, CellObservation):
            before = cells.get((one.cve, cell_key(one)))
            if before is not None and _cell_weakened(before, one):
                return True
        elif isinstance(one, CveObservation):
            if one.withdrawn and one.cve in levels and one.cve not in withdrawn:
                return True
            if one.severity and _level(one) < levels.get(one.cve, -1):
                return True
    return False


def _cell_weakened(before: CellObservation, now: CellObservation) -> bool:
    if now.status is before.status:
        return False
    if now.status is Status.NOT_AFFECTED:
        return True
    if now.status is Status.FIXED:
        return not (now.errata or any(entry.erratum for entry in now.fixed))
    return before.status is Status.FIXED


def _level(one: CveObservation) -> int:
    return max((rank(claim.level) for claim in one.severity), default=-1)


def measure(
    stored: int, before: Mapping[str, RecordVersion], now: Mapping[str, tuple[Observation, ...]], lost: Iterable[str]
) -> Turned:
    """before: newest stored versions by key; now: what this cycle states; lost: keys a complete list left out."""
    turned = tuple(sorted(key for key, seen in now.items() if key in before and weakened(before[key], seen)))
    return Turned(stored=stored, lost=tuple(sorted(lost)), weakened=turned)
