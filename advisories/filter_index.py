"""An inverted index over many filters: the cost of a match grows with what it finds, not with what is kept."""

from __future__ import annotations

from advisories.filters import Filter, advisory_terms, change_terms, distro_terms, matches
from advisories.model import ChangeDraft

_ANY = ("any", "")


class FilterIndex:
    """Each filter stands under the terms of its most telling kind; candidates are confirmed by `matches`."""

    def __init__(self) -> None:
        self._filters: dict[int, Filter] = {}
        self._under: dict[tuple[str, str], set[int]] = {}

    def add(self, number: int, wanted: Filter) -> None:
        self.remove(number)
        self._filters[number] = wanted
        for place in _places(wanted):
            self._under.setdefault(place, set()).add(number)

    def remove(self, number: int) -> None:
        wanted = self._filters.pop(number, None)
        for place in _places(wanted) if wanted is not None else ():
            self._under[place].discard(number)
            if not self._under[place]:
                del self._under[place]

    def match(self, draft: ChangeDraft) -> set[int]:
        candidates: set[int] = set()
        for place in _asked(draft):
            candidates |= self._under.get(place, set())
        return {one for one in candidates if matches(self._filters[one], draft)}


def _places(wanted: Filter) -> list[tuple[str, str]]:
    """Where a filter stands: kinds that always bind come alone; distro and stage also under "no such thing"."""
    if wanted.advisories:
        return [("advisory", one) for one in wanted.advisories]
    if wanted.distros:
        topics = sorted(wanted.topics) or [""]
        return [(f"distro {topic}", one) for topic in topics for one in (*wanted.distros, "")]
    if wanted.topics:
        return [("topic", one) for one in wanted.topics]
    return [("change", one) for one in wanted.changes] or [_ANY]


def _asked(draft: ChangeDraft) -> list[tuple[str, str]]:
    asked = [("advisory", one) for one in advisory_terms(draft)] + [("topic", one) for one in draft.topics]
    for topic in (*draft.topics, ""):
        asked += [(f"distro {topic}", one) for one in distro_terms(draft) or ("",)]
    return [*asked, *(("change", one) for one in change_terms(draft)), _ANY]
