"""mbox in the mboxrd form (public-inbox's /raw and mbox.gz): `From ` lines between mails, `>From ` in them.

A `From ` line counts only where a mail begins after it: an archive that did not stuff its mails does not cut them.
"""

from __future__ import annotations

import re
from typing import Final

MOST_MAILS: Final = 10_000
_SEPARATOR = re.compile(rb"^From [^\n]*\n(?=[!-9;-~]{1,100}[ \t]*:)", re.MULTILINE)
_STUFFED = re.compile(rb"^>(>*From )", re.MULTILINE)
_ENVELOPE: Final = b"From mboxrd@z "


def is_mbox(body: bytes) -> bool:
    return _SEPARATOR.match(body) is not None


def split_mbox(body: bytes) -> list[bytes]:
    """The mails, as they were before they were put into the mbox."""
    starts = list(_SEPARATOR.finditer(body))
    starts = [one for one in starts if one.start() == 0 or _ends_a_mail(body[max(one.start() - 3, 0) : one.start()])]
    ends = [one.start() for one in starts[1:]] + [len(body)]
    mails = [body[one.end() : end] for one, end in zip(starts[:MOST_MAILS], ends, strict=False)]
    return [_STUFFED.sub(rb"\1", mail).removesuffix(b"\n") for mail in mails]


def _ends_a_mail(before: bytes) -> bool:
    return before.endswith((b"\n\n", b"\n\r\n"))


def without_envelope(body: bytes) -> bytes:
    """A mail of /raw without what makes it an mbox of one."""
    return split_mbox(body)[0] if body.startswith(_ENVELOPE) and is_mbox(body) else body
