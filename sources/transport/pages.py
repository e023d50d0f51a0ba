"""Telling a document from a page for people that stands in its place.

A bot wall answers 200 with HTML: taken as a document it reads as "no news", which is the worst thing a source can say.
Marks are looked for only where an HTML page begins, so that a mail or an advisory which quotes such a page stays one.
"""

from __future__ import annotations

import html
import re
from typing import Final

LOOKED_AT: Final = 64 * 1024
_MOST_COMMENTS: Final = 20
EXPECTATIONS: Final = frozenset({"json", "xml", "html", "text", "binary"})

_BOMS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_PROLOGUE = re.compile(rb"\s*(?:<\?xml[^>]{0,200}\?>|<!--.{0,4096}?-->)?", re.DOTALL)
_HTML_START = re.compile(rb"<(?:!doctype\s+html|html|head|body|title|meta|script)\b", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]{0,200}>(.{0,400}?)</title", re.IGNORECASE | re.DOTALL)
_PASSWORD_FIELD = re.compile(rb"<input\b[^>]{0,500}\btype\s{0,4}=\s{0,4}[\"']?password", re.IGNORECASE)

# Marks that the walls put into their own pages, whatever language they are shown in.
_WALL_MARKS: Final = (
    (b"/.within.website/", "Anubis"),
    (b"anubis_challenge", "Anubis"),
    (b"anubis_version", "Anubis"),
    (b"/cdn-cgi/challenge-platform/", "Cloudflare"),
    (b"cf-browser-verification", "Cloudflare"),
    (b"cf_chl_", "Cloudflare"),
    (b"data-adblockkey", "a parked domain"),
    (b"_incapsula_resource", "Imperva"),
    (b"awswafintegration", "AWS WAF"),
)
_WALL_TITLES: Final = (
    "making sure you're not a bot",
    "just a moment",
    "attention required! | cloudflare",
    "checking your browser before",
    "ddos protection by",
    "ddos-guard",
    "verifying you are human",
    "please wait while your request is being verified",
)
_WALL_WHOLE_TITLES: Final = frozenset(
    {"access denied", "request rejected", "security check", "bot verification", "human verification", "captcha"}
    | {"are you a robot?", "are you human?", "robot check", "pardon our interruption", "challenge validation"}
)
_LOGIN_TITLE = re.compile(r"(?:.{0,60}\W)?(?:log[ -]?in|login|sign[ -]?in|log on|single sign[ -]on|authentication)\b.*")
_OUTAGE_TITLE = re.compile(
    r"(?:.{0,40}[|:–-] )?(?:(?:site|we are|we're|currently|scheduled|down for|under|in|planned|service|system) )*"
    r"(?:maintenance(?: mode| in progress| page)?|temporarily (?:unavailable|offline|down)|(?:service )?unavailable"
    r"|(?:50[0-9] )?(?:service (?:temporarily )?unavailable|bad gateway|gateway time-?out|internal server error)"
    r"|be right back|we'll be back(?: soon)?|offline)[.!]?(?: [|:–-] .{0,40})?"
)


def without_bom(body: bytes) -> bytes:
    for bom in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :]
    return body


def is_html_page(body: bytes) -> bool:
    """Whether the body begins as an HTML page does (byte order mark, declaration and comments left aside)."""
    start = without_bom(body[:LOOKED_AT])
    for _ in range(_MOST_COMMENTS):
        prologue = _PROLOGUE.match(start)
        if prologue is None or prologue.end() == 0:
            break
        start = start[prologue.end() :]
    return _HTML_START.match(start) is not None


def blocked_by(body: bytes, mitigated: str = "") -> str | None:
    """What stands in the document's place ("Anubis", "a login page"), or None. `mitigated`: the cf-mitigated header."""
    if mitigated.strip().lower() == "challenge":
        return "Cloudflare"
    if not is_html_page(body):
        return None
    page = body[:LOOKED_AT]
    lowered = page.lower()
    title = _title(page)
    for mark, wall in _WALL_MARKS:
        if mark in lowered:
            return wall
    if title.startswith(_WALL_TITLES) or title in _WALL_WHOLE_TITLES:
        return "a bot wall"
    if _PASSWORD_FIELD.search(page) is not None and _LOGIN_TITLE.fullmatch(title) is not None:
        return "a login page"
    if _OUTAGE_TITLE.fullmatch(title) is not None:
        return "a maintenance page"
    return None


def _title(page: bytes) -> str:
    found = _TITLE.search(page)
    if found is None:
        return ""
    text = html.unescape(found.group(1).decode("utf-8", "replace")).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return " ".join(text.split()).lower()


def content_problem(body: bytes, expect: str) -> tuple[str, str] | None:
    """Why the body cannot be the `expect`ed kind of document: (kind of error, what), or None.

    Looks at both ends only: a whole JSON text ends with its closing bracket, an XML document with ">". What is between
    them is the parser's to judge.
    """
    if not body.strip():
        return "content", "the body is empty"
    if expect == "html":
        return None if is_html_page(body) or body.lstrip()[:1] == b"<" else ("content", "the body is no HTML page")
    if is_html_page(body):
        return "content", f"an HTML page came where {expect} was expected"
    if expect == "json":
        return _json_problem(without_bom(body))
    if expect == "xml":
        return _xml_problem(without_bom(body))
    return None


def _json_problem(body: bytes) -> tuple[str, str] | None:
    start, end = body[:LOOKED_AT].lstrip()[:1], body[-LOOKED_AT:].rstrip()[-1:]
    closing = {b"{": b"}", b"[": b"]"}.get(start)
    if closing is None:
        return "content", "the body is no JSON object or list"
    if end != closing:
        return "truncated", "the JSON text does not end with its closing bracket"
    return None


def _xml_problem(body: bytes) -> tuple[str, str] | None:
    # A document in UTF-16 has zero bytes beside its brackets.
    if body[:LOOKED_AT].lstrip(b" \t\r\n\0")[:1] != b"<":
        return "content", "the body is no XML document"
    if body[-LOOKED_AT:].rstrip(b" \t\r\n\0")[-1:] != b">":
        return "truncated", "the XML document does not end with a closing tag"
    return None
