"""cgit's pages and feed (cgit 1.2: ui-atom.c, ui-log.c, ui-commit.c) as commits.

The feed lists ten commits by date and the log fifty, so neither shows a merge of many older commits whole; a wrong path
or branch answers 200 with a feed that has no entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Final

from advisories.observation import Rejected
from sources.errors import ParseError
from sources.trees.observe import Written

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

MOST_ENTRIES: Final = 500
MOST_FILES: Final = 1_000
_ID = re.compile(r"(?:[?&;]id=|urn:sha1:)([0-9a-f]{40})(?![0-9a-f])")
_PERSON = re.compile(r"(.*?)\s*<([^<>]*)>")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}")

Entries = tuple[list[Written], list[Rejected]]


def read_feed(body: bytes) -> Entries:
    """The commits of an Atom feed. Raises ParseError, also for a feed without an entry."""
    import feedparser

    feed = feedparser.parse(BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    if not feed.get("version"):
        raise ParseError("not an Atom feed")
    if not body.rstrip().endswith(b"</feed>"):
        raise ParseError("the feed is cut short")
    read: list[Written] = []
    rejected: list[Rejected] = []
    for entry in feed.entries[:MOST_ENTRIES]:
        found = _ID.search(str(entry.get("id", ""))) or _ID.search(str(entry.get("link", "")))
        # asked by "in" first: feedparser answers a get of one of the two with the other
        updated = str(entry["updated"]) if "updated" in entry else ""
        at = _feed_time(str(entry.get("published", "")) or updated)
        if found is None or at is None or not entry.get("title"):
            rejected.append(
                Rejected(key=f"entry/{str(entry.get('id', '?'))[:100]}", what="an entry without id, time or title")
            )
            continue
        author = entry.get("author_detail") or {}
        read.append(
            Written(
                commit=found[1],
                subject=str(entry.title),
                message=_feed_content(entry.get("content") or []),
                author_name=str(author.get("name", "")),
                author_email=str(author.get("email", "")),
                author_at=at,
                committed_at=_feed_time(updated) or at,
            )
        )
    if not read:
        raise ParseError("a feed without a commit: the path or branch may be wrong")
    return read, rejected


def _feed_content(contents: list[dict[str, object]]) -> str:
    return "\n".join(str(one.get("value", "")) for one in contents[:4])


def _feed_time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text[:40])
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def read_page(body: bytes) -> Entries:
    """The commits of a log page, or the one of a commit page. Raises ParseError."""
    from bs4 import BeautifulSoup

    page = BeautifulSoup(body, "lxml")
    if page.find("div", id="cgit") is None:
        raise ParseError("not a page of cgit")
    if not body.rstrip().endswith(b"</html>"):
        raise ParseError("the page is cut short")
    if page.find("table", class_="commit-info") is not None:
        return [_commit_page(page)], []
    read, rejected = _log_page(page)
    if not read:
        raise ParseError("a page of cgit without a commit: the path or branch may be wrong")
    return read, rejected


def _commit_page(page: BeautifulSoup) -> Written:
    rows: dict[str, Tag] = {}
    for row in page.select("table.commit-info tr"):
        head = row.find("th")
        if head is not None:
            rows.setdefault(head.get_text(), row)
    commit, subject = _id_of(rows.get("commit")), page.find("div", class_="commit-subject")
    author, committer = _person_row(rows.get("author")), _person_row(rows.get("committer"))
    if commit is None or subject is None or author is None or committer is None:
        raise ParseError("a commit page without id, subject or author")
    message = page.find("div", class_="commit-msg")
    return Written(
        commit=commit,
        subject=_without_decoration(subject),
        message=message.get_text() if message is not None else "",
        author_name=author[0],
        author_email=author[1],
        author_at=author[2],
        committed_at=committer[2],
        files=tuple(_diffstat(page)),
    )


def _diffstat(page: BeautifulSoup) -> Iterator[str]:
    for row in page.select("table.diffstat > tr")[:MOST_FILES]:
        link = row.find("a")
        if link is not None:
            yield link.get_text()


def _person_row(row: Tag | None) -> tuple[str, str, datetime] | None:
    cells = row.find_all("td") if row is not None else []
    if len(cells) < 2:
        return None
    person, at = _PERSON.fullmatch(cells[0].get_text().strip()[:1_000]), _page_time(cells[1].get_text())
    return (person[1], person[2], at) if person and at else None


def _log_page(page: BeautifulSoup) -> Entries:
    read: list[Written] = []
    rejected: list[Rejected] = []
    for row in page.select("table.list tr")[: 4 * MOST_ENTRIES]:
        cells = row.find_all("td", recursive=False)
        commit = _id_of(cells[1]) if len(cells) >= 3 else None
        if commit is None:
            if read and len(cells) == 2 and "logmsg" in (cells[1].get("class") or []):
                read[-1] = _with_message(read[-1], cells[1].get_text())
            continue
        age = cells[0].find("span")
        at = _page_time(str(age.get("title", ""))) if age is not None else None
        if at is None:
            rejected.append(Rejected(key=f"commit/{commit}", what="a log entry without a time"))
            continue
        read.append(
            Written(
                commit=commit,
                subject=_without_decoration(cells[1]),
                message="",
                author_name=cells[2].get_text().strip(),
                author_email="",
                author_at=at,
                committed_at=at,
            )
        )
    return read, rejected


def _with_message(written: Written, message: str) -> Written:
    from dataclasses import replace

    return replace(written, message=message)


def _without_decoration(part: Tag) -> str:
    for mark in part.find_all("span", class_="decoration"):
        mark.decompose()
    return part.get_text().strip()


def _id_of(part: Tag | None) -> str | None:
    link = part.find("a", href=_ID) if part is not None else None
    found = _ID.search(str(link.get("href"))) if link is not None else None
    return found[1] if found else None


def _page_time(text: str) -> datetime | None:
    found = _TIME.search(text[:200])
    try:
        return datetime.strptime(found[0], "%Y-%m-%d %H:%M:%S %z").astimezone(UTC) if found else None
    except (ValueError, OverflowError):
        return None
