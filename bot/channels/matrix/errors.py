"""What went wrong at the homeserver, as the kinds that the ledger knows (client-server API, "Standard error response").

A destination is given up on an exact code only: an unknown answer never disables anyone.
"""

from __future__ import annotations

import math
import re

from bot.channels.base import ChannelError, NotSent, Permanent, Refused, Stopped, Unknown
from bot.redact import redact_text

MAX_WAIT_SECONDS = 3600.0
PUZZLING_TRIES = 8  # how often a refusal that we do not know is tried again
_DEFAULT_WAIT_SECONDS = 5.0
_NO_ACCOUNT = frozenset(
    {
        "M_UNKNOWN_TOKEN",
        "M_MISSING_TOKEN",
        "M_USER_DEACTIVATED",
        "M_USER_LOCKED",
        "M_USER_SUSPENDED",
        "M_CONSENT_NOT_GIVEN",
    }
)
_NAMED = re.compile(r"(?<![\w/])([!@#$])[^\s]{3,}")  # rooms, people and events; no log or note keeps who they are
_WHAT = {"!": "[room]", "#": "[room]", "@": "[person]", "$": "[event]"}


class Limited(NotSent):
    """Too many requests; `retry_after` is the homeserver's word for all rooms, at most an hour."""


class TooLarge(Permanent):
    """The event is larger than the homeserver takes."""


class NotThere(NotSent):
    """What was asked for does not exist, or we may not know of it."""


class NotReady(NotSent):
    """What has to be known before the event goes did not come; the event was not sent."""


class NoKeys(Refused):
    """The room is encrypted, and we have no keys."""


class OddRelation(NotSent):
    """The event that this one answers or replaces is not in this room, or cannot be answered."""


def classify(status: int, code: str, text: str, *, retry_after: float | None, secret: str) -> ChannelError:
    """The channel's error for an answer of the homeserver; `code` is its errcode, "" for none. The token stays out."""
    said = told(f"{code} {text}".strip() or f"HTTP {status}", secret)
    if code == "M_LIMIT_EXCEEDED" or status == 429:
        return Limited("too many requests", retry_after=_bounded(retry_after))
    if code in _NO_ACCOUNT:
        return Stopped(f"the homeserver refuses the account or its token ({code})")
    if code == "M_FORBIDDEN" and status == 403:
        return Refused(said)
    if code == "M_TOO_LARGE" or (status == 413 and not code):
        return TooLarge(said)
    if code == "M_NOT_FOUND":
        return NotThere(said, tries=PUZZLING_TRIES)
    if code in ("M_BAD_JSON", "M_NOT_JSON"):
        return Permanent(said)
    if status >= 500:
        return Unknown(f"the homeserver answers {status}")
    if not code:
        return Unknown(f"the answer is none of a homeserver's (HTTP {status})")
    if status == 400 and ("elation" in text or "start threads" in text):
        return OddRelation(said, tries=PUZZLING_TRIES)
    return NotSent(said, tries=PUZZLING_TRIES)


def told(text: str, secret: str) -> str:
    """At most 300 characters, without the token and without the names of rooms, people and events."""
    clean = text[:2000].replace(secret, "[token]") if secret else text[:2000]
    return _NAMED.sub(lambda found: _WHAT[found[1]], redact_text(clean))[:300]


def _bounded(seconds: float | None) -> float:
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return _DEFAULT_WAIT_SECONDS
    return min(seconds, MAX_WAIT_SECONDS)
