"""A list mail: seven headers and its text, equal to what the standard library gives; and all that we read of it."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial

from advisories.mail import parse_mail
from advisories.mail_address import parse_address
from advisories.mail_dates import parse_date
from advisories.mail_wire import decode_words, read_mail
from scripts.benches.documents import mails
from scripts.benches.figure import Figure
from scripts.benches.rounds import rates

COUNT = 1_500
SIZE = "10 KB"
_MSGID = re.compile(r"<([^<>\s]+)>")

Fields = tuple[str, str, str, datetime | None, tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], str]


def ours(raw: bytes) -> Fields:
    mail = read_mail(raw)
    name, address = parse_address(mail.first("from"))
    ids = (tuple(_MSGID.findall(mail.first(key))) for key in ("message-id", "in-reply-to", "references", "list-id"))
    msgid, reply, references, list_id = ids
    subject = decode_words(mail.first("subject"))
    return subject, name, address, parse_date(mail.first("date"), None), msgid, reply, references, list_id, mail.text


def peer(raw: bytes) -> Fields:
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    if not isinstance(mail, EmailMessage):
        raise TypeError("the default policy makes an EmailMessage")
    sender = mail["From"].addresses[0]
    ids = (
        tuple(_MSGID.findall(str(mail[key] or ""))) for key in ("Message-ID", "In-Reply-To", "References", "List-Id")
    )
    msgid, reply, references, list_id = ids
    body = mail.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    return (
        str(mail["Subject"]),
        sender.display_name,
        sender.addr_spec.lower(),
        mail["Date"].datetime.astimezone(UTC),
        msgid,
        reply,
        references,
        list_id,
        text,
    )


def check_equal(raws: list[bytes]) -> None:
    """Raises RuntimeError when the two read one mail differently."""
    for raw in raws:
        mine, theirs = ours(raw), peer(raw)
        if mine != theirs:
            raise RuntimeError(f"read differently: {mine[:-1]} and {theirs[:-1]}")


def whole(raw: bytes) -> object:
    return parse_mail(raw, received_at=None)


def read_all(read: Callable[[bytes], object], raws: list[bytes]) -> list[object]:
    return [read(raw) for raw in raws]


def run() -> list[Figure]:
    raws = list(mails(COUNT))
    check_equal(raws)
    every: list[tuple[str, Callable[[bytes], object], float | None]] = [
        ("seven headers and the text", ours, 6.0),
        ("all of parse_mail (role, trailers, files, patch-id)", whole, None),
    ]
    return [
        rates(
            f"mail of {SIZE}: {name}",
            COUNT,
            "mails/s CPU",
            partial(read_all, read, raws),
            "email policy.default",
            partial(read_all, peer, raws),
            least=least,
        )
        for name, read, least in every
    ]
