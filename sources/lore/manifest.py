"""manifest.js.gz of a list (public-inbox-v2-format(5), grokmirror's format): each epoch with a fingerprint.

{"/linux-crypto/git/0.git": {"modified": 1777000000, "fingerprint": "5ab9…", "reference": null, "owner": null,
 "description": "…"}, …}          gzip; the bytes differ from answer to answer, the fingerprints do not
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final

import msgspec

from sources.errors import ParseError
from sources.formats.json_document import decode_json

LARGEST_PACKED: Final = 1024 * 1024
LARGEST: Final = 16 * 1024 * 1024
MOST_EPOCHS: Final = 200
_GZIP_MAGIC: Final = b"\x1f\x8b"
_FINGERPRINT = re.compile(r"[0-9a-f]{40,64}")


class _Entry(msgspec.Struct):
    modified: int = 0
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """number N of `git/N.git`; modified: seconds of the newest mail's commit."""

    number: int
    fingerprint: str
    modified: int


def read_manifest(body: bytes, name: str) -> list[Epoch]:
    """The epochs of the list `name`, oldest first; without those that hold nothing yet. Raises ParseError."""
    entries = decode_json(_unpacked(body), dict[str, _Entry], "the manifest")
    form = re.compile(rf"/{re.escape(name)}/git/([0-9]{{1,4}})\.git")
    found = [
        Epoch(number=int(match[1]), fingerprint=entry.fingerprint, modified=entry.modified)
        for path, entry in entries.items()
        if (match := form.fullmatch(path)) and entry.fingerprint and _FINGERPRINT.fullmatch(entry.fingerprint)
    ]
    return sorted(found, key=lambda epoch: epoch.number)[-MOST_EPOCHS:]


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(_GZIP_MAGIC):
        return body
    packed = zlib.decompressobj(wbits=31)
    try:
        text = packed.decompress(body, LARGEST)
    except zlib.error as error:
        raise ParseError(f"the manifest is no gzip: {error}") from None
    if not packed.eof:
        raise ParseError("the manifest is cut short or too large")
    return text
