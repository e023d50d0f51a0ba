"""git's stable patch-id, computed from the text of a diff (builtin/patch-id.c): white space and line numbers do not count."""

from __future__ import annotations

import hashlib
import re

_HUNK = re.compile(r"@@ -[0-9]{1,9}(?:,([0-9]{1,9}))? \+[0-9]{1,9}(?:,([0-9]{1,9}))? @@")
_SPACE = str.maketrans("", "", " \t\n\v\f\r")
_ID_SIZE = 20


def patch_id(diff: str) -> str | None:
    """As `git patch-id --stable` prints it; None for a diff that is cut, binary or holds no hunk."""
    total, sha = 0, hashlib.sha1(usedforsecurity=False)
    before = after = -1
    files = hunks = 0
    for line in diff.split("\n"):
        if line.startswith("\\ ") and len(line) > 11:
            continue
        if not files and not line.startswith("diff "):
            continue
        if before == -1 and files:
            if line.startswith(("GIT binary patch", "Binary files")):
                return None
            if line.startswith("index "):
                continue
            if line.startswith("--- "):
                before = after = 1
            elif not line[:1].isascii() or not line[:1].isalpha():
                break
        if before == 0 and after == 0:
            if line.startswith("@@ -"):
                counts = _HUNK.match(line)
                if counts is None:
                    return None
                before, after = int(counts[1] or 1), int(counts[2] or 1)
                hunks += 1
                continue
            if not line.startswith("diff "):
                break
            total, sha = _add(total, sha.digest()), hashlib.sha1(usedforsecurity=False)
            before = after = -1
        if line.startswith("diff "):
            files += 1
        before -= line[:1] in {"-", " "}
        after -= line[:1] in {"+", " "}
        sha.update(line.translate(_SPACE).encode("utf-8", "surrogatepass"))
    if not hunks or before > 0 or after > 0:
        return None
    return f"{_add(total, sha.digest()):040x}"


def _add(total: int, digest: bytes) -> int:
    """The sum with carry that git keeps, first byte least."""
    added = int.from_bytes(total.to_bytes(_ID_SIZE, "big"), "little") + int.from_bytes(digest, "little")
    return int.from_bytes((added % (1 << 8 * _ID_SIZE)).to_bytes(_ID_SIZE, "little"), "big")
