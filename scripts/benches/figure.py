"""One measured figure, with its peer's, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`ours` and `peers` are medians in `unit`; a figure without a peer is held against `limit` itself.

    limit: the greatest ratio (with a peer) or value (without) that meets the goal; at_least turns it round. None where
    no goal is set: the figure is told for comparison.
    """

    name: str
    unit: str
    ours: float
    limit: float | None
    peer: str = ""
    peers: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peers if self.peers else None

    @property
    def goal(self) -> str:
        return "-" if self.limit is None else f"{'>=' if self.at_least else '<='} {self.limit:.3g}"

    @property
    def met(self) -> bool | None:
        if self.limit is None:
            return None
        value = self.ours if self.ratio is None else self.ratio
        return value >= self.limit if self.at_least else value <= self.limit

    def as_dict(self) -> dict[str, str | float | bool | None]:
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "peers": self.peers,
            "ratio": self.ratio,
            "goal": self.goal,
            "met": self.met,
        }


def middle(samples: list[float]) -> float:
    """The median of at least five samples."""
    if len(samples) < 5:
        raise ValueError(f"{len(samples)} samples are too few for a figure")
    return median(samples)
