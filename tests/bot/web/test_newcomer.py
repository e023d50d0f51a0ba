"""The board as a newcomer reads it: plain words, what to do now, where it says so, and links that may be followed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from advisories.observation import ReleaseObservation
from advisories.topics import parse_topic
from bot.web.site import size
from bot.web.text import is_linked, link, linked, shortened, shown
from tests.bot.web.asking import Ask, asker
from tests.bot.web.hostile import STRINGS
from tests.bot.web.stores import CVE, FIX, make_app, open_shipped, take
from tests.bot.web.test_board import PAGES, page, words


def test_two_clicks_from_home(ask: Ask) -> None:
    """From the home page one link leads to where Ubuntu 24.04 says fixed, since when and by which document."""
    home = page(ask, "/")
    target = next(one["href"] for one in home.select("a") if one.get_text() == CVE)
    row = next(one for one in page(ask, str(target)).select("table.matrix tr") if "24.04 noble" in one.get_text())
    assert words(row.select_one("time")) == "2026-05-19"
    evidence = row.select_one("details.evidence a")
    assert evidence is not None
    assert evidence["href"] == f"https://www.kernel.org/ubuntu/{CVE}"
    assert evidence.get_text() == f"www.kernel.org/ubuntu/{CVE}"


def test_a_newcomer_on_the_shipped_facts(tmp_path: Path) -> None:
    """Before any source was read, two clicks from home show Ubuntu 24.04: fixed, since when, and a link to who says so.

    The first click is the CVE at the top, the second opens the row's evidence.
    """
    with open_shipped(tmp_path) as app:
        ask = asker(app)
        first = next(one for one in page(ask, "/").select("main a[href^='/advisories/']"))
        assert first.get_text() == CVE
        row = next(
            one
            for one in page(ask, str(first["href"])).select("table.matrix tr")
            if words(one).startswith("24.04 noble linux ")
        )
    shown_state, since = words(row.select_one(".state")), words(row.select_one("time"))
    assert (shown_state, since, row.select("td")[2].get_text()) == ("✓ fixed", "2026-05-19", "6.8.0-117.117 USN-8278-1")
    assert [one["href"] for one in row.select("details a")] == ["https://ubuntu.com/security/notices/USN-8278-1"]


def test_every_page_of_the_shipped_facts(tmp_path: Path) -> None:
    """Every advisory, topic and matrix of the shipped store has its page; each affected row says what to do."""
    with open_shipped(tmp_path) as app:
        ask = asker(app)
        addresses = {str(one["href"]).partition("?")[0] for one in page(ask, "/").select("main a[href^='/']")}
        addresses |= {one.replace("/advisories/", "/matrix/") for one in addresses}
        soups = {one: page(ask, one) for one in sorted(addresses)}
    assert {"/topics/copy-fail", "/topics/af-alg"} < soups.keys()
    affected = [row for soup in soups.values() for row in soup.select("table.matrix tr.affected")]
    assert affected
    assert all("What to do: " in words(row) for row in affected)


def test_summary_in_plain_words(ask: Ask) -> None:
    """The advisory's page begins with what it is, how bad, and who still waits."""
    assert [words(one) for one in page(ask, f"/advisories/{CVE}").select(".summary p")] == [
        "Copy Fail : A flaw of algif_aead since Linux 4.14.",
        "In Linux since 4.14; fixed upstream in 6.12.85 and 7.0.",
        "Known to be exploited: listed by CISA (KEV) since 2026-05-01.",
        "Severity high (CVSS 7.8), by kernel-cna.",
        "5 of 6 kernel packages that have it are fixed.",
        "Without a fixed package: Debian 11.",
        "What the words mean",
    ]


def test_stages_as_text(ask: Ask) -> None:
    """The stage line stands beside its picture as a list of words, each explained on the about page."""
    assert [words(one) for one in page(ask, f"/advisories/{CVE}").select("ol.stages li")] == [
        "posted : not known",
        "applied : not known",
        "next : not known",
        "mainline : reached (7.0)",
        "stable : reached (6.12.85)",
        "packaged : reached on 2026-04-20 (5 of 6 packages)",
    ]


@pytest.mark.parametrize("path", PAGES)
def test_words_are_explained(ask: Ask, path: str) -> None:
    """Every word that links to its meaning finds one."""
    meanings = {one["id"] for one in page(ask, "/about").select("[id]")}
    linked_to = {str(one["href"]).partition("#")[2] for one in page(ask, path).select("a[href^='/about#']")}
    assert linked_to
    assert linked_to - meanings == set()


def test_what_to_do_now(ask: Ask) -> None:
    """The page says what to do for each state, and an affected row leads to the mitigations."""
    soup = page(ask, f"/advisories/{CVE}")
    assert [words(one.find("strong")) for one in soup.select("#now ~ ul li")] == [
        "Find your release",
        "Fixed:",
        "Affected:",
        "Under investigation, or no row:",
    ]
    assert [one["href"] for one in soup.select("tr.affected .action a")] == ["#mitigations"]
    assert soup.select_one("#mitigations") is not None
    alone = page(ask, f"/matrix/{CVE}")
    assert [one["href"] for one in alone.select("tr.affected .action a")] == ["/advisories/PW-2026-1#mitigations"]


