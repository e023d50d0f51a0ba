"""Reading a body: counted before and after decompression, complete or an error.

Only gzip is asked for, so only gzip (RFC 1952) is undone, once. A gzip body counts as whole only when its trailer with
CRC and length was reached; a decompressor that is given a limit cannot be made to unpack more than that.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

_GZIP_WINDOW: Final = 31  # 15 bits of window, gzip framing with checked trailer
_GZIP_MAGIC: Final = b"\x1f\x8b"


class BodyTooLarge(Exception):
    """The body has more bytes than the limit, as sent or unpacked."""


class BodyTruncated(Exception):
    """The gzip stream ended before its trailer."""


class BodyEncodingError(Exception):
    """The body is not encoded as its header says, or in a way that was not asked for."""


def read_body(chunks: Iterable[bytes], *, encoding: str, limit: int) -> bytes:
    """The decoded body. `encoding` is the Content-Encoding header, "" when absent; `limit` holds before and after.

    Raises BodyTooLarge, BodyTruncated or BodyEncodingError.
    """
    named = encoding.strip().lower()
    if named in ("", "identity"):
        return b"".join(_counted(chunks, limit))
    if named in ("gzip", "x-gzip"):
        return _gunzip(_counted(chunks, limit), limit)
    raise BodyEncodingError(f"the body is encoded as {encoding[:60]!r}; only gzip was asked for")


def _counted(chunks: Iterable[bytes], limit: int) -> Iterable[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise BodyTooLarge(f"more than {limit} bytes")
        yield chunk


def _gunzip(chunks: Iterable[bytes], limit: int) -> bytes:
    stream = _GzipMembers(limit)
    for chunk in chunks:
        stream.feed(chunk)
    return stream.finish()


class _GzipMembers:
    """Gzip members in a row (RFC 1952 section 2.2); zero bytes behind the last are tolerated as gzip(1) does."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._out: list[bytes] = []
        self._size = 0
        self._started = False
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._between = b""  # bytes after a member's end that do not yet tell whether another begins

    def feed(self, chunk: bytes) -> None:
        pending = chunk
        while pending:
            if self._member.eof:
                pending = self._next_member(pending)
                continue
            self._started = True
            try:
                out = self._member.decompress(pending, self._limit - self._size + 1)
            except zlib.error as error:
                raise BodyEncodingError(f"the body says gzip and is not readable as such: {error}") from None
            self._size += len(out)
            if self._size > self._limit:
                raise BodyTooLarge(f"more than {self._limit} bytes when unpacked")
            self._out.append(out)
            pending = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def _next_member(self, pending: bytes) -> bytes:
        joined = (self._between + pending).lstrip(b"\0")
        self._between = b""
        if len(joined) < len(_GZIP_MAGIC):
            self._between = joined
            return b""
        if not joined.startswith(_GZIP_MAGIC):
            raise BodyEncodingError("bytes that are no gzip follow the end of the gzip body")
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        return joined

    def finish(self) -> bytes:
        if self._started and not self._member.eof:
            raise BodyTruncated("the gzip body ends before its trailer")
        if self._between:
            raise BodyTruncated("a part of a gzip header follows the end of the gzip body")
        return b"".join(self._out)
