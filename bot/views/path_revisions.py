"""The revisions of a patch compared with each other, from the mails as they are kept."""

from __future__ import annotations

from itertools import pairwise

from sqlalchemy import Connection

from advisories.mail import MailError, parse_mail
from advisories.mail_body import read_body
from advisories.mail_wire import clean_text, read_mail
from advisories.patches import Patch, Revision
from advisories.range_diff import Difference, Posting, RangeDiff, compare_postings
from bot.views.status import Json
from sources.lore.mbox import is_mbox, split_mbox
from storage import documents as document_store
from storage.blobs import BlobStore
from storage.errors import StorageError

NEWEST = 10  # revisions that are compared
DOCUMENT_BYTES = 4 * 1024 * 1024  # a longer document is not taken apart for a page
DIFF_CHARS = 1_000_000


def range_diff_views(connection: Connection, blobs: BlobStore, patch: Patch) -> list[Json]:
    """One for each revision that follows another, oldest first. `known` is false where a mail is not kept."""
    postings = [(one.ref, _posting(connection, blobs, one)) for one in patch.revisions[-NEWEST:]]
    return [
        _view(compare_postings(older, newer)) if older and newer else {"old": old, "new": new, "known": False}
        for (old, older), (new, newer) in pairwise(postings)
    ]


def _posting(connection: Connection, blobs: BlobStore, revision: Revision) -> Posting | None:
    raw = _raw_mail(connection, blobs, revision)
    if raw is None:
        return None
    body = read_body(read_mail(raw).text)
    return Posting(
        ref=revision.ref,
        title=revision.title,
        message=tuple(clean_text(body.text).split("\n")),
        diff=clean_text(body.diff[:DIFF_CHARS]),
    )


def _raw_mail(connection: Connection, blobs: BlobStore, revision: Revision) -> bytes | None:
    """The mail out of the document that brought it: alone, or one of an mbox."""
    size = document_store.size_of(connection, revision.evidence.sha256)
    if size is None or size > DOCUMENT_BYTES:
        return None
    try:
        document = blobs.get(revision.evidence.sha256)
    except StorageError:
        return None
    for mail in split_mbox(document) if is_mbox(document) else [document]:
        try:
            if parse_mail(mail, received_at=None).msgid == revision.msgid:
                return mail
        except MailError:
            continue
    return None


def _view(found: RangeDiff) -> Json:
    return {
        "old": found.older,
        "new": found.newer,
        "known": True,
        "same": found.is_same,
        "subject": list(found.titles) if found.titles else None,
        "message": _difference(found.message) if found.message else None,
        "files": [
            {"path": one.path, "what": one.what, "hunks": one.hunks, **_difference(one.difference)}
            for one in found.files
        ],
        "more_files": found.more_files,
        "cut": found.cut,
    }


def _difference(one: Difference) -> Json:
    return {
        "removed": one.removed,
        "added": one.added,
        "lines": list(one.lines),
        "left_out": one.left_out,
        "too_long": one.too_long,
    }
