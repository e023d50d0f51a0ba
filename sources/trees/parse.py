"""Documents of a git tree to commits. What it is is told by its content: our own JSON (see document.py), patch text, a
stable ChangeLog, cgit's Atom feed, log page or commit page; tree and branch of the latter by source and address."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from advisories.observation import ParsedDocument, Record, RefsObservation, Rejected
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line, is_commit_id
from sources.trees import cgit, changelog, patch_text
from sources.trees.document import MOST_DROPPED, CommitDocument, QueuedDocument, RefsDocument, TreeDocument
from sources.trees.observe import Place, Written, observation, record, split_message
from sources.trees.tree import DEFAULT_BRANCHES

LARGEST: Final = 32 * 1024 * 1024
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,200}")
_HTML = re.compile(rb"\s*(?:<!doctype html|<html)", re.IGNORECASE)
_MARKUP = re.compile(rb"\s*<(?:\?xml|feed|rss)")


def parse(raw: RawDocument) -> ParsedDocument:
    """Raises ParseError when the document as a whole is none of these."""
    body = raw.body.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        raise ParseError("the document is empty")
    if len(body) > LARGEST:
        raise ParseError(f"more than {LARGEST} bytes")
    if body.lstrip().startswith(b"{"):
        return _own_document(raw, body)
    if changelog.is_changelog(body):
        place, read, rejected = changelog.read_changelog(body, raw.source)
        return _commits(place, read, rejected)
    place = Place(tree=raw.source, branch=_branch_of(raw.url))
    if (commit := patch_text.commit_of(body)) is not None:
        return _commits(place, [patch_text.read_patch(body, commit=commit, seen_at=raw.at)], [])
    if _HTML.match(body):
        return _commits(place, *cgit.read_page(body))
    if _MARKUP.match(body):
        return _commits(place, *cgit.read_feed(body))
    raise ParseError("neither a commit, a patch, a change log nor a page of cgit")


def _commits(place: Place, read: Iterable[Written], rejected: Iterable[Rejected]) -> ParsedDocument:
    return ParsedDocument(
        records=tuple(record(observation(place, one)) for one in read),
        rejected=tuple(rejected),
    )


def _branch_of(url: str) -> str:
    """The `h=` of a cgit address; the default branch when it names none."""
    try:
        named = parse_qs(urlsplit(url).query).get("h", [""])[0]
    except ValueError:
        named = ""
    return named if _BRANCH.fullmatch(named) else DEFAULT_BRANCHES[0]


def _own_document(raw: RawDocument, body: bytes) -> ParsedDocument:
    # mypy cannot see a union of structs as a type object; msgspec takes it
    one: TreeDocument = decode_json(body, TreeDocument, "the record of a tree")  # type: ignore[arg-type]
    if isinstance(one, CommitDocument):
        return ParsedDocument(records=(_commit_record(one),))
    if isinstance(one, QueuedDocument):
        return _queued(one)
    return ParsedDocument(records=(_refs_record(one),))


def _commit_record(one: CommitDocument) -> Record:
    _check_ids(one.commit)
    subject, message = split_message(one.message)
    tag = one.tags[0] if one.tags else None
    place = Place(
        tree=clean_line(one.tree),
        branch=clean_line(one.branch),
        tag=clean_line(tag.name) if tag else None,
        tagged_at=_utc(tag.at) if tag else None,
    )
    return record(
        observation(
            place,
            Written(
                commit=one.commit,
                subject=subject,
                message=message,
                author_name=one.author.name,
                author_email=one.author.email,
                author_at=_utc(one.author.at),
                committed_at=_utc(one.committed_at),
                files=tuple(one.files),
                patch_id=one.patch_id if is_commit_id(one.patch_id or "") else None,
            ),
        )
    )


def _queued(one: QueuedDocument) -> ParsedDocument:
    """A file of the queue that is no patch is rejected by its name."""
    _check_ids(one.commit)
    key = f"queued/{clean_line(one.file)}"
    queued_at = _utc(one.committed_at)
    place = Place(tree=clean_line(one.tree), branch=clean_line(one.branch))
    try:
        written = patch_text.read_patch(one.patch.encode("utf-8", "replace"), commit=one.commit, seen_at=queued_at)
    except ParseError as error:
        return ParsedDocument(records=(), rejected=(Rejected(key=key, what=str(error)),))
    return ParsedDocument(records=(Record(key=key, observations=(observation(place, written),)),))


def _refs_record(one: RefsDocument) -> Record:
    _check_ids(one.old, one.new, *one.dropped[:MOST_DROPPED])
    return Record(
        key=f"refs/{clean_line(one.branch)}/{one.old}",
        observations=(RefsObservation(tree=clean_line(one.tree), rewritten=tuple(one.dropped[:MOST_DROPPED])),),
    )


def _check_ids(*ids: str) -> None:
    for one in ids:
        if not is_commit_id(one):
            raise ParseError(f"{one[:80]!r} is no commit id")


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ParseError("a time outside the calendar") from None
