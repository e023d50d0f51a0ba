"""The fix matrix in a terminal of 80 columns: grouped by distribution, a word and a colour for the state."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

import typer

from advisories import wording
from advisories.model import Advisory, Cell
from advisories.topics import Topic
from advisories.words import CellKind, Disposition, Status
from bot.cli.output import printable

WIDTH = 80
HEAD = 11  # the width of the names at the head
BELOW = 8  # where what belongs to a cell goes on
_COLOURS = {
    Status.FIXED: typer.colors.GREEN,
    Status.NOT_AFFECTED: typer.colors.GREEN,
    Status.AFFECTED: typer.colors.RED,
    Status.UNDER_INVESTIGATION: typer.colors.YELLOW,
}


def print_matrix(advisory: Advisory, cells: Sequence[Cell], *, topics: Sequence[Topic]) -> None:
    """Head, upstream line, then one line per cell with its next step below when there is one."""
    names = " ".join(one for one in advisory.aliases if one.startswith("CVE-"))
    _print_wrapped(_joined(advisory.id, names, advisory.title), indent=0)
    for line in _head(advisory):
        _print_wrapped(line, indent=HEAD)
    packages = [cell for cell in cells if cell.kind is CellKind.PACKAGE]
    shipped = [one.fetched_at for cell in packages if cell.shipped_only for one in cell.evidence]
    if shipped:
        line = f"[shipped] came with patchwatch, as of {max(shipped):%Y-%m-%d}; what a source answers replaces it"
        _print_wrapped(line, indent=10)
    for distro, group in groupby(packages, key=lambda cell: cell.distro):
        typer.echo(f"\n{wording.DISTRO_NAMES.get(distro, printable(distro))}")
        for cell in group:
            _print_cell(cell)
    others = [cell for cell in cells if cell.kind is not CellKind.PACKAGE]
    if others:
        typer.echo("\nLive patches and related packages (they do not fix the kernel package)")
        for cell in others:
            where = wording.place(cell.distro, cell.release, cell.stream)
            _print_wrapped(f"  {cell.kind.value:9} {_joined(f'{where}:', cell.package, *cell.errata)}", indent=12)


def _head(advisory: Advisory) -> list[str]:
    lines = []
    if advisory.severity is not None and advisory.severity.claim.level is not None:
        score = advisory.severity.claim.score
        lines.append(
            f"Severity   {advisory.severity.claim.level.value}" + (f" {score:.1f}" if score is not None else "")
        )
    if advisory.exploited.kev:
        lines.append(f"Exploited  {wording.exploited(advisory.exploited)}")
    if advisory.withdrawn:
        lines.append(f"Withdrawn  {advisory.withdrawn:%Y-%m-%d}")
    if advisory.upstream.fixed:
        lines.append(f"Upstream   fixed in {', '.join(one.fix.version for one in advisory.upstream.fixed)}")
    lines += [f"Conflict   {one.says}" for one in advisory.upstream.conflicts]
    return lines


def _print_cell(cell: Cell) -> None:
    """One line when it fits into the width, else version and erratum go below the state."""
    second = f"({cell.stream})" if cell.stream else (cell.codename if cell.codename != cell.release else None)
    label = _joined(cell.release, second) or "rolling"
    head = f"  {printable(label):17} {printable(cell.package):14} "
    word = wording.state_phrase(cell)
    first = cell.fixed[0].erratum if cell.fixed else next(iter(cell.errata), None)
    version = _joined(cell.fixed_version, first)
    since = f"since {cell.since.isoformat()}" if cell.since else ""
    whole = _joined(version, since, _marks(cell))
    fits = len(head) + len(word) + 1 + len(whole) <= WIDTH
    state = typer.style(word, fg=_COLOURS[cell.status])
    typer.echo(f"{head}{state} {printable(whole if fits else since)}".rstrip())
    for line in [*([] if fits else [_joined(version, _marks(cell))]), *_details(cell)]:
        _print_below(line)


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)


def _details(cell: Cell) -> list[str]:
    """Further branches; who says otherwise; why; what to do next."""
    lines = [f"also {entry.branch or ''}: {_joined(entry.version, entry.erratum)}" for entry in cell.fixed[1:]]
    for conflict in cell.conflicts:
        said = _joined(conflict.status.value, conflict.fixed_version)
        lines.append(f"{conflict.source} says {said} ({conflict.reason.replace('_', ' ')})")
    if cell.note and not cell.shipped_only:
        lines.append(cell.note)
    step = wording.action(cell)
    if step is not None and cell.disposition is not Disposition.EOL:
        lines.append(f"-> {step[1]}")
    return lines


def _marks(cell: Cell) -> str | None:
    flags = (
        (cell.inferred, "inferred"),
        (cell.partial, "partial"),
        (cell.shipped_only, "shipped"),
        (cell.needs_subscription, "subscription"),
    )
    marks = [name for flag, name in flags if flag]
    return f"[{', '.join(marks)}]" if marks else None


def _print_below(line: str) -> None:
    _print_wrapped(f"{'':{BELOW}}{line}", indent=BELOW)


def _print_wrapped(line: str, *, indent: int) -> None:
    for each in textwrap.wrap(printable(line), WIDTH, subsequent_indent=" " * indent, break_long_words=False):
        typer.echo(each)
