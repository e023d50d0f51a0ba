"""What went over the wire, counted per host and source, for the metrics and the politeness budget."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Totals since the start. host is "name:port"; received counts body bytes as sent, before decompression."""

    host: str
    source: str
    requests: int = 0
    received: int = 0
    not_modified: int = 0
    errors: int = 0


class TrafficCounts:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[tuple[str, str], Traffic] = {}

    def add(
        self, host: str, source: str, *, requests: int = 0, received: int = 0, not_modified: int = 0, errors: int = 0
    ) -> None:
        with self._lock:
            held = self._totals.get((host, source)) or Traffic(host=host, source=source)
            self._totals[(host, source)] = replace(
                held,
                requests=held.requests + requests,
                received=held.received + received,
                not_modified=held.not_modified + not_modified,
                errors=held.errors + errors,
            )

    def snapshot(self) -> tuple[Traffic, ...]:
        with self._lock:
            return tuple(self._totals[key] for key in sorted(self._totals))
