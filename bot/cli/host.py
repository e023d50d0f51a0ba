"""Commands about a host: check, users. They only read; the verdict is made in bot/hostcheck."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Format, printable
from bot.cli.root import EXIT_USAGE, CommandError, app, opened

if TYPE_CHECKING:
    from advisories.model import Advisory
    from bot.app import App
    from bot.hostcheck.matrix import Matrix

DEFAULT_ADVISORY = "CVE-2026-31431"
NAGIOS_UNKNOWN = 3


class CheckFormat(StrEnum):
    TABLE = "table"
    JSON = "json"
    NAGIOS = "nagios"
    PROMETHEUS = "prometheus"

    @property
    def form(self) -> str:
        """As the host check calls it."""
        return "text" if self is CheckFormat.TABLE else self.value


@app.command()
def check(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help=f"CVE or PW ids; {DEFAULT_ADVISORY} without one.")
    ] = None,
    topic: Annotated[str | None, typer.Option("--topic", help="Every vulnerability of this topic.")] = None,
    root: Annotated[Path | None, typer.Option("--root", help="An image or a rescue mount, alone.")] = None,
    matrix: Annotated[
        str | None, typer.Option("--matrix", metavar="FILE|URL", help="A matrix that a patchwatch exported.")
    ] = None,
    fleet: Annotated[Path | None, typer.Option("--fleet", help="A table of the JSON reports in this folder.")] = None,
    max_age: Annotated[int, typer.Option("--max-age", metavar="DAYS", help="The oldest matrix that is believed.")] = 7,
    allowed_signers: Annotated[str, typer.Option("--allowed-signers", help="Check FILE.sig by ssh-keygen.")] = "",
    identity: Annotated[str, typer.Option("--identity", help="The signer's name among the signers.")] = "patchwatch",
    keyring: Annotated[str, typer.Option("--keyring", help="Check FILE.asc by gpgv with this keyring.")] = "",
    format: Annotated[CheckFormat, typer.Option("--format")] = CheckFormat.TABLE,
) -> None:
    """This host, or an image: fixed, not affected, mitigated, affected or unverified, and why."""
    from bot.hostcheck.answer import answer_check
    from bot.hostcheck.fleet import fleet_table
    from bot.hostcheck.matrix import MatrixError
    from bot.hostcheck.signed import MatrixSource, load_matrix

    if fleet is not None:
        if not fleet.is_dir():
            raise _usage(f"{fleet} is no folder", format)
        text, status = fleet_table(str(fleet), format.form)
        typer.echo(text, nl=False)
        raise typer.Exit(status)
    if root is not None and not root.is_dir():
        raise _usage(f"{root} is no folder", format)
    age = timedelta(days=max(0, min(max_age, 36_500)))
    try:
        if matrix is not None:
            loaded = load_matrix(
                MatrixSource(matrix, allowed_signers=allowed_signers, identity=identity, keyring=keyring, age_limit=age)
            )
            wanted = _of_topic(loaded, topic) if topic else list(ids or [DEFAULT_ADVISORY])
        else:
            loaded, wanted = _from_store(context, ids, topic, age, format)
    except MatrixError as error:
        raise _usage(str(error), format) from None
    if not wanted:
        raise _usage(f"no vulnerability of topic {printable(topic or '')!r} is known", format)
    text, status = answer_check(wanted, str(root) if root else None, loaded, format.form, datetime.now(UTC))
    typer.echo(text, nl=False)
    raise typer.Exit(status)


def _usage(text: str, format: CheckFormat) -> CommandError:
    """One line on stderr; Nagios gets UNKNOWN for every error."""
    if format is CheckFormat.NAGIOS:
        typer.echo(f"PATCHWATCH UNKNOWN: {printable(text)}")
        return CommandError(text, NAGIOS_UNKNOWN)
    return CommandError(text, EXIT_USAGE)


def _from_store(
    context: typer.Context, ids: list[str] | None, topic: str | None, age: timedelta, format: CheckFormat
) -> tuple[Matrix, list[str]]:
    """What this instance knows, live or shipped, of what is asked. Raises CommandError."""
    with opened(context) as loaded:
        if topic is not None:
            if topic not in {one.slug for one in loaded.topics}:
                raise _usage(f"no topic {printable(topic)!r}", format)
            known = _store_matrix(loaded, _topic_advisories(loaded, topic))
            return known._replace(age_limit=age), _of_topic(known, topic)
        found = []
        for name in ids or [DEFAULT_ADVISORY]:
            advisory = _stored(loaded, name)
            if advisory is None:
                raise _usage(f"no advisory {printable(name)!r} is known here; see: patchwatch changes", format)
            found.append(advisory)
        return _store_matrix(loaded, found)._replace(age_limit=age), [one.id for one in found]


def _stored(loaded: App, name: str) -> Advisory | None:
    """By a PW id, also one that was merged into another, or an alias."""
    from storage import identity
    from storage.advisories import load_advisory

    with loaded.store.read() as connection:
        pw_id = identity.resolve(connection, name)
        return load_advisory(connection, pw_id) if pw_id else None


def _topic_advisories(loaded: App, topic: str) -> list[Advisory]:
    from storage.advisories import list_advisories

    with loaded.store.read() as connection:
        return [one for _, _, one in list_advisories(connection, topic=topic)]


def _store_matrix(loaded: App, advisories: list[Advisory]) -> Matrix:
    from bot.hostcheck.matrix import matrix_of_documents
    from bot.views.status import status_view
    from storage import source_health

    with loaded.store.read() as connection:
        polled = [one.last_good_at for one in source_health.list_health(connection) if one.last_good_at]
    as_of = max(polled, default=datetime.now(UTC))  # without a poll there is the baseline alone, which says so itself
    documents = [status_view(one, as_of=as_of, topics=loaded.topics, cells=one.cells) for one in advisories]
    return matrix_of_documents(list(documents), origin="this patchwatch", as_of=as_of)


def _of_topic(matrix: Matrix, topic: str) -> list[str]:
    return [one.shown for one in matrix.advisories if topic in one.topics and any(a[:4] == "CVE-" for a in one.aliases)]


@app.command()
def users(
    root: Annotated[Path | None, typer.Option("--root", help="An image or a rescue mount, alone.")] = None,
    source: Annotated[Path | None, typer.Option("--source", help="Also look through this tree of source code.")] = None,
    programs: Annotated[
        bool, typer.Option("--programs", help="Also look through the ELF files; takes a while.")
    ] = False,
    format: Annotated[Format, typer.Option("--format")] = Format.TABLE,
) -> None:
    """Which programs here depend on AF_ALG, and what breaks under each mitigation."""
    from bot.hostcheck.answer import answer_users
    from bot.hostcheck.cli import show_progress

    for folder in (root, source):
        if folder is not None and not folder.is_dir():
            raise CommandError(f"{folder} is no folder", EXIT_USAGE)
    form = "json" if format is Format.JSON else "text"
    progress = show_progress if sys.stderr.isatty() else None
    text = answer_users(str(root) if root else None, str(source) if source else None, form, programs, progress)
    typer.echo(text, nl=False)
