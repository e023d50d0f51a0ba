"""NixOS ships upstream's series unpatched: `kernels-org.json` of a branch of nixpkgs names the release of each.

    {"testing": {"version": "6.19-rc4", …}, "6.12": {"version": "6.12.64", "hash": "sha256:…", "lts": true}}

The branch, and with it the NixOS release, is in the address: …/nixpkgs/nixos-25.11/pkgs/…
"""

from __future__ import annotations

import re

import msgspec

from advisories.observation import PackageVersionObservation, ParsedDocument, Record, Rejected
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line

MOST_SERIES = 500
_BRANCH = re.compile(r"/(?:nixos|release)-([0-9]{2}\.[0-9]{2}|unstable)(?:-small)?(?:/|$)")
_ROLLING = re.compile(r"/(?:master|nixpkgs-unstable)/")
_SERIES = re.compile(r"[0-9]{1,3}\.[0-9]{1,4}")
_RELEASE = re.compile(r"[0-9]{1,3}\.[0-9]{1,4}(?:\.[0-9]{1,5})?")


class _Kernel(msgspec.Struct):
    version: str


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per branch and series, "25.11/linux-6.12". The series "testing" is no release. Raises ParseError."""
    series = decode_json(raw.body, dict[str, msgspec.Raw], "the list of kernel series")
    if not any(_SERIES.fullmatch(name) for name in series) or len(series) > MOST_SERIES:
        raise ParseError("no list of kernel series")
    release = release_of(raw.url)
    records: list[Record] = []
    rejected: list[Rejected] = []
    for name in sorted(series):
        if _SERIES.fullmatch(name) is None:
            continue
        one = _record(release, name, series[name])
        if isinstance(one, Rejected):
            rejected.append(one)
        else:
            records.append(one)
    return ParsedDocument(records=tuple(records), rejected=tuple(rejected), complete=True)


def release_of(url: str) -> str | None:
    """The NixOS release of a branch of nixpkgs: "25.11", or "unstable" for what rolls."""
    found = _BRANCH.search(url)
    if found is not None:
        return found.group(1)
    return "unstable" if _ROLLING.search(url) else None


def _record(release: str | None, series: str, text: msgspec.Raw) -> Record | Rejected:
    key = f"{release or 'unknown'}/linux-{series}"
    try:
        version = msgspec.json.decode(text, type=_Kernel).version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Rejected(key=key, what=clean_line(str(error), 200))
    if _RELEASE.fullmatch(version) is None or not f"{version}.".startswith(f"{series}."):
        return Rejected(key=key, what=f"{clean_line(version, 50)} is no release of {series}")
    shipped = PackageVersionObservation(
        distro="nixos", release=release, package=f"linux-{series}", version=version, upstream=version
    )
    return Record(key=key, observations=(shipped,))
