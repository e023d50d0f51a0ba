"""The operator's side of the chat words: destinations, subscribe, unsubscribe, why, preview."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Format, print_json, print_table, printable
from bot.cli.root import EXIT_USAGE, CommandError, app, opened

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from advisories.filters import Filter
    from bot.app import App
    from bot.commands.base import Desk
    from bot.delivery.destinations import Place
    from storage.delivery_history import Explained

FORMAT = Annotated[Format, typer.Option("--format", help="table for people, json for machines.")]
WORDS_HELP = "Words: copy-fail debian/12 change:fixed_in."
WORDS = Annotated[list[str], typer.Argument(metavar="FILTER...", help=WORDS_HELP)]


@app.command()
def destinations(
    context: typer.Context,
    format: FORMAT = Format.TABLE,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write what is kept of them as JSON; - for stdout."),
    ] = None,
    import_from: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Take such a file in, sending nothing; - for stdin.")
    ] = None,
) -> None:
    """Who gets what: every destination with its subscriptions; N is what unsubscribe takes."""
    if export is not None and import_from is not None:
        raise CommandError("either --export or --import", EXIT_USAGE)
    if export is not None:
        _export(context, export)
    elif import_from is not None:
        _import(context, import_from)
    else:
        _list(context, format)


def _export(context: typer.Context, file: Path) -> None:
    """The file is for its owner alone: it names people."""
    from bot.delivery.subscriber_file import export_all

    with opened(context, baseline=False) as loaded, loaded.store.read() as connection:
        text = export_all(connection)
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise CommandError(f"{printable(str(file))}: cannot be written: {error.strerror}", EXIT_USAGE) from None


def _import(context: typer.Context, file: Path) -> None:
    from bot.delivery.subscriber_file import MAX_FILE_BYTES, SubscriberFileError, import_all

    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as given:
            text = given.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{printable(str(file))}: cannot be read: {error.strerror}", EXIT_USAGE) from None
    if len(text) > MAX_FILE_BYTES:
        raise CommandError(f"{printable(str(file))} is larger than any file of --export", EXIT_USAGE)
    with opened(context, baseline=False) as loaded:
        try:
            places, filters = import_all(loaded, text, now=datetime.now(UTC))
        except SubscriberFileError as error:
            raise CommandError(printable(str(error)), EXIT_USAGE) from None
    typer.echo(f"taken in: {places} destinations, {filters} subscriptions; nothing was sent")


def _list(context: typer.Context, format: Format) -> None:
    from bot.delivery.destinations import Place
    from storage.delivery import list_subscriptions
    from storage.delivery_settings import list_destinations

    rows: list[dict[str, object]] = []
    with opened(context, baseline=False) as loaded, loaded.store.read() as connection:
        for one in list_destinations(connection):
            place = str(Place(kind=one.kind, address=one.address, thread=one.thread))
            kept = [{"n": each.id, "filter": each.filter} for each in list_subscriptions(connection, one.id)]
            rows.append({"destination": place, "state": one.state, "reason": one.reason, "subscriptions": kept})
    if format is Format.JSON:
        print_json({"destinations": rows})
        return
    table = [line for row in rows for line in _destination_lines(row)]
    print_table(("destination", "state", "N", "filter"), table, empty="Nobody has subscribed yet.")


def _destination_lines(row: dict[str, object]) -> list[list[str]]:
    state = f"{row['state']}: {row['reason']}" if row["reason"] else str(row["state"])
    kept = row["subscriptions"]
    lines = [["", "", str(one["n"]), str(one["filter"])] for one in kept] if isinstance(kept, list) else []
    first = lines[0][2:] if lines else ["-", "-"]
    return [[str(row["destination"]), state, *first], *lines[1:]]


@app.command()
def subscribe(
    context: typer.Context,
    destination: Annotated[str, typer.Argument(metavar="DEST", help="telegram:<id>[/<thread>], mail:address, …")],
    words: Annotated[list[str] | None, typer.Argument(metavar="FILTER...", help=WORDS_HELP)] = None,
    from_fleet: Annotated[
        Path | None, typer.Option("--from-fleet", metavar="DIR", help="A filter per release in these check reports.")
    ] = None,
) -> None:
    """Tells a destination what matches the filter, from now on; its first message says how things stand."""
    from bot.delivery.destinations import DestinationError, parse_destination

    with opened(context, baseline=False) as loaded:
        try:
            place = parse_destination(destination)
        except DestinationError as error:
            raise CommandError(f"{printable(destination)}: {error}", EXIT_USAGE) from None
        for wanted in _wanted(loaded, words or [], from_fleet):
            typer.echo(f"{place}: subscription {_subscribe(loaded, place, wanted)}, {wanted}")


def _wanted(loaded: App, words: list[str], fleet: Path | None) -> list[Filter]:
    """The filter of the words, with a fleet one per release that runs there. Raises CommandError."""
    if fleet is None:
        if not words:
            raise CommandError(
                "say what to tell: a filter such as copy-fail debian/12, or --from-fleet DIR", EXIT_USAGE
            )
        return [read_words(loaded, words)]
    from bot.hostcheck.fleet import fleet_filters

    found = []
    for one in fleet_filters(str(fleet)):
        try:
            found.append(read_words(loaded, [*one.split(), *words]))
        except CommandError as error:
            typer.echo(f"patchwatch: left out {printable(one)}: {error}", err=True)
    if not found:
        raise CommandError(f"{printable(str(fleet))} holds no report of a known release", EXIT_USAGE)
    return found


def _subscribe(loaded: App, place: Place, wanted: Filter) -> int:
    """Its number, that of the subscription there is already when it is the same."""
    from storage import delivery

    now = datetime.now(UTC)
    with loaded.store.write() as connection:
        number = delivery.ensure_destination(
            connection, kind=place.kind, address=place.address, thread=place.thread, now=now
        )
        before = delivery.list_subscriptions(connection, number)
        delivery.add_subscription(connection, number, str(wanted), now=now)
        if not before and place.kind not in ("webhook", "apprise"):
            _owe_welcome(desk_of(loaded), connection, number, wanted)
        kept = delivery.list_subscriptions(connection, number)
    return next(one.id for one in kept if one.filter == str(wanted))


def _owe_welcome(desk: Desk, connection: Connection, destination: int, wanted: Filter) -> None:
    """One summary of how things stand, and no history."""
    from bot.commands.subscribing import summary_lines
    from bot.messages.model import freeze, make_message
    from storage.delivery_ledger import owe_notice

    lines = summary_lines(desk, connection, wanted)
    message = make_message(f"You will hear of: {wanted}", [*lines, "help lists what you can say here."])
    owe_notice(connection, destination, freeze(message), now=desk.clock())


@app.command()
def unsubscribe(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="N", help="A number that `destinations` shows.")],
) -> None:
    """Takes a subscription back."""
    from storage.delivery import list_subscriptions, remove_subscription
    from storage.delivery_settings import list_destinations

    with opened(context, baseline=False) as loaded, loaded.store.write() as connection:
        for place in list_destinations(connection):
            for one in list_subscriptions(connection, place.id):
                if one.id == number:
                    remove_subscription(connection, one.destination, one.number)
                    typer.echo(f"subscription {number} is gone: {one.filter}")
                    return
        raise CommandError(f"no subscription {number}; see: patchwatch destinations", EXIT_USAGE)


@app.command()
def why(
    context: typer.Context,
    delivery: Annotated[int, typer.Argument(metavar="DELIVERY", help="The number of a delivery.")],
    format: FORMAT = Format.TABLE,
) -> None:
    """Why something was sent: the change, the filter that matched, the evidence, every try."""
    from bot.commands.looking import why_lines
    from storage.delivery_history import explain

    with opened(context, baseline=False) as loaded, loaded.store.read() as connection:
        found = explain(connection, delivery)
    if found is None:
        raise CommandError(f"no delivery {delivery}", EXIT_USAGE)
    if format is Format.JSON:
        print_json(_why_view(found))
        return
    for line in why_lines(found):
        typer.echo(printable(line))


def _why_view(one: Explained) -> dict[str, object]:
    from bot.views.changes import change_view
    from bot.views.status import when

    return {
        "delivery": one.delivery,
        "destination": one.destination,
        "state": one.state,
        "urgent": one.urgent,
        "subscription": one.number,
        "filter": one.filter,
        "message": one.message,
        "change": None if one.change is None else change_view(one.change),
        "attempts": [{"at": when(each.at), "answer": each.answer, "text": each.text} for each in one.attempts],
    }


@app.command()
def preview(context: typer.Context, words: WORDS, format: FORMAT = Format.TABLE) -> None:
    """What a filter would have sent in the last 30 days."""
    from bot.cli.watching import print_changes
    from bot.commands.subscribing import would_send
    from bot.views.changes import change_view

    with opened(context, baseline=False) as loaded:
        wanted = read_words(loaded, words)
        with loaded.store.read() as connection:
            found = would_send(desk_of(loaded), connection, wanted)
        if format is Format.JSON:
            print_json({"changes": [change_view(one) for one in found]})
        else:
            print_changes(found)


def desk_of(loaded: App) -> Desk:
    from bot.commands.base import Desk
    from bot.messages.compose import Composer

    base_url = loaded.config.text("web", "base_url").rstrip("/")
    composer = Composer(base_url=base_url, titles={one.slug: one.title for one in loaded.topics})
    return Desk(store=loaded.store, topics=loaded.topics, composer=composer)


def read_words(loaded: App, words: list[str]) -> Filter:
    """The filter; the shell has taken the quotes of text:"…" away. Raises CommandError."""
    from advisories.filters import FilterError, parse_filter

    quoted = [f'text:"{one[5:]}"' if one.startswith("text:") and '"' not in one else one for one in words]
    try:
        return parse_filter(" ".join(quoted), known_topics=frozenset(one.slug for one in loaded.topics))
    except FilterError as error:
        raise CommandError(printable(str(error)), EXIT_USAGE) from None
