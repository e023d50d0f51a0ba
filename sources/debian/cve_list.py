"""`data/CVE/list`: what the tracker is made from. Read when the tracker itself cannot be had.

    CVE-2026-31431 (In the Linux kernel, the following vulnerability has been resolved:  c ...)
    <tab>{DSA-6243-1 DSA-6238-1}
    <tab>- linux 6.19.12-1
    <tab>[bookworm] - linux <not-affected> (Vulnerable code not present)
    <tab>NOTE: https://git.kernel.org/linus/a664bf3d603dc3bdcf9ae47cc21e0daec706d7a5 (7.0-rc7)

The list has more than 30 MB, so it is searched for lines about kernels, and only the entries around those are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from advisories.observation import CellObservation, ParsedDocument, Record, Rejected
from sources.debian.cells import make_cell
from sources.debian.names import is_kernel
from sources.debian.package_lines import read_package_line
from sources.errors import ParseError
from sources.formats.text import is_cve_id

MOST_ENTRIES: Final = 200_000
MOST_LINES: Final = 500
MOST_REJECTED: Final = 100
HEADER = re.compile(rb"\s*(?:CVE-[0-9]{4}-[0-9X]{4,19}|TEMP-[0-9A-F-]{4,40})(?=[ \t\r\n]|$)")
_KERNEL_LINE = re.compile(rb"^[ \t]+(?:\[[a-z]{2,20}\][ \t]+)?-[ \t]+linux(?:-[0-9.]{1,7})?[ \t]", re.MULTILINE)
_NEXT_ENTRY = re.compile(rb"\n(?=[^ \t\r\n])")


def read_cve_list(body: bytes) -> ParsedDocument:
    """One record per CVE with a line about a kernel package. Raises ParseError.

    The list names the version of unstable and what differs from it in a release; the tracker works out the rest. So its
    claims are `coarse`: they count where the tracker has said nothing, and never against its word.
    """
    if HEADER.match(body) is None:
        raise ParseError("the first line names no issue")
    records: list[Record] = []
    rejected: list[Rejected] = []
    for start, end in _kernel_entries(body):
        entry = body[start:end]
        cve = entry.split(None, 1)[0].decode("ascii", "replace")[:40]
        if not is_cve_id(cve):
            continue
        if not entry.endswith(b"\n"):
            rejected.append(Rejected(key=f"list/{cve}", what="the list ends inside this entry"))
            continue
        cells = _cells(cve, entry)
        if cells:
            records.append(Record(key=f"list/{cve}", observations=cells, slice=entry))
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected[:MOST_REJECTED]))


def _kernel_entries(body: bytes) -> Iterator[tuple[int, int]]:
    end = count = 0
    for found in _KERNEL_LINE.finditer(body):
        if found.start() < end or count >= MOST_ENTRIES:
            continue
        start = _start_of_entry(body, end, found.start())
        after = _NEXT_ENTRY.search(body, found.start())
        end = after.start() + 1 if after else len(body)
        count += 1
        if start is not None:
            yield start, end


def _start_of_entry(body: bytes, lowest: int, before: int) -> int | None:
    """The nearest line above that is not indented."""
    at = before
    while at > lowest:
        line = body.rfind(b"\n", lowest, at - 1) + 1 or lowest
        if body[line : line + 1] not in (b" ", b"\t", b"\r", b"\n"):
            return line
        at = line
    return None


def _cells(cve: str, entry: bytes) -> tuple[CellObservation, ...]:
    cells: dict[tuple[str, str], CellObservation] = {}
    for line in entry.decode("utf-8", "replace").replace("\r", "").split("\n")[1:MOST_LINES]:
        found = read_package_line(line)
        if found is not None and is_kernel(found.package):
            cells[found.package, found.codename] = make_cell(
                cve, found.package, found.codename, found.verdict, coarse=True
            )
    return tuple(cells.values())
