"""Commands that work: run, poll, replay, doctor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Format, print_json, printable
from bot.cli.root import EXIT_PARTLY, EXIT_USAGE, CommandError, app, opened

if TYPE_CHECKING:
    from bot.ingest.poll import PollReport
    from bot.ingest.recording import Entry


class Role(StrEnum):
    ALL = "all"
    POLL = "poll"
    DELIVER = "deliver"
    WEB = "web"


@app.command()
def run(
    context: typer.Context,
    role: Annotated[Role, typer.Option("--role", help="What this process does.")] = Role.ALL,
) -> None:
    """Schedule, channels and web until SIGTERM."""
    from bot.lock import data_lock
    from bot.logs import tell_what_happens
    from bot.service import run_service

    tell_what_happens()
    with opened(context) as loaded, data_lock(loaded.config.data_dir, "run" if role is Role.ALL else role.value):
        run_service(loaded, role.value)


@app.command()
def poll(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Sources; all that are on without one.")
    ] = None,
    format: Annotated[Format, typer.Option("--format")] = Format.TABLE,
) -> None:
    """One cycle now; a line per source."""
    from bot.app import make_poller
    from sources.registry import source_names

    with opened(context) as loaded:
        known = (*source_names(), *loaded.config.further_trees)
        for name in names or ():
            if name not in known:
                raise CommandError(f"no source {printable(name)!r}; there are: {', '.join(known)}", EXIT_USAGE)
        wanted = names or [name for name in known if loaded.config.source(name).enabled]
        poller = make_poller(loaded)
        reports = []
        for name in wanted:
            report = poller.poll(name)
            reports.append(report)
            if format is Format.TABLE:
                typer.echo(_poll_line(report))
        if format is Format.JSON:
            print_json({"sources": [_poll_view(one) for one in reports]})
        if any(one.error or one.held for one in reports):
            raise CommandError("", EXIT_PARTLY)


def _poll_line(report: PollReport) -> str:
    if report.busy:
        return f"{report.source}: skipped, held or being polled elsewhere"
    head = f"{report.source}: {report.documents} documents, {report.changes} changes, {report.seconds:.1f} s"
    if report.held:
        return f"{head}; held: {report.held}"
    if report.error:
        return f"{head}; failed: {printable(report.error)}"
    return f"{head}{' (baseline, nothing sent)' if report.quiet else ''}"


def _poll_view(report: PollReport) -> dict[str, object]:
    from dataclasses import asdict

    return {key: value for key, value in asdict(report).items() if key != "traffic_before"}


@app.command()
def replay(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A recording: a folder with recording.jsonl.")],
    deliver: Annotated[bool, typer.Option("--deliver", help="Send to the subscribers of this store.")] = False,
    format: Annotated[Format, typer.Option("--format")] = Format.TABLE,
) -> None:
    """A recording through the same pipeline with the recording's clock; prints the changes in order."""
    from bot.cli.watching import print_changes
    from bot.ingest.recording import RecordingError
    from bot.ingest.replay import ReplayError, prepare
    from bot.ingest.replay import replay as replay_recording
    from bot.views.changes import change_view

    with opened(context, baseline=False) as loaded:
        try:
            prepare(loaded.store)
            report = replay_recording(loaded.intake, path, progress=_progress())
        except (RecordingError, ReplayError) as error:
            raise CommandError(str(error), EXIT_USAGE) from None
        shown = [one for one in report.changes if one.draft.change != "text_changed"]
        if format is Format.JSON:
            print_json({"changes": [change_view(one) for one in shown]})
        else:
            print_changes(shown)
        for number, source, what in report.problems:
            place = f"line {number}, " if number else ""
            typer.echo(f"patchwatch: {place}{source}: {printable(what)}", err=True)
        if deliver:
            from bot.service import deliver_once

            deliver_once(loaded)
        if any(number for number, _, _ in report.problems):
            raise CommandError("", EXIT_PARTLY)


def _progress() -> Callable[[Entry], None]:
    if not sys.stderr.isatty():
        return lambda entry: None

    def show(entry: Entry) -> None:
        typer.echo(f"\r{entry.at:%Y-%m-%d %H:%M} {entry.source:16}", nl=False, err=True)

    return show


@app.command()
def doctor(
    context: typer.Context,
    send: Annotated[str | None, typer.Option("--send", metavar="DEST", help="Send a test message there.")] = None,
    format: Annotated[Format, typer.Option("--format")] = Format.TABLE,
) -> None:
    """Configuration, database, clock, Python, base_url, credentials, source reachability."""
    from dataclasses import asdict

    from bot.doctor import examine

    with opened(context) as loaded:
        findings = examine(loaded, send=send)
        if format is Format.JSON:
            print_json({"findings": [asdict(one) for one in findings]})
        else:
            for one in findings:
                mark = "ok  " if one.good else ("note" if one.advice else "LOOK")
                typer.echo(f"{mark}  {one.what}: {printable(one.text)}")
        if any(not one.good and not one.advice for one in findings):
            raise CommandError("", EXIT_PARTLY)
