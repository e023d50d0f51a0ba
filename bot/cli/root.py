"""`patchwatch [--config FILE] [--data DIR] [-v] COMMAND`, and what each error means for the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bot.app import App

EXIT_DONE = 0
EXIT_USAGE = 2
EXIT_PARTLY = 3
EXIT_STORAGE = 4
EXIT_RUNNING = 7

app = typer.Typer(
    name="patchwatch",
    help="Follows a kernel change from the first mail on the list to your own kernel.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass(slots=True)
class Flags:
    """What stands before the command."""

    config: Path | None = None
    data: Path | None = None
    verbose: int = 0


class CommandError(Exception):
    """Ends the command with one line on stderr and an exit status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def _show_version(wanted: bool) -> None:
    if wanted:
        from bot.app import program_version

        typer.echo(f"patchwatch {program_version()}")
        raise typer.Exit


@app.callback()
def flags(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", help="Configuration file.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Folder of database, documents and git mirrors.")] = None,
    verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, help="More about what happens, on stderr.")
    ] = 0,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    context.obj = Flags(config=config, data=data, verbose=verbose)


@contextmanager
def opened(context: typer.Context, *, baseline: bool = True) -> Iterator[App]:
    """The application for a command, the baseline loaded; known errors become one line and their exit status."""
    from advisories.topic_tables import TopicError
    from bot.app import open_app
    from bot.config import ConfigError
    from bot.ingest.baseline import load_baseline
    from bot.lock import AlreadyRunning
    from bot.logs import configure_logging
    from storage.errors import StorageError

    found: Flags = context.obj
    configure_logging(found.verbose)
    try:
        with open_app(config=found.config, data=found.data) as loaded:
            if baseline:
                load_baseline(loaded, now=datetime.now(UTC))
            yield loaded
    except (ConfigError, TopicError) as error:
        raise CommandError(str(error), EXIT_USAGE) from None
    except AlreadyRunning as error:
        raise CommandError(str(error), EXIT_RUNNING) from None
    except StorageError as error:
        raise CommandError(str(error), EXIT_STORAGE) from None


def run_command_line(arguments: list[str]) -> int:
    """Runs one command and returns its exit status."""
    from bot.cli import register_all

    register_all()
    try:
        status = app(args=arguments, prog_name="patchwatch", standalone_mode=False)
    except CommandError as error:
        if str(error):
            typer.echo(f"patchwatch: {error}", err=True)
        return error.status
    except typer.Abort:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    except typer.Exit as leaving:
        return int(leaving.exit_code)
    except Exception as error:  # noqa: BLE001  # boundary 2 of 3: click's usage errors by their own interface
        return _usage_error(error)
    return int(status) if isinstance(status, int) else EXIT_DONE


def _usage_error(error: Exception) -> int:
    """click's errors show themselves and know their status; anything else is ours and must be seen."""
    show = getattr(error, "show", None)
    if show is None:
        raise error
    show()
    return int(getattr(error, "exit_code", EXIT_USAGE))
