"""How far the lists were read: the checkpoint's strings, and what they mean."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

MOST_KEPT: Final = 2_000
MOST_SEEN_PAGES: Final = 200
_DIGEST_BYTES: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The last commit of an epoch that was read, and when the archive received that mail."""

    commit: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class ListProgress:
    """epochs: number -> cursor. fingerprints: of the manifest when git was last asked, at `fetched_at`.

    pages: mails taken one by one while git failed; None while git works.
    """

    epochs: dict[int, Cursor] = field(default_factory=dict)
    fingerprints: str = ""
    fetched_at: datetime | None = None
    pages: list[str] | None = None


@dataclass(slots=True, kw_only=True)
class Progress:
    """lists: by name. kept: marks of the mails that a topic wants, so that answers are known. origin: in use.

    missing: lists that the archive does not have.
    """

    lists: dict[str, ListProgress] = field(default_factory=dict)
    kept: dict[str, None] = field(default_factory=dict)
    origin: str = ""
    missing: tuple[str, ...] = ()

    @classmethod
    def read(cls, checkpoint: Mapping[str, str]) -> Progress:
        progress = cls(
            kept=dict.fromkeys(checkpoint.get("kept", "").split()),
            origin=checkpoint.get("origin", ""),
            missing=tuple(checkpoint.get("missing", "").split()),
        )
        for key, value in checkpoint.items():
            name, slash, what = key.rpartition("/")
            if slash:
                _read_into(progress.of(name), what, value)
        return progress

    def of(self, name: str) -> ListProgress:
        return self.lists.setdefault(name, ListProgress())

    def keep(self, msgids: Iterable[str]) -> None:
        """Remember these mails; the oldest are forgotten past the limit."""
        for msgid in msgids:
            self.kept[mark_of(msgid)] = None
        while len(self.kept) > MOST_KEPT:
            del self.kept[next(iter(self.kept))]

    def knows(self, msgids: Iterable[str]) -> bool:
        return any(mark_of(msgid) in self.kept for msgid in msgids)

    def saved(self) -> dict[str, str]:
        """The checkpoint; what is empty is left out."""
        found = {"origin": self.origin} if self.origin else {}
        if self.missing:
            found["missing"] = " ".join(self.missing)
        if self.kept:
            found["kept"] = " ".join(self.kept)
        for name, one in self.lists.items():
            for number, cursor in one.epochs.items():
                found[f"{name}/{number}"] = f"{cursor.commit} {int(cursor.at.timestamp())}"
            if one.fingerprints:
                found[f"{name}/manifest"] = one.fingerprints
            if one.fetched_at is not None:
                found[f"{name}/fetched"] = str(int(one.fetched_at.timestamp()))
            if one.pages is not None:
                found[f"{name}/pages"] = " ".join(one.pages[-MOST_SEEN_PAGES:])
        return found


def mark_of(msgid: str) -> str:
    """A short mark of a Message-ID: ids are long, and only known or not known matters."""
    return hashlib.blake2b(msgid.encode("utf-8", "replace"), digest_size=_DIGEST_BYTES).hexdigest()


def _read_into(one: ListProgress, what: str, value: str) -> None:
    if what == "manifest":
        one.fingerprints = value
    elif what == "fetched":
        one.fetched_at = datetime.fromtimestamp(int(value), tz=UTC)
    elif what == "pages":
        one.pages = value.split()
    else:
        commit, _, at = value.partition(" ")
        one.epochs[int(what)] = Cursor(commit=commit, at=datetime.fromtimestamp(int(at), tz=UTC))
