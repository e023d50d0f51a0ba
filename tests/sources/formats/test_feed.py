"""Feeds of every kind to plain entries; pages, cuts, bombs and tricks to errors or harmless text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from advisories.observation import ParsedDocument, Record
from sources.base import RawDocument
from sources.errors import ParseError
from sources.formats.feed import FeedEntry, feed_time, plain_text, read_feed
from tests.sources.hostile import assert_only_parse_errors, raw_document

RSS = b"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>LWN.net</title><link>https://lwn.net</link><description>News</description>
<item><title>Copy Fail &amp;amp; the crypto API</title><link>https://lwn.net/Articles/1000001/rss</link>
<description>&lt;p&gt;The &lt;b&gt;AF_ALG&lt;/b&gt; interface, again.&lt;/p&gt;</description>
<guid>https://lwn.net/Articles/1000001/rss</guid><pubDate>Wed, 29 Apr 2026 18:00:00 +0200</pubDate></item>
<item><title>Security updates for Friday</title><link>https://lwn.net/Articles/1000002/</link>
<description><![CDATA[Code: <!DOCTYPE html> </rss> shown]]></description></item>
</channel></rss>
"""
ATOM = b"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Release notes from moby</title><id>tag:github.com,2008:x</id>
<entry><id>tag:github.com,2008:Repository/1/v29.4.2</id><updated>2026-04-30T15:00:00Z</updated>
<link rel="alternate" type="text/html" href="https://github.com/moby/moby/releases/tag/v29.4.2"/>
<title>v29.4.2</title><content type="html">&lt;p&gt;Blocks AF_ALG in the default profile.&lt;/p&gt;</content></entry>
</feed>
"""
RDF = b"""<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>t</title></channel>
<item rdf:about="https://example.org/1"><title>One</title><link>https://example.org/1</link>
<dc:date>2026-05-01</dc:date></item></rdf:RDF>
"""


def parse(raw: RawDocument) -> ParsedDocument:
    """A parser that has nothing but the reader, for the checks that every parser must pass."""
    entries = read_feed(raw.body)
    for entry in entries:
        for text in (entry.title, entry.summary, entry.link or "", entry.identity):
            assert "\0" not in text
    return ParsedDocument(records=tuple(Record(key=entry.identity, observations=()) for entry in entries))


def test_rss_atom_and_rdf_are_read() -> None:
    """Titles and summaries as text, links, times in UTC, identities without the scheme."""
    assert read_feed(RSS) == (
        FeedEntry(
            title="Copy Fail & the crypto API",
            link="https://lwn.net/Articles/1000001/rss",
            identity="lwn.net/Articles/1000001/rss",
            published=datetime(2026, 4, 29, 16, 0, tzinfo=UTC),
            summary="The AF_ALG interface, again.",
        ),
        FeedEntry(
            title="Security updates for Friday",
            link="https://lwn.net/Articles/1000002/",
            identity="lwn.net/Articles/1000002",
            published=None,
            summary="Code: shown",
        ),
    )
    assert read_feed(ATOM) == (
        FeedEntry(
            title="v29.4.2",
            link="https://github.com/moby/moby/releases/tag/v29.4.2",
            identity="github.com/moby/moby/releases/tag/v29.4.2",
            published=datetime(2026, 4, 30, 15, 0, tzinfo=UTC),
            summary="Blocks AF_ALG in the default profile.",
        ),
    )
    assert [(entry.title, entry.published) for entry in read_feed(RDF)] == [("One", datetime(2026, 5, 1, tzinfo=UTC))]


@pytest.mark.parametrize("body", [RSS, ATOM, RDF], ids=["RSS", "Atom", "RDF"])
def test_broken_feeds_are_parse_errors(body: bytes) -> None:
    """Cut anywhere, blocked, damaged."""
    assert_only_parse_errors(parse, raw_document("news", "https://lwn.net/headlines/newrss"), body)


def item(*parts: str) -> bytes:
    return f'<rss version="2.0"><channel><item>{"".join(parts)}</item></channel></rss>'.encode()


def test_markup_and_bad_links_become_harmless() -> None:
    """B38 to B40, B66: no script, no other scheme, no user part; the entry stays when it has another identity."""
    for link in ("javascript:alert(1)", "data:text/html,x", "tg://user?id=1", "https://git.kernel.org@evil.example/"):
        (entry,) = read_feed(item(f"<link>{link}</link><guid isPermaLink='false'>g</guid><title>t</title>"))
        assert (entry.link, entry.identity) == (None, "g")
    script = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;svg/onload=x&gt; a"
    (entry,) = read_feed(item(f"<title>{script}</title><guid isPermaLink='false'>g</guid>"))
    assert "<" not in entry.title


def test_the_same_entry_is_one() -> None:
    """B53 and B54: http and https, a fragment, a repeated guid."""
    links = ("http://lwn.net/1/", "https://lwn.net/1", "https://lwn.net/1#comments")
    items = "".join(f"<item><title>t</title><link>{link}</link></item>" for link in links)
    entries = read_feed(f'<rss version="2.0"><channel>{items}</channel></rss>'.encode())
    assert [entry.identity for entry in entries] == ["lwn.net/1"]


def test_an_entry_without_link_and_guid_is_left_out() -> None:
    """B56: nothing would tell it from the next one; B50: a feed without entries is a feed."""
    assert read_feed(item("<title>t</title>")) == ()
    assert read_feed(b'<rss version="2.0"><channel><title>t</title></channel></rss>') == ()


DECLARED = [
    b'<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>',
    b'<!DOCTYPE rss SYSTEM "http://127.0.0.1/x.dtd">',
    b'<!doctype rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
]


@pytest.mark.parametrize("declared", DECLARED)
def test_document_types_are_refused(declared: bytes) -> None:
    """B41 to B44: a feed needs no entities of its own."""
    with pytest.raises(ParseError, match="document type"):
        read_feed(b'<?xml version="1.0"?>' + declared + item("<title>&b;</title><link>https://a.example/</link>"))


def test_strange_encodings_and_large_feeds_are_refused() -> None:
    """B124 and B59."""
    with pytest.raises(ParseError, match="encoding"):
        read_feed(b'<?xml version="1.0" encoding="utf-7"?>' + RSS.partition(b"?>")[2])
    with pytest.raises(ParseError, match="too large"):
        read_feed(item("<a>" * 250_000))
    with pytest.raises(ParseError, match="NUL"):
        read_feed(RSS.decode().encode("utf-16"))
    named = item("<title>Jos\u00e9</title>", "<guid>g</guid>").decode().encode("latin-1")
    latin = b'<?xml version="1.0" encoding="iso-8859-1"?>' + named
    assert [entry.title for entry in read_feed(latin)] == ["José"]


TIMES = {
    "Wed, 29 Apr 2026 18:00:00 +0200": datetime(2026, 4, 29, 16, 0, tzinfo=UTC),
    "29 Apr 2026 18:00 GMT": datetime(2026, 4, 29, 18, 0, tzinfo=UTC),
    "2026-04-29T18:00:00+02:00": datetime(2026, 4, 29, 16, 0, tzinfo=UTC),
    "2026-04-29": datetime(2026, 4, 29, tzinfo=UTC),
    "2026-13-45T99:99:99Z": None,
    "yesterday": None,
    "": None,
    "Wed, 29 Apr 9999 18:00:00 -9999": None,
    "Wed, 29 Apr 1903 18:00:00 +0000": None,
    "２０２６-04-29": None,
}


@pytest.mark.parametrize("text", TIMES)
def test_times_are_read_strictly(text: str) -> None:
    """M14 and B58: nonsense is no date."""
    assert feed_time(text) == TIMES[text]


def test_an_unreadable_date_of_rss_is_no_other_date() -> None:
    """feedparser takes "published" for "updated" and warns; here the entry just has no date."""
    (entry,) = read_feed(item("<link>https://a.example/1</link><pubDate>soon</pubDate><title>t</title>"))
    assert entry.published is None


def test_summaries_are_shortened_at_a_word() -> None:
    """An excerpt never ends within a word, and long markup costs nothing."""
    assert plain_text("one two three", 9) == "one two"
    assert plain_text("<p>one</p><p>two &lt;x&gt;</p>", 50) == "one two <x>"
    assert plain_text("a < b && c > d", 50) == "a < b && c > d"
    assert plain_text("<b>" * 20_000 + "x", 5) == ""
