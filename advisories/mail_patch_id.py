"""git's stable patch-id from the text of a diff (builtin/patch-id.c): white space and line numbers do not count."""

from __future__ import annotations

import hashlib
import re

_HUNK = re.compile(r"@@ -[0-9]{1,9}(?:,([0-9]{1,9}))? \+[0-9]{1,9}(?:,([0-9]{1,9}))? @@")
_SPACE = str.maketrans("", "", " \t\n\v\f\r")
_ID_SIZE = 20


def patch_id(diff: str) -> str | None:
    """As `git patch-id --stable` prints it; None for a diff that is cut, binary or holds no hunk."""
    reading = _Reading()
    for line in diff.split("\n"):
        if not reading.take(line):
            break
    return reading.result()


class _Reading:
    """Where git's own loop stands: lines still due of the hunk (-1: in a file's header), the sum of files before."""

    def __init__(self) -> None:
        self._total, self._sha = 0, hashlib.sha1(usedforsecurity=False)
        self._before = self._after = -1
        self._files = self._hunks = 0
        self._refused = False

    def take(self, line: str) -> bool:
        """Read one line; False when the diff ends here or cannot be counted."""
        if line.startswith("\\ ") and len(line) > 11:
            return True
        if not self._files and not line.startswith("diff "):
            return True
        if self._before == -1 and self._files:
            if line.startswith(("GIT binary patch", "Binary files")):
                return self._refuse()
            if line.startswith("index "):
                return True
            if line.startswith("--- "):
                self._before = self._after = 1
            elif not line[:1].isascii() or not line[:1].isalpha():
                return False
        if self._before == 0 and self._after == 0:
            if line.startswith("@@ -"):
                return self._open_hunk(line)
            if not line.startswith("diff "):
                return False
            self._close_file()
        self._count(line)
        return True

    def _refuse(self) -> bool:
        self._refused = True
        return False

    def _open_hunk(self, line: str) -> bool:
        counts = _HUNK.match(line)
        if counts is None:
            return self._refuse()
        self._before, self._after = int(counts[1] or 1), int(counts[2] or 1)
        self._hunks += 1
        return True

    def _close_file(self) -> None:
        self._total, self._sha = _add(self._total, self._sha.digest()), hashlib.sha1(usedforsecurity=False)
        self._before = self._after = -1

    def _count(self, line: str) -> None:
        self._files += line.startswith("diff ")
        self._before -= line[:1] in {"-", " "}
        self._after -= line[:1] in {"+", " "}
        self._sha.update(line.translate(_SPACE).encode("utf-8", "surrogatepass"))

    def result(self) -> str | None:
        if self._refused or not self._hunks or self._before > 0 or self._after > 0:
            return None
        return f"{_add(self._total, self._sha.digest()):040x}"


def _add(total: int, digest: bytes) -> int:
    """The sum with carry that git keeps, first byte least."""
    added = int.from_bytes(total.to_bytes(_ID_SIZE, "big"), "little") + int.from_bytes(digest, "little")
    return int.from_bytes((added % (1 << 8 * _ID_SIZE)).to_bytes(_ID_SIZE, "little"), "big")
