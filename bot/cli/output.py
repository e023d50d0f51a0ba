"""What commands print: tables for people (rich on a terminal), JSON for machines; data on stdout only."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import typer


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"


def print_json(value: Any) -> None:  # Any: JSON
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def printable(text: str) -> str:
    """Foreign text for a terminal: control and format characters are shown, not obeyed."""
    return "".join(char if char.isprintable() or char == " " else f"\\u{{{ord(char):04X}}}" for char in text)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """A table that fits the terminal; plain aligned columns in a pipe."""
    if not rows:
        typer.echo(empty)
        return
    clean = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _rich_table(heads, clean)
        return
    widths = [max(len(head), *(len(row[index]) for row in clean)) for index, head in enumerate(heads)]
    for row in (list(heads), *clean):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _rich_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