def test_erratum_in_the_matrix_is_a_link(ask: Ask) -> None:
    """Where the vendor's page of an erratum is known, the matrix leads to it."""
    found = page(ask, f"/matrix/{CVE}?distro=debian/12").select("table.matrix td:nth-child(4) a")
    assert [(one.get_text(), one["href"]) for one in found] == [
        ("DSA-6243-1", "https://lists.debian.org/debian-security-announce/2026/msg00150.html")
    ]


@pytest.mark.parametrize(
    ("candidate_of", "due"),
    [(date(2099, 1, 4), "2099-01-11 to 2099-01-18"), (date(2026, 1, 4), "any day")],
)
def test_the_plan_step_by_step(tmp_path: Path, candidate_of: date, due: str) -> None:
    """Each step says its state, release, effect and what to move to; a date that nobody promised is an estimate."""
    text = """
slug = "af-alg"
title = "AF_ALG"
summary = "What is restricted."
[[steps]]
title = "Restricted by default"
kind = "restricted"
state = "merged"
release = "7.3"
effect = "an allow-list"
migrate_to = "user space"
source = "https://www.kernel.org/"
"""
    app = replace(make_app(tmp_path), topics=(parse_topic(text, name="af-alg.toml"),))
    candidate = ReleaseObservation(
        distro="kernel", release="mainline", latest="7.3-rc7", released=candidate_of, moniker="mainline"
    )
    take(app, "releases", datetime(2026, 5, 1, tzinfo=UTC), "mainline", [candidate])
    row = page(asker(app), "/topics/af-alg").select_one("table.plan tbody tr")
    app.store.close()
    assert row is not None
    assert [words(one) for one in row.select("th, td")] == [
        "Restricted by default",
        "restricted",
        "merged by the topic file",
        f"7.3 estimate due {due}",
        "an allow-list",
        "user space",
        "www.kernel.org/",
    ]


@pytest.mark.parametrize(("host", "wanted"), [("", 0), ("127.0.0.1", 1)])
def test_sign_up_is_offered_where_mail_is_sent(tmp_path: Path, host: str, wanted: int) -> None:
    """Every page leads to the sign-up by mail, and none does where there is no mail."""
    app = make_app(tmp_path, PATCHWATCH_MAIL_HOST=host)
    found = page(asker(app), "/").select("footer a[href='/digest/subscribe']")
    app.store.close()
    assert len(found) == wanted


@pytest.mark.parametrize(
    ("count", "wanted"), [(0, "0 B"), (999, "999 B"), (1400, "1.4 kB"), (23_000_000, "23.0 MB"), (10**16, "10000.0 TB")]
)
def test_sizes_are_readable(count: int, wanted: str) -> None:
    """Bytes are told in the unit that suits them."""
    assert size(count) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("from https://ubuntu.com/security/notices/USN-8278-1.", ["https://ubuntu.com/security/notices/USN-8278-1"]),
        ("https://evil.example/ and <b>", []),
        ("https://kernel.org@evil.example/", []),
        ("javascript:alert(1) http://", []),
        ("https://www.kernel.org/a https://www.debian.org/b", ["https://www.kernel.org/a", "https://www.debian.org/b"]),
    ],
)
def test_addresses_in_text(text: str, wanted: list[str]) -> None:
    """In a text, addresses of known hosts become links, and nothing else does."""
    soup = BeautifulSoup(linked(text), "lxml")
    assert [one["href"] for one in soup.select("a")] == wanted
    assert soup.select("b") == []


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (f"https://git.kernel.org/stable/c/{FIX}", True),
        ("https://security-tracker.debian.org/tracker/CVE-2026-31431", True),
        ("http://www.openwall.com/lists/oss-security/", True),
        ("https://git.kernel.org@evil.example/x", False),
        ("https://evilkernel.org/", False),
        ("https://kernel.org.evil.example/", False),
        ("https://git.kerne\u0406.org/", False),
        ("https://kernel.org:8443/", False),
        ("javascript:alert(1)", False),
        ("//kernel.org/x", False),
        ("https://kernel.org/\nx", False),
        ("https://[kernel.org/", False),
    ],
)
def test_links_go_to_known_hosts(url: str, wanted: bool) -> None:
    """A foreign address becomes a link on the allow-list alone; else it stays text."""
    assert is_linked(url) is wanted
    assert ("<a " in link(url)) is wanted


@pytest.mark.parametrize("text", STRINGS)
def test_shown_text_is_printable(text: str) -> None:
    """Every string is printable after `shown`, and plain text is left alone."""
    assert [char for char in shown(text) if not char.isprintable() and char not in "\n\t"] == []
    assert shown("a < b && c > d") == "a < b && c > d"


def test_long_addresses_keep_their_host() -> None:
    """A long address is read without its middle; its host is whole, and the link itself is complete."""
    url = f"https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/commit/?id={FIX}"
    assert shortened(url) == f"git.kernel.org/pub/scm/linux/kernel/git/torvalds…{url[-12:]}"
    assert f'href="{url}"' in link(url)
    assert shortened(f"https://{'a' * 90}.example/x").startswith("a" * 90 + ".example/")
