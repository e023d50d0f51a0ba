"""What changed between two revisions of a patch: the patches themselves compared, as `git range-diff` does.

Made of two mails alone, without a repository: files, hunks and lines of the diffs, and the commit message. Positions in
the file do not count, context does. Bounded in time and size for mail from anywhere: what is too long is counted, not
compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

DIFF_LINES = 8_000  # read of one diff
FILE_LINES = 400  # compared of one file; the time grows with the square
FILE_COUNT = 100
MESSAGE_LINES = 200
SHOWN_LINES = 80  # of one file or message
LINE_CHARS = 200
_HUNK = re.compile(r"@@ -[0-9]{1,9}(?:,([0-9]{1,9}))? \+[0-9]{1,9}(?:,([0-9]{1,9}))? @@(.*)")
_HEADER = "diff --git "

Hunk = tuple[str, ...]  # "@@ function", then the lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One revision as it was mailed. message: the lines above `---`; diff: its text."""

    ref: str
    title: str
    message: tuple[str, ...]
    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Lines of two texts compared: "-" and "+" before what only the older or newer has, " " before what both have.

    left_out: how many such lines are not shown. too_long: the texts were not compared.
    """

    lines: tuple[str, ...] = ()
    removed: int = 0
    added: int = 0
    left_out: int = 0
    too_long: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """One file that the two revisions treat differently. what: "added" (only the newer changes it), "removed" or
    "changed". hunks: how many of them differ."""

    path: str
    what: str
    hunks: int
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeDiff:
    """message: None when both say the same. files: in the order of the newer revision, then those it leaves alone.

    more_files: how many further ones differ. cut: a diff was read in part. titles: (older, newer) when they differ.
    """

    older: str
    newer: str
    titles: tuple[str, str] | None
    message: Difference | None
    files: tuple[FileDifference, ...]
    more_files: int
    cut: bool

    @property
    def is_same(self) -> bool:
        return self.titles is None and self.message is None and not self.files and not self.cut


def compare_postings(older: Posting, newer: Posting) -> RangeDiff:
    """What the newer revision changes of the older one."""
    before, after = _read(older.diff), _read(newer.diff)
    paths = list(dict.fromkeys([*after, *before]))
    differing = [path for path in paths if before.get(path) != after.get(path)]
    shown = differing[:FILE_COUNT]
    message = _compare(_trimmed(older.message), _trimmed(newer.message), limit=MESSAGE_LINES)
    return RangeDiff(
        older=older.ref,
        newer=newer.ref,
        titles=None if older.title == newer.title else (older.title[:LINE_CHARS], newer.title[:LINE_CHARS]),
        message=message,
        files=tuple(_file(path, before.get(path), after.get(path)) for path in shown),
        more_files=len(differing) - len(shown),
        cut=any(one.diff.count("\n") >= DIFF_LINES for one in (older, newer)),
    )


def _trimmed(lines: Sequence[str]) -> list[str]:
    """Without white space at the ends of lines and of the text."""
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    return text.split("\n") if text else []


def _file(path: str, before: list[Hunk] | None, after: list[Hunk] | None) -> FileDifference:
    what = "added" if before is None else "removed" if after is None else "changed"
    old, new = Counter(before or ()), Counter(after or ())
    compared = _compare(list(_lines(before or ())), list(_lines(after or ())), limit=FILE_LINES)
    return FileDifference(
        path=path,
        what=what,
        hunks=max((new - old).total(), (old - new).total()),
        difference=compared or Difference(),
    )


def _lines(hunks: Sequence[Hunk]) -> Iterator[str]:
    for hunk in hunks:
        yield from hunk


def _compare(before: list[str], after: list[str], *, limit: int) -> Difference | None:
    """None when they are the same."""
    if before == after:
        return None
    if len(before) > limit or len(after) > limit:
        return Difference(removed=len(before), added=len(after), too_long=True)
    lines: list[str] = []
    removed = added = 0
    for group in SequenceMatcher(None, before, after).get_grouped_opcodes(1):
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                lines += [f" {one}" for one in before[start:end]]
                continue
            lines += [f"-{one}" for one in before[start:end]]
            lines += [f"+{one}" for one in after[new_start:new_end]]
            removed += end - start
            added += new_end - new_start
    shown = tuple(one[:LINE_CHARS] for one in lines[:SHOWN_LINES])
    return Difference(lines=shown, removed=removed, added=added, left_out=len(lines) - len(shown))


def _read(diff: str) -> dict[str, list[Hunk]]:
    """The hunks of each file by its path; the counts of a hunk say where it ends, whatever its lines look like."""
    found: dict[str, list[Hunk]] = {}
    hunks: list[Hunk] = []
    lines = diff.split("\n", DIFF_LINES)[:DIFF_LINES]
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        if line.startswith(_HEADER):
            hunks = found.setdefault(line.rpartition(" b/")[2][:400], [])
        elif line.startswith(("new file mode", "deleted file mode", "rename ", "copy ", "old mode", "new mode")):
            hunks.append((line[:LINE_CHARS],))
        elif line.startswith(("Binary files", "GIT binary patch")):
            hunks.append(("binary",))
        elif opened := _HUNK.match(line):
            size = _size(lines, position, int(opened[1] or 1), int(opened[2] or 1))
            hunks.append((f"@@{opened[3].rstrip()}", *(one.rstrip("\r") for one in lines[position : position + size])))
            position += size
    return found


def _size(lines: Sequence[str], start: int, before: int, after: int) -> int:
    """How many lines a hunk has that opens above `start`; a hunk that is cut ends with the diff."""
    position = start
    while position < len(lines) and (before > 0 or after > 0):
        sign = lines[position][:1]
        before -= sign in ("", " ", "-")
        after -= sign in ("", " ", "+")
        position += 1
    return position - start
