"""Flatcar Container Linux: its releases and the kernel of each, unpatched upstream.

    {"4593.2.0": {"channel": "stable", "architectures": ["amd64", "arm64"], "release_date": "2026-05-05 07:00:00 +0000",
      "major_software": {"kernel": ["6.12.85"], …}, "release_notes": "…"}}

The newest stable release is what Flatcar ships. `releases-stable.json` names it "current" beside its number.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from advisories.observation import PackageVersionObservation, ParsedDocument, Record
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.times import read_time

MOST_RELEASES = 20_000
CHANNEL = "stable"
_NUMBER = re.compile(r"([0-9]{1,6})\.([0-9]{1,4})\.([0-9]{1,4})")
_RELEASE = re.compile(r"[0-9]{1,3}\.[0-9]{1,4}(?:\.[0-9]{1,5})?")


class _Software(msgspec.Struct):
    kernel: list[str] = msgspec.field(default_factory=list)


class _Release(msgspec.Struct):
    channel: str = ""
    release_date: str = ""
    major_software: _Software = msgspec.field(default_factory=_Software)


def parse(raw: RawDocument) -> ParsedDocument:
    """One record, "stable", with the kernel of the newest stable release. Raises ParseError."""
    listed = decode_json(raw.body, dict[str, msgspec.Raw], "the list of releases")
    if len(listed) > MOST_RELEASES:
        raise ParseError(f"more than {MOST_RELEASES} releases")
    stable: dict[tuple[int, ...], tuple[str, datetime | None]] = {}
    for text, release in listed.items():
        number, kernel = _number(text), _kernel(release)
        if number and kernel is not None:
            stable[number] = kernel
    if not stable:
        raise ParseError("no stable release with its kernel")
    version, released = stable[max(stable)]
    shipped = PackageVersionObservation(
        distro="flatcar", release=None, package="linux", version=version, upstream=version
    )
    return ParsedDocument(records=(Record(key=CHANNEL, observations=(shipped,), modified=released),))


def _number(text: str) -> tuple[int, ...]:
    found = _NUMBER.fullmatch(text)
    return tuple(int(each) for each in found.groups()) if found else ()


def _kernel(text: msgspec.Raw) -> tuple[str, datetime | None] | None:
    """The kernel and date of a stable release; None for other channels and what cannot be read."""
    try:
        release = msgspec.json.decode(text, type=_Release)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    kernels = [one for one in release.major_software.kernel if _RELEASE.fullmatch(one)]
    return (kernels[0], _time(release.release_date)) if release.channel == CHANNEL and kernels else None


def _time(text: str) -> datetime | None:
    """A time as "2026-05-05 07:00:00 +0000"."""
    return read_time(text.replace(" +", "+", 1))
