"""Raw documents as they came: content-addressed by SHA-256, compressed, written aside, synced and renamed."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from pathlib import Path

from storage.errors import StorageDamaged, StorageError, storage_error

_LEVEL = 6


class BlobStore:
    """A folder of files named by the hash of their uncompressed content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}.z"

    def put(self, body: bytes) -> str:
        """Stores the bytes and returns their SHA-256; a body that is there costs one look. Raises StorageError."""
        sha256 = hashlib.sha256(body).hexdigest()
        target = self.path(sha256)
        if target.exists():
            return sha256
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(zlib.compress(body, _LEVEL))
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(target)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise storage_error(error, "storing a document") from error
        return sha256

    def get(self, sha256: str) -> bytes:
        """The stored bytes. Raises StorageError when they are gone, StorageDamaged when they have changed."""
        try:
            body = zlib.decompress(self.path(sha256).read_bytes())
        except FileNotFoundError:
            raise StorageError(f"document {sha256[:12]} is not in {self.folder}; restore the data folder") from None
        except zlib.error:
            raise StorageDamaged(f"document {sha256[:12]} is damaged; restore the data folder") from None
        if hashlib.sha256(body).hexdigest() != sha256:
            raise StorageDamaged(f"document {sha256[:12]} is not what was stored; restore the data folder")
        return body

    def remove(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)
