"""JSON of unknown hands into typed structs (RFC 8259), with every way of failing as one error."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from sources.errors import ParseError

T = TypeVar("T")

_UTF8_MARK: Final = b"\xef\xbb\xbf"


def decode_json(body: bytes, shape: type[T], what: str) -> T:
    """The document as `shape`. Fields that `shape` does not name are skipped; a byte order mark is allowed.

    what: names the document in the error ("the KEV catalogue"). Raises ParseError.
    """
    if not body.strip():
        raise ParseError(f"{what} is empty")
    try:
        return msgspec.json.decode(body.removeprefix(_UTF8_MARK), type=shape)
    except RecursionError:
        raise ParseError(f"{what} is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ParseError(f"{what} cannot be read: {error}") from None
