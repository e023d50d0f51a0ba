"""Taking secrets out of text before it is logged or stored: tokens and passwords never leave."""

from __future__ import annotations

import re

_SECRETS = (
    (re.compile(r"[0-9]{5,20}:[A-Za-z0-9_-]{30,}"), "[token]"),  # a Telegram bot token, also within its address
    (re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]*(?=@)"), "[credentials]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 [token]"),
    (re.compile(r"\b(syt|mat|mct)_[A-Za-z0-9_=-]{8,}"), "[token]"),  # Matrix access tokens
    (
        re.compile(r"(?i)\b((?:access_)?token|password|secret|api_?key)(\"?\s*[=:]\s*\"?)[^\s\"&,;}]+"),
        r"\1\2[redacted]",
    ),
)


def redact_text(text: str) -> str:
    """The text without anything that looks like a token, a password or credentials in an address."""
    for shape, instead in _SECRETS:
        text = shape.sub(instead, text)
    return text
