"""ChangeLog-x.y.z of kernel.org: `git log` of one stable release in its default format, newest commit first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from advisories.observation import Rejected
from sources.errors import ParseError
from sources.trees.observe import Place, Written

MOST_COMMITS: Final = 20_000
_COMMIT = re.compile(r"^commit ([0-9a-f]{40})[^\n]*$", re.MULTILINE)
_RELEASE = re.compile(r"Linux ([0-9]{1,4}\.[0-9]{1,4}(?:\.[0-9]{1,5})?)")
_FIELD = re.compile(r"(Author|Date): +(.*)")
_PERSON = re.compile(r"(.*?)\s*<([^<>]*)>")


def is_changelog(body: bytes) -> bool:
    return re.match(rb"commit [0-9a-f]{40}\b[^\n]*\n(?:Merge:[^\n]*\n)?Author:", body) is not None


def read_changelog(body: bytes, tree: str) -> tuple[Place, list[Written], list[Rejected]]:
    """The release, its commits, and those that cannot be read. Raises ParseError.

    The newest commit is the release itself ("Linux 6.12.85"): its time is the tag's. Committers' times are not in the
    text; the authors' stand for them.
    """
    read: list[Written] = []
    rejected: list[Rejected] = []
    for commit, text in _entries(body.decode("utf-8", "replace")):
        written = _written(commit, text)
        if written is None:
            rejected.append(Rejected(key=f"commit/{commit}", what="an entry without author, date or subject"))
        else:
            read.append(written)
    release = _RELEASE.fullmatch(read[0].subject) if read else None
    if release is None:
        raise ParseError("a change log whose first commit names no release")
    series = ".".join(release[1].split(".")[:2])
    place = Place(tree=tree, branch=f"linux-{series}.y", tag=f"v{release[1]}", tagged_at=read[0].author_at)
    return place, read, rejected


def _entries(text: str) -> Iterator[tuple[str, str]]:
    starts = list(_COMMIT.finditer(text))[:MOST_COMMITS]
    for number, start in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else len(text)
        yield start[1], text[start.end() : end]


def _written(commit: str, text: str) -> Written | None:
    head, _, body = text.strip("\n").partition("\n\n")
    fields = {match[1]: match[2].strip() for match in map(_FIELD.match, head.split("\n")) if match}
    person, at = _PERSON.fullmatch(fields.get("Author", "")), _date(fields.get("Date", ""))
    lines = [line.removeprefix("    ") for line in body.split("\n")]
    subject, _, message = "\n".join(lines).strip("\n").partition("\n\n")
    if person is None or at is None or not subject.strip():
        return None
    return Written(
        commit=commit,
        subject=" ".join(subject.split()),
        message=message,
        author_name=person[1],
        author_email=person[2],
        author_at=at,
        committed_at=at,
    )


def _date(text: str) -> datetime | None:
    """ "Thu Apr 30 11:32:07 2026 +0200", git's default format."""
    try:
        return datetime.strptime(text[:40], "%a %b %d %H:%M:%S %Y %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
