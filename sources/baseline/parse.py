"""Reads `bot/ingest/baseline.json`.

    {"as_of": "2026-11-23T00:00:00Z", "advisories": [{"cve", "title", "description", "published", "cvss", "cwe": [],
      "introduced": [{"version", "commit"}], "fixed": [{"branch", "version", "commit"}], "files": [],
      "kev": {"since", "due"} | null, "ssvc": "active" | null, "source", "cells": [{"distro", "release", "stream",
      "programmes", "codename", "package", "kind", "status", "disposition", "fixed": [{"version", "branch", "erratum",
      "date"}], "since", "vendor_status", "needs_subscription", "source", "as_of"}]}]}

Every cell names its `source` (the page a person can check) and its `as_of` date.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from advisories.observation import (
    CellObservation,
    CveObservation,
    ExploitationObservation,
    FixedVersion,
    Observation,
    ParsedDocument,
    Record,
    Reference,
    UpstreamFix,
    UpstreamPoint,
)
from advisories.severity import claim_from_vector
from advisories.words import CellKind, Disposition, Status
from sources.base import RawDocument
from sources.errors import ParseError


class _Fixed(msgspec.Struct):
    version: str
    branch: str | None = None
    erratum: str | None = None
    date: date | None = None


class _Cell(msgspec.Struct):
    distro: str
    package: str
    status: Status
    source: str
    as_of: date
    release: str | None = None
    stream: str | None = None
    codename: str | None = None
    programmes: tuple[str, ...] = ()
    kind: CellKind = CellKind.PACKAGE
    disposition: Disposition = Disposition.NONE
    justification: str | None = None
    fixed: tuple[_Fixed, ...] = ()
    since: date | None = None
    vendor_status: str | None = None
    needs_subscription: bool = False
    inferred: bool = False
    note: str | None = None


class _Kev(msgspec.Struct):
    since: date
    due: date | None = None


class _Advisory(msgspec.Struct):
    cve: str
    title: str
    source: str
    description: str = ""
    published: datetime | None = None
    cvss: str | None = None
    cwe: tuple[str, ...] = ()
    introduced: tuple[UpstreamPoint, ...] = ()
    fixed: tuple[UpstreamFix, ...] = ()
    files: tuple[str, ...] = ()
    kev: _Kev | None = None
    ssvc: str | None = None
    cells: tuple[_Cell, ...] = ()


class _Baseline(msgspec.Struct):
    as_of: datetime
    advisories: tuple[_Advisory, ...]


def _decode(body: bytes) -> _Baseline:
    try:
        return msgspec.json.decode(body, type=_Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(what=f"not a baseline: {error}") from None


def as_of(body: bytes) -> datetime:
    """The day for which the file speaks. Raises ParseError."""
    return _decode(body).as_of


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per advisory. Raises ParseError."""
    return ParsedDocument(records=tuple(_record(one) for one in _decode(raw.body).advisories))


def _record(one: _Advisory) -> Record:
    severity = claim_from_vector(one.cvss) if one.cvss else None
    observations: list[Observation] = [
        CveObservation(
            cve=one.cve,
            opens=True,
            title=one.title,
            description=one.description or None,
            published=one.published,
            severity=(severity,) if severity else (),
            cwe=one.cwe,
            introduced=one.introduced,
            fixed=one.fixed,
            files=one.files,
            references=(Reference(url=one.source),),
        )
    ]
    if one.kev is not None or one.ssvc is not None:
        observations.append(
            ExploitationObservation(
                cve=one.cve,
                kev=one.kev is not None,
                since=one.kev.since if one.kev else None,
                due=one.kev.due if one.kev else None,
                ssvc=one.ssvc,
            )
        )
    observations += [_cell(one.cve, cell) for cell in one.cells]
    return Record(key=one.cve, observations=tuple(observations))


def _cell(cve: str, cell: _Cell) -> CellObservation:
    shipped = f"shipped, as of {cell.as_of.isoformat()}, from {cell.source}"
    return CellObservation(
        cve=cve,
        distro=cell.distro,
        release=cell.release,
        stream=cell.stream,
        codename=cell.codename,
        programmes=cell.programmes,
        package=cell.package,
        kind=cell.kind,
        status=cell.status,
        disposition=cell.disposition,
        justification=cell.justification,
        fixed=tuple(
            FixedVersion(version=each.version, branch=each.branch, erratum=each.erratum, date=each.date)
            for each in cell.fixed
        ),
        errata=tuple(each.erratum for each in cell.fixed if each.erratum),
        vendor_status=cell.vendor_status,
        since=cell.since,
        needs_subscription=cell.needs_subscription,
        inferred=cell.inferred,
        note=f"{shipped}; {cell.note}" if cell.note else shipped,
    )
