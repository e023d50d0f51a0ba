"""A list mail, an mbox of several, or a public-inbox Atom feed to mails; told apart by content.

The archive's time of a mail comes in the kind ("mail@1777000000", seconds); a plain "mail" or "" counts as received at
the time of fetch, as in a recording.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from advisories.mail import MailError, PatchMail, parse_mail
from advisories.observation import ParsedDocument, Record, Rejected
from sources.base import RawDocument
from sources.errors import ParseError
from sources.lore.address import is_archived, received_at
from sources.lore.atom import as_mail, read_entries
from sources.lore.mbox import is_mbox, split_mbox

LARGEST: Final = 128 * 1024 * 1024
_MARKUP = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:\?xml|feed\b)")
_PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body)\b", re.IGNORECASE)


def parse(raw: RawDocument) -> ParsedDocument:
    """One record a mail. Raises ParseError when the document is no mail, mbox or feed."""
    body = raw.body
    if not body.strip():
        raise ParseError("the document is empty")
    if len(body) > LARGEST:
        raise ParseError(f"more than {LARGEST} bytes")
    if is_archived(raw.kind):  # whatever it looks like, it came out of the archive as one mail
        return _one(body, received_at(raw.kind, raw.at))
    if _PAGE.match(body):
        raise ParseError("a page for people, not a mail")
    if _MARKUP.match(body):
        return _several([(as_mail(entry), entry.updated or raw.at) for entry in read_entries(body)])
    if is_mbox(body):
        return _several([(mail, raw.at) for mail in split_mbox(body)])
    return _one(body, raw.at)


def _one(body: bytes, at: datetime) -> ParsedDocument:
    try:
        return ParsedDocument(records=(_record(parse_mail(body, received_at=at)),))
    except MailError as error:
        raise ParseError(str(error)) from None


def _several(mails: Iterable[tuple[bytes, datetime]]) -> ParsedDocument:
    records: dict[str, Record] = {}
    rejected: list[Rejected] = []
    for number, (mail, at) in enumerate(mails, start=1):
        try:
            record = _record(parse_mail(mail, received_at=at))
        except MailError as error:
            rejected.append(Rejected(key=f"mail {number}", what=str(error)))
            continue
        records.setdefault(record.key, record)
    if not records:
        raise ParseError("none of its mails can be read")
    return ParsedDocument(records=tuple(records.values()), rejected=tuple(rejected))


def _record(mail: PatchMail) -> Record:
    return Record(key=f"mail/{mail.content_key}", observations=(mail,), modified=mail.received_at)
