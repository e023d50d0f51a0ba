"""A recording (CONTRACT): documents in order of time, replayed through the same pipeline with the recording's clock."""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sources.base import RawDocument

MAX_DOCUMENT_BYTES = 256 * 1024 * 1024


class RecordingError(ValueError):
    """A recording that cannot be read; the text names the line and what is wrong with it."""


class _Line(msgspec.Struct):
    at: datetime
    source: str
    url: str
    file: str = ""
    status: int = 200
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: a document, or the answer that was a source error."""

    number: int
    at: datetime
    source: str
    url: str
    status: int
    kind: str
    path: Path

    def raw(self) -> RawDocument:
        """The document with its bytes. Raises RecordingError."""
        return RawDocument(
            source=self.source, url=self.url, at=self.at, body=_read(self.path, self.number), kind=self.kind
        )


def read_recording(folder: Path) -> Iterator[Entry]:
    """The entries in order of their lines. Raises RecordingError for the first line that is wrong."""
    path = folder / "recording.jsonl" if folder.is_dir() else folder
    base = path.parent
    try:
        file = path.open("rb")
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from None
    with file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _entry(line, number, base)


def _entry(line: bytes, number: int, base: Path) -> Entry:
    try:
        one = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(f"line {number}: {error}") from None
    if one.at.tzinfo is None:
        raise RecordingError(f"line {number}: at has no time zone")
    if one.status == 200 and not one.file:
        raise RecordingError(f"line {number}: file is missing")
    return Entry(
        number=number,
        at=one.at.astimezone(UTC),
        source=one.source,
        url=one.url,
        status=one.status,
        kind=one.kind,
        path=base / one.file,
    )


def _read(path: Path, number: int) -> bytes:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                body = packed.read(MAX_DOCUMENT_BYTES + 1)
        elif path.suffix == ".xz":
            with lzma.open(path) as packed_xz:
                body = packed_xz.read(MAX_DOCUMENT_BYTES + 1)
        else:
            body = path.read_bytes()
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise RecordingError(f"line {number}: {path.name} cannot be read: {error}") from None
    if len(body) > MAX_DOCUMENT_BYTES:
        raise RecordingError(f"line {number}: {path.name} is larger than {MAX_DOCUMENT_BYTES} bytes")
    return body
