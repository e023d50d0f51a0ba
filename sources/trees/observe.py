"""From the parts of a commit to its observation: trailers, upstream id, links, what it fixes and what it reverts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from advisories.observation import CommitObservation, Record
from advisories.trailers import fixes_of, linked_msgids, read_trailers, reverted_by, upstream_of
from sources.formats.text import clean_line, clean_text

MESSAGE_KEPT: Final = 16_000
_MSGID = re.compile(r"<?([^<>\s]{1,300}@[^<>\s]{1,200})>?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a commit was seen, and since which release; `tag` None: in none yet, or unknown."""

    tree: str
    branch: str
    tag: str | None = None
    tagged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A commit as written. message: the body without the subject."""

    commit: str
    subject: str
    message: str
    author_name: str
    author_email: str
    author_at: datetime
    committed_at: datetime
    files: tuple[str, ...] = ()
    patch_id: str | None = None


def split_message(whole: str) -> tuple[str, str]:
    """(subject in one line, body) of a commit message, as git tells them apart."""
    subject, _, body = whole.lstrip("\n").partition("\n\n")
    return " ".join(subject.split()), body


def observation(place: Place, written: Written) -> CommitObservation:
    """One commit in one branch, its trailers read. Trailers in any paragraph count: stable puts its own on top."""
    message = clean_text(written.message, MESSAGE_KEPT)
    trailers = read_trailers(message.split("\n"))
    return CommitObservation(
        tree=place.tree,
        branch=place.branch,
        commit=written.commit,
        subject=clean_line(written.subject),
        author_name=clean_line(written.author_name),
        author_email=clean_line(written.author_email).lower(),
        author_at=written.author_at,
        committed_at=written.committed_at,
        message=message,
        first_tag=place.tag,
        first_tag_at=place.tagged_at,
        upstream_commit=upstream_of(message),
        link_msgids=_msgids((one.name, one.value) for one in trailers),
        fixes=tuple(dict.fromkeys(one.commit for one in fixes_of(trailers))),
        reverts=reverted_by(message),
        files=tuple(clean_line(path) for path in written.files),
        patch_id=written.patch_id,
    )


def record(one: CommitObservation) -> Record:
    return Record(key=f"commit/{one.branch}/{one.commit}", observations=(one,))


def _msgids(trailers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Of `Link:` and `Message-ID:`; `Closes:` names a report, which is another mail."""
    found: list[str] = []
    for name, value in trailers:
        if name in {"Link", "Patch-link"}:
            found += linked_msgids(value)
        elif name == "Message-id" and (match := _MSGID.match(value)):
            found.append(match[1])
    return tuple(dict.fromkeys(clean_line(one) for one in found))
