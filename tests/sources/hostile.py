"""Broken forms of a good document, and the one promise that every parser makes about them."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from advisories.observation import ParsedDocument
from sources.base import Parse, RawDocument
from sources.errors import ParseError
from tests.sources.http_answers import ANUBIS, CLOUDFLARE, LOGIN, MAINTENANCE, PAGE

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
CUTS = 80
DEEP = 100_000

RawOf = Callable[[bytes], RawDocument]
Steps = tuple[str | int, ...]

# Values that no field of any format means: wrong types, numbers past every bound, text that cannot be stored.
WRONG_JSON = (
    "null",
    "true",
    "-1",
    "1e999",
    "9" * 5000,
    '""',
    '"a\\u0000b"',
    '"\\ud800"',
    '"CVE-2026-31431\\n"',
    "[]",
    "{}",
    "[[[]]]",
)


def raw_document(source: str, url: str, *, kind: str = "", at: datetime = AT) -> RawOf:
    """A function that dresses bytes as the document at `url`."""

    def raw_of(body: bytes) -> RawDocument:
        return RawDocument(source=source, url=url, at=at, body=body, kind=kind)

    return raw_of


def pages() -> Iterator[tuple[str, bytes]]:
    """What is no document at all: nothing, and pages for people."""
    yield "empty", b""
    yield "white space", b" \r\n\t\n"
    yield "Anubis", ANUBIS
    yield "Cloudflare", CLOUDFLARE
    yield "login", LOGIN
    yield "maintenance", MAINTENANCE
    yield "page", PAGE


def cut_documents(body: bytes, count: int = CUTS) -> Iterator[tuple[str, bytes]]:
    """The document cut at `count` places over its whole length, the first and the last byte among them."""
    last = max(len(body) - 1, 1)
    for offset in sorted({1, last, *(1 + (last - 1) * number // count for number in range(count))}):
        yield f"cut at {offset}", body[:offset]


def damaged_documents(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Bytes that a broken disk, proxy or enemy gives."""
    middle = len(body) // 2
    yield "NULs only", b"\x00" * 4096
    yield "NUL inside", body[:middle] + b"\x00" + body[middle:]
    yield "bytes that are no UTF-8", body[:middle] + b"\xff\xfe\xc0" + body[middle:]
    yield "surrogate in UTF-8", body[:middle] + b"\xed\xa0\x80" + body[middle:]
    yield "byte order mark and garbage", b"\xef\xbb\xbf\x01\x02garbage"
    yield "UTF-16", body.decode("utf-8", "replace").encode("utf-16")
    yield "twice", body + b"\n" + body
    yield "garbage behind", body + b"\n}{<garbage"
    yield "deep lists", b"[" * DEEP
    yield "deep objects", b'{"a":' * DEEP
    yield "deep elements", b"<a>" * DEEP
    yield "a huge number", b"9" * 10_000
    yield "a list", b"[]"
    yield "an object", b"{}"
    yield "null", b"null"
    yield "one long line", b"x" * 1_000_000


def broken_documents(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Every broken form of `body`, with a word for it."""
    yield from pages()
    yield from cut_documents(body)
    yield from damaged_documents(body)


def assert_only_parse_errors(parse: Parse, raw_of: RawOf, body: bytes, *, cuts_fail: bool = True) -> None:
    """The whole document is read; a page is a ParseError; a cut one gives no record, unless its format cannot tell (a
    text of lines); of everything else the parser gives clean text or a ParseError, and never another exception."""
    whole = outcome(parse, raw_of(body))
    assert whole is not None, "the document itself cannot be read"
    assert whole.records != (), "the document itself has no record"
    for name, page in pages():
        assert outcome(parse, raw_of(page)) is None, f"{name}: was read as a document"
    for name, cut in cut_documents(body):
        got = outcome(parse, raw_of(cut))
        if cuts_fail and got is not None and cut.strip() != body.strip():
            assert got.records == (), f"{name} of {len(body)}: was read as a whole document"
    for _, damaged in damaged_documents(body):
        outcome(parse, raw_of(damaged))


def outcome(parse: Parse, raw: RawDocument) -> ParsedDocument | None:
    """What the parser makes of it; None for a ParseError. Text that no database takes is an AssertionError."""
    try:
        parsed = parse(raw)
    except ParseError:
        return None
    for text in texts_of(parsed):
        assert "\x00" not in text, f"a NUL was kept: {text[:80]!r}"
        text.encode("utf-8")  # a lone surrogate raises
    return parsed


def texts_of(value: object) -> Iterator[str]:
    """Every text inside nested frozen values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list | set | frozenset):
        for one in value:
            yield from texts_of(one)
    elif dataclasses.is_dataclass(value):
        for each in dataclasses.fields(value):
            yield from texts_of(getattr(value, each.name))


def json_places(document: object, at: Steps = ()) -> Iterator[Steps]:
    """The way to every value of a JSON document; of a long list only its first two."""
    yield at
    if isinstance(document, dict):
        for key, value in document.items():
            yield from json_places(value, (*at, key))
    elif isinstance(document, list):
        for number, value in enumerate(document[:2]):
            yield from json_places(value, (*at, number))


def with_value(body: bytes, place: Steps, text: str) -> bytes:
    """The JSON document with the JSON `text` at `place`."""
    mark = "a-mark-that-stands-nowhere-else"
    document = json.loads(body)
    if not place:
        return text.encode()
    _holder(document, place)[place[-1]] = mark
    return json.dumps(document).replace(f'"{mark}"', text).encode()


def without(body: bytes, place: Steps) -> bytes:
    """The JSON document without the value at `place`."""
    document = copy.deepcopy(json.loads(body))
    del _holder(document, place)[place[-1]]
    return json.dumps(document).encode()


def _holder(document: object, place: Steps) -> dict[str | int, object]:
    holder = document
    for step in place[:-1]:
        holder = holder[step]  # type: ignore[index]  # a dict or a list: the place was found in this document
    return holder  # type: ignore[return-value]


def wrong_json(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The JSON document with each value in turn left out, or replaced by each of WRONG_JSON."""
    for place in json_places(json.loads(body)):
        if place:
            yield f"{place} left out", without(body, place)
        for text in WRONG_JSON:
            yield f"{place} is {text[:20]}", with_value(body, place, text)


def assert_wrong_json_is_survived(parse: Parse, raw_of: RawOf, body: bytes) -> None:
    """Whatever stands in any field: clean text, a rejected record or a ParseError."""
    for _, wrong in wrong_json(body):
        outcome(parse, raw_of(wrong))
