"""Gentoo: advisories, their feed, and the fetch."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from advisories.observation import (
    CellObservation,
    ErratumObservation,
    FixedVersion,
    LinkObservation,
    ParsedDocument,
    Record,
)
from advisories.words import CellKind, Disposition, Status
from sources.base import Batch
from sources.errors import FetchError
from sources.gentoo import SOURCE
from sources.gentoo.fetch import named_advisories
from sources.gentoo.parse import parse
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, raw_document

glsa_of = raw_document("gentoo", "https://gitweb.gentoo.org/data/glsa.git/plain/glsa-202605-01.xml")
feed_of = raw_document("gentoo", "https://security.gentoo.org/glsa/feed.rss")

GLSA = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE glsa SYSTEM "http://www.gentoo.org/dtd/glsa.dtd">
<glsa id="202605-01">
    <title>Linux kernel: Privilege escalation</title>
    <synopsis>A flaw in the kernel.</synopsis>
    <product type="ebuild">gentoo-kernel,kmod</product>
    <announced>2026-05-03</announced>
    <revised count="2">2026-05-05</revised>
    <affected>
        <package name="sys-kernel/gentoo-kernel" auto="yes" arch="*">
            <unaffected range="rge">6.12.86</unaffected>
            <unaffected range="rge">6.12.85</unaffected>
            <unaffected range="ge">6.18.22</unaffected>
            <vulnerable range="lt">6.18.22</vulnerable>
        </package>
        <package name="sys-kernel/example-sources" auto="no" arch="*"><vulnerable range="le">5.0</vulnerable></package>
        <package name="sys-apps/kmod" auto="yes" arch="*"><unaffected range="ge" slot="0">34.2-r1</unaffected></package>
        <package name="sys-kernel/linux-firmware" auto="yes" arch="*"><unaffected range="ge">1</unaffected></package>
    </affected>
    <references>
        <uri link="https://nvd.nist.gov/vuln/detail/CVE-2026-31431">CVE-2026-31431</uri>
        <uri link="https://nvd.nist.gov/vuln/detail/CVE-2026-31431">CVE-2026-31431</uri>
        <uri link="https://example.org/">a text</uri>
    </references>
</glsa>
"""
FEED = b"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>Gentoo Linux security advisories</title>
<link>https://security.gentoo.org/glsa</link><description>GLSA</description>
<item><title>GLSA 202605-01: Linux kernel: Privilege escalation</title>
<link>https://security.gentoo.org/glsa/202605-01</link><pubDate>Sun, 03 May 2026 00:00:00 +0000</pubDate></item>
<item><title>GLSA 202604-09: Shellinabox: Denial of Service</title>
<link>https://security.gentoo.org/glsa/202604-09</link></item>
<item><title>GLSA 202604-08: kmod: Weak rule</title><link>https://security.gentoo.org/glsa/202604-08</link></item>
</channel></rss>
"""
DAY = date(2026, 5, 3)


def cell(package: str, status: Status, fixed: tuple[FixedVersion, ...]) -> CellObservation:
    return CellObservation(
        cve="CVE-2026-31431",
        distro="gentoo",
        release=None,
        package=package,
        kind=CellKind.RELATED if package == "sys-apps/kmod" else CellKind.PACKAGE,
        status=status,
        disposition=Disposition.NONE if fixed else Disposition.WONT_FIX,
        fixed=fixed,
        errata=("GLSA-202605-01",),
        vendor_status="unaffected" if fixed else "vulnerable",
        since=DAY,
    )


def version(text: str, branch: str) -> FixedVersion:
    return FixedVersion(version=text, branch=branch, erratum="GLSA-202605-01", date=DAY)


def test_an_advisory_about_kernels() -> None:
    """The smallest version of each branch; a package without one is not fixed; kmod is related; firmware is neither."""
    assert parse(glsa_of(GLSA)) == ParsedDocument(
        records=(
            Record(
                key="GLSA-202605-01",
                observations=(
                    ErratumObservation(
                        erratum="GLSA-202605-01",
                        distro="gentoo",
                        title="Linux kernel: Privilege escalation",
                        cves=("CVE-2026-31431",),
                        issued=datetime(2026, 5, 3, tzinfo=UTC),
                        updated=datetime(2026, 5, 5, tzinfo=UTC),
                        url="https://security.gentoo.org/glsa/202605-01",
                    ),
                    cell(
                        "sys-kernel/gentoo-kernel",
                        Status.FIXED,
                        (version("6.12.85", "6.12"), version("6.18.22", "6.18")),
                    ),
                    cell("sys-kernel/example-sources", Status.AFFECTED, ()),
                    cell("sys-apps/kmod", Status.FIXED, (version("34.2-r1", "0"),)),
                ),
            ),
        )
    )


@pytest.mark.parametrize("file", ["a/glsa/data/glsa-202305-28.xml", "b/glsa-202511-02.xml"])
def test_real_advisories_are_read(shared_data: Path, file: str) -> None:
    """They are about no kernel: nothing is claimed, and nothing is wrong with them."""
    assert parse(glsa_of((shared_data / "gentoo" / file).read_bytes())) == ParsedDocument(records=())


def test_the_feed_is_links() -> None:
    """Each entry a link, never a claim."""
    assert parse(feed_of(FEED)).records[0] == Record(
        key="link/security.gentoo.org/glsa/202605-01",
        observations=(
            LinkObservation(
                title="GLSA 202605-01: Linux kernel: Privilege escalation",
                url="https://security.gentoo.org/glsa/202605-01",
                published=datetime(2026, 5, 3, tzinfo=UTC),
            ),
        ),
    )


def test_an_entity_is_not_resolved() -> None:
    """A document type may declare what it likes; no file and no address is opened for it."""
    body = GLSA.replace(
        b'<!DOCTYPE glsa SYSTEM "http://www.gentoo.org/dtd/glsa.dtd">',
        b'<!DOCTYPE glsa [<!ENTITY host SYSTEM "file:///etc/hostname">]>',
    ).replace(b"<title>Linux kernel", b"<title>&host;Linux kernel")
    (record,) = parse(glsa_of(body)).records
    erratum = record.observations[0]
    assert isinstance(erratum, ErratumObservation)
    assert erratum.title == ""


def test_titles_choose_what_is_fetched() -> None:
    """Whole words only: Shellinabox is no ell."""
    assert named_advisories(FEED) == ["202605-01", "202604-08"]


def test_broken_documents() -> None:
    """Cut and damaged documents: ParseError or clean text."""
    assert_only_parse_errors(parse, glsa_of, GLSA)
    assert_only_parse_errors(parse, feed_of, FEED)


def test_fetch_follows_the_feed(tmp_path: Path) -> None:
    """The feed, then the advisories it names; one that is gone is raised at the end and kept for the next time."""
    with path_server({"/feed.rss": FEED, "/xml/glsa-202605-01.xml": GLSA}) as server:
        given = {"url": f"{server.url}/feed.rss", "glsa_url": f"{server.url}/xml"}
        batches: list[Batch] = []
        context = make_context(SOURCE, server, tmp_path, given)
        with pytest.raises(FetchError, match="answered 404"):
            for batch in SOURCE.fetch(context):
                batches.append(batch)
        got = [raw.url for batch in batches for raw in batch.documents]
        assert got == [f"{server.url}/feed.rss", f"{server.url}/xml/glsa-202605-01.xml"]
        assert server.asked == ["/feed.rss", "/xml/glsa-202605-01.xml", "/xml/glsa-202604-08.xml"]
    assert batches[-1].checkpoint == {"pending": "202604-08"}


def test_an_unchanged_feed_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    """What the feed named before was fetched then, but for the advisory that could not be had."""
    with path_server({"/feed.rss": FEED, "/xml/glsa-202604-08.xml": GLSA}) as server:
        given = {"url": f"{server.url}/feed.rss", "glsa_url": f"{server.url}/xml"}
        context = make_context(
            SOURCE,
            server,
            tmp_path,
            given,
            checkpoint={"pending": "202604-08"},
            held=frozenset({f"{server.url}/feed.rss"}),
        )
        batches = list(SOURCE.fetch(context))
        assert server.asked == ["/feed.rss", "/xml/glsa-202604-08.xml"]
        assert batches[0].same == (f"{server.url}/feed.rss",)
    assert batches[-1].checkpoint == {"pending": ""}
