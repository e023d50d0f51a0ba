"""RSS 2.0, Atom (RFC 4287) and JSON Feed 1.1. One bad character never breaks a feed: what XML 1.0 forbids is shown as
an escape, and everything is written by an XML or JSON library."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from html import escape

from lxml import etree
from lxml.builder import ElementMaker

from bot.feeds.entries import Feed, FeedEntry

ATOM = "http://www.w3.org/2005/Atom"
HISTORY = "http://purl.org/syndication/history/1.0"
_ATOM = ElementMaker(namespace=ATOM, nsmap={None: ATOM})
_RSS = ElementMaker(nsmap={"atom": ATOM})
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
CONTENT_TYPES = {
    "rss": "application/rss+xml; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}


def clean(text: str) -> str:
    r"""Text that XML 1.0 can hold and eyes can see: forbidden, control and format characters become \u{XXXX}."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _allowed(char) else f"\\u{{{ord(char):04X}}}" for char in text)


def _allowed(char: str) -> bool:
    return char in "\t\n" or unicodedata.category(char) not in _HIDDEN


def write_feed(feed: Feed, kind: str) -> bytes:
    """The feed as bytes; kind is rss, atom or json."""
    if kind == "rss":
        return _write_rss(feed)
    return _write_atom(feed) if kind == "atom" else _write_json(feed)


def _stamp(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _html(text: str) -> str:
    """Plain text as the HTML that readers expect in a body: escaped, line breaks kept."""
    return escape(clean(text)).replace("\n", "<br/>\n")


def _write_atom(feed: Feed) -> bytes:
    make = _ATOM
    root = make.feed(
        make.id(clean(feed.id)),
        make.title(clean(feed.title)),
        make.subtitle(clean(feed.description)),
        make.updated(_stamp(feed.updated)),
        make.link(rel="self", type="application/atom+xml", href=clean(feed.address)),
        make.link(rel="alternate", type="text/html", href=clean(feed.home)),
        make.author(make.name("patchwatch")),
        make.generator("patchwatch"),
        *_further(feed, "application/atom+xml"),
    )
    for entry in feed.entries:
        root.append(
            make.entry(
                make.id(entry.id),
                make.title(clean(entry.title), type="text"),
                make.updated(_stamp(entry.updated)),
                make.published(_stamp(entry.published)),
                make.link(rel="alternate", type="text/html", href=clean(entry.link)),
                *(make.category(term=clean(term)) for term in entry.categories),
                make.content(_html(entry.text), type="html"),
            )
        )
    return _serialise(root)


def _further(feed: Feed, media: str) -> list[etree._Element]:
    """Where older entries are and which feed an archive belongs to (RFC 5005), and the hub (WebSub, section 4)."""
    found = []
    for rel, href in (("prev-archive", feed.older), ("current", feed.current)):
        if href:
            found.append(etree.Element(f"{{{ATOM}}}link", rel=rel, type=media, href=clean(href)))
    if feed.hub:
        found.append(etree.Element(f"{{{ATOM}}}link", rel="hub", href=clean(feed.hub)))
    if feed.current:
        found.append(etree.Element(f"{{{HISTORY}}}archive", nsmap={"fh": HISTORY}))
    return found


def _write_rss(feed: Feed) -> bytes:
    make = _RSS
    link = etree.Element(f"{{{ATOM}}}link", rel="self", type="application/rss+xml", href=clean(feed.address))
    channel = make.channel(
        make.title(clean(feed.title)),
        make.link(clean(feed.home)),
        make.description(clean(feed.description)),
        make.language("en"),
        make.lastBuildDate(format_datetime(feed.updated, usegmt=True)),
        make.generator("patchwatch"),
        link,
        *_further(feed, "application/rss+xml"),
    )
    for entry in feed.entries:
        channel.append(_rss_entry(entry))
    return _serialise(make.rss(channel, version="2.0"))


def _rss_entry(entry: FeedEntry) -> etree._Element:
    make = _RSS
    return make.item(
        make.title(clean(entry.title)),
        make.link(clean(entry.link)),
        make.guid(entry.id, isPermaLink="false"),
        make.pubDate(format_datetime(entry.published, usegmt=True)),
        *(make.category(clean(term)) for term in entry.categories),
        make.description(_html(entry.text)),
    )


def _serialise(root: etree._Element) -> bytes:
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    return written


def _write_json(feed: Feed) -> bytes:
    document: dict[str, object] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": clean(feed.title),
        "description": clean(feed.description),
        "home_page_url": feed.home,
        "feed_url": feed.address,
        "language": "en",
        "authors": [{"name": "patchwatch"}],
        "items": [_json_entry(entry) for entry in feed.entries],
    }
    if feed.older:
        document["next_url"] = feed.older
    if feed.hub:
        document["hubs"] = [{"type": "WebSub", "url": feed.hub}]
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def _json_entry(entry: FeedEntry) -> dict[str, object]:
    written: dict[str, object] = {
        "id": entry.id,
        "url": entry.link,
        "title": clean(entry.title),
        "content_text": clean(entry.text),
        "date_published": _stamp(entry.published),
        "date_modified": _stamp(entry.updated),
        "tags": [clean(term) for term in entry.categories],
    }
    if entry.source_url:
        written["external_url"] = entry.source_url
    return written


def write_opml(title: str, feeds: Sequence[tuple[str, str, str]]) -> bytes:
    """OPML 2.0 of feeds as (title, address of the feed, page it belongs to)."""
    body = etree.Element("body")
    for name, address, home in feeds:
        named = clean(name)
        etree.SubElement(body, "outline", text=named, title=named, type="rss", xmlUrl=address, htmlUrl=home)
    head = etree.Element("head")
    etree.SubElement(head, "title").text = clean(title)
    root = etree.Element("opml", version="2.0")
    root.extend([head, body])
    return _serialise(root)
