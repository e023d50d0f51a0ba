"""gzip files (RFC 1952), inflated to a limit and only whole."""

from __future__ import annotations

import zlib
from typing import Final

from sources.errors import ParseError

_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


def inflate(body: bytes, limit: int) -> bytes:
    """The content of a gzip file of one member; a body that is no gzip file is returned as it is.

    Raises ParseError when the content has more than `limit` bytes, is damaged or cut, or is followed by anything.
    """
    if not body.startswith(_MAGIC):
        return body
    reader = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = reader.decompress(body, limit + 1)
    except zlib.error as error:
        raise ParseError(f"damaged gzip: {error}") from None
    if len(content) > limit:
        raise ParseError(f"more than {limit} bytes when inflated")
    if not reader.eof:
        raise ParseError("the gzip file is cut")
    if reader.unused_data.strip(b"\0"):
        raise ParseError("something follows the gzip file")
    return content


def is_gzip(body: bytes) -> bool:
    return body.startswith(_MAGIC)
