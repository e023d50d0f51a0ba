"""Release feeds of programs that carry a mitigation or use the interface: links with the program's name.

A feed's address tells whose it is: github.com/moby/moby/releases.atom, gitlab.com/cryptsetup/cryptsetup/-/tags,
cgit's …/ell.git/atom/. An entry is often titled by its version alone ("v29.4.2").
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from advisories.observation import LinkObservation, ParsedDocument, Record, Rejected
from sources.base import RawDocument
from sources.formats.feed import read_feed
from sources.formats.text import clean_line

LONGEST_TITLE: Final = 300

_NO_NAMES: Final = frozenset({"releases.atom", "tags.atom", "releases", "tags", "-", "atom", "log", "feed", "rss"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,59}")


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per entry. Raises ParseError; an entry without a link that can be shown is rejected."""
    project = project_of(raw.url)
    records: list[Record] = []
    rejected: list[Rejected] = []
    for entry in read_feed(raw.body):
        if entry.link is None:
            rejected.append(Rejected(key=entry.identity, what="no link that can be shown"))
            continue
        link = LinkObservation(
            title=_title(project, entry.title),
            url=entry.link,
            published=entry.published,
            summary=entry.summary,
        )
        records.append(Record(key=f"link/{entry.identity}", observations=(link,), modified=entry.published))
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected))


def project_of(url: str) -> str:
    """The last part of the address that is a name: "moby", "cryptsetup", "ell"; "" when there is none."""
    try:
        parts = [part for part in urlsplit(url).path.split("/") if part]
    except ValueError:
        return ""
    while parts and parts[-1].lower() in _NO_NAMES:
        parts.pop()
    name = parts[-1].removesuffix(".git") if parts else ""
    return name if _NAME.fullmatch(name) else ""


def _title(project: str, title: str) -> str:
    if not project or project.lower() in title.lower():
        return title or project
    return clean_line(f"{project} {title}", LONGEST_TITLE)
