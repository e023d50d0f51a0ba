"""The CSV files of Debian's distro-info-data: dates of Debian's and Ubuntu's releases.

    version,codename,series,created,release,eol,eol-lts,eol-elts             debian.csv
    version,codename,series,created,release,eol,eol-server,eol-esm,eol-legacy     ubuntu.csv

Rows end where their values do; Ubuntu's long-term versions read "24.04 LTS"; unstable has no version.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from advisories.observation import ParsedDocument, Record, Rejected, ReleaseObservation
from sources.errors import ParseError
from sources.formats.text import clean_line

FIRST_COLUMNS: Final = ("version", "codename", "series", "created", "release", "eol")
MOST_ROWS: Final = 1_000
_VERSION = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?)(?: LTS)?")
_SERIES = re.compile(r"[a-z]{2,20}")


def read_distro_info(body: bytes) -> ParsedDocument:
    """One record per released or planned version. Raises ParseError."""
    if not body.endswith(b"\n"):
        raise ParseError("the table ends inside a row")
    rows = csv.reader(body.decode("utf-8", "replace").replace("\x00", "").splitlines()[: MOST_ROWS + 1])
    try:
        columns = [name.strip() for name in next(rows, [])]
        if tuple(columns[: len(FIRST_COLUMNS)]) != FIRST_COLUMNS:
            raise ParseError("no table of distro-info-data")
        named = [dict(zip(columns, row, strict=False)) for row in rows]
    except csv.Error as error:
        raise ParseError(f"no table of distro-info-data: {error}") from None
    distro = "ubuntu" if "eol-server" in columns or "eol-esm" in columns else "debian"
    records: list[Record] = []
    rejected: list[Rejected] = []
    for row in named:
        if not row.get("version"):
            continue
        key = f"release/{distro}/{clean_line(row['version'], 40)}"
        release = _release(distro, row)
        if release is None:
            rejected.append(Rejected(key=key, what="no version, codename or date where one should be"))
        else:
            records.append(Record(key=f"release/{distro}/{release.release}", observations=(release,)))
    if not records:
        raise ParseError("no release in the table")
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected), complete=True)


def _release(distro: str, row: Mapping[str, str]) -> ReleaseObservation | None:
    version, series = _VERSION.fullmatch(row["version"]), row.get("series", "")
    if version is None or _SERIES.fullmatch(series) is None:
        return None
    try:
        days = {name: date.fromisoformat(value) for name, value in row.items() if value and name not in _TEXT_COLUMNS}
    except ValueError:
        return None
    return ReleaseObservation(
        distro=distro,
        release=version[1],
        codename=series,
        released=days.get("release"),
        support_ends=days.get("eol"),
        lts_ends=days.get("eol-lts"),
        paid_ends=days.get("eol-elts") or days.get("eol-esm"),
    )


_TEXT_COLUMNS: Final = frozenset({"version", "codename", "series"})
