"""The command line: one module per group of commands, heavy imports inside the functions that need them."""

from __future__ import annotations


def register_all() -> None:
    """Loads every module that adds commands to the root."""
    from bot.cli import (  # noqa: F401  # they register themselves
        digesting,
        exporting,
        host,
        path,
        running,
        storing,
        subscribing,
        watching,
    )
