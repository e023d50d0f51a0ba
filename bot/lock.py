"""One running patchwatch per data folder (TRUST S31): a second one ends with exit status 7."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(RuntimeError):
    """Another patchwatch works on this data folder."""


@contextmanager
def data_lock(data_dir: Path, role: str) -> Iterator[None]:
    """Holds the folder's lock for a role until the end of the block. Raises AlreadyRunning."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
    path = data_dir / f"{role}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            raise AlreadyRunning(f"patchwatch is already running on {data_dir} (pid {holder or 'unknown'})") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
