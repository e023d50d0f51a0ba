"""Rendered answers, kept until the store changes: most readers ask for what was rendered already."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from storage.board import StoreVersion, store_version
from storage.store import Store

FRESH_SECONDS = 0.5
MAX_ANSWERS = 512
MAX_BYTES = 48 * 1024 * 1024
_ZIPPED_ABOVE_BYTES = 500
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What a page, feed or document came to. status: of HTTP. open_to_all: other sites' scripts may read it."""

    body: bytes
    media: str
    status: int = 200
    max_age: int = 60
    open_to_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A rendered body with its validators. modified: when this very body was first rendered here, whole seconds."""

    rendered: Rendered
    zipped: bytes | None
    etag: str
    modified: datetime

    @property
    def size(self) -> int:
        return len(self.rendered.body) + len(self.zipped or b"")


def make_answer(rendered: Rendered, before: Answer | None = None) -> Answer:
    """The answer of a body; `before` is the former answer of the same address, whose time holds for an equal body."""
    etag = hashlib.sha256(rendered.body).hexdigest()[:32]
    if before is not None and before.etag == etag:
        return before
    zipped = gzip.compress(rendered.body, 6, mtime=0) if len(rendered.body) > _ZIPPED_ABOVE_BYTES else None
    # a second back, as it may never be later than the Date header; and two bodies never share a time
    modified = datetime.now(UTC).replace(microsecond=0) - _SECOND
    if before is not None and modified <= before.modified:
        modified = before.modified + _SECOND
    return Answer(rendered=rendered, zipped=zipped, etag=etag, modified=modified)


class Shelf:
    """Answers by address. Safe to share between threads; `fresh_seconds`: how long one look at the store holds."""

    def __init__(self, store: Store, *, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._store = store
        self._fresh_seconds = fresh_seconds
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, tuple[object, Answer]] = OrderedDict()
        self._bytes = 0
        self._version: StoreVersion = (-1, -1, -1, -1)
        self._looked_at = float("-inf")

    def version(self) -> StoreVersion:
        """How new the store is, looked up again when the last look is not fresh. Raises StorageError."""
        now = time.monotonic()
        if now - self._looked_at >= self._fresh_seconds:
            with self._store.read() as connection:
                version = store_version(connection)
            with self._lock:
                self._version, self._looked_at = version, now
        return self._version

    def get(self, key: str, render: Callable[[], Rendered], *, also: object = None) -> Answer:
        """The kept answer of `key`, or a new one when the store or `also` has changed. Raises what `render` raises."""
        state = (self.version(), also)
        with self._lock:
            kept = self._answers.get(key)
            if kept is not None:
                self._answers.move_to_end(key)
        if kept is not None and kept[0] == state:
            return kept[1]
        answer = make_answer(render(), kept[1] if kept else None)
        self._keep(key, state, answer)
        return answer

    def peek(self, key: str) -> Answer | None:
        """The answer of `key` when it is known to be of the newest store without asking it."""
        if time.monotonic() - self._looked_at >= self._fresh_seconds:
            return None
        kept = self._answers.get(key)
        return kept[1] if kept is not None and kept[0] == (self._version, None) else None

    def _keep(self, key: str, state: object, answer: Answer) -> None:
        with self._lock:
            gone = self._answers.pop(key, None)
            self._bytes += answer.size - (gone[1].size if gone else 0)
            self._answers[key] = (state, answer)
            while len(self._answers) > MAX_ANSWERS or (self._bytes > MAX_BYTES and len(self._answers) > 1):
                _, (_, dropped) = self._answers.popitem(last=False)
                self._bytes -= dropped.size
