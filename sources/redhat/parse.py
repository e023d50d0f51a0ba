"""Red Hat's documents, told apart by what they hold: CSAF, a record of the security data API, or its list."""

from __future__ import annotations

import msgspec

from advisories.observation import ParsedDocument
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.csaf import CsafDocument, read_csaf
from sources.formats.csaf_records import kernel_records
from sources.formats.json_document import decode_json
from sources.redhat.hydra import parse_cve_record, parse_list
from sources.redhat.products import find_place


class _Shape(msgspec.Struct):
    document: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    name: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def parse(raw: RawDocument) -> ParsedDocument:
    """The records of one document. Raises ParseError."""
    if raw.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
        return parse_list(raw.body)
    shape = decode_json(raw.body, _Shape, "the document")
    if shape.document is not msgspec.UNSET:
        return kernel_records(_with_lines(read_csaf(raw.body)), find_place)
    return parse_cve_record(raw.body)


def _with_lines(document: CsafDocument) -> CsafDocument:
    """The document, when any of its products has a CPE. Raises ParseError: by names alone a fix of one line would be
    taken for the state of another."""
    products = [statement.product for one in document.vulnerabilities for statement in one.statements]
    if products and not any(one.cpe or one.platform_cpe for one in products):
        raise ParseError("no product has a CPE", "product_tree")
    return document
