"""What pages, feeds, API and documents read from the store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from advisories.model import Advisory, Change
from advisories.topics import Topic
from bot.views.path import path_document
from bot.views.status import Json
from bot.web.site import Site, WrongRequest
from storage import advisories as advisory_store
from storage import board, identity
from storage import changes as change_store
from storage.blobs import BlobStore

MAX_TIMELINE = 400
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An advisory as stored, with the number and time of its last change."""

    seq: int
    at: datetime
    advisory: Advisory


def resolve_name(connection: Connection, name: str) -> str:
    """The PW id of an id or alias. Raises WrongRequest (404) that says how to find one."""
    found = identity.resolve(connection, name) if _NAME.fullmatch(name) else None
    if found is None:
        raise WrongRequest("No advisory has this id or alias. The board lists all that are followed.", 404)
    return found


def load_stored(connection: Connection, name: str) -> Stored:
    """The advisory of an id or alias. Raises WrongRequest (404)."""
    found = board.load_stored(connection, resolve_name(connection, name))
    if found is None:
        raise WrongRequest("This advisory has no state at the moment; it is being rebuilt.", 404)
    seq, at, advisory = found
    return Stored(seq=seq, at=at, advisory=advisory)


def load_advisory(connection: Connection, name: str) -> Advisory:
    """Raises WrongRequest (404)."""
    return load_stored(connection, name).advisory


def list_stored(connection: Connection, *, topic: str | None = None) -> list[Stored]:
    """Every advisory, newest id first."""
    rows = advisory_store.list_advisories(connection, topic=topic)
    found = [Stored(seq=seq, at=at, advisory=advisory) for seq, at, advisory in rows]
    return sorted(found, key=lambda one: _id_order(one.advisory.id), reverse=True)


def _id_order(pw_id: str) -> tuple[int, int]:
    year, number = pw_id.split("-")[1:3]
    return int(year), int(number)


def timeline(connection: Connection, advisory: str) -> list[Change]:
    """What changed, newest first; without what only its baseline stored."""
    return change_store.list_changes(
        connection, advisory=advisory, newest_first=True, limit=MAX_TIMELINE, with_quiet=False
    )


def patches_of(connection: Connection, pw_id: str, *, compared_by: BlobStore | None = None) -> list[Json]:
    """The life of an advisory's patches as `path --format json` lists them, the main one first. compared_by: where the
    mails are kept, when their revisions are to be compared."""
    document = path_document(connection, pw_id, compared_by=compared_by)
    patches: list[Json] = document["patches"] if document else []
    return patches


def find_topic(site: Site, slug: str) -> Topic:
    """Raises WrongRequest (404) that names the topics."""
    for topic in site.app.topics:
        if topic.slug == slug:
            return topic
    there = ", ".join(topic.slug for topic in site.app.topics)
    raise WrongRequest(f"There is no such topic. The topics are: {there}.", 404)


def topics_of(site: Site, advisory: Advisory) -> Sequence[Topic]:
    return [topic for topic in site.app.topics if topic.slug in advisory.topics]


def name_of(advisory: Advisory) -> str:
    """The CVE id where there is one, else the PW id."""
    return next((alias for alias in advisory.aliases if alias.startswith("CVE-")), advisory.id)
