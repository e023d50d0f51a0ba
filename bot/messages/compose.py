"""Changes to a message: grouped by advisory, urgent first, one line each, in our own words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from advisories import wording
from advisories.model import Advisory, Cell, Change
from advisories.words import CellKind, Status
from bot.messages.model import Line, Message, Span, Style, freeze
from bot.messages.safe import show_text

MAX_MESSAGE_CHARS = 3500  # of any channel's 4096 and more, with room for what escaping adds
MAX_CARD_CELLS = 12
_LINE_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """base_url: the board's public address, "" for none (then nothing is linked). titles: slug to title of a topic."""

    base_url: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)

    def news(self, changes: Sequence[Change], *, topic: str, digest: bool = False) -> tuple[Message, int]:
        """A message about the first of the changes, and how many of them it holds: as many as fit, at least one."""
        taken = 0
        size = 0
        for change in changes:
            size += len(_sentence(change)) + len(_name(change)) + 8
            if taken and size > MAX_MESSAGE_CHARS:
                break
            taken += 1
        chosen = changes[:taken]
        title = show_text(self.titles.get(topic, topic) or "patchwatch", limit=100)
        if digest:
            title = f"Digest: {_counted(len(changes))} since {min(one.draft.at for one in changes):%Y-%m-%d %H:%M} UTC"
        return Message(title=title, lines=tuple(self._grouped(chosen))), taken

    def _grouped(self, changes: Sequence[Change]) -> list[Line]:
        groups: dict[str, list[Change]] = {}
        for change in changes:
            groups.setdefault(change.draft.advisory or "", []).append(change)
        lines: list[Line] = []
        for advisory, members in groups.items():
            lines += _news_lines(members, (self._link(_name(members[0]), advisory),) if advisory else ())
        return lines

    def _link(self, name: str, advisory: str) -> Span:
        href = f"{self.base_url}/advisories/{advisory}" if self.base_url else None
        return Span(text=show_text(name, limit=80), style=Style.BOLD, href=href)

    def card(
        self, advisory: Advisory, places: Sequence[str], news: Sequence[Change] = (), *, most: int = MAX_CARD_CELLS
    ) -> Message:
        """How an advisory stands, for a reader of these places ("debian/12", "rhel"); all distributions without one."""
        name = advisory.name
        lines: list[Line] = [(self._link(name, advisory.id), Span(text=f" {show_text(advisory.title, limit=200)}"))]
        lines += [_told(one) for one in _standing(advisory)]
        lines += [_cell_line(one) for one in card_cells(advisory, places)[:most]]
        bare = Message(title=self._card_title(advisory), lines=tuple(lines), advisory=advisory.id)
        shown = hashlib.sha256(freeze(bare).encode()).hexdigest()
        return replace(bare, lines=(*bare.lines, *_news_lines(news)), shown=shown)

    def _card_title(self, advisory: Advisory) -> str:
        topic = advisory.topics[0] if advisory.topics else ""
        return show_text(self.titles.get(topic, topic) or "patchwatch", limit=100)


def card_cells(advisory: Advisory, places: Sequence[str]) -> list[Cell]:
    """The package cells of the places that a reader named, the main ones first."""
    packages = [one for one in advisory.cells if one.kind is CellKind.PACKAGE]
    if places:
        packages = [one for one in packages if any(_within(one, place) for place in places)]
    else:
        packages = [one for one in packages if one.stream is None and one.status is not Status.NOT_AFFECTED]
    return packages


def _within(cell: Cell, place: str) -> bool:
    parts = [cell.distro, cell.release or "", cell.stream or ""]
    wanted = place.lower().split("/")
    return [one.lower() for one in parts[: len(wanted)]] == wanted


def _standing(advisory: Advisory) -> list[str]:
    lines = []
    claim = advisory.severity.claim if advisory.severity else None
    if claim is not None and claim.level is not None:
        score = f" {claim.score:.1f}" if claim.score is not None else ""
        lines.append(f"Severity: {claim.level.value}{score}")
    if advisory.exploited.kev:
        lines.append(wording.exploited(advisory.exploited))
    if advisory.withdrawn is not None:
        lines.append(f"Withdrawn on {advisory.withdrawn:%Y-%m-%d}")
    if advisory.upstream.fixed:
        lines.append(f"Fixed upstream in {', '.join(one.fix.version for one in advisory.upstream.fixed)}")
    return lines


def _cell_line(cell: Cell) -> Line:
    where = wording.place(cell.distro, cell.release, cell.stream)
    version = f" {cell.fixed_version}" if cell.fixed_version else ""
    erratum = f" ({cell.errata[0]})" if cell.errata else ""
    mark = " [inferred]" if cell.inferred else ""
    return (
        Span(text=f"{show_text(where, limit=80)}: "),
        Span(text=show_text(cell.package, limit=80), style=Style.CODE),
        Span(text=" " + show_text(f"{wording.state_phrase(cell)}{version}{erratum}{mark}", limit=200)),
    )


def _told(text: str) -> Line:
    return (Span(text=show_text(text, limit=_LINE_CHARS)),)


def _news_lines(changes: Sequence[Change], heading: Line = ()) -> list[Line]:
    """A line each below the heading. A source that all of several lines have is named once, before them."""
    sources = {one.draft.source for one in changes}
    if len(changes) < 2 or len(sources) > 1:
        return [*([heading] if heading else []), *(_news_line(one, _sentence(one)) for one in changes)]
    source = show_text(sources.pop(), limit=80)
    named: Line = (*heading, Span(text=f" ({source})" if heading else f"From {source}:"))
    return [named, *(_news_line(one, show_text(one.draft.text, limit=_LINE_CHARS)) for one in changes)]


def _news_line(change: Change, sentence: str) -> Line:
    mark = Span(text="❗ " if change.draft.urgent else "• ")
    return (mark, Span(text=sentence))


def _sentence(change: Change) -> str:
    return show_text(f"{change.draft.text} ({change.draft.source})", limit=_LINE_CHARS)


def _name(change: Change) -> str:
    return change.draft.name


def _counted(number: int) -> str:
    return f"{number} change{'' if number == 1 else 's'}"
