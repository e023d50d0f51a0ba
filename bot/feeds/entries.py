"""Feed entries: one per change, with an id that depends on the change alone.

The text of an entry is ours (advisories.wording) plus names from the sources; it is plain text everywhere, escaped by
the writers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from advisories.model import Change

MAX_ENTRIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """id: "urn:uuid:…", permanent. link: our own page about the change."""

    id: str
    title: str
    text: str
    link: str
    published: datetime
    updated: datetime
    categories: tuple[str, ...]
    source_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """address: where this feed itself is; home: the page it belongs to; updated: of its newest entry."""

    id: str
    title: str
    description: str
    address: str
    home: str
    updated: datetime
    entries: tuple[FeedEntry, ...]


def entry_of(change: Change, *, base_url: str) -> FeedEntry:
    """The entry of one change."""
    draft = change.draft
    name = draft.aliases[0] if draft.aliases else (draft.advisory or "")
    title = (
        f"{name}: {draft.text}" if name and not draft.text.startswith(("New advisory", "New matter")) else draft.text
    )
    place = "/".join(part for part in (draft.distro, draft.release) if part)
    categories = [draft.change.value, *draft.topics, *([place] if place else [])]
    return FeedEntry(
        id=f"urn:uuid:{change.uuid}",
        title=title,
        text=body_text(change),
        link=f"{base_url}/changes/{change.seq}",
        published=draft.at,
        updated=draft.at,
        categories=tuple(categories),
        source_url=draft.evidence.url,
    )


def body_text(change: Change) -> str:
    """The sentence, where it comes from and since when we know it."""
    draft = change.draft
    lines = [draft.text]
    if draft.old is not None and draft.new is not None:
        lines.append(f"Before: {draft.old}. Now: {draft.new}.")
    lines.append(f"Source: {draft.source} ({draft.evidence.evidence_class.value}), {draft.evidence.url}")
    lines.append(f"Known to patchwatch since {draft.at:%Y-%m-%d %H:%M} UTC.")
    return "\n".join(lines)


def make_feed(changes: Iterable[Change], *, title: str, description: str, path: str, home: str, base_url: str) -> Feed:
    """The newest entries first."""
    entries = tuple(entry_of(one, base_url=base_url) for one in changes)[:MAX_ENTRIES]
    newest = max((one.updated for one in entries), default=datetime(2026, 1, 1, tzinfo=UTC))
    return Feed(
        id=f"{base_url}{path.rpartition('.')[0]}",
        title=title,
        description=description,
        address=f"{base_url}{path}",
        home=f"{base_url}{home}",
        updated=newest,
        entries=entries,
    )
