"""Feed entries: one per change, with an id that depends on the change alone.

The text of an entry is ours (advisories.wording) plus names from the sources; it is plain text everywhere, escaped by
the writers. A change is never told twice: what is said of it later (a correction, an edited title) updates its entry,
whose title, link and date stay: some readers know an entry by these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from advisories.model import Change
from advisories.words import ChangeType, EvidenceClass

MAX_ENTRIES = 50
ARCHIVE_SPAN = MAX_ENTRIES  # numbers of changes that one archive covers
MAX_TITLE_CHARS = 300
EMPTY_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """id: "urn:uuid:…", permanent. link: our own page about the change. source_url: "" when it is no web address."""

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
    """address: where this feed itself is; home: the page it belongs to; updated: of its newest entry.

    older: the address of the archive with what came before (RFC 5005, section 4), "" at the end. current: in an
    archive, the address of the feed that it belongs to, else "". hub: of WebSub, "" without one.
    """

    id: str
    title: str
    description: str
    address: str
    home: str
    updated: datetime
    entries: tuple[FeedEntry, ...]
    older: str = ""
    current: str = ""
    hub: str = ""


@dataclass(slots=True, kw_only=True)
class Afterwards:
    """What was said of earlier changes later on: corrections by the key they take back, edits by advisory."""

    corrections: dict[str, Change] = field(default_factory=dict)
    edits: dict[str, Change] = field(default_factory=dict)

    def note(self, change: Change) -> None:
        """Takes a change in; call newest first, so that the newest word stands."""
        draft = change.draft
        if draft.corrects:
            self.corrections.setdefault(draft.corrects, change)
        if draft.change is ChangeType.TEXT_CHANGED and draft.advisory:
            self.edits.setdefault(draft.advisory, change)

    def of(self, change: Change) -> Change | None:
        """The newest change that updates the entry of `change`."""
        correction = self.corrections.get(change.draft.key)
        if correction is not None:
            return correction
        if change.draft.change is ChangeType.ADVISORY_NEW and change.draft.advisory:
            return self.edits.get(change.draft.advisory)
        return None


def entry_of(change: Change, *, base_url: str, later: Change | None = None, title_now: str | None = None) -> FeedEntry:
    """The entry of one change. later: what updates it; title_now: the advisory's title where that was edited."""
    draft = change.draft
    name = draft.name
    named = bool(name) and not draft.text.startswith(("New advisory", "New matter"))
    title = f"{name}: {draft.text}" if named else draft.text
    text = body_text(change)
    taken_back = later is not None and later.draft.corrects is not None
    if later is not None and taken_back:
        text += f"\nTaken back on {later.draft.at:%Y-%m-%d %H:%M} UTC: {later.draft.text}"
    elif later is not None and title_now:
        text += f"\nIts record now says: {title_now}"
    place = "/".join(part for part in (draft.distro, draft.release) if part)
    categories = [
        draft.change.value,
        *draft.topics,
        *([place] if place else []),
        *(["corrected"] if taken_back else []),
    ]
    return FeedEntry(
        id=f"urn:uuid:{change.uuid}",
        title=_one_line(title),
        text=text,
        link=f"{base_url}/changes/{change.seq}",
        published=draft.at,
        updated=draft.at if later is None else max(draft.at, later.draft.at),
        categories=tuple(dict.fromkeys(categories)),
        source_url=_web_address(draft.evidence.url),
    )


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_TITLE_CHARS else f"{line[: MAX_TITLE_CHARS - 1]}…"


def _web_address(url: str) -> str:
    """The address when it is one that a reader may open: http(s), ASCII, without a user part; else ""."""
    if not url.isascii() or not url.isprintable() or any(char in url for char in ' "<>\\^`{|}'):
        return ""
    try:
        split = urlsplit(url)
    except ValueError:
        return ""
    return url if split.scheme in ("http", "https") and split.netloc and "@" not in split.netloc else ""


def body_text(change: Change) -> str:
    """The sentence, where it comes from and since when we know it."""
    draft = change.draft
    lines = [draft.text]
    if draft.old is not None and draft.new is not None:
        lines.append(f"Before: {draft.old}. Now: {draft.new}.")
    evidence = draft.evidence
    if evidence.evidence_class is EvidenceClass.BASELINE:
        lines.append(f"Shipped with patchwatch, as of {evidence.fetched_at:%Y-%m-%d}.")
    else:
        lines.append(f"Source: {draft.source} ({evidence.evidence_class.value}), {evidence.url}")
        lines.append(f"Known to patchwatch since {draft.at:%Y-%m-%d %H:%M} UTC.")
    return "\n".join(lines)


def make_feed(
    changes: Iterable[Change],
    *,
    title: str,
    description: str,
    path: str,
    home: str,
    base_url: str,
    query: str = "",
    before: int | None = None,
    older: int | None = None,
    hub: str = "",
    afterwards: Afterwards | None = None,
    titles: Mapping[str, str] | None = None,
) -> Feed:
    """A feed of at most `MAX_ENTRIES` changes, in the given order.

    path: with its ending (".atom"), which is no part of the feed's id; query: "?distro=…" of a filtered feed, which is.
    before: of an archive, the number below which its changes lie; older: that of the archive after this one.
    titles: the present title of each advisory.
    """
    known, now = afterwards or Afterwards(), titles or {}
    entries = tuple(
        entry_of(one, base_url=base_url, later=known.of(one), title_now=now.get(one.draft.advisory or ""))
        for one, _ in zip(changes, range(MAX_ENTRIES), strict=False)
    )
    current = f"{base_url}{path}{query}"
    joint = "&" if query else "?"
    return Feed(
        id=f"{base_url}{path.rpartition('.')[0]}{query}",
        title=title,
        description=description,
        address=current if before is None else f"{current}{joint}before={before}",
        older="" if older is None else f"{current}{joint}before={older}",
        current="" if before is None else current,
        hub=hub if before is None else "",
        home=f"{base_url}{home}",
        updated=max((one.updated for one in entries), default=EMPTY_SINCE),
        entries=entries,
    )
