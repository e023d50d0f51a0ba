"""Reads the files of one host or image: below one root, bounded, regular files only, no link followed out of it.

Errors are values here: what could not be read is an answer ("unverified") with a reason, not an exception.
"""

import os
import stat
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

LINK_LIMIT = 40
DEFAULT_LIMIT = 1024 * 1024
FOLDER_LIMIT = 20000
BLOCK = 262144


class Reading(NamedTuple):
    """Bytes of one file; state is "read", "absent", "unreadable" (reason says why) or "truncated" (too long)."""

    path: str
    state: str
    content: bytes
    reason: str

    @property
    def text(self) -> str:
        """The content as text; what is no UTF-8 becomes U+FFFD."""
        return self.content.decode("utf-8", "replace")

    @property
    def whole(self) -> bool:
        """Whether all of the file was read."""
        return self.state == "read"


class _Absent(Exception):
    pass


class _Refused(Exception):
    pass


class HostFiles:
    """One tree of files. root None is the live host; otherwise DIR, in which absolute links mean DIR as in a chroot."""

    def __init__(self, root: Optional[str]) -> None:
        self.live = root is None
        self._base = "" if root is None else os.path.realpath(root).rstrip("/")
        self.problems: Dict[str, str] = {}

    def read(self, path: str, limit: int = DEFAULT_LIMIT) -> Reading:
        """Up to `limit` bytes of a regular file."""
        try:
            content = self._load(path, limit)
        except _Absent:
            return Reading(path, "absent", b"", "is not there")
        except (_Refused, OSError) as failure:
            reason = failure.strerror if isinstance(failure, OSError) and failure.strerror else str(failure)
            self.problems[path] = reason
            return Reading(path, "unreadable", b"", reason)
        if len(content) > limit:
            self.problems[path] = "is longer than {} bytes".format(limit)
            return Reading(path, "truncated", content[:limit], self.problems[path])
        return Reading(path, "read", content, "")

    def _load(self, path: str, limit: int) -> bytes:
        real = self._resolve(path)
        if real == self._join(["dev", "null"]):
            return b""
        handle = _opened(real)
        try:
            return _read_all(handle, limit + 1)
        finally:
            os.close(handle)

    def blocks(self, path: str, limit: int) -> Iterator[bytes]:
        """Up to `limit` bytes of a regular file, block by block; none of what cannot be read (which is a problem)."""
        try:
            handle = _opened(self._resolve(path))
        except (_Absent, _Refused, OSError) as failure:
            self.problems[path] = getattr(failure, "strerror", None) or str(failure) or "is not there"
            return
        try:
            while limit > 0:
                part = os.read(handle, min(limit, BLOCK))
                if not part:
                    return
                limit -= len(part)
                yield part
        except OSError as failure:
            self.problems[path] = failure.strerror or str(failure)
        finally:
            os.close(handle)

    def _resolve(self, path: str) -> str:
        """The real path, each link resolved inside the root; `..` stops at the root."""
        pending = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        done: List[str] = []
        links = 0
        while pending:
            part = pending.pop()
            if part == "..":
                del done[-1:]
                continue
            if "\0" in part:
                raise _Refused("has a NUL in its name")
            here = self._join([*done, part])
            target = _link_target(here)
            if target is None:
                done.append(part)
                continue
            links += 1
            if links > LINK_LIMIT:
                raise _Refused("is a loop of links")
            if target.startswith("/"):
                done = []
            pending.extend(step for step in reversed(target.split("/")) if step not in ("", "."))
        return self._join(done)

    def _join(self, parts: List[str]) -> str:
        return self._base + "/" + "/".join(parts)

    def names(self, folder: str) -> List[str]:
        """The sorted names in a folder; empty when it is not there (an unreadable one is a problem)."""
        try:
            with os.scandir(self._resolve(folder)) as entries:
                names = []
                for entry in entries:
                    names.append(entry.name)
                    if len(names) >= FOLDER_LIMIT:
                        self.problems[folder] = "holds more than {} names".format(FOLDER_LIMIT)
                        break
        except (FileNotFoundError, NotADirectoryError, _Absent):
            return []
        except (OSError, _Refused) as failure:
            self.problems[folder] = getattr(failure, "strerror", None) or str(failure)
            return []
        return sorted(names)

    def kind(self, path: str) -> str:
        """ "file", "folder", "other" or "absent", after links inside the root; "unreadable" when it cannot be told."""
        try:
            mode = os.lstat(self._resolve(path)).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return "absent"
        except (OSError, _Refused) as failure:
            self.problems[path] = getattr(failure, "strerror", None) or str(failure)
            return "unreadable"
        if stat.S_ISREG(mode):
            return "file"
        return "folder" if stat.S_ISDIR(mode) else "other"

    def real(self, path: str) -> str:
        """The path inside the root that `path` means after its links; the path itself when that cannot be told."""
        try:
            return self._resolve(path)[len(self._base) :] or "/"
        except (OSError, _Refused):
            return path

    def link(self, path: str) -> str:
        """What a symbolic link says, unresolved (for /proc/PID/fd); "" when it is none or cannot be read."""
        folder, _, name = path.rpartition("/")
        try:
            return os.readlink(self._join([*self._resolve(folder)[len(self._base) :].strip("/").split("/"), name]))
        except (OSError, _Refused):
            return ""

    def first(self, paths: Tuple[str, ...], limit: int = DEFAULT_LIMIT) -> Reading:
        """The first of the paths that is there."""
        reading = Reading(paths[0], "absent", b"", "is not there")
        for path in paths:
            found = self.read(path, limit)
            if found.state != "absent":
                return found
        return reading


def _link_target(path: str) -> Optional[str]:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _opened(real: str) -> int:
    """A regular file opened for reading. Raises _Absent, _Refused, OSError."""
    try:
        handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise _Absent from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _Refused("is not a regular file")
    return handle


def _read_all(handle: int, limit: int) -> bytes:
    parts = []
    left = limit
    while left > 0:
        part = os.read(handle, min(left, BLOCK))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
