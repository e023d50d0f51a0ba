"""Every document of a store, for the web and for `export`: the same bytes in both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from advisories.model import Advisory
from advisories.words import ChangeType
from bot.app import program_version
from bot.documents.common import Publisher, cve_of
from bot.documents.csaf import Revision, csaf_document, file_name, tracking_id
from bot.documents.csaf_provider import (
    FEED,
    Published,
    changes,
    hash_line,
    index,
    provider_metadata,
    rolie,
    written,
)
from bot.documents.openvex import openvex_document
from bot.documents.osv import all_zip, modified_list, osv_document
from storage import advisories as advisory_store
from storage import changes as change_store

METADATA_PATH = ".well-known/csaf/provider-metadata.json"
EMPTY_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MAX_REVISIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An advisory with the time of its newest state."""

    advisory: Advisory
    changed: datetime


def entries(connection: Connection) -> list[Entry]:
    rows = advisory_store.list_advisories(connection)
    found = [Entry(advisory=advisory, changed=at) for _, at, advisory in rows]
    return sorted(found, key=lambda one: one.advisory.id)


def osv_bytes(publisher: Publisher, one: Entry) -> bytes | None:
    document = osv_document(publisher, one.advisory, changed=one.changed)
    return None if document is None else written(document)


def openvex_bytes(connection: Connection, publisher: Publisher, one: Entry) -> bytes:
    history = revisions(connection, one)
    document = openvex_document(
        publisher,
        one.advisory,
        first_at=history[0].at,
        changed=one.changed,
        revision=len(history),
        version=program_version(),
    )
    return written(document)


def csaf_published(connection: Connection, publisher: Publisher, one: Entry) -> Published:
    history = revisions(connection, one)
    document = csaf_document(publisher, one.advisory, history, changed=one.changed, version=program_version())
    return Published(
        path=f"{history[0].at:%Y}/{file_name(one.advisory)}",
        id=tracking_id(one.advisory),
        title=document["document"]["title"],
        first_at=history[0].at,
        current_at=history[-1].at,
        body=written(document),
    )


def revisions(connection: Connection, one: Entry) -> list[Revision]:
    """What changed, by moment, oldest first; at least one."""
    told: dict[datetime, list[str]] = {}
    found = change_store.list_changes(connection, advisory=one.advisory.id, with_quiet=False)
    for change in found:
        if change.draft.change is not ChangeType.TEXT_CHANGED:
            told.setdefault(change.draft.at.replace(microsecond=0), []).append(change.draft.text)
    history = [Revision(at=at, summary="; ".join(told[at])) for at in sorted(told)]
    if len(history) > MAX_REVISIONS:
        history = [history[0], *history[1 - MAX_REVISIONS :]]
    return history or [Revision(at=one.changed.replace(microsecond=0), summary="First version")]


def osv_files(connection: Connection, publisher: Publisher) -> Iterator[tuple[str, bytes]]:
    """NAME.json of each CVE, all.zip and modified_id.csv."""
    documents: list[tuple[str, bytes]] = []
    rows: list[tuple[str, datetime]] = []
    for one in entries(connection):
        body, cve = osv_bytes(publisher, one), cve_of(one.advisory)
        if body is not None and cve is not None:
            documents.append((cve, body))
            rows.append((cve, one.changed))
            yield f"osv/{cve}.json", body
    yield "osv/all.zip", all_zip(documents)
    yield "osv/modified_id.csv", modified_list(rows)


def csaf_files(connection: Connection, publisher: Publisher) -> Iterator[tuple[str, bytes]]:
    """Each document with its hashes, and what a provider owes around them."""
    published = [csaf_published(connection, publisher, one) for one in entries(connection)]
    newest = max((one.current_at for one in published), default=EMPTY_SINCE)
    for one in published:
        yield f"csaf/{one.path}", one.body
        yield f"csaf/{one.path}.sha256", hash_line(one, "sha256")
        yield f"csaf/{one.path}.sha512", hash_line(one, "sha512")
    yield "csaf/index.txt", index(published)
    yield "csaf/changes.csv", changes(published)
    yield f"csaf/{FEED}", written(rolie(publisher, published, newest))
    yield METADATA_PATH, written(provider_metadata(publisher, newest))


def openvex_files(connection: Connection, publisher: Publisher) -> Iterator[tuple[str, bytes]]:
    for one in entries(connection):
        yield f"openvex/{one.advisory.id}.json", openvex_bytes(connection, publisher, one)
