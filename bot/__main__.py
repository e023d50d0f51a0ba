"""Entry point of the `patchwatch` command."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs a command; returns the exit status of CONTRACT.md."""
    from bot.cli.root import run_command_line

    return run_command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
