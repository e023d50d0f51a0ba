"""Runs the benches and prints their figures as a table."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from scripts import benches
from scripts.benches.figure import Figure
from scripts.benches.sizes import set_whole

COLUMNS = ("figure", "unit", "ours", "peer", "peer's", "ratio", "goal", "met")


def bench_modules(wanted: list[str]) -> dict[str, ModuleType]:
    """The benches by name; only the wanted ones when any are named. Raises SystemExit for an unknown name."""
    names = [found.name for found in pkgutil.iter_modules(benches.__path__) if not found.name.startswith("_")]
    modules = {name: importlib.import_module(f"scripts.benches.{name}") for name in names}
    runnable = {name: module for name, module in modules.items() if hasattr(module, "run")}
    unknown = [name for name in wanted if name not in runnable]
    if unknown:
        sys.exit(f"scripts/bench: no bench {', '.join(unknown)}; there are {', '.join(runnable)}")
    return {name: module for name, module in runnable.items() if not wanted or name in wanted}


def shown(number: float | None) -> str:
    return "-" if number is None else f"{number:.4g}"


def row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.name,
        figure.unit,
        shown(figure.ours),
        figure.peer or "-",
        shown(figure.peers),
        shown(figure.ratio),
        figure.goal,
        {True: "yes", False: "NO", None: "-"}[figure.met],
    )


def print_table(figures: list[Figure]) -> None:
    rows = [COLUMNS, *(row(figure) for figure in figures)]
    widths = [max(len(line[column]) for line in rows) for column in range(len(COLUMNS))]
    for line in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=benches.__doc__)
    parser.add_argument("bench", nargs="*", help="only these")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--whole", action="store_true", help="the sizes of the goals, also where that takes minutes")
    chosen = parser.parse_args()
    if chosen.whole:
        set_whole()
    figures: list[Figure] = []
    for name, module in bench_modules(chosen.bench).items():
        print(f"running {name}", file=sys.stderr)
        figures.extend(module.run())
    print_table(figures)
    if chosen.json:
        chosen.json.write_text(json.dumps([figure.as_dict() for figure in figures], indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
