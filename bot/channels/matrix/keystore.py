"""Where the bot's encryption keys lie: one SQLite file of matrix-nio's, sealed, for one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bot.channels.base import NotSent

if TYPE_CHECKING:
    from nio.crypto import Olm

EXTRA = "patchwatch[e2ee]"
FOLDER = "matrix"
_FILE = "keys.db"
_LOCK = "keys.lock"
_LIBRARIES = ("atomicwrites", "cachetools", "peewee", "vodozemac")
_BUSY_SECONDS = 30.0


class KeysBusy(NotSent):
    """Another process uses the keys."""


class KeysUnusable(NotSent):
    """The keys cannot be used until the operator does what the text says."""


def is_installed() -> bool:
    return all(find_spec(one) is not None for one in _LIBRARIES)


class KeyStore:
    """The folder is made at first use, for its owner alone. Two processes with the same keys would encrypt different
    texts under one of them, so the first keeps the others out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: int | None = None
        self._machine: Olm | None = None

    def open(self, user: str, device: str, seal: str) -> Olm:
        """The keys of this device, new ones where there are none. seal: what they are encrypted with on disk.
        Raises KeysBusy, KeysUnusable."""
        if self._machine is None:
            self._take()
            try:
                self._machine = self._load(user, device, seal)
            except KeysUnusable:
                self.close()
                raise
        return self._machine

    def close(self) -> None:
        if self._machine is not None:
            self._machine.store.database.close()
            self._machine = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.chmod(0o700)
            self._lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(self._folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            (self._folder / _FILE).chmod(0o600)
        except BlockingIOError:
            self.close()
            raise KeysBusy(
                "another patchwatch uses the keys of encrypted rooms", retry_after=_BUSY_SECONDS, outage=True
            ) from None
        except OSError as error:
            self.close()
            raise KeysUnusable(f"the folder {FOLDER} in the data folder cannot be used: {error.strerror}") from None

    def _load(self, user: str, device: str, seal: str) -> Olm:
        from nio.crypto import Olm
        from nio.store import SqliteStore

        with keys_in_use():
            store = SqliteStore(user, device, str(self._folder), seal, _FILE)
            try:
                return Olm(user, device, store)
            except (ValueError, AttributeError):  # not sealed with this
                store.database.close()
                raise KeysUnusable(
                    f"the keys in {FOLDER} belong to another access token; log in anew and use that token"
                ) from None


@contextmanager
def keys_in_use() -> Iterator[None]:
    """What goes wrong with the file, as the channel's error. Raises KeysUnusable."""
    from peewee import PeeweeException

    try:
        yield
    except (PeeweeException, OSError) as error:
        raise KeysUnusable(f"{_FILE} in the folder {FOLDER} cannot be used: {type(error).__name__}") from None
