"""Commands about mail: digest, bounce."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import printable
from bot.cli.root import EXIT_USAGE, CommandError, app, opened

if TYPE_CHECKING:
    from bot.app import App
    from bot.messages.digest import Letter


class MailFormat(StrEnum):
    TEXT = "text"
    HTML = "html"
    EML = "eml"


@app.command()
def digest(
    context: typer.Context,
    filters: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILTER]...", help="For a reader of this filter: copy-fail debian/12."),
    ] = None,
    since: Annotated[str, typer.Option("--since", help="What became known in this time: 7d, 12h.")] = "7d",
    format: Annotated[
        MailFormat, typer.Option("--format", help="text, html, or the whole mail as eml.")
    ] = MailFormat.TEXT,
) -> None:
    """What the next digest would say."""
    with opened(context) as loaded:
        letter = _make_letter(loaded, " ".join(filters or ()), since)
        if letter is None:
            typer.echo("patchwatch: nothing changed, so no mail would be sent", err=True)
            return
        if format is MailFormat.EML:
            sys.stdout.buffer.write(_make_mail(loaded, letter))
            return
        from bot.messages.digest import digest_of
        from bot.messages.digest_text import MailText

        found = digest_of(letter)
        if found is not None:
            text, html = MailText().digest(found, unsubscribe="")
            typer.echo(text if format is MailFormat.TEXT else html, nl=False)


def _make_letter(loaded: App, words: str, since: str) -> Letter | None:
    """The digest of all changes since then that the filter (or any topic) matches; None when there are none."""
    from datetime import UTC, datetime

    from advisories.filters import Filter, FilterError, matches, parse_filter
    from bot.cli.watching import parse_since
    from bot.digest.contents import DigestBuilder, health_of
    from bot.messages.compose import Composer
    from bot.messages.digest import digest_letter
    from storage.changes import list_changes

    slugs = frozenset(one.slug for one in loaded.topics)
    try:
        wanted = parse_filter(words, known_topics=slugs) if words else Filter(topics=slugs)
    except FilterError as error:
        raise CommandError(printable(str(error)), EXIT_USAGE) from None
    now = datetime.now(UTC)
    builder = DigestBuilder(
        Composer(base_url=loaded.config.text("web", "base_url").rstrip("/")), health=lambda: health_of(loaded)
    )
    with loaded.store.read() as connection:
        found = [
            one
            for one in list_changes(connection, since=now - parse_since(since), with_quiet=False)
            if not one.draft.quiet and matches(wanted, one.draft)
        ]
        if not found:
            return None
        day = f"{now:%Y-%m-%d}"
        return digest_letter(
            builder.build(connection, filters=[wanted], changes=found, kind="daily", period=day), at=now, salt=""
        )


def _make_mail(loaded: App, letter: Letter) -> bytes:
    """The mail to ourselves, without a reader's link."""
    from uuid import uuid4

    from bot.channels.mail.opening import make_writer, read_keys, read_sender
    from bot.channels.mail.writing import Sender
    from storage.delivery import DueDestination

    config = loaded.config
    sender = read_sender(config) if config.text("mail", "from") else Sender.parse("patchwatch@patchwatch.invalid")
    reader = DueDestination(id=0, kind="mail", address=sender.address, thread="")
    return make_writer(config, sender, read_keys(config)).write(reader, str(uuid4()), letter).content


@app.command()
def bounce(
    context: typer.Context,
    recipient: Annotated[
        str, typer.Option("--recipient", help="Where the report was sent to; else its own headers tell.")
    ] = "",
    allow: Annotated[
        str, typer.Option("--allow", metavar="ADDRESS", help="Reads nothing: this address may get mail again.")
    ] = "",
) -> None:
    """Takes one report of failed mail (a DSN) from standard input, as an MTA hands it on."""
    from datetime import UTC, datetime

    from bot.channels.mail.opening import read_keys
    from bot.digest.bounce import MAX_REPORT_BYTES, NO_MAILBOX, NoReport, find_recipient, parse_report, take_bounce

    with opened(context, baseline=False) as loaded:
        keys = read_keys(loaded.config)
        if allow:
            _allow(loaded, allow)
            return
        try:
            report = parse_report(sys.stdin.buffer.read(MAX_REPORT_BYTES + 1))
        except NoReport as error:
            typer.echo(f"patchwatch: ignored: {error}", err=True)
            return
        with loaded.store.write() as connection:
            reader = find_recipient(connection, keys, report, recipient)
            if reader is None:
                typer.echo("patchwatch: ignored: it was not sent to a return path that we signed", err=True)
                return
            ended = take_bounce(
                connection,
                keys,
                reader,
                report=report.key,
                gone=report.status == NO_MAILBOX,
                why=f"{report.status} {report.said}",
                now=datetime.now(UTC),
            )
        typer.echo(f"destination {reader[0]}: {'gets no more mail' if ended else 'counted'} ({report.status})")


def _allow(loaded: App, text: str) -> None:
    """Takes an address off the list of those that get no mail."""
    from bot.channels.mail.opening import read_keys
    from bot.digest.address import AddressError, parse_address
    from storage import delivery_settings, mail

    try:
        address = parse_address(text)
    except AddressError as error:
        raise CommandError(str(error), EXIT_USAGE) from None
    with loaded.store.write() as connection:
        listed = mail.allow(connection, read_keys(loaded.config).hash_address(address))
        known = delivery_settings.find_destination(connection, kind="mail", address=address)
        if known is not None and known.state != "active":
            delivery_settings.enable_destination(connection, known.id)
            mail.forget_bounces(connection, known.id)
    if not listed and (known is None or known.state == "active"):
        raise CommandError(f"{printable(address)} is not on the list", EXIT_USAGE)
    typer.echo("it may get mail again")
