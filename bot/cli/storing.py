"""Commands about storage: db upgrade|check|backup|restore|copy, rebuild."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.root import EXIT_STORAGE, EXIT_USAGE, CommandError, app, opened

db_app = typer.Typer(help="The database: upgrade, check, backup, restore, copy.", no_args_is_help=True)
app.add_typer(db_app, name="db")


@db_app.command("upgrade")
def upgrade(context: typer.Context) -> None:
    """Brings the database to this version's schema."""
    from storage.migrate import current_revision

    with opened(context, baseline=False) as loaded:  # opening upgrades
        typer.echo(f"database is at revision {current_revision(loaded.store)}")


@db_app.command("check")
def check(context: typer.Context) -> None:
    """Checks database and stored documents."""
    from storage.backup import missing_documents
    from storage.store import integrity_problem

    with opened(context, baseline=False) as loaded:
        problem = integrity_problem(loaded.store)
        if problem is not None:
            raise CommandError(
                f"the database is damaged: {problem}; restore a backup: patchwatch db restore FILE", EXIT_STORAGE
            )
        missing = missing_documents(loaded.store)
        if missing:
            raise CommandError(
                f"{len(missing)} stored documents are gone or damaged, the first is {missing[0]}", EXIT_STORAGE
            )
        typer.echo("database and documents are whole")


@db_app.command("backup")
def backup(context: typer.Context, file: Annotated[Path, typer.Argument(help="The new backup file.")]) -> None:
    """A consistent copy while the bot runs."""
    from storage.backup import write_backup

    with opened(context, baseline=False) as loaded:
        write_backup(loaded.store, file)
        typer.echo(f"backup written to {file}")


@db_app.command("restore")
def restore(context: typer.Context, file: Annotated[Path, typer.Argument(help="A backup file.")]) -> None:
    """Puts a backup in the place of the database; the bot must not run."""
    from bot.config import ConfigError, load_config
    from bot.lock import AlreadyRunning, data_lock
    from storage.backup import restore_backup
    from storage.errors import StorageError

    try:
        config = load_config(config=context.obj.config, data=context.obj.data)
        with data_lock(config.data_dir, "run"):
            restore_backup(config.text("storage", "url"), config.data_dir, file, now=datetime.now(UTC))
    except ConfigError as error:
        raise CommandError(str(error), EXIT_USAGE) from None
    except AlreadyRunning as error:
        raise CommandError(str(error), 7) from None
    except StorageError as error:
        raise CommandError(str(error), EXIT_STORAGE) from None
    typer.echo(f"restored from {file}; what changed since then is taken in by the next polls")


@db_app.command("copy")
def copy(context: typer.Context, url: Annotated[str, typer.Argument(metavar="URL", help="An empty database.")]) -> None:
    """Copies everything to another database (SQLite to PostgreSQL or back): same ids, nothing sent again."""
    from storage.backup import copy_database

    with opened(context, baseline=False) as loaded:
        rows = copy_database(loaded.store, url, loaded.config.data_dir)
        typer.echo(f"{rows} rows copied; set [storage] url to use the copy")


@app.command()
def rebuild(context: typer.Context) -> None:
    """Derives the state again from the stored documents; sends nothing."""
    from bot.ingest.rebuild import rebuild as rebuild_state
    from bot.lock import data_lock

    with opened(context, baseline=False) as loaded, data_lock(loaded.config.data_dir, "run"):
        report = rebuild_state(loaded, progress=_show if sys.stderr.isatty() else _silent)
    typer.echo(
        f"{report.documents} documents read, {report.unreadable} unreadable; "
        f"{len(report.added)} advisories added, {len(report.gone)} gone, {len(report.changed)} changed"
    )
    for name, ids in (("added", report.added), ("gone", report.gone), ("changed", report.changed)):
        for one in ids:
            typer.echo(f"  {name} {one}")


def _show(done: int, total: int) -> None:
    typer.echo(f"\r{done} of {total} documents", nl=False, err=True)


def _silent(done: int, total: int) -> None:
    """No progress in a pipe."""
