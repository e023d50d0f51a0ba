"""One measured figure beside its peer's, and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`ours` and `peers` are medians in `unit`; a figure without a peer is held against `limit` itself.

    limit: the greatest ratio (with a peer) or value (without) that meets the goal; at_least turns it round.
    """

    name: str
    unit: str
    ours: float
    limit: float
    peer: str = ""
    peers: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peers if self.peers else None

    @property
    def met(self) -> bool:
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
            "goal": f"{'>=' if self.at_least else '<='} {self.limit:g}",
            "met": self.met,
        }


def middle(samples: list[float]) -> float:
    """The median of at least five samples."""
    if len(samples) < 5:
        raise ValueError(f"{len(samples)} samples are too few for a figure")
    return median(samples)
