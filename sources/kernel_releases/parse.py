"""kernel.org's own lists of releases: releases.json, and the feed kdist.xml.

    {"latest_stable": {"version"}, "releases": [{"moniker": "longterm", "version": "6.12.85", "iseol": false,
      "released": {"timestamp": 1777548720, "isodate": "2026-04-30"}, ...}]}

kdist.xml has the same releases as items "6.12.85: longterm". linux-next has no branch: it is listed as "linux-next".
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

import msgspec

from advisories.observation import ParsedDocument, Record, Rejected, ReleaseObservation
from advisories.versions import upstream_compare
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.feed import read_feed
from sources.formats.json_document import decode_json
from sources.formats.kernel_ranges import branch_of_release
from sources.formats.text import clean_line, iso_date

DISTRO: Final = "kernel"
NEXT: Final = "linux-next"
MONIKERS: Final = frozenset({"mainline", "stable", "longterm", NEXT})
MOST_RELEASES: Final = 200

_NEXT_VERSION = re.compile(r"next-[0-9]{8}")
_ITEM = re.compile(r"([0-9a-z.-]{1,40}): ([a-z-]{1,20})( \(?EOL\)?)?")


class _Released(msgspec.Struct):
    isodate: str


class _Release(msgspec.Struct):
    moniker: str
    version: str
    iseol: bool
    released: _Released


class _Releases(msgspec.Struct):
    releases: list[msgspec.Raw]


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per branch. Raises ParseError; a release that is none is rejected."""
    body = raw.body.removeprefix(b"\xef\xbb\xbf").lstrip()
    read = _read_feed(body) if body.startswith(b"<") else _read_json(body)
    kept: dict[str, ReleaseObservation] = {}
    rejected: list[Rejected] = []
    for one in read:
        if isinstance(one, Rejected):
            rejected.append(one)
        elif one.release not in kept or _is_newer(one, kept[one.release]):
            kept[one.release] = one
    if not kept:
        raise ParseError("no release of any branch")
    records = tuple(Record(key=f"release/{branch}", observations=(one,)) for branch, one in kept.items())
    return ParsedDocument(records=records, rejected=tuple(rejected))


def _is_newer(one: ReleaseObservation, other: ReleaseObservation) -> bool:
    """Between a new series' first release and its next one, mainline and stable name the same branch."""
    return upstream_compare(one.latest or "", other.latest or "") == 1


def _read_json(body: bytes) -> list[ReleaseObservation | Rejected]:
    releases = decode_json(body, _Releases, "releases.json").releases
    if len(releases) > MOST_RELEASES:
        raise ParseError(f"more than {MOST_RELEASES} releases")
    return [_read_release(number, bytes(one)) for number, one in enumerate(releases)]


def _read_release(number: int, raw: bytes) -> ReleaseObservation | Rejected:
    try:
        one = decode_json(raw, _Release, "the release")
    except ParseError as error:
        return Rejected(key=f"release {number}", what=str(error))
    return _release(one.moniker, one.version, one.iseol, iso_date(one.released.isodate))


def _read_feed(body: bytes) -> list[ReleaseObservation | Rejected]:
    read: list[ReleaseObservation | Rejected] = []
    for entry in read_feed(body)[:MOST_RELEASES]:
        found = _ITEM.fullmatch(entry.title)
        if found is None:
            read.append(Rejected(key=clean_line(entry.title, 80), what="no title of a release"))
            continue
        version, moniker, ended = found.groups()
        day = entry.published.date() if entry.published else None
        read.append(_release(moniker, version, True if ended else None, day))
    return read


def _release(moniker: str, version: str, eol: bool | None, day: date | None) -> ReleaseObservation | Rejected:
    branch = NEXT if _NEXT_VERSION.fullmatch(version) else branch_of_release(version)
    if branch is None or moniker not in MONIKERS:
        return Rejected(key=clean_line(version, 80), what=f"no release of a branch: {clean_line(moniker, 40)}")
    return ReleaseObservation(distro=DISTRO, release=branch, latest=version, released=day, eol=eol, moniker=moniker)
