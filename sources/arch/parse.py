"""Arch's documents, told apart by their keys."""

from __future__ import annotations

import msgspec

from advisories.observation import ParsedDocument
from sources.arch.groups import read_groups
from sources.arch.package import read_package
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.json_document import decode_json


class _Keys(msgspec.Struct):
    pkgver: msgspec.Raw = msgspec.Raw()


def parse(raw: RawDocument) -> ParsedDocument:
    """Vulnerability groups (a list or one), or a package. Raises ParseError."""
    body = raw.body.removeprefix(b"\xef\xbb\xbf")
    start = body[:200].lstrip()[:1]
    if start == b"[":
        return read_groups(body)
    if start == b"{":
        return read_package(body) if bytes(decode_json(body, _Keys, "Arch's document").pkgver) else read_groups(body)
    raise ParseError("no list of vulnerability groups and no package of Arch")
