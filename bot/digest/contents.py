"""What a digest says to one reader: changes that a filter matched, cells of the releases that the filters name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from sqlalchemy import Connection

from advisories import wording
from advisories.filters import Filter
from advisories.model import Advisory, Cell, Change
from advisories.words import Status
from bot.app import App
from bot.messages.compose import Composer, card_cells
from bot.messages.digest import Digest, Health, Matter, News, ReleaseRow, SourceLine, title_of
from bot.messages.safe import show_text
from bot.views.sources import source_views
from storage.advisories import list_advisories, load_advisory
from storage.changes import newest_seq

MAX_NEWS = 150
MAX_ROWS = 60
_MAX_TABLES = 200
_ORDER = (Status.AFFECTED, Status.UNDER_INVESTIGATION, Status.FIXED, Status.NOT_AFFECTED)


PlaceKey = tuple[str | None, str | None, str | None, str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Releases:
    """The rows of all that some filters name, what waits for a fix first; terms: the places that have a row."""

    rows: Mapping[PlaceKey, ReleaseRow]
    terms: frozenset[str]


class DigestBuilder:
    """Tables are kept until the store has a new change: readers of the same filters share one."""

    def __init__(self, composer: Composer, *, health: Callable[[], Health]) -> None:
        self._composer = composer
        self._health = health
        self._tables: dict[tuple[str, ...], _Releases] = {}
        self._newest = -1

    def build(
        self,
        connection: Connection,
        *,
        filters: Sequence[Filter],
        changes: Sequence[Change],
        kind: str,
        period: str = "",
        more: int = 0,
    ) -> Digest:
        """A digest, or a mail at once (kinds urgent and news: only the releases that it is about, no sources).
        more: further changes that are only counted."""
        matters = _matters(connection, changes[:MAX_NEWS])
        whole = kind not in ("urgent", "news")
        known = self._releases(connection, filters)
        fresh = {key: replace(known.rows[key], fresh=True) for key in map(_place_key, changes) if key in known.rows}
        old = (row for key, row in known.rows.items() if whole and key not in fresh)
        named = frozenset(place for one in filters for place in one.distros)
        return Digest(
            kind=kind,
            title=show_text(title_of(kind, period, matters, len(changes) + more), limit=180),
            period=period,
            matters=tuple(matters),
            more=max(len(changes) - MAX_NEWS, 0) + more,
            rows=tuple(islice(chain(fresh.values(), old), MAX_ROWS)),
            more_rows=max(len(known.rows) - MAX_ROWS, 0) if whole else 0,
            unknown=tuple(sorted(named - known.terms)) if whole else (),
            health=self._health() if whole else None,
            follows=tuple(sorted({str(one) for one in filters})),
            base_url=self._composer.base_url,
        )

    def _releases(self, connection: Connection, filters: Sequence[Filter]) -> _Releases:
        newest = newest_seq(connection)
        if newest != self._newest or len(self._tables) > _MAX_TABLES:
            self._tables.clear()
            self._newest = newest
        placed = [one for one in filters if one.distros]
        key = tuple(sorted({str(one) for one in placed}))
        if key not in self._tables:
            self._tables[key] = _find_releases(connection, placed)
        return self._tables[key]


def _find_releases(connection: Connection, filters: Sequence[Filter]) -> _Releases:
    """The package cells that the filters name."""
    found: dict[PlaceKey, ReleaseRow] = {}
    terms: set[str] = set()
    for _, _, advisory in list_advisories(connection) if filters else ():
        for wanted in filters:
            for cell in _cells_for(wanted, advisory) if _is_about(wanted, advisory) else ():
                found[advisory.id, cell.distro, cell.release, cell.stream, cell.package] = _row(advisory, cell)
                parts = "/".join(filter(None, (cell.distro, cell.release, cell.stream))).lower().split("/")
                terms |= {"/".join(parts[:size]) for size in range(1, len(parts) + 1)}
    rows = dict(sorted(found.items(), key=lambda pair: _urgency(pair[1])))
    return _Releases(rows=rows, terms=frozenset(terms))


def _is_about(wanted: Filter, advisory: Advisory) -> bool:
    if wanted.topics and not wanted.topics & set(advisory.topics):
        return False
    return not wanted.advisories or bool(wanted.advisories & {advisory.id, *advisory.aliases})


def _cells_for(wanted: Filter, advisory: Advisory) -> list[Cell]:
    cells = card_cells(advisory, sorted(wanted.distros))
    return [one for one in cells if not wanted.packages or one.package.lower() in wanted.packages]


def _place_key(change: Change) -> PlaceKey:
    draft = change.draft
    return draft.advisory, draft.distro, draft.release, draft.stream, draft.package


def _row(advisory: Advisory, cell: Cell) -> ReleaseRow:
    marks = [word for flag, word in ((cell.inferred, "inferred"), (bool(cell.conflicts), "sources disagree")) if flag]
    mark = f" [{', '.join(marks)}]" if marks else ""
    return ReleaseRow(
        name=show_text(advisory.name, limit=40),
        advisory=advisory.id,
        place=show_text(wording.place(cell.distro, cell.release, cell.stream), limit=80),
        package=show_text(cell.package, limit=80),
        status=cell.status.value,
        state=f"{wording.state_phrase(cell)}{mark}",
        version=show_text(cell.fixed_version or "", limit=80),
        erratum=show_text(cell.errata[0] if cell.errata else "", limit=40),
    )


def _urgency(row: ReleaseRow) -> tuple[int, str, str, str]:
    return _ORDER.index(Status(row.status)), row.advisory, row.place, row.package


def _matters(connection: Connection, changes: Sequence[Change]) -> list[Matter]:
    """Grouped by advisory: those with urgent news first, each in the order in which things became known."""
    groups: dict[str, list[Change]] = {}
    for one in changes:
        groups.setdefault(one.draft.advisory or "", []).append(one)
    order = sorted(groups.items(), key=lambda group: not any(one.draft.urgent for one in group[1]))
    return [_matter(connection, advisory, members) for advisory, members in order]


def _matter(connection: Connection, advisory: str, members: Sequence[Change]) -> Matter:
    state = load_advisory(connection, advisory) if advisory else None
    aliases = state.aliases if state is not None else members[0].draft.aliases
    return Matter(
        name=show_text(aliases[0] if aliases else advisory, limit=40),
        title=show_text(state.title, limit=200) if state is not None else "",
        advisory=advisory,
        news=tuple(_news(one) for one in members),
    )


def _news(change: Change) -> News:
    draft = change.draft
    return News(
        day=f"{draft.at:%Y-%m-%d}",
        text=show_text(draft.text, limit=500),
        source=show_text(draft.source, limit=40),
        urgent=draft.urgent,
    )


def health_of(app: App) -> Health:
    """How the sources are now; those that are off or have not been asked yet are no news."""
    views = [one for one in source_views(app) if one["state"] not in ("off", "waiting")]
    bad = [one for one in views if one["state"] != "good"]
    lines = [
        SourceLine(name=one["name"], state=one["state"], why=show_text(one["why"] or "", limit=200)) for one in bad
    ]
    return Health(good=len(views) - len(bad), total=len(views), lines=tuple(lines))
