"""Text, ids and links of foreign documents, made safe to keep: bounded, without NULs and lone surrogates."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

LONGEST_TEXT: Final = 20_000
LONGEST_LINE: Final = 500
LONGEST_LINK: Final = 2_000

# The form of the CVE program: four digits, or more without a leading zero. ASCII only, no white space around it.
_CVE_ID = re.compile(r"CVE-(?:1999|2[0-9]{3})-(?:[0-9]{4}|[1-9][0-9]{4,18})")
_NAMED_CVE_ID = re.compile(rf"(?<![A-Za-z0-9-]){_CVE_ID.pattern}(?![A-Za-z0-9-])")
_COMMIT_ID = re.compile(r"[0-9a-f]{40}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CWE_ID = re.compile(r"CWE-[1-9][0-9]{0,5}")
_LINK = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:[/?#][!-~]*)?")


def is_cve_id(text: str) -> bool:
    """Whether this is a CVE id as the CVE program writes it; "cve-2026-31431" and "CVE-2026-031431" are not."""
    return _CVE_ID.fullmatch(text) is not None


def named_cve_ids(text: str) -> tuple[str, ...]:
    """The CVE ids that stand as whole words in a text, in order, each once."""
    return tuple(dict.fromkeys(_NAMED_CVE_ID.findall(text)))


def is_commit_id(text: str) -> bool:
    """Whether this is a whole commit id of git (SHA-1, 40 lower-case hex digits)."""
    return _COMMIT_ID.fullmatch(text) is not None


def is_cwe_id(text: str) -> bool:
    """Whether this names a weakness; "NVD-CWE-noinfo" does not."""
    return _CWE_ID.fullmatch(text) is not None


def clean_text(text: str, limit: int = LONGEST_TEXT) -> str:
    """`text` without NULs, lone surrogates and white space at its ends, at most `limit` characters."""
    kept = text[: 2 * limit].replace("\x00", "").encode("utf-8", "ignore").decode()
    return kept.strip()[:limit].rstrip()


def clean_line(text: str, limit: int = LONGEST_LINE) -> str:
    """`clean_text` on one line: any run of white space is one space."""
    if len(text) <= limit and text.isascii() and "\x00" not in text:
        return " ".join(text.split())  # nearly every text there is: nothing to remove, nothing to cut
    return " ".join(clean_text(text, 2 * limit).split())[:limit].rstrip()


def web_link(text: str) -> str | None:
    """An http or https address without a user part and with nothing that no address holds; else None."""
    link = text.strip()
    return link if len(link) <= LONGEST_LINK and _LINK.fullmatch(link) else None


def utc_time(text: str) -> datetime | None:
    """An ISO 8601 time as aware UTC, None when it is none. Without a zone it is UTC: so NVD and CISA mean theirs."""
    if len(text) > 40 or not text.isascii():
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def iso_date(text: str) -> date | None:
    """A date YYYY-MM-DD, None when it is none."""
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
