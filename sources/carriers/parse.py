"""Release feeds of programs that carry a mitigation or use the interface: links with the program's name.

A feed's address tells whose it is: github.com/moby/moby/releases.atom, gitlab.com/cryptsetup/cryptsetup/-/tags,
cgit's …/ell.git/atom/. An entry is often titled by its version alone ("v29.4.2"). Notes that name a CVE say that this
release carries something against it: a mitigation, in the program's own words, never a fix of a kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from advisories.observation import LinkObservation, MitigationObservation, Observation, ParsedDocument, Record, Rejected
from sources.base import RawDocument
from sources.formats.feed import read_feed
from sources.formats.text import clean_line, named_cve_ids

LONGEST_TITLE: Final = 300
MOST_CVES: Final = 50

_NO_NAMES: Final = frozenset({"releases.atom", "tags.atom", "releases", "tags", "-", "atom", "log", "feed", "rss"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,59}")
_VERSION = re.compile(r"(?<![A-Za-z0-9.])v?([0-9]{1,6}(?:\.[0-9]{1,6}){1,4}(?:-rc\.?[0-9]{1,3})?)(?![A-Za-z0-9.])")


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
        observations: tuple[Observation, ...] = (link, *_mitigations(project, link))
        records.append(Record(key=f"link/{entry.identity}", observations=observations, modified=entry.published))
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected))


def _mitigations(project: str, link: LinkObservation) -> Iterator[MitigationObservation]:
    """One per CVE that a numbered release names; commits and notes without a version are links only."""
    version = _VERSION.search(link.title)
    if not project or version is None:
        return
    for cve in named_cve_ids(f"{link.title}\n{link.summary}")[:MOST_CVES]:
        yield MitigationObservation(
            cve=cve,
            mitigation=f"{project}-{version[1]}",
            title=f"{project} {version[1]} names {cve} in its release notes",
            distro=project,
            release=None,
            package=project,
            version=version[1],
            date=link.published.date() if link.published else None,
        )


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
