"""Which mails of a list are taken: a cheap look at the bytes, before anything is parsed.

A list about one subsystem is taken whole, so that no cover letter, review or "applied" of it is missed. Of the large
lists only what names something watched is taken, and the answers to what was taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from advisories.mail import MailError
from advisories.mail_wire import decode_words, read_mail
from advisories.trailers import cves_in
from sources.base import FetchContext
from sources.formats.watched import WatchedTerms
from sources.lore.progress import Progress

WHOLE_LISTS: Final = frozenset({"linux-crypto"})
HEAD_LIMIT: Final = 256 * 1024

_START = re.compile(rb"(?:>?From [^\n]{0,1000}\r?\n)?[!-9;-~]{1,100}[ \t]*:")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_MSGID = re.compile(rb"^message-id[ \t]*:[^<\n]*<[ \t]*([^<>\s]{1,998})[ \t]*>", re.IGNORECASE | re.MULTILINE)
_PARENTS = re.compile(rb"^(?:in-reply-to|references)[ \t]*:([^\n]{0,16000})", re.IGNORECASE | re.MULTILINE)
_ID = re.compile(rb"<([^<>\s]{1,998})>")
_ENCODED = re.compile(
    rb"^content-transfer-encoding[ \t]*:[ \t]*(?:base64|quoted-printable)", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What fetch needs to know of a mail. text: the unfolded header block."""

    msgid: str
    parents: tuple[str, ...]
    text: bytes


def read_header(raw: bytes) -> Header | None:
    """None when the bytes do not begin as a mail does, or name no Message-ID to ask for it by."""
    if _START.match(raw) is None:
        return None
    head = _FOLD.sub(b" ", _END_OF_HEAD.split(raw[:HEAD_LIMIT], 1)[0])
    msgid = _MSGID.search(head)
    if msgid is None:
        return None
    parents = [one for field in _PARENTS.findall(head)[:8] for one in _ID.findall(field)]
    return Header(msgid=_text(msgid[1]), parents=tuple(map(_text, parents)), text=head)


def _text(msgid: bytes) -> str:
    return msgid.decode("utf-8", "replace")


class Wanted:
    """Decides mail by mail, parents before their answers; remembers in `progress` what it took."""

    def __init__(self, context: FetchContext, progress: Progress) -> None:
        self._context = context
        self._progress = progress
        self._terms = WatchedTerms.of(context.watch)

    def takes(self, name: str, header: Header, raw: bytes) -> bool:
        """Whether this mail of the list `name` is to be stored."""
        watched = self._progress.knows(header.parents) or self._names_something(header, raw)
        if watched:
            self._progress.keep([header.msgid])
        return watched or name in WHOLE_LISTS

    def _names_something(self, header: Header, raw: bytes) -> bool:
        if self._terms.are_in(raw) or self._terms.are_in(header.text):
            return True
        encoded = b"=?" in header.text or _ENCODED.search(raw) is not None
        if not encoded and b"CVE-" not in raw:
            return False
        text = _decoded(raw) if encoded else raw.decode("utf-8", "replace")
        return (encoded and self._terms.are_in_text(text)) or any(map(self._context.wants_cve, cves_in(text)))


def _decoded(raw: bytes) -> str:
    try:
        mail = read_mail(raw)
    except MailError:
        return ""
    return "\n".join([decode_words(mail.first("subject")), mail.text, *mail.attachments])
