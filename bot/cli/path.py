"""`path`: the life of a change, from the list to the package, in the terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Format, print_json, printable
from bot.cli.path_revisions import range_diff_lines
from bot.cli.root import EXIT_USAGE, CommandError, app, opened

if TYPE_CHECKING:
    from bot.views.status import Json

WIDTH = 78
WHERE = 24
NOTES = 400  # characters of what an author says of one revision
_LINE = ("posted", "applied", "next", "mainline", "stable-queue", "stable", "packaged", "reverted", "dropped")
_MANY = 3
_HEADING = re.compile(r"^(?:changes (?:in|since|from) )?v[0-9]{1,3}(?:\s*->\s*v[0-9]{1,3})?:\s*", re.IGNORECASE)


@app.command()
def path(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="ID|COMMIT|MSGID", help="PW id, alias, commit id (7 digits or more) or Message-ID.")
    ],
    range_diff: Annotated[
        bool, typer.Option("--range-diff", help="Compare each revision of a patch with the one before.")
    ] = False,
    format: Annotated[Format, typer.Option("--format", help="table for people, json for machines.")] = Format.TABLE,
) -> None:
    """The life cycle: every landing with its date and evidence."""
    from bot.views.path import path_document

    with opened(context) as loaded, loaded.store.read() as connection:
        compared_by = loaded.store.blobs if range_diff else None
        document = path_document(connection, name, compared_by=compared_by)
    if document is None:
        raise CommandError(
            f"nothing is known of {printable(name)!r}; give a PW id, an alias, a commit id or a Message-ID", EXIT_USAGE
        )
    if format is Format.JSON:
        print_json(document)
        return
    if not document["patches"]:
        typer.echo(f"No patch of {printable(name)} is known yet.")
    for number, patch in enumerate(document["patches"]):
        if number:
            typer.echo("")
        print_patch(patch)


def print_patch(patch: Json) -> None:
    """Title, a line of stages, what is known beside them, and a row per landing."""
    for line in textwrap.wrap(printable(patch["subject"]), WIDTH):
        typer.echo(line)
    typer.echo(f"  {_about(patch)}")
    for line in stage_line(patch):
        typer.echo(f"  {line}")
    for line in _warnings(patch):
        typer.echo(f"  {line}")
    if lines := changed_lines(patch["history"]):
        typer.echo("\nwhat changed")
    for line in lines:
        typer.echo(f"  {line}")
    if patch.get("range_diff") == []:
        typer.echo("\none revision: nothing to compare")
    for compared in patch.get("range_diff", ()):
        typer.echo("")
        for line in range_diff_lines(compared):
            typer.echo(line)
    print_landings(patch["landings"])


def changed_lines(history: Sequence[Json]) -> list[str]:
    """What the author wrote below `---` of each later revision, without what stood there before; links left out."""
    shown: set[str] = set()
    lines: list[str] = []
    for number, revision in enumerate(history):
        notes = [_HEADING.sub("", line.strip()) for line in revision["notes"].splitlines()]
        fresh = [line for line in notes if line and "://" not in line and line not in shown]
        shown.update(fresh)
        if number and fresh:
            label = f"{revision['ref']}  "
            text = textwrap.shorten(printable(" ".join(fresh)), NOTES, placeholder=" ...")
            lines += textwrap.wrap(text, WIDTH - 2, initial_indent=label, subsequent_indent=" " * len(label))
    return lines


def print_landings(landings: Sequence[Json]) -> None:
    """By stage, a line per landing: where, which version, when, by whose word; "?" marks a guess."""
    rows = [(one["stage"], [_where(one), one["version"] or one["ref"] or "-", _day(one), _by(one)]) for one in landings]
    if not rows:
        typer.echo("\nNot seen anywhere yet.")
        return
    widths = [max(len(cells[column]) for _, cells in rows) for column in range(4)]
    shown = ""
    for stage, cells in rows:
        if stage != shown:
            typer.echo(f"\n{stage}")
            shown = stage
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        typer.echo(f"  {printable(line.rstrip())}")
    if any(one["guess"] for one in landings):
        typer.echo("\n? matched by author and title only")


def _about(patch: Json) -> str:
    parts = [printable(patch["author"])]
    if patch["revisions"]:
        parts.append("1 revision" if patch["revisions"] == 1 else f"{patch['revisions']} revisions")
    parts += [f"{count} {name}" for name, count in patch["trailers"].items()]
    parts += patch["advisories"]
    return textwrap.shorten(", ".join(parts), WIDTH - 2, placeholder=" ...")


def stage_line(patch: Json) -> list[str]:
    """ "posted v3 2026-05-04 > applied 2026-05-15 > ...", wrapped between stages."""
    points = [point for stage in _LINE if (point := _point(stage, patch))]
    lines: list[str] = []
    for point in points:
        if lines and len(lines[-1]) + len(point) + 3 <= WIDTH:
            lines[-1] += f" > {point}"
        else:
            lines.append(f"> {point}" if lines else point)
    return lines


def _point(stage: str, patch: Json) -> str:
    found = [one for one in patch["landings"] if one["stage"] == stage]
    if not found:
        return ""
    days = sorted(one["at"][:10] for one in found if one["at"])
    if stage == "posted":
        return " ".join(["posted", found[-1]["ref"], *days[-1:]])
    named = sorted({one["version"] if stage == "mainline" else _place(stage, one) for one in found} - {None, ""})
    told = ", ".join(named) if len(named) <= _MANY else f"{len(named)} {_plural(stage)}"
    return printable(" ".join(part for part in (stage, told, *days[:1]) if part))


def _place(stage: str, one: Json) -> str:
    if stage in ("stable", "stable-queue"):
        return str(one["branch"] or "")
    return "" if stage == "next" or (stage == "applied" and "." in one["tree"]) else str(one["tree"])


def _plural(stage: str) -> str:
    return {"stable": "branches", "stable-queue": "branches", "packaged": "packages"}.get(stage, "trees")


def _warnings(patch: Json) -> list[str]:
    alarms = [printable(f"ALARM: {one['text']}") for one in patch["alarms"]]
    lines = []
    if patch["missing"]:
        lines.append(f"Missing in {', '.join(patch['missing'])}")
    lines += [f"The stable team could not apply it to {one['branch']}" for one in patch["failed"]]
    wrapped = [line for one in alarms for line in textwrap.wrap(one, WIDTH - 2, subsequent_indent="       ")]
    return wrapped + [textwrap.shorten(printable(line), WIDTH - 2, placeholder=" ...") for line in lines]


def _where(one: Json) -> str:
    tree = one["tree"].split(".", 1)[0] if one["stage"] in ("posted", "applied") else one["tree"]
    parts = [tree, one["package"] if one["package"] not in (None, "linux", "kernel") else None, one["branch"]]
    where = " ".join(part for part in parts if part)
    return where if len(where) <= WHERE else f"{where[: WHERE - 3]}..."


def _day(one: Json) -> str:
    return one["at"][:10] if one["at"] else "-"


def _by(one: Json) -> str:
    """Whose word it is: "git", "vendor", "maintainer"."""
    word = one["evidence"]["class"].replace("list_mail_maintainer", "maintainer").replace("list_mail", "list")
    return f"{word}?" if one["guess"] else str(word)
