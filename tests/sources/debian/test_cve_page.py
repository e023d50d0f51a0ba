"""The tracker's page of one CVE, read when its JSON cannot be had."""

from __future__ import annotations

from typing import Any

from advisories.observation import CellObservation, FixedVersion, ParsedDocument, Record
from advisories.words import Status
from sources.debian.parse import parse
from tests.sources.hostile import assert_only_parse_errors, raw_document

raw_of = raw_document("debian", "https://security-tracker.debian.org/tracker/CVE-2026-31431")

PAGE = b"""<!DOCTYPE html>
<html><head><title>CVE-2026-31431</title><meta charset="utf-8"></head><body>
<header><h1>CVE-2026-31431</h1></header>
<table><tr><td><b>Name</b></td><td>CVE-2026-31431</td></tr>
<tr><td><b>References</b></td><td><a href="/tracker/DSA-6238-1">DSA-6238-1</a></td></tr></table>
<h2>Vulnerable and fixed packages</h2>
<p>The table below lists information on source packages.</p>
<table><tr><th>Source Package</th><th>Release</th><th>Version</th><th>Status</th></tr>
<tr><td><a href="/tracker/source-package/linux">linux</a> (<a href="https://tracker.debian.org/pkg/linux">PTS</a>)</td>
<td>bullseye</td><td>5.10.223-1</td><td><span class="red">vulnerable</span></td></tr>
<tr><td></td><td>bullseye (security)</td><td>5.10.249-1</td><td><span class="red">vulnerable</span></td></tr>
<tr><td></td><td>trixie</td><td>6.12.74-2</td><td><span class="red">vulnerable</span></td></tr>
<tr><td></td><td>trixie (security)</td><td>6.12.85-1</td><td>fixed</td></tr>
<tr><td></td><td>forky, sid</td><td>6.19.13-1</td><td>fixed</td></tr>
<tr><td><a href="/tracker/source-package/linux-6.1">linux-6.1</a> (<a href="/x">PTS</a>)</td>
<td>bullseye (security)</td><td>6.1.164-1~deb11u1</td><td>undetermined</td></tr>
<tr><td><a href="/tracker/source-package/kmod">kmod</a></td><td>trixie</td><td>34.2-2</td><td>fixed</td></tr>
</table>
<p>The information below is based on the following data on fixed versions.</p>
<table><tr><th>Package</th><th>Type</th><th>Release</th><th>Fixed Version</th><th>Urgency</th><th>Origin</th>
<th>Debian Bugs</th></tr>
<tr><td>linux</td><td>source</td><td>trixie</td><td>6.12.85-1</td><td></td>
<td><a href="/x">DSA-6238-1</a></td><td></td></tr>
<tr><td>linux</td><td>source</td><td>(unstable)</td><td>6.19.12-1</td><td></td><td></td><td></td></tr>
</table>
<h2>Notes</h2><pre>https://copy.fail/</pre>
</body></html>
"""


def cell(release: str, codename: str, status: Status, word: str, **more: Any) -> CellObservation:
    values: dict[str, Any] = {"package": "linux", **more}
    return CellObservation(
        cve="CVE-2026-31431",
        distro="debian",
        release=release,
        codename=codename,
        status=status,
        vendor_status=word,
        **values,
    )


def test_a_page_says_what_the_tracker_says() -> None:
    """A release is fixed when one of its suites is; the version is that of the release, else of unstable."""
    unstable = (FixedVersion(version="6.19.12-1"),)
    assert parse(raw_of(PAGE)) == ParsedDocument(
        records=(
            Record(
                key="tracker/CVE-2026-31431",
                observations=(
                    cell("11", "bullseye", Status.AFFECTED, "vulnerable"),
                    cell(
                        "13",
                        "trixie",
                        Status.FIXED,
                        "fixed",
                        fixed=(FixedVersion(version="6.12.85-1", erratum="DSA-6238-1"),),
                        errata=("DSA-6238-1",),
                    ),
                    cell("forky", "forky", Status.FIXED, "fixed", fixed=unstable),
                    cell("sid", "sid", Status.FIXED, "fixed", fixed=unstable),
                    cell("11", "bullseye", Status.UNDER_INVESTIGATION, "undetermined", package="linux-6.1"),
                ),
            ),
        )
    )


def test_not_affected_is_no_fix() -> None:
    """A release that never had the flaw is shown as fixed by the page, with "(not affected)" for its version."""
    page = PAGE.replace(b"<td>6.12.85-1</td><td></td>", b"<td>(not affected)</td><td></td>")
    (record,) = parse(raw_of(page)).records
    found = record.observations[1]
    assert isinstance(found, CellObservation)
    assert (found.release, found.status, found.fixed) == ("13", Status.NOT_AFFECTED, ())


def test_broken_pages_are_parse_errors() -> None:
    """A cut page, a wall and a page about something else."""
    assert_only_parse_errors(parse, raw_of, PAGE)
