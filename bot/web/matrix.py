"""The fix matrix as a page shows it: grouped by distribution, narrowed by what the address asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from advisories import wording
from advisories.model import Advisory, Cell
from advisories.words import CellKind, Status
from bot.views.status import Json, cell_view
from bot.web.site import WrongRequest

MAX_PLACES = 40
_PLACE = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]{0,31}(?:/[A-Za-z0-9][A-Za-z0-9_.+:-]{0,31}){0,2}", re.ASCII)
_NUMBERS = re.compile(r"[0-9]+|[^0-9]+")
_MAIN_PACKAGES = ("linux", "kernel", "kernel-default", "linux-lts")
_SYMBOLS = {"fixed": "✓", "affected": "✕", "not_affected": "–", "under_investigation": "?"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What of a matrix is asked for. places: "debian/12" and the like, none for all; status: one word or "".

    revisions: whether the revisions of patches are compared.
    """

    places: tuple[str, ...] = ()
    status: str = ""
    every_kind: bool = False
    revisions: bool = False

    @property
    def query(self) -> str:
        """As the query of an address, "?" included; "" when nothing is narrowed."""
        pairs = [("distro", one) for one in self.places]
        pairs += [("status", self.status)] if self.status else []
        pairs += [("kind", "all")] if self.every_kind else []
        pairs += [("range_diff", "1")] if self.revisions else []
        return f"?{urlencode(pairs, safe='/')}" if pairs else ""

    @property
    def revisions_query(self) -> str:
        return replace(self, revisions=True).query

    @property
    def places_query(self) -> str:
        return Shown(places=self.places).query


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One cell as JSON, with what a page adds: how it is called and marked."""

    cell: Json
    release: str
    state: str
    symbol: str
    main: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A distribution's rows, and how many of its packages stand how."""

    distro: str
    name: str
    rows: tuple[Row, ...]
    tally: str


def read_shown(query: QueryParams) -> Shown:
    """What an address asks of a matrix. Raises WrongRequest."""
    places = tuple(dict.fromkeys(one for one in query.getlist("distro") if one))
    if len(places) > MAX_PLACES:
        raise WrongRequest(f"at most {MAX_PLACES} releases can be chosen at once")
    for one in places:
        if not _PLACE.fullmatch(one):
            raise WrongRequest("distro takes a distribution or release: debian, debian/12, rhel/9/9.6")
    status = query.get("status", "")
    if status and status not in tuple(Status):
        raise WrongRequest(f"status takes one of: {', '.join(Status)}")
    if query.get("kind", "") not in ("", "all", "package"):
        raise WrongRequest("kind takes package or all")
    if query.get("range_diff", "") not in ("", "1"):
        raise WrongRequest("range_diff takes 1")
    every_kind, revisions = query.get("kind") == "all", query.get("range_diff") == "1"
    return Shown(places=places, status=status, every_kind=every_kind, revisions=revisions)


def wanted_cells(advisory: Advisory, shown: Shown) -> list[Cell]:
    return [
        cell
        for cell in advisory.cells
        if (shown.every_kind or cell.kind is CellKind.PACKAGE)
        and (not shown.status or cell.status == shown.status)
        and (not shown.places or any(is_at(cell, one) for one in shown.places))
    ]


def is_at(cell: Cell, place: str) -> bool:
    """Whether a cell lies in "debian", "debian/12" (or its codename) or "rhel/9/9.6"."""
    distro, _, rest = place.lower().partition("/")
    release, _, stream = rest.partition("/")
    if cell.distro.lower() != distro:
        return False
    if release and release not in ((cell.release or "").lower(), (cell.codename or "").lower()):
        return False
    return not stream or stream == (cell.stream or "").lower()


def group_cells(cells: Iterable[Cell]) -> list[Group]:
    """By distribution in our order of names, newest release first, the main package before its relatives."""
    by_distro: dict[str, list[Cell]] = {}
    for cell in cells:
        by_distro.setdefault(cell.distro, []).append(cell)
    order = list(wording.DISTRO_NAMES)
    names = sorted(by_distro, key=lambda one: (order.index(one) if one in order else len(order), one))
    return [_group(name, by_distro[name]) for name in names]


def _group(distro: str, cells: Sequence[Cell]) -> Group:
    ordered = sorted(cells, key=lambda one: (one.kind != "package", one.package not in _MAIN_PACKAGES, one.package))
    ordered.sort(key=lambda one: one.stream or "")
    ordered.sort(key=lambda one: release_order(one.release), reverse=True)
    return Group(
        distro=distro,
        name=wording.DISTRO_NAMES.get(distro, distro),
        rows=tuple(_row(one) for one in ordered),
        tally=tally(ordered),
    )


def _row(cell: Cell) -> Row:
    release = cell.release or "rolling"
    if cell.codename and cell.codename != cell.release:
        release = f"{release} {cell.codename}"
    if cell.stream:
        release = f"{release} · {cell.stream}"
    if cell.programmes:
        release = f"{release} ({', '.join(cell.programmes)})"
    return Row(
        cell=cell_view(cell),
        release=release,
        state=wording.state_phrase(cell),
        symbol=_SYMBOLS[cell.status.value],
        main=cell.package in _MAIN_PACKAGES,
    )


def tally(cells: Iterable[Cell]) -> str:
    """ "3 fixed, 1 affected", of packages alone."""
    counts = dict.fromkeys((Status.FIXED, Status.AFFECTED, Status.UNDER_INVESTIGATION, Status.NOT_AFFECTED), 0)
    for cell in cells:
        if cell.kind is CellKind.PACKAGE:
            counts[cell.status] += 1
    return ", ".join(f"{count} {status.value.replace('_', ' ')}" for status, count in counts.items() if count)


def release_order(release: str | None) -> list[tuple[int, int, str]]:
    """Numbers by their size, words after them: 9 < 10 < 24.04 < sid."""
    parts: list[str] = _NUMBERS.findall((release or "")[:64])
    return [(0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts]


def known_places(advisories: Iterable[Advisory]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(distribution's name, [("debian/12", "12 bookworm"), ...]) of every release that has a cell."""
    found: dict[str, dict[str | None, str | None]] = {}
    for advisory in advisories:
        for cell in advisory.cells:
            found.setdefault(cell.distro, {}).setdefault(cell.release, cell.codename)
    order = list(wording.DISTRO_NAMES)
    names = sorted(found, key=lambda one: (order.index(one) if one in order else len(order), one))
    return [(wording.DISTRO_NAMES.get(name, name), _releases(name, found[name])) for name in names]


def _releases(distro: str, releases: dict[str | None, str | None]) -> list[tuple[str, str]]:
    ordered = sorted(releases, key=release_order, reverse=True)
    listed = []
    for release in ordered:
        codename = releases[release]
        label = release or "all"
        value = f"{distro}/{release}" if release else distro
        if _PLACE.fullmatch(value):
            listed.append((value, f"{label} {codename}" if codename and codename != release else label))
    return listed
