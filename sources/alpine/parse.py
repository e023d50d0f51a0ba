"""Alpine's documents, told apart by how they begin and by their keys."""

from __future__ import annotations

import msgspec

from advisories.observation import ParsedDocument
from sources.alpine.apkbuild import is_apkbuild, read_apkbuild
from sources.alpine.secdb import read_secdb
from sources.alpine.tracker import read_vulnerability
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.json_document import decode_json


class _Keys(msgspec.Struct):
    packages: msgspec.Raw = msgspec.Raw()
    state: msgspec.Raw = msgspec.Raw()


def parse(raw: RawDocument) -> ParsedDocument:
    """A security database, one CVE of the tracker, or an APKBUILD. Raises ParseError."""
    body = raw.body
    if body.removeprefix(b"\xef\xbb\xbf")[:200].lstrip().startswith(b"{"):
        keys = decode_json(body, _Keys, "Alpine's document")
        if bytes(keys.packages):
            return read_secdb(body)
        if bytes(keys.state):
            return read_vulnerability(body)
    elif is_apkbuild(body):
        return read_apkbuild(body, raw.url)
    raise ParseError("no security database, tracker answer or APKBUILD of Alpine")
