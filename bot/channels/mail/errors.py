"""What an MTA's answer means for a delivery (RFC 5321 section 4.2, RFC 3463 for the enhanced codes)."""

from __future__ import annotations

import re

from bot.channels.base import ChannelError, NotSent, Permanent, Refused, Stopped
from bot.digest.address import hide_addresses

FIVE_DAYS_OF_TRIES = 130  # the wait doubles to an hour and stays there
POLICY_TRIES = 3
_ENHANCED = re.compile(r"\b([245])\.([0-9]{1,3})\.([0-9]{1,3})\b")
_NOBODY = ("5.1.1", "5.1.6", "5.1.10", "5.2.1")
_UNKNOWN_USER = re.compile(
    r"(?i)user unknown|unknown user|no such (?:user|mailbox|recipient|person)|unknown (?:recipient|mailbox)"
    r"|(?:user|mailbox|recipient|account|address)[^.;]{0,80}(?:does not exist|doesn't exist|not found|unknown)"
)


def _nobody(code: int, text: str) -> bool:
    """Whether the answer says that the mailbox does not exist: by its enhanced code, else in plain words."""
    if code not in (550, 551, 553):
        return False
    enhanced = _ENHANCED.search(text)
    return enhanced[0] in _NOBODY if enhanced else _UNKNOWN_USER.search(text) is not None


def judge(stage: str, code: int, text: str) -> ChannelError:
    """The error of an answer that is no success, without addresses. stage: connect | login | MAIL | RCPT | DATA."""
    said = f"{stage}: {code} {hide_addresses(' '.join(text.split()))}"[:300]
    if stage == "login" and code >= 500:
        return Stopped(f"the MTA does not take our name and password: {said}")
    if stage in ("connect", "login"):
        return NotSent(said)
    if code < 500:
        return NotSent(said, tries=FIVE_DAYS_OF_TRIES)
    if stage in ("RCPT", "DATA") and _nobody(code, text):
        return Refused(f"no such mailbox: {said}")
    if code == 552:
        return Permanent(said)
    if stage == "MAIL":
        return Stopped(f"the MTA does not take our sender: {said}")
    return NotSent(said, tries=POLICY_TRIES)
