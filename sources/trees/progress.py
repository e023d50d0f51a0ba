"""How far a tree was read: the checkpoint's strings, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

MOST_PENDING: Final = 1_000
MOST_SEEN_PAGES: Final = 300
CHEAP_LISTING_BYTES: Final = 64 * 1024
LISTING_EVERY: Final = timedelta(hours=24)
LISTING_WHILE_PENDING: Final = timedelta(minutes=30)

_TIP = "refs/heads/"


@dataclass(slots=True, kw_only=True)
class Progress:
    """tips: ref -> the commit up to which it was read. pending: (branch, commit) told without a release tag so far.

    branches: the live ones when they are found out, of the names that `probed` marks. listed_at: when a server with
    many refs was last asked for them. unlisted: it did not tell. from_pages: commits taken from cgit while git failed;
    None while git works.
    """

    tips: dict[str, str] = field(default_factory=dict)
    pending: list[tuple[str, str]] = field(default_factory=list)
    branches: tuple[str, ...] = ()
    probed: str = ""
    listed_at: datetime | None = None
    unlisted: bool = False
    from_pages: list[str] | None = None

    @classmethod
    def read(cls, checkpoint: Mapping[str, str]) -> Progress:
        at = checkpoint.get("listed", "")
        pages = checkpoint.get("pages")
        pairs = (one.rpartition(":") for one in checkpoint.get("pending", "").split())
        return cls(
            tips={key: value for key, value in checkpoint.items() if key.startswith(_TIP)},
            pending=[(branch, commit) for branch, _, commit in pairs if branch],
            branches=tuple(checkpoint.get("branches", "").split()),
            probed=checkpoint.get("probed", ""),
            listed_at=datetime.fromtimestamp(int(at), tz=UTC) if at else None,
            unlisted="unlisted" in checkpoint,
            from_pages=None if pages is None else pages.split(),
        )

    def saved(self) -> dict[str, str]:
        """The checkpoint; what is empty is left out."""
        found = dict(self.tips)
        if self.pending:
            found["pending"] = " ".join(f"{branch}:{commit}" for branch, commit in self.pending)
        if self.branches:
            found["branches"] = " ".join(self.branches)
            found["probed"] = self.probed
        if self.listed_at is not None:
            found["listed"] = str(int(self.listed_at.timestamp()))
        if self.unlisted:
            found["unlisted"] = "yes"
        if self.from_pages is not None:
            found["pages"] = " ".join(self.from_pages)
        return found

    def listed(self, at: datetime, size: int) -> None:
        """The refs were told in an answer of `size` bytes; a small one may be asked for with every poll."""
        self.listed_at = at if size >= CHEAP_LISTING_BYTES else None
        self.unlisted = False

    def listing_due(self, now: datetime) -> bool:
        """Whether to ask for the refs although nothing moved: small answers each time, large ones rarely."""
        if self.listed_at is None:
            return True
        return now - self.listed_at >= (LISTING_WHILE_PENDING if self.pending else LISTING_EVERY)

    def wait_for_tag(self, branch: str, commits: Iterable[str]) -> None:
        """Remember commits that no release holds yet; the oldest are forgotten past the limit."""
        known = dict.fromkeys(self.pending)
        known.update(dict.fromkeys((branch, commit) for commit in commits))
        self.pending = list(known)[-MOST_PENDING:]

    def pending_of(self, branch: str) -> list[str]:
        return [commit for of, commit in self.pending if of == branch]

    def tagged(self, branch: str, commits: Iterable[str]) -> None:
        gone = {(branch, commit) for commit in commits}
        self.pending = [one for one in self.pending if one not in gone]

    def seen_on_pages(self, commits: Iterable[str]) -> None:
        self.from_pages = list(dict.fromkeys([*(self.from_pages or ()), *commits]))[-MOST_SEEN_PAGES:]
