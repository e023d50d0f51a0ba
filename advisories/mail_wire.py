"""RFC 5322 bytes to the few headers that are read and the text of the body, in bounded time and memory.

Hostile mail is cut before it is read: the header block, each field, the number of fields, encoded words, parts and
depth of MIME, bytes of text. Nothing here recurses, and nothing raises but MailError.
"""

from __future__ import annotations

import binascii
import quopri
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from advisories.mail_values import MailError

HEADER_BLOCK_LIMIT = 4 << 20
FIELD_LIMIT = 16 << 10
FIELD_COUNT = 200
BODY_LIMIT = 8 << 20
PART_LIMIT = 100
DEPTH_LIMIT = 8
TEXT_PARTS = 8

_FIELD = re.compile(
    rb"^(subject|from|date|message-id|in-reply-to|references|list-id|content-type|content-transfer-encoding"
    rb"|content-disposition|x-original-from|reply-to)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER_LINE = re.compile(rb"[!-9;-~]{1,100}[ \t]*:")
_WORD = re.compile(
    r"=\?([A-Za-z0-9_.:+-]{1,40})(?:\*[A-Za-z0-9-]{0,20})?\?([bBqQ])\?([^?\r\n]{0,1000})\?=([ \t]+(?==\?))?"
)
_PARAMETER = re.compile(
    r";\s*([a-z0-9*-]{1,40})\s*=\s*(?:\"((?:[^\"\\]|\\.){0,300})\"|([^\s;\"]{1,300}))", re.IGNORECASE
)
_CHARSET = re.compile(
    r"utf-?(?:8|16|16le|16be|32)|(?:us-)?ascii|iso-?8859-[0-9]{1,2}|latin-?[0-9]|windows-[0-9]{3,4}|cp[0-9]{3,5}|koi8-[rut]"
    r"|gb2312|gbk|gb18030|hz-gb-2312|big5(?:-hkscs)?|euc-(?:jp|kr)|ks_c_5601-1987|shift_jis|iso-2022-(?:jp|kr)(?:-[0-9])?",
    re.IGNORECASE,
)
_PLAIN = frozenset({"", "us-ascii", "ascii", "utf-8", "utf8"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WireMail:
    """Fields by lower-case name in order, raw and unfolded; `text` is the first plain text, `attachments` the rest."""

    fields: Mapping[str, tuple[str, ...]]
    text: str
    attachments: tuple[str, ...]
    body: bytes

    def first(self, name: str) -> str:
        """The first field of that name, still RFC 2047 encoded; "" when there is none."""
        return self.fields.get(name, ("",))[0]


def read_mail(raw: bytes) -> WireMail:
    """Read one mail, with or without an mbox `From ` line. Raises MailError when no header block opens the bytes."""
    if raw.startswith((b"From ", b">From ")):
        raw = raw[raw.find(b"\n") + 1 :]
    block, body = _split(raw)
    if _HEADER_LINE.match(block) is None:
        raise MailError("no header block: the bytes do not begin with a mail header; fetch the message again")
    fields = _fields(block)
    body = body[:BODY_LIMIT]
    texts = _texts(fields, body)
    return WireMail(fields=fields, text=texts[0] if texts else "", attachments=tuple(texts[1:]), body=body)


def _split(part: bytes) -> tuple[bytes, bytes]:
    """Header block and body at the first empty line; a block over the limit is cut there and has no body."""
    if part.startswith((b"\n", b"\r\n")):  # a MIME part without headers
        return b"", part.lstrip(b"\r").removeprefix(b"\n")
    head = part[:HEADER_BLOCK_LIMIT]
    lines, crlf = head.find(b"\n\n"), head.find(b"\n\r\n")
    if crlf >= 0 and (lines < 0 or crlf < lines):
        return head[: crlf + 1].replace(b"\r\n", b"\n"), part[crlf + 3 :]
    if lines >= 0:
        return head[: lines + 1], part[lines + 2 :]
    return head.replace(b"\r\n", b"\n"), b""


def _fields(block: bytes) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for match in islice(_FIELD.finditer(block), FIELD_COUNT):
        name = match[1].decode("ascii").lower()
        found[name] = (*found.get(name, ()), _unfold(match[2][:FIELD_LIMIT]))
    return found


def _unfold(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return text.replace("\n", "").strip()


def _texts(fields: Mapping[str, tuple[str, ...]], body: bytes) -> list[str]:
    """The plain texts of a body in document order; multiparts are walked with a stack of bounded size."""
    stack = [(fields, body, 0)]
    found: list[str] = []
    budget = PART_LIMIT
    while stack and len(found) < TEXT_PARTS and budget > 0:
        of_part, content, depth = stack.pop()
        budget -= 1
        kind, parameters = _content_type(of_part.get("content-type", ("",))[0])
        boundary = parameters.get("boundary", "")
        if kind.startswith("multipart/") and boundary:
            if depth < DEPTH_LIMIT:
                parts = list(_parts(content, boundary, budget))
                stack += [(inner, rest, depth + 1) for inner, rest in reversed(parts)]
        elif kind in {"", "text/plain", "text/x-patch", "text/x-diff"} or kind.startswith("multipart/"):
            encoding = of_part.get("content-transfer-encoding", ("",))[0].strip().lower()
            text = _decode(_transfer(content, encoding), parameters.get("charset", ""))
            found.append(text.replace("\r\n", "\n").replace("\0", ""))
    return found


def _parts(content: bytes, boundary: str, limit: int) -> Iterator[tuple[dict[str, tuple[str, ...]], bytes]]:
    delimiter = b"\n--" + boundary.encode("utf-8", "replace")
    for part in (b"\n" + content).split(delimiter, limit + 1)[1 : limit + 1]:
        if part.startswith(b"--"):
            return
        _, _, rest = part.partition(b"\n")
        block, inner = _split(rest)
        yield _fields(block), inner


def _content_type(value: str) -> tuple[str, dict[str, str]]:
    kind = value.partition(";")[0].strip().lower()
    if not value or ";" not in value:
        return kind, {}
    found = islice(_PARAMETER.finditer(value), 16)
    return kind, {
        match[1].lower(): (match[2] if match[2] is not None else match[3]).replace("\\", "") for match in found
    }


def _transfer(content: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        return quopri.decodestring(content)
    if encoding == "base64":
        return decode_base64(content)
    return content


def decode_base64(encoded: bytes) -> bytes:
    """What can be decoded; characters outside the alphabet and wrong padding are passed over."""
    try:
        return binascii.a2b_base64(encoded)
    except binascii.Error:
        kept = re.sub(rb"[^A-Za-z0-9+/]", b"", encoded)
        return binascii.a2b_base64(kept[: len(kept) & ~3])


def _decode(content: bytes, charset: str) -> str:
    """Decode by the named charset when it is one of mail's own, else as UTF-8, else as latin-1. Never raises."""
    if charset.lower() not in _PLAIN and _CHARSET.fullmatch(charset):
        try:
            return content.decode(charset, "replace")
        except (LookupError, ValueError):  # a name of the right form that Python does not know
            pass
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("utf-8", "replace") if charset.lower() in {"utf-8", "utf8"} else content.decode("latin-1")


def decode_words(value: str) -> str:
    """RFC 2047 encoded words of a field to text, made clean by `clean_line`. Never raises."""
    if "=?" not in value:
        return clean_line(value)
    pieces: list[str] = []
    pending, of_charset, end = b"", "", 0
    for match in _WORD.finditer(value):
        between = value[end : match.start()]
        if pending and (between or match[1].lower() != of_charset):
            pieces.append(_decode(pending, of_charset))
            pending = b""
        pieces.append(between)
        of_charset = match[1].lower()
        pending += _word_bytes(match[2], match[3])
        end = match.end()
    pieces += [_decode(pending, of_charset) if pending else "", value[end:]]
    return clean_line("".join(pieces))


def _word_bytes(encoding: str, payload: str) -> bytes:
    encoded = payload.encode("utf-8", "replace")
    if encoding in "bB":
        return decode_base64(encoded)
    return quopri.decodestring(encoded, header=True)


def clean_line(text: str) -> str:
    """One line without control, format (bidi, zero-width), private and surrogate characters; single spaces."""
    if not text.isprintable():
        text = "".join(_printable(one) for one in text)
    return " ".join(text.split())


def _printable(character: str) -> str:
    kind = unicodedata.category(character)[0]
    if kind == "Z" or character in "\t\n\r\v\f":
        return " "
    return "" if kind == "C" else character


def clean_text(text: str) -> str:
    """Like `clean_line`, line by line: only tab and newline of the control characters remain."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(one if one in "\n\t" or one.isprintable() else _printable(one) for one in text)
