"""Commands that look: status, changes, topics, sources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.output import Format, print_json, print_table, printable
from bot.cli.root import EXIT_USAGE, CommandError, app, opened

if TYPE_CHECKING:
    from advisories.model import Change
    from advisories.steps import Standing
    from advisories.topics import Topic

FORMAT = Annotated[Format, typer.Option("--format", help="table for people, json for machines.")]


@app.command()
def status(
    context: typer.Context,
    advisory: Annotated[str, typer.Argument(metavar="ID", help="PW id or alias (CVE-2026-31431).")],
    distro: Annotated[
        str | None, typer.Option("--distro", help="Only this place: debian/12, ubuntu, rhel/9/9.6.")
    ] = None,
    format: FORMAT = Format.TABLE,
) -> None:
    """The fix matrix of an advisory."""
    from bot.cli.matrix_text import print_matrix
    from bot.views.status import select_cells, status_view
    from storage import advisories as advisory_store
    from storage import identity

    with opened(context) as loaded, loaded.store.read() as connection:
        pw_id = identity.resolve(connection, advisory)
        found = advisory_store.load_advisory(connection, pw_id) if pw_id else None
        if found is None:
            raise CommandError(
                f"no advisory {printable(advisory)!r} is known here; see: patchwatch changes", EXIT_USAGE
            )
        cells = select_cells(found, distro)
        if distro is not None and not cells:
            typer.echo(f"patchwatch: nothing is known of {printable(distro)} for {found.id}", err=True)
        if format is Format.JSON:
            print_json(status_view(found, as_of=datetime.now(UTC), topics=loaded.topics, cells=cells))
        else:
            print_matrix(found, cells, topics=loaded.topics)


def parse_since(text: str) -> timedelta:
    """ "7d", "12h" as a time span. Raises CommandError."""
    from bot.config import ConfigError, seconds

    try:
        return timedelta(seconds=seconds(text, "--since"))
    except ConfigError as error:
        raise CommandError(str(error), EXIT_USAGE) from None


@app.command()
def changes(
    context: typer.Context,
    since: Annotated[str | None, typer.Option("--since", help="Only what became known in this time: 7d, 12h.")] = None,
    topic: Annotated[str | None, typer.Option("--topic", help="Only this topic.")] = None,
    format: FORMAT = Format.TABLE,
) -> None:
    """What changed."""
    from bot.views.changes import change_view
    from storage import changes as change_store

    with opened(context) as loaded:
        if topic is not None and topic not in {one.slug for one in loaded.topics}:
            raise CommandError(
                f"no topic {printable(topic)!r}; there are: {', '.join(one.slug for one in loaded.topics)}", EXIT_USAGE
            )
        start = None if since is None else datetime.now(UTC) - parse_since(since)
        with loaded.store.read() as connection:
            found = change_store.list_changes(connection, since=start, topic=topic, with_quiet=False)
        if format is Format.JSON:
            print_json({"changes": [change_view(one) for one in found]})
        else:
            print_changes(found)


def print_changes(found: Sequence[Change]) -> None:
    """One line a change: time, name, type, text."""
    rows = []
    for one in found:
        draft = one.draft
        name = draft.name or "-"
        rows.append([draft.at.strftime("%Y-%m-%d %H:%M"), name, draft.change.value, draft.text])
    print_table(("when", "what", "change", "text"), rows, empty="No change.")


@app.command()
def topics(
    context: typer.Context,
    slug: Annotated[str | None, typer.Argument(help="A topic: shows its plan and where each step stands.")] = None,
    format: FORMAT = Format.TABLE,
) -> None:
    """The topics and what each watches; with a slug its plan."""
    from bot.views.topics import load_plan, topic_view

    with opened(context) as loaded:
        if slug is None:
            views = [topic_view(one) for one in loaded.topics]
            if format is Format.JSON:
                print_json({"topics": views})
                return
            rows = [[one.slug, one.title, _watches(one)] for one in loaded.topics]
            print_table(("topic", "title", "watches"), rows, empty="No topic.")
            return
        chosen = next((one for one in loaded.topics if one.slug == slug), None)
        if chosen is None:
            raise CommandError(
                f"no topic {printable(slug)!r}; there are: {', '.join(one.slug for one in loaded.topics)}", EXIT_USAGE
            )
        with loaded.store.read() as connection:
            plan = load_plan(connection, chosen)
        if format is Format.JSON:
            print_json(topic_view(chosen, plan))
        else:
            print_plan(chosen, plan)


def print_plan(topic: Topic, plan: Sequence[Standing]) -> None:
    """The topic, then each step: where it stands, what it does, what to use instead."""
    import textwrap

    from bot.views.topics import standing_line

    typer.echo(printable(topic.title))
    for line in textwrap.wrap(printable(topic.summary), 78):
        typer.echo(line)
    if not plan:
        typer.echo("\nThis topic has no plan.")
    for one in plan:
        typer.echo(f"\n{printable(one.step.title)}")
        told = [standing_line(one), one.step.effect]
        told += [f"Instead: {one.step.migrate_to}"] if one.step.migrate_to else []
        for text in told:
            for line in textwrap.wrap(printable(text), 74):
                typer.echo(f"    {line}")


def _watches(topic: Topic) -> str:
    parts = ["every kernel CVE"] if topic.every_cve else []
    counted = (
        ("CVE", topic.cves),
        ("path", topic.paths),
        ("subject", topic.subjects),
        ("word", topic.words),
        ("list", topic.lists),
    )
    parts += [f"{len(values)} {name}{'s' if len(values) != 1 else ''}" for name, values in counted if values]
    return ", ".join(parts)


sources_app = typer.Typer(
    help="Health of the sources: last good fetch, newest record, next poll, state, why.", invoke_without_command=True
)
app.add_typer(sources_app, name="sources")


@sources_app.callback()
def sources(context: typer.Context, format: FORMAT = Format.TABLE) -> None:
    """Health: last good fetch, newest record, next poll, state, why."""
    if context.invoked_subcommand is not None:
        return
    from bot.views.sources import source_views

    with opened(context) as loaded:
        views = source_views(loaded)
        if format is Format.JSON:
            print_json({"sources": views})
            return
        rows = [
            [
                one["name"],
                one["state"],
                _short_time(one["last_good"]) or "never",
                _short_time(one["next_poll"]) or "-",
                str(one["records"]),
                one["expected"].removeprefix("a good answer at least every "),
                _short_canary(one),
                one["why"] or "",
            ]
            for one in views
        ]
        columns = ("source", "state", "last good", "next poll", "records", "within", "canary", "why")
        print_table(columns, rows, empty="No source.")


def _short_time(text: str | None) -> str:
    """Month, day and time of this year; of another year the date."""
    if text is None:
        return ""
    return f"{text[5:10]} {text[11:16]}" if text[:4] == f"{datetime.now(UTC):%Y}" else text[:10]


def _short_canary(view: dict[str, Any]) -> str:  # Any: a view's values, as JSON has them
    if not view["canaries"]:
        return "-" if view["canary"].startswith("nothing") else "none yet"
    if view["canary"].startswith("differs"):
        return "differs"
    return f"{view['canaries']} same" if view["canary_equal"] else f"{view['canaries']} new"


@sources_app.command("release")
def release(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A source that is held.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask after showing the difference.")] = False,
) -> None:
    """Let a held source go on, after showing the difference."""
    from bot.ingest.release import HeldSource, NotHeld

    with opened(context) as loaded:
        try:
            held = HeldSource.load(loaded, name)
        except NotHeld as error:
            raise CommandError(str(error), EXIT_USAGE) from None
        typer.echo(f"{name} is held: {held.reason}")
        for line in held.difference():
            typer.echo(f"  {printable(line)}")
        if not yes and not typer.confirm("Take this in and let the source go on?"):
            raise CommandError("nothing was changed", EXIT_USAGE)
        changed = held.release()
        typer.echo(f"{name} goes on; {changed} changes")
