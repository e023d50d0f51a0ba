"""The fix matrix in a terminal of 80 columns: grouped by distribution, a word and a colour for the state."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import typer

from advisories import wording
from advisories.model import Advisory, Cell
from advisories.topics import Topic
from advisories.words import CellKind, Disposition, Status
from bot.cli.output import printable

_COLOURS = {
    Status.FIXED: typer.colors.GREEN,
    Status.NOT_AFFECTED: typer.colors.GREEN,
    Status.AFFECTED: typer.colors.RED,
    Status.UNDER_INVESTIGATION: typer.colors.YELLOW,
}


def print_matrix(advisory: Advisory, cells: Sequence[Cell], *, topics: Sequence[Topic]) -> None:
    """Head, upstream line, then one line per cell with its next step below when there is one."""
    typer.echo(printable(f"{advisory.id}  {' '.join(advisory.aliases)}  {advisory.title}"))
    for line in _head(advisory):
        typer.echo(printable(line))
    packages = [cell for cell in cells if cell.kind is CellKind.PACKAGE]
    for distro, group in groupby(packages, key=lambda cell: cell.distro):
        typer.echo(f"\n{wording.DISTRO_NAMES.get(distro, printable(distro))}")
        for cell in group:
            _print_cell(cell)
    others = [cell for cell in cells if cell.kind is not CellKind.PACKAGE]
    if others:
        typer.echo("\nLive patches and related packages (they do not fix the kernel package)")
        for cell in others:
            where = wording.place(cell.distro, cell.release, cell.stream)
            typer.echo(printable(f"  {cell.kind.value:9} {where}: {cell.package} {' '.join(cell.errata)}".rstrip()))


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
    label = (
        " ".join(part for part in (cell.release, cell.stream and f"({cell.stream})", cell.codename) if part)
        or "rolling"
    )
    word = wording.state_phrase(cell)
    marks = [
        name
        for flag, name in ((cell.inferred, "inferred"), (cell.partial, "partial"), (cell.shipped_only, "shipped"))
        if flag
    ]
    if cell.needs_subscription:
        marks.append("subscription")
    mark = f" [{', '.join(marks)}]" if marks else ""
    since = f" since {cell.since.isoformat()}" if cell.since else ""
    version = f" {cell.fixed_version}" if cell.fixed_version else ""
    first = cell.fixed[0].erratum if cell.fixed else next(iter(cell.errata), None)
    errata = f" {first}" if first else ""
    state = typer.style(word, fg=_COLOURS[cell.status])
    typer.echo(
        f"  {printable(label):18} {printable(cell.package):16} {state}{printable(version + errata + since + mark)}"
    )
    if len(cell.fixed) > 1:
        for entry in cell.fixed[1:]:
            typer.echo(printable(f"{'':37}also {entry.branch or ''}: {entry.version} {entry.erratum or ''}".rstrip()))
    for conflict in cell.conflicts:
        said = f"{conflict.status.value} {conflict.fixed_version or ''}".strip()
        typer.echo(printable(f"{'':37}{conflict.source} says {said} ({conflict.reason.replace('_', ' ')})"))
    step = wording.action(cell)
    if step is not None and cell.disposition is not Disposition.EOL:
        typer.echo(f"{'':20} -> {step[1]}")
