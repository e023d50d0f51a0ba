"""`git format-patch` text (git-format-patch(1)): cgit's /patch/ page and the files of the stable queue."""

from __future__ import annotations

import re
from datetime import datetime

from advisories.mail import MailError, parse_mail
from sources.errors import ParseError
from sources.trees.observe import Written

_START = re.compile(rb"From ([0-9a-f]{40})\b[^\n]*\n")
_SUBJECT = re.compile(rb"^Subject:[ \t]*(?!\[PATCH)", re.IGNORECASE | re.MULTILINE)


def commit_of(body: bytes) -> str | None:
    """The id on the first line, or None when the text does not begin as a patch does."""
    found = _START.match(body)
    return found[1].decode() if found else None


def read_patch(body: bytes, *, commit: str, seen_at: datetime) -> Written:
    """The commit of a patch. Its committer's time is not in the text: `seen_at` stands for it. Raises ParseError."""
    try:
        mail = parse_mail(_SUBJECT.sub(b"Subject: [PATCH] ", body, count=1), received_at=None)
    except MailError as error:
        raise ParseError(f"not a patch: {error}") from None
    if not mail.title:
        raise ParseError("a patch without a subject")
    return Written(
        commit=commit,
        subject=mail.title,
        message=mail.text.partition("\n---\n")[0],
        author_name=mail.author_name,
        author_email=mail.author_addr,
        author_at=mail.sent_at or seen_at,
        committed_at=seen_at,
        files=mail.files,
        patch_id=mail.patch_id,
    )
