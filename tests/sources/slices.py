"""Slices of large documents: what is kept of one record when the whole is not kept any more."""

from __future__ import annotations

from dataclasses import replace

from advisories.observation import ParsedDocument
from sources.base import Parse
from tests.sources.hostile import RawOf


def read_with_slices(parse: Parse, raw_of: RawOf, body: bytes) -> ParsedDocument:
    """The document without its slices, after each of them was seen to read as the record it was cut from alone."""
    parsed = parse(raw_of(body))
    whole = tuple(replace(record, slice=b"") for record in parsed.records)
    for record, kept in zip(parsed.records, whole, strict=True):
        assert record.slice, f"{record.key} has no slice"
        (again,) = parse(raw_of(record.slice)).records
        assert replace(again, slice=b"") == kept
    return replace(parsed, records=whole)
