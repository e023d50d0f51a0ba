"""kernel.org's releases: both forms, broken lists, and the fetch."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from advisories.observation import ParsedDocument, Record, Rejected, ReleaseObservation
from sources.base import Batch
from sources.errors import FetchError, ParseError
from sources.kernel_releases import SOURCE
from sources.kernel_releases.parse import parse
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, assert_wrong_json_is_survived, raw_document, without

RAW = raw_document("kernel-releases", "https://www.kernel.org/releases.json")


def release(version: str, moniker: str, day: str, *, eol: bool = False) -> dict[str, object]:
    return {
        "iseol": eol,
        "version": version,
        "moniker": moniker,
        "source": f"https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-{version}.tar.xz",
        "pgp": None,
        "released": {"timestamp": 1777548720, "isodate": day},
        "gitweb": f"https://git.kernel.org/stable/h/v{version}",
        "changelog": None,
        "diffview": f"https://git.kernel.org/stable/ds/v{version}",
        "patch": {"full": None, "incremental": None},
    }


def releases(*listed: object) -> bytes:
    return json.dumps({"latest_stable": {"version": "7.0.4"}, "releases": listed}, indent=4).encode()


LIST = releases(
    release("7.1-rc2", "mainline", "2026-05-03"),
    release("7.0.4", "stable", "2026-05-02"),
    release("6.19.14", "stable", "2026-04-25", eol=True),
    release("6.12.85", "longterm", "2026-04-30"),
    release("next-20260504", "linux-next", "2026-05-04"),
)


def record(branch: str, latest: str, moniker: str, day: date, eol: bool | None = False) -> Record:
    observation = ReleaseObservation(
        distro="kernel", release=branch, latest=latest, released=day, eol=eol, moniker=moniker
    )
    return Record(key=f"release/{branch}", observations=(observation,))


def test_each_branch_has_its_newest_release() -> None:
    """Mainline candidates under their series, linux-next by its name, ended branches marked."""
    assert parse(RAW(LIST)) == ParsedDocument(
        records=(
            record("7.1", "7.1-rc2", "mainline", date(2026, 5, 3)),
            record("7.0", "7.0.4", "stable", date(2026, 5, 2)),
            record("6.19", "6.19.14", "stable", date(2026, 4, 25), True),
            record("6.12", "6.12.85", "longterm", date(2026, 4, 30)),
            record("linux-next", "next-20260504", "linux-next", date(2026, 5, 4)),
        )
    )


def test_a_branch_that_is_listed_twice_counts_once() -> None:
    """After a series' first release mainline and stable both name it: the newer version counts, in any order."""
    both = [release("7.0", "mainline", "2026-04-12"), release("7.0.1", "stable", "2026-04-18")]
    expected = (record("7.0", "7.0.1", "stable", date(2026, 4, 18)),)
    assert parse(RAW(releases(*both))).records == expected
    assert parse(RAW(releases(*reversed(both)))).records == expected


def test_the_feed_says_the_same() -> None:
    """kdist.xml: items "version: moniker"; it does not speak of ended branches unless it says so."""
    titles = ["6.12.85: longterm", "6.19.14: stable (EOL)", "next-20260504: linux-next", "news"]
    items = "".join(
        f"<item><title>{title}</title><link>https://git.kernel.org/torvalds/t/{number}</link>"
        f"<pubDate>Thu, 30 Apr 2026 11:32:00 +0000</pubDate></item>"
        for number, title in enumerate(titles)
    )
    body = f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{items}</channel></rss>\n'.encode()
    day = date(2026, 4, 30)
    assert parse(RAW(body)) == ParsedDocument(
        records=(
            record("6.12", "6.12.85", "longterm", day, None),
            record("6.19", "6.19.14", "stable", day, True),
            record("linux-next", "next-20260504", "linux-next", day, None),
        ),
        rejected=(Rejected(key="news", what="no title of a release"),),
    )
    assert_only_parse_errors(parse, RAW, body)


def test_what_is_no_release_is_rejected_alone() -> None:
    """An unknown moniker, a version that is none, a release without a field that we use."""
    bad = release("6.12.85", "longterm", "2026-04-30")
    del bad["iseol"]
    listed = [release("6.6.137", "longterm", "2026-04-30"), release("6.1.170", "ancient", "2026-04-30")]
    parsed = parse(RAW(releases(*listed, release("six", "stable", "2026-04-30"), bad)))
    assert [one.key for one in parsed.records] == ["release/6.6"]
    assert [one.key for one in parsed.rejected] == ["6.1.170", "six", "release 3"]


@pytest.mark.parametrize("name", ["version", "moniker", "iseol", "released"])
def test_a_renamed_field_is_an_error(name: str) -> None:
    """S28: a list of which nothing can be read is no list."""
    with pytest.raises(ParseError, match="no release of any branch"):
        parse(RAW(without(releases(release("6.12.85", "longterm", "2026-04-30")), ("releases", 0, name))))


def test_broken_lists_are_parse_errors() -> None:
    """Cut anywhere, blocked, damaged, and any value in any field."""
    assert_only_parse_errors(parse, RAW, LIST)
    assert_wrong_json_is_survived(parse, RAW, releases(release("6.12.85", "longterm", "2026-04-30")))


def test_fetch_takes_the_list_once(tmp_path: Path) -> None:
    """The document, then "not modified"; an error where there is none."""
    with path_server({"/releases.json": LIST}) as server:
        settings = {"url": f"{server.url}/releases.json"}
        (first,) = SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings))
        assert [document.body for document in first.documents] == [LIST]
        held = frozenset({settings["url"]})
        again = list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, settings, held=held)))
        assert again == [Batch(documents=(), checkpoint={}, same=(settings["url"],))]
        with pytest.raises(FetchError, match="404"):
            list(SOURCE.fetch(make_context(SOURCE, server, tmp_path, {"url": f"{server.url}/kdist.xml"})))
