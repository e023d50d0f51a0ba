"""Release feeds of GitHub, GitLab and cgit as links with the program's name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisories.observation import LinkObservation, ParsedDocument, Record, Rejected
from sources.carriers import SOURCE
from sources.carriers.parse import parse, project_of
from sources.errors import FetchError
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, raw_document

RAW = raw_document("carriers", "https://github.com/moby/moby/releases.atom")
FEED = b"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/" xml:lang="en-US">
  <id>tag:github.com,2008:https://github.com/moby/moby/releases</id>
  <link type="text/html" rel="alternate" href="https://github.com/moby/moby/releases"/>
  <title>Release notes from moby</title><updated>2026-04-30T20:11:00Z</updated>
  <entry><id>tag:github.com,2008:Repository/7691631/docker-v29.4.2</id><updated>2026-04-30T20:11:00Z</updated>
    <link rel="alternate" type="text/html" href="https://github.com/moby/moby/releases/tag/docker-v29.4.2"/>
    <title>v29.4.2</title>
    <content type="html">&lt;p&gt;The default seccomp profile blocks AF_ALG (CVE-2026-31431).&lt;/p&gt;</content>
    <author><name>a-maintainer</name></author></entry>
  <entry><id>tag:github.com,2008:Repository/7691631/v29.4.1</id><updated>2026-04-20T10:00:00Z</updated>
    <link rel="alternate" type="text/html" href="https://github.com/moby/moby/releases/tag/v29.4.1"/>
    <title>Moby 29.4.1</title></entry>
  <entry><id>tag:github.com,2008:Repository/7691631/x</id><updated>2026-04-20T10:00:00Z</updated>
    <link rel="alternate" type="text/html" href="javascript:x"/><title>x</title></entry>
</feed>
"""


def link(title: str, tag: str, published: datetime, summary: str = "") -> Record:
    address = f"github.com/moby/moby/releases/tag/{tag}"
    observation = LinkObservation(title=title, url=f"https://{address}", published=published, summary=summary)
    return Record(key=f"link/{address}", observations=(observation,), modified=published)


def test_releases_carry_their_programs_name() -> None:
    """A bare version gets it, a title that has it stays; notes are an excerpt; a bad link is rejected."""
    assert parse(RAW(FEED)) == ParsedDocument(
        records=(
            link(
                "moby v29.4.2",
                "docker-v29.4.2",
                datetime(2026, 4, 30, 20, 11, tzinfo=UTC),
                "The default seccomp profile blocks AF_ALG (CVE-2026-31431).",
            ),
            link("Moby 29.4.1", "v29.4.1", datetime(2026, 4, 20, 10, 0, tzinfo=UTC)),
        ),
        rejected=(Rejected(key="tag:github.com,2008:Repository/7691631/x", what="no link that can be shown"),),
    )


NAMES = {
    "https://github.com/moby/moby/releases.atom": "moby",
    "https://github.com/kmod-project/kmod/tags.atom": "kmod",
    "https://gitlab.com/cryptsetup/cryptsetup/-/tags?format=atom": "cryptsetup",
    "https://git.kernel.org/pub/scm/libs/ell/ell.git/atom/?h=master": "ell",
    "https://example.org/": "",
    "https://[bad": "",
    "https://example.org/%00/releases.atom": "",
}


@pytest.mark.parametrize("url", NAMES)
def test_the_address_names_the_program(url: str) -> None:
    """GitHub, GitLab, cgit; an address that names none gives none."""
    assert project_of(url) == NAMES[url]


def test_every_feed_of_the_settings_names_its_program() -> None:
    """The list of programs that the topics speak of."""
    assert [project_of(url) for url in SOURCE.settings["url"]] == [
        "moby", "containerd", "systemd", "kmod", "bluez", "util-linux", "libkcapi", "cryptsetup", "iwd", "ell"
    ]  # fmt: skip


def test_broken_feeds_are_parse_errors() -> None:
    """Cut anywhere, blocked, damaged."""
    assert_only_parse_errors(parse, RAW, FEED)


def test_one_feed_that_fails_stops_no_other(tmp_path: Path) -> None:
    """The error of the first comes after the second was yielded."""
    with path_server({"/moby/moby/releases.atom": FEED}) as server:
        addresses = (f"{server.url}/gone/gone/releases.atom", f"{server.url}/moby/moby/releases.atom")
        batches = SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": addresses}))
        assert [len(parse(document).records) for document in next(batches).documents] == [2]
        with pytest.raises(FetchError, match="404"):
            next(batches)
