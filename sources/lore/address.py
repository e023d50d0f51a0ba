"""Addresses of the archive (public-inbox: Documentation/design_www.txt)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

MAIL: Final = "mail"
_KEPT_AS_IT_IS: Final = "@+=!$&'*,;:~._-"
_RECEIVED = re.compile(r"mail@([0-9]{1,11})")
_LIST_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,70}")


def is_list_name(name: str) -> bool:
    """Whether a name may stand in an address and name a mirror."""
    return _LIST_NAME.fullmatch(name) is not None and not name.endswith((".lock", ".new", ".old")) and ".." not in name


def mail_address(origin: str, name: str, msgid: str) -> str:
    """The mail as it came: ORIGIN/LIST/MSGID/raw. What an address cannot hold of a Message-ID is percent-encoded."""
    return f"{origin}/{name}/{quote(msgid, safe=_KEPT_AS_IT_IS)}/raw"


def kind_received(at: datetime) -> str:
    """The kind of a mail of which the archive's time is known: "mail@1777000000"."""
    return f"{MAIL}@{max(int(at.timestamp()), 0)}"


def is_archived(kind: str) -> bool:
    """Whether a kind is that of a mail with the archive's time."""
    return _RECEIVED.fullmatch(kind) is not None


def received_at(kind: str, default: datetime) -> datetime:
    """The archive's time that a kind names; `default`, the time of fetch, when it names none."""
    found = _RECEIVED.fullmatch(kind)
    return datetime.fromtimestamp(int(found[1]), tz=UTC) if found else default
