"""`patchwatch export`: the documents that the web serves, as files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.root import EXIT_USAGE, CommandError, app, opened

if TYPE_CHECKING:
    from bot.app import App


class Kind(StrEnum):
    OSV = "osv"
    CSAF = "csaf"
    OPENVEX = "openvex"
    MATRIX = "matrix"
    FEED = "feed"


@app.command()
def export(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(help="Which documents.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder to write to; made when it is not there.")
    ],
) -> None:
    """Documents for other tools: OSV, CSAF VEX, OpenVEX, the fix matrix, feeds."""
    with opened(context) as loaded:
        count = 0
        try:
            for path, body in files_of(loaded, kind):
                _write(out / path, body)
                count += 1
        except OSError as error:
            raise CommandError(f"cannot write below {out}: {error.strerror or error}", EXIT_USAGE) from None
        typer.echo(f"{count} {'file' if count == 1 else 'files'} in {out}", err=True)


def files_of(loaded: App, kind: Kind) -> Iterator[tuple[str, bytes]]:
    """(path below the folder, bytes) of every file of a kind: the same bytes that the web serves."""
    from bot.documents.collection import csaf_files, openvex_files, osv_files
    from bot.documents.common import Publisher
    from bot.web.site import base_url_of

    if kind is Kind.FEED:
        yield from _feeds(loaded)
        return
    if kind is Kind.MATRIX:
        yield from _matrices(loaded)
        return
    files = {Kind.OSV: osv_files, Kind.CSAF: csaf_files, Kind.OPENVEX: openvex_files}[kind]
    with loaded.store.read() as connection:
        yield from files(connection, Publisher(base_url=base_url_of(loaded)))


def _feeds(loaded: App) -> Iterator[tuple[str, bytes]]:
    from starlette.datastructures import QueryParams

    from bot.feeds.writers import CONTENT_TYPES
    from bot.web.feeds import render_feed
    from bot.web.site import make_site

    site = make_site(loaded)
    for name in ("all", *(topic.slug for topic in loaded.topics)):
        for kind in CONTENT_TYPES:
            yield f"feeds/{name}.{kind}", render_feed(site, name, kind, QueryParams()).body


def _matrices(loaded: App) -> Iterator[tuple[str, bytes]]:
    """matrix.json for `check --matrix`, and each advisory's status document of its own."""
    from bot.web.api import matrix
    from bot.web.site import make_site

    whole = matrix(make_site(loaded)).body
    yield "matrix.json", whole
    for one in json.loads(whole)["advisories"]:
        yield f"matrix/{one['advisory']['id']}.json", json.dumps(one, ensure_ascii=False, indent=1).encode()


def _write(path: Path, body: bytes) -> None:
    """The file whole or not at all: a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(body)
    new.replace(path)
