"""The lists of a CSAF directory (CSAF 2.0, 7.1.11 to 7.1.13): `changes.csv` with times, `index.txt` without.

In practice `changes.csv` is neither sorted nor free of duplicates, lists files that are not there and times that have
not come yet (a real one names "suse-su-403.json", the page of a server that refused).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sources.errors import ParseError
from sources.formats.times import read_time

MOST_ROWS: Final = 1_000_000

_PATH = r"[A-Za-z0-9][A-Za-z0-9_+-]*(?:[./:][A-Za-z0-9_+-]+)*\.json"
_CHANGE = re.compile(rf'^[ \t]*"?({_PATH})"?[ \t]*,[ \t]*"?([0-9][0-9T:.+Z -]{{9,39}})"?[ \t\r]*$', re.MULTILINE)
_ENTRY = re.compile(rf"^[ \t]*({_PATH})[ \t\r]*$", re.MULTILINE)
_CVE_NAME = re.compile(r"(?:^|[^A-Za-z0-9])cve-([0-9]{4}-[0-9]{4,19})\.json$", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,18}")
LONGEST_PATH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """A document of the directory: its path below it, and when it changed (None in an `index.txt`)."""

    path: str
    changed_at: datetime | None = None

    @property
    def cve(self) -> str | None:
        """The CVE id that the file is named for."""
        found = _CVE_NAME.search(self.path)
        return f"CVE-{found.group(1)}" if found else None

    @property
    def number(self) -> tuple[int, ...]:
        """The numbers of its name, which order errata: 2026/rhsa-2026_13565.json is (2026, 2026, 13565)."""
        return tuple(int(each) for each in _NUMBER.findall(self.path))


def read_changes(body: bytes) -> tuple[ListedFile, ...]:
    """The rows of a `changes.csv`, one a path with its newest time. Raises ParseError when there is none."""
    newest: dict[str, datetime] = {}
    for path, text in _rows(_CHANGE, body):
        changed_at = read_time(text)
        if changed_at is not None and len(path) <= LONGEST_PATH:
            newest[path] = max(changed_at, newest.get(path, changed_at))
    if not newest:
        raise ParseError("no row of a changes.csv")
    return tuple(ListedFile(path=path, changed_at=changed_at) for path, changed_at in newest.items())


def read_index(body: bytes) -> tuple[ListedFile, ...]:
    """The paths of an `index.txt`. Raises ParseError when there is none."""
    paths = dict.fromkeys(path for (path,) in _rows(_ENTRY, body) if len(path) <= LONGEST_PATH)
    if not paths:
        raise ParseError("no path of an index.txt")
    return tuple(ListedFile(path=path) for path in paths)


def _rows(form: re.Pattern[str], body: bytes) -> list[tuple[str, ...]]:
    """The lines that have the form; a byte that is no UTF-8 spoils its own line alone."""
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    rows: list[tuple[str, ...]] = []
    for found in form.finditer(text):
        if len(rows) >= MOST_ROWS:
            raise ParseError(f"more than {MOST_ROWS} rows")
        rows.append(found.groups())
    return rows
