"""Raw documents as they came: content-addressed by SHA-256, compressed, written aside, synced and renamed."""

from __future__ import annotations

import ctypes
import hashlib
import os
import threading
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from storage.errors import StorageDamaged, StorageError, storage_error

_LEVEL = 6
# From so many new files on, one sync of their file system costs less than one a file (a tenth, at 200 files).
SYNCED_TOGETHER = 16


class BlobStore:
    """A folder of files named by the hash of their uncompressed content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}.z"

    def put(self, body: bytes) -> str:
        """Stores the bytes and returns their SHA-256; a body that is there costs one look. Raises StorageError."""
        return self.put_many([body])[0]

    def put_many(self, bodies: Sequence[bytes]) -> list[str]:
        """Stores documents and returns the SHA-256 of each, in order. Raises StorageError; then none is there that
        was not before."""
        names = [hashlib.sha256(body).hexdigest() for body in bodies]
        new = {name: body for name, body in zip(names, bodies, strict=True) if not self.path(name).exists()}
        try:
            self._write(new)
        except OSError as error:
            raise storage_error(error, "storing a document") from error
        return names

    def _write(self, new: Mapping[str, bytes]) -> None:
        """A file gets its name when its content is on the disk: what a crash leaves is named by nothing."""
        together = len(new) >= SYNCED_TOGETHER
        aside: list[tuple[str, Path]] = []
        try:
            for sha256, body in new.items():
                target = self.path(sha256)
                aside.append((f"{target.parent}/.new-{os.getpid()}-{threading.get_ident()}-{sha256}", target))
                _write_file(aside[-1][0], zlib.compress(body, _LEVEL), sync=not together)
            if together:
                _sync_file_system(self.folder)
            for name, target in aside:
                Path(name).replace(target)
        except OSError:
            for name, _ in aside:
                Path(name).unlink(missing_ok=True)
            raise

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


def _write_file(name: str, content: bytes, *, sync: bool) -> None:
    with os.fdopen(_open_new(name), "wb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def _open_new(name: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        return os.open(name, flags, 0o600)
    except FileNotFoundError:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        return os.open(name, flags, 0o600)


def _sync_file_system(folder: Path) -> None:
    """syncfs(2), which tells of failed writes since Linux 5.8. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


_libc = ctypes.CDLL(None, use_errno=True)
