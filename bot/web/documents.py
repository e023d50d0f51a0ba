"""OSV, CSAF and OpenVEX by HTTP: the documents that `export` writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from bot.documents.collection import (
    METADATA_PATH,
    Entry,
    csaf_files,
    csaf_published,
    openvex_bytes,
    osv_bytes,
    osv_files,
)
from bot.documents.common import Publisher
from bot.documents.csaf_provider import hash_line
from bot.web import lookup
from bot.web.shelf import Rendered
from bot.web.site import Site, WrongRequest

_MEDIA = {"json": "application/json", "zip": "application/zip", "csv": "text/csv; charset=utf-8"}
_PLAIN = "text/plain; charset=utf-8"
_CSAF_DOCUMENT = re.compile(r"[0-9]{4}/(?P<id>pw-[0-9]{4}-[0-9]{1,9})[.]json([.](?P<hash>sha256|sha512))?", re.ASCII)


def publisher_of(site: Site) -> Publisher:
    return Publisher(base_url=site.base_url)


def render_osv(site: Site, name: str) -> Rendered:
    """`/osv/{CVE}.json`. Raises WrongRequest (404)."""
    with site.app.store.read() as connection:
        body = osv_bytes(publisher_of(site), _entry(connection, name.removesuffix(".json")))
    if body is None:
        raise WrongRequest("OSV has no form for an advisory without a CVE id; see /openvex.", 404)
    return _file("x.json", body)


def render_osv_list(site: Site, name: str) -> Rendered:
    """`/osv/all.zip` and `/osv/modified_id.csv`."""
    return _pick(site, osv_files, f"osv/{name}")


def render_openvex(site: Site, name: str) -> Rendered:
    """`/openvex/{id}.json`. Raises WrongRequest (404)."""
    with site.app.store.read() as connection:
        entry = _entry(connection, name.removesuffix(".json"))
        return _file("x.json", openvex_bytes(connection, publisher_of(site), entry))


def render_csaf(site: Site, path: str) -> Rendered:
    """A file below /csaf. Raises WrongRequest (404)."""
    named = _CSAF_DOCUMENT.fullmatch(path)
    if named is None:
        return _pick(site, csaf_files, f"csaf/{path}")
    with site.app.store.read() as connection:
        published = csaf_published(connection, publisher_of(site), _entry(connection, named["id"]))
    if not path.startswith(published.path):
        raise WrongRequest("No CSAF file has this name; /csaf/index.txt lists them.", 404)
    return _file(path, hash_line(published, named["hash"]) if named["hash"] else published.body)


def render_metadata(site: Site) -> Rendered:
    return _pick(site, csaf_files, METADATA_PATH)


def _entry(connection: Connection, name: str) -> Entry:
    stored = lookup.load_stored(connection, name)
    return Entry(advisory=stored.advisory, changed=stored.at)


def _pick(site: Site, files: Callable[[Connection, Publisher], Iterator[tuple[str, bytes]]], wanted: str) -> Rendered:
    with site.app.store.read() as connection:
        for path, body in files(connection, publisher_of(site)):
            if path == wanted:
                return _file(path, body)
    raise WrongRequest("No file has this name; /csaf/index.txt and /osv/modified_id.csv list them.", 404)


def _file(path: str, body: bytes) -> Rendered:
    media = _MEDIA.get(path.rpartition(".")[2], _PLAIN)
    return Rendered(body=body, media=media, max_age=300, open_to_all=True)
