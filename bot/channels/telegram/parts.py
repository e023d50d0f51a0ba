"""What the channel remembers of messages in several parts: a crash in between repeats one part, not all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from storage.delivery_parts import load_arrived, save_arrived
from storage.store import Store


class Progress(Protocol):
    """By message id: the far end's ids of the parts that arrived. May block; both raise StorageError."""

    def load(self, message: str) -> list[str]: ...

    def save(self, message: str, remote_ids: Sequence[str]) -> None: ...


class StoredProgress:
    """In the ledger, beside the message."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, message: str) -> list[str]:
        with self._store.read() as connection:
            return load_arrived(connection, message)

    def save(self, message: str, remote_ids: Sequence[str]) -> None:
        with self._store.write() as connection:
            save_arrived(connection, message, remote_ids)


class NoProgress:
    """For messages that are in no ledger: a repeat begins at the first part."""

    def load(self, message: str) -> list[str]:
        return []

    def save(self, message: str, remote_ids: Sequence[str]) -> None:
        return
