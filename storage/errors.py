"""The room's errors.

StorageError            the database or a document file cannot be used; the text says which and what to do
+-- StorageBusy         another process holds the database longer than we wait
+-- StorageFull         no space left: nothing is sent until there is
+-- StorageDamaged      an integrity check failed; a backup is needed
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

# SQLite says "disk I/O error" when there is no room for the index of its log.
_FULL = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"})


class StorageError(Exception):
    """The database or a document file cannot be used."""


class StorageBusy(StorageError):
    """Another process holds the database longer than we wait."""


class StorageFull(StorageError):
    """No space left on the device that holds the data."""


class StorageDamaged(StorageError):
    """The stored data fails its integrity check."""


def storage_error(error: DBAPIError | OSError, where: str) -> StorageError:
    """The room's error for an operational failure of the driver or the file system."""
    cause = getattr(error, "orig", None) or error
    text = str(cause).splitlines()[0]
    lowered = text.lower()
    named = getattr(cause, "sqlite_errorname", "")
    if "disk is full" in lowered or "no space left" in lowered or named in _FULL:
        return StorageFull(
            f"{where}: no space left; nothing is sent until there is. Free space on the data folder's disk."
        )
    if "locked" in lowered:
        return StorageBusy(f"{where}: the database is locked by another process; waited and gave up, the work is kept.")
    if "malformed" in lowered or "not a database" in lowered:
        return StorageDamaged(
            f"{where}: the database is damaged ({text}); restore a backup: patchwatch db restore FILE."
        )
    if "disk i/o error" in lowered:
        return StorageError(f"{where}: {text} ({named}); look at the disk: df, and the kernel's log")
    if any(word in lowered for word in ("readonly", "read-only", "unable to open")):
        return StorageError(f"{where}: {text}; look at the owner, the mode and the mount of the data folder")
    return StorageError(f"{where}: {text}")
