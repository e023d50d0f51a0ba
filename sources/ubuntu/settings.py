"""Ubuntu's live addresses."""

from __future__ import annotations

from typing import Final

from sources.base import FetchContext

SETTINGS: Final[dict[str, str | tuple[str, ...]]] = {
    "url": "https://raw.githubusercontent.com/canonical/ubuntu-security-notices/main",
    "notices_url": "https://ubuntu.com/security/notices.json",
    "cves_url": "https://ubuntu.com/security/cves",
}


def is_asked(context: FetchContext, key: str) -> bool:
    """Whether the address of `key` is asked: not the live one when the operator moved `url` to a server of theirs."""
    moved = context.settings["url"] != SETTINGS["url"]
    return not moved or context.settings[key] != SETTINGS[key]
