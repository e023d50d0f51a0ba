"""News entries as links, broken feeds, and a fetch of several feeds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisories.observation import LinkObservation, ParsedDocument, Record, Rejected
from sources.errors import FetchError
from sources.news import SOURCE
from sources.news.parse import parse
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, raw_document
from tests.sources.http_answers import ANUBIS

RAW = raw_document("news", "https://seclists.org/rss/oss-sec.rss")
FEED = b"""<?xml version="1.0" encoding="iso-8859-1"?>
<rss version="2.0"><channel><title>Open Source Security</title><link>http://seclists.org/#oss-sec</link>
<description>News of vulnerabilities</description>
<item><title>Re: CVE-2026-31431: CopyFail: linux local privilege scalation</title>
<link>http://seclists.org/oss-sec/2026/q2/300</link><description>&lt;p&gt;Posted by Ada on Apr 30&lt;/p&gt;
The backports are out. </description><pubDate>Thu, 30 Apr 2026 12:40:00 GMT</pubDate>
<guid>http://seclists.org/oss-sec/2026/q2/300</guid></item>
<item><title>An entry of nowhere</title><guid isPermaLink="false">77</guid></item>
</channel></rss>
"""
LINK = LinkObservation(
    title="Re: CVE-2026-31431: CopyFail: linux local privilege scalation",
    url="http://seclists.org/oss-sec/2026/q2/300",
    published=datetime(2026, 4, 30, 12, 40, tzinfo=UTC),
    summary="Posted by Ada on Apr 30 The backports are out.",
)


def test_an_entry_is_a_link() -> None:
    """Title, address, time and excerpt; the key outlives a move to https; without a link it is rejected."""
    assert parse(RAW(FEED)) == ParsedDocument(
        records=(Record(key="link/seclists.org/oss-sec/2026/q2/300", observations=(LINK,), modified=LINK.published),),
        rejected=(Rejected(key="77", what="no link that can be shown"),),
    )
    moved = parse(RAW(FEED.replace(b"http://", b"https://")))
    assert [record.key for record in moved.records] == ["link/seclists.org/oss-sec/2026/q2/300"]


def test_broken_feeds_are_parse_errors() -> None:
    """Cut anywhere, blocked, damaged."""
    assert_only_parse_errors(parse, RAW, FEED)


def test_one_feed_that_fails_stops_no_other(tmp_path: Path) -> None:
    """The first is blocked, the third was seen before; the error comes at the end."""
    with path_server({"/a.rss": ANUBIS, "/b.rss": FEED, "/c.rss": FEED}) as server:
        addresses = tuple(f"{server.url}/{name}.rss" for name in "abc")
        context = make_context(SOURCE, server, tmp_path, {"url": addresses}, held=frozenset(addresses[2:]))
        batches = SOURCE.fetch(context)
        assert [document.url for document in next(batches).documents] == [addresses[1]]
        assert next(batches).same == (addresses[2],)
        with pytest.raises(FetchError) as caught:
            next(batches)
        assert (caught.value.kind, caught.value.url) == ("blocked", addresses[0])
        assert server.asked == ["/a.rss", "/b.rss", "/c.rss"]
