"""Reports of failed mail (RFC 3464): read purely, believed only with a return path that we signed."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import Message as Mail

from sqlalchemy import Connection

from bot.digest.address import hide_addresses
from bot.digest.keys import MailKeys, find_tags
from bot.messages.safe import show_text
from storage import delivery, mail, source_health

MAX_REPORT_BYTES = 1_000_000
BOUNCES = 3  # permanent failures that are no unknown mailbox
NO_MAILBOX = "5.1.1"
_STATUS = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})")
_MAX_PARTS = 30
_RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "To")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A permanent failure. status: of RFC 3463. said: the far end's words, safe to show and to keep. recipients: where
    the report was sent to. key: the same for copies of one report."""

    status: str
    said: str
    recipients: tuple[str, ...]
    key: str


class NoReport(Exception):
    """Not a report of a permanent failure; the text says what it is instead."""


def parse_report(raw: bytes) -> Report:
    """Raises NoReport."""
    if len(raw) > MAX_REPORT_BYTES:
        raise NoReport("it is too large for a report")
    try:
        whole = message_from_bytes(raw, policy=policy.compat32)
        fields = _failed_fields(whole)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise NoReport("it cannot be read as a mail") from None
    status = _STATUS.search(_field(fields, "Status"))
    if status is None:
        raise NoReport("its status is none of RFC 3463")
    if status[1] != "5":
        raise NoReport(f"status {status[0]} is not permanent")
    said = show_text(hide_addresses(_field(fields, "Diagnostic-Code")) or "no reason given", limit=200)
    recipients = tuple(str(value) for name in _RECIPIENT_HEADERS for value in whole.get_all(name, []))
    named = str(whole.get("Message-ID", "")) or repr(fields.items())
    key = hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()
    return Report(status=status[0], said=said, recipients=recipients[:10], key=key)


def _failed_fields(whole: Mail) -> Mail:
    """The fields of the first recipient whose delivery failed (RFC 3464 section 2.3)."""
    kind = whole.get_param("report-type", "")
    if whole.get_content_type() != "multipart/report" or str(kind).lower() != "delivery-status":
        raise NoReport("it is no delivery status report (an automatic reply, or a letter)")
    parts = whole.get_payload()
    for part in parts[:_MAX_PARTS] if isinstance(parts, list) else ():
        if isinstance(part, Mail) and part.get_content_type() == "message/delivery-status":
            blocks = part.get_payload()
            for block in blocks[:_MAX_PARTS] if isinstance(blocks, list) else ():
                if isinstance(block, Mail) and _field(block, "Action").strip().lower() == "failed":
                    return block
    raise NoReport("no delivery failed (delayed, or delivered)")


def _field(block: Mail, name: str) -> str:
    return str(block.get(name, ""))[:1000]


def find_recipient(connection: Connection, keys: MailKeys, report: Report, given: str) -> tuple[int, str] | None:
    """(destination, address) of the reader whose signed tag the report was sent to. given: the recipient as the MTA
    names it, "" where it does not."""
    for recipient in (given, *report.recipients):
        for number, tag in find_tags(recipient):
            address = mail.find_address(connection, number)
            if address is not None and hmac.compare_digest(keys.return_tag(number, address), tag):
                return number, address
    return None


def take_bounce(
    connection: Connection, keys: MailKeys, reader: tuple[int, str], *, report: str, gone: bool, why: str, now: datetime
) -> bool:
    """Counts a failure; True when the reader gets no more mail. gone: there is no such mailbox."""
    destination, address = reader
    number = mail.count_bounce(connection, destination, report=report, at=now)
    if not gone and number < BOUNCES:
        return False
    if not mail.is_active(connection, destination):
        return True
    mail.suppress(connection, keys.hash_address(address), why, at=now)
    delivery.disable_destination(connection, destination, why)
    source_health.add_note(connection, f"mail destination {destination} is disabled: {why}", at=now)
    return True
