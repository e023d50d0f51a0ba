"""Release feeds of GitHub, GitLab and cgit as links with the program's name."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import LinkObservation, MitigationObservation, ParsedDocument, Record, Rejected
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


RULE = MitigationObservation(
    cve="CVE-2026-31431",
    mitigation="moby-29.4.2",
    title="moby 29.4.2 names CVE-2026-31431 in its release notes",
    distro="moby",
    release=None,
    package="moby",
    version="29.4.2",
    date=date(2026, 4, 30),
)


def link(title: str, tag: str, published: datetime, summary: str = "", *further: MitigationObservation) -> Record:
    address = f"github.com/moby/moby/releases/tag/{tag}"
    observation = LinkObservation(title=title, url=f"https://{address}", published=published, summary=summary)
    return Record(key=f"link/{address}", observations=(observation, *further), modified=published)


def test_releases_carry_their_programs_name() -> None:
    """A bare version gets it, a title that has it stays; notes are an excerpt; a bad link is rejected."""
    assert parse(RAW(FEED)) == ParsedDocument(
        records=(
            link(
                "moby v29.4.2",
                "docker-v29.4.2",
                datetime(2026, 4, 30, 20, 11, tzinfo=UTC),
                "The default seccomp profile blocks AF_ALG (CVE-2026-31431).",
                RULE,
            ),
            link("Moby 29.4.1", "v29.4.1", datetime(2026, 4, 20, 10, 0, tzinfo=UTC)),
        ),
        rejected=(Rejected(key="tag:github.com,2008:Repository/7691631/x", what="no link that can be shown"),),
    )


ENTRY = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>x</id><title>{title}</title><content>{notes}</content>
<link href="https://github.com/moby/moby/releases/tag/x"/></entry></feed>"""
NOTES = {
    ("v29.5.0", "Blocks CVE-2026-31431 and CVE-2026-43284; CVE-2026-31431 again"): [
        ("29.5.0", "CVE-2026-31431"),
        ("29.5.0", "CVE-2026-43284"),
    ],
    ("v29.5.0-rc.1", "CVE-2026-31431"): [("29.5.0-rc.1", "CVE-2026-31431")],
    ("docker-v29.5.0 (moby)", "see CVE-2026-31431"): [("29.5.0", "CVE-2026-31431")],
    ("v29.5.0", "AF_ALG is blocked"): [],
    ("v29.5.0", "XCVE-2026-31431, CVE-2026-31431a, CVE-2026-031431"): [],
    ("seccomp: block AF_ALG", "CVE-2026-31431"): [],
}


@pytest.mark.parametrize(("title", "notes"), NOTES)
def test_a_release_that_names_a_cve_carries_something_against_it(title: str, notes: str) -> None:
    """Whole ids in the notes of a numbered release, once each; words alone and commits stay links."""
    [record] = parse(RAW(ENTRY.format(title=title, notes=notes).encode())).records
    found = [(one.version, one.cve) for one in record.observations if isinstance(one, MitigationObservation)]
    assert found == NOTES[title, notes]


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
