"""Keeps the leases of the sources that this process is polling."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from storage import source_health
from storage.errors import StorageError
from storage.store import Store

log = structlog.get_logger("patchwatch")
LEASE = timedelta(seconds=90)  # renewed while the cycle lasts: what a killed worker held is free soon
RENEW_SECONDS = 30.0


class Leases:
    """One thread for all of them, which lives while any is held; most cycles end before it has anything to do."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._held: dict[str, str] = {}  # source -> lease
        self._lock = threading.Lock()
        self._watched = False

    @contextmanager
    def kept(self, name: str, lease: str) -> Iterator[None]:
        """Renews the lease of a cycle until the end of the block."""
        with self._lock:
            self._held[name] = lease
            if not self._watched:
                self._watched = True
                threading.Thread(target=self._watch, name="leases", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                del self._held[name]

    def _watch(self) -> None:
        while True:
            time.sleep(RENEW_SECONDS)
            with self._lock:
                held = dict(self._held)
                if not held:
                    self._watched = False
                    return
            for name, lease in held.items():
                self._renew(name, lease)

    def _renew(self, name: str, lease: str) -> None:
        try:
            with self._store.write() as connection:
                source_health.renew(connection, name, lease, until=self._clock() + LEASE)
        except StorageError as error:
            log.warning("lease not renewed", source=name, reason=str(error))
