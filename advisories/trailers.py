"""Trailers of a message: names, people, Fixes, links and upstream ids. Each line is read once and never quoted text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from advisories.mail_address import parse_address
from advisories.mail_values import Trailer

TRAILER_LIMIT = 200
VALUE_LIMIT = 300
LINK_LIMIT = 50
REVIEW_NAMES = frozenset({"Reviewed-by", "Acked-by", "Tested-by", "Nacked-by", "Reviewed-and-tested-by"})
_PERSONAL = re.compile(r"[A-Z][a-z]+(?:-[a-z]+){0,4}-by")
_UTILITY = frozenset({"Fixes", "Link", "Closes", "Cc", "Message-id", "Change-id", "Bugzilla", "Patch-link"})
_LINE = re.compile(r"([A-Za-z][A-Za-z-]{1,40})[ \t]*:[ \t]*(\S.*)")
_FIXES = re.compile(r"(?:commit\s+)?([0-9a-f]{7,40})\b\s*(?:,?\s*\(?[\"'“](.*?)[\"'”]\)?)?", re.IGNORECASE)
_NACK = re.compile(
    r"(?:(?:so|big|strong|hard|soft|definite(?:ly)?|clear)\s+)?(?:a\s+)?(?:NACK|NAK|Nack|Nak)(?:ed)?"
    r"(?:\s*$|\s*[.!,;]|\s+-|\s+(?:to|on|from|for|by|this|as)\b)"
)
_ARCHIVE = re.compile(
    r"https?://(?:(?:lore|lkml)\.kernel\.org/(?:[A-Za-z0-9_.+-]{1,80}/)?|(?:patch\.)?msgid\.link/)"
    r"([^\s/<>\"]{1,300}@[^\s/<>\"()\[\],;]{1,200})"
)
_UPSTREAM = (
    re.compile(r"^[ \t]*commit\s+([0-9a-f]{12,40})\s+upstream\b", re.IGNORECASE | re.MULTILINE),
    re.compile(r"^[ \t]*\[[ \t]*upstream\s+commit:?\s+([0-9a-f]{12,40})\s*\]", re.IGNORECASE | re.MULTILINE),
    re.compile(r"^[ \t]*upstream\s+commit:?\s+([0-9a-f]{12,40})\b", re.IGNORECASE | re.MULTILINE),
    re.compile(r"\(cherry[ -]picked from commit\s+([0-9a-f]{12,40})", re.IGNORECASE),
)
_REVERTS = re.compile(r"^[ \t]*This reverts commit\s+([0-9a-f]{7,40})\b", re.IGNORECASE | re.MULTILINE)
_CVE = re.compile(r"(?<![A-Za-z0-9-])CVE-((?:19|20)[0-9]{2})-([0-9]{4,7})(?![0-9])", re.IGNORECASE | re.ASCII)


def read_trailers(lines: Iterable[str]) -> tuple[Trailer, ...]:
    """The trailers among these lines, in order, each once; a value folded onto an indented line is joined."""
    found: dict[tuple[str, str], Trailer] = {}
    name = value = ""
    for line in (*lines, ""):
        if name and line[:1] in {" ", "\t"} and line.strip():
            value = f"{value} {line.strip()}"
            continue
        if name and len(found) < TRAILER_LIMIT:
            trailer = _trailer(name, value[:VALUE_LIMIT])
            if trailer is not None:
                found.setdefault((trailer.name, trailer.value), trailer)
        name = ""
        match = _LINE.match(line) if ":" in line[:42] else None
        if match is not None:
            name, value = match[1].capitalize(), match[2].rstrip()
    return tuple(found.values())


def _trailer(name: str, value: str) -> Trailer | None:
    if name in _UTILITY:
        return Trailer(name=name, value=value)
    if _PERSONAL.fullmatch(name) is None:
        return None
    called, addr = parse_address(value.split(" # ", maxsplit=1)[0].split(" [", maxsplit=1)[0].strip())
    person = addr or " ".join((called or value).lower().split())
    return Trailer(name=name, value=value, person=person)


def nack_of(lines: Iterable[str], person: str) -> Trailer | None:
    """A bare NACK that opens a line of a reply, as a trailer of its sender."""
    for line in lines:
        if _NACK.match(line):
            return Trailer(name="Nacked-by", value=line[:VALUE_LIMIT], person=person)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixesTag:
    """What a `Fixes:` line names: commit id of 7 to 40 digits in lower case, and the title it quotes or ""."""

    commit: str
    title: str


def fixes_of(trailers: Iterable[Trailer]) -> tuple[FixesTag, ...]:
    """The commits that the `Fixes:` trailers name."""
    matches = (_FIXES.match(one.value) for one in trailers if one.name == "Fixes")
    return tuple(FixesTag(commit=one[1].lower(), title=one[2] or "") for one in matches if one)


def linked_msgids(text: str) -> tuple[str, ...]:
    """Message-IDs that archive addresses in this text name, each once."""
    if "://" not in text:
        return ()
    found = (unquote(match[1]).rstrip(".'") for match in _ARCHIVE.finditer(text))
    return tuple(dict.fromkeys(found))[:LINK_LIMIT]


def upstream_of(message: str) -> str | None:
    """The upstream commit that a stable commit or backport names in one of the three spellings."""
    if "commit" not in message and "Commit" not in message:
        return None
    for spelling in _UPSTREAM:
        if found := spelling.search(message):
            return found[1].lower()
    return None


def reverted_by(message: str) -> str | None:
    """The commit that `This reverts commit …` names, 7 to 40 digits."""
    found = _REVERTS.search(message) if "everts" in message else None
    return found[1].lower() if found else None


def cves_in(text: str) -> tuple[str, ...]:
    """CVE ids in this text, ASCII digits only, each once."""
    if "cve-" not in text.lower():
        return ()
    return tuple(dict.fromkeys(f"CVE-{year}-{number}" for year, number in _CVE.findall(text)))[:LINK_LIMIT]
