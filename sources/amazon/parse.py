"""Amazon Linux: updateinfo.xml(.gz) of its repositories, which has the versions, and the ALAS feeds, which are sooner.

Both are edited later: `updated` and lastBuildDate move, and nothing follows from that. updateinfo is told from a feed
by its content.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final
from xml.sax.saxutils import escape

from advisories.observation import CellObservation, ErratumObservation, ParsedDocument, Record, Rejected
from advisories.words import CellKind, Status
from sources.amazon.errata import DISTRO, AlasErratum, page_of, read_erratum
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.inflate import is_gzip
from sources.formats.osv import cve_ids
from sources.formats.rpm_kernels import Binary, KernelErratum, fixed_cells, kernel_source, live_patch
from sources.formats.rpm_kernels import kernel_builds as builds_of
from sources.formats.text import clean_line
from sources.formats.times import day_of
from sources.formats.updateinfo import Update, read_updateinfo

MOST_ITEMS: Final = 20_000

_TITLE = re.compile(r"(ALAS[A-Z0-9.-]{1,60}) \(([a-z]{1,20})\): ([a-z0-9][A-Za-z0-9._+-]{0,120})")
_FEED_MARK = re.compile(rb"<rss[\s>]")
_SEPARATORS = re.compile(r"[\s,;]+")


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per erratum about a kernel. Raises ParseError."""
    if not is_gzip(raw.body) and _FEED_MARK.search(raw.body[:4096]):
        return _read_feed(raw.body)
    updates, rejected = read_updateinfo(raw.body)
    records = [record for one in updates if (record := _from_update(one)) is not None]
    return ParsedDocument(records=tuple(records), rejected=rejected)


# updateinfo


def _from_update(update: Update) -> Record | None:
    erratum = read_erratum(update.id)
    builds = builds_of(DISTRO, update.packages)
    if erratum is None or not builds:
        return None
    published = KernelErratum(
        distro=DISTRO,
        release=erratum.release,
        stream=erratum.stream,
        erratum=erratum.id,
        day=day_of(update.issued),
    )
    observation = ErratumObservation(
        erratum=erratum.id,
        distro=DISTRO,
        title=update.title,
        cves=update.cves,
        issued=update.issued,
        updated=update.updated,
        url=page_of(erratum),
    )
    return Record(
        key=erratum.id,
        observations=(observation, *fixed_cells(builds, published, update.cves)),
        modified=update.updated or update.issued,
        slice=update.slice,
    )


# Feeds


def _read_feed(body: bytes) -> ParsedDocument:
    feed = _parse_feed(body)
    records: list[Record] = []
    rejected: list[Rejected] = []
    for number, entry in enumerate(feed["entries"][:MOST_ITEMS]):
        title = _TITLE.fullmatch(clean_line(str(entry.get("title", ""))))
        page = clean_line(str(entry.get("link", "")))
        erratum = read_erratum(title.group(1), page) if title else None
        if title is None or erratum is None:
            rejected.append(Rejected(key=f"entry {number}", what="no erratum of Amazon Linux 2 or 2023"))
        elif (record := _from_entry(entry, erratum, title.group(3))) is not None:
            records.append(record)
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected))


def _parse_feed(body: bytes) -> Mapping[str, Any]:  # Any: feedparser's dictionaries hold whatever the feed does
    """The feed, whole and well-formed. Of ours only this one has CVE lists, which the shared reader would shorten."""
    if b"</rss>" not in body[-200:]:
        raise ParseError("the feed is cut")
    if b"<!DOCTYPE" in body.upper() or b"<!ENTITY" in body.upper():
        raise ParseError("a document type in a feed")
    import feedparser

    try:
        feed: Mapping[str, Any] = feedparser.parse(BytesIO(body))
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError, AssertionError) as error:
        raise ParseError(f"the feed cannot be read: {type(error).__name__}") from None
    if not feed.get("version") or feed.get("bozo"):
        raise ParseError("no RSS feed that can be read")
    return feed


def _from_entry(entry: Mapping[str, Any], erratum: AlasErratum, package: str) -> Record | None:
    """An erratum of a kernel: fixed, in a version that the feed does not name. Any: feedparser's own dictionary."""
    patch = live_patch(package)
    source = kernel_source(Binary(name=package, version=""))
    if patch is None and source is None:
        return None
    cves = cve_ids(tuple(_SEPARATORS.split(str(entry.get("summary", "")))))
    issued = _time(entry.get("published_parsed"))
    name = patch or (source[0] if source else package)
    cells = (
        CellObservation(
            cve=cve,
            distro=DISTRO,
            release=erratum.release,
            stream=erratum.stream,
            package=name,
            kind=CellKind.LIVEPATCH if patch else CellKind.PACKAGE,
            status=Status.FIXED,
            errata=(erratum.id,),
            since=day_of(issued),
        )
        for cve in cves
    )
    observation = ErratumObservation(
        erratum=erratum.id,
        distro=DISTRO,
        title=f"{erratum.id}: {package}",
        cves=cves,
        issued=issued,
        url=page_of(erratum),
    )
    return Record(key=f"feed/{erratum.id}", observations=(observation, *cells), slice=_slice(entry))


def _slice(entry: Mapping[str, Any]) -> bytes:  # Any: as above
    """A feed with this entry alone."""
    names = {"title": "title", "description": "summary", "link": "link", "pubDate": "published"}
    parts = [f"<{name}>{escape(str(entry.get(key, '')))}</{name}>" for name, key in names.items()]
    feed = f'<rss version="2.0"><channel><title>ALAS</title><item>{"".join(parts)}</item></channel></rss>'
    return feed.encode("ascii", "xmlcharrefreplace")


def _time(parts: time.struct_time | None) -> datetime | None:
    if parts is None:
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(parts), tz=UTC)
    except (OverflowError, ValueError, OSError):
        return None
