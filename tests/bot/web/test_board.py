"""The board's pages over HTTP: what they say, how they are narrowed, and that nothing foreign becomes active."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from lxml import etree

from advisories.observation import CommitObservation
from advisories.words import Status
from bot.app import App
from tests.bot.web.asking import Ask, asker
from tests.bot.web.hostile import hostile_app
from tests.bot.web.stores import CVE, FIX, KEV, UPSTREAM, cell, make_app, take

PAGES = (
    "/",
    "/?distro=debian/12&distro=ubuntu/24.04",
    "/topics/copy-fail",
    "/topics/af-alg",
    f"/advisories/{CVE}",
    "/advisories/PW-2026-1?kind=all&status=fixed",
    "/matrix/PW-2026-1",
    "/changes/1",
    "/sources",
    "/about",
)
TOPIC_LINKS = ("https://git.kernel.org/linus/ffdd2bc", "https://ubuntu.com/security/notices/USN-8226-1")
ACTIVE = ("script", "iframe", "object", "embed", "img", "style", "base", "meta[http-equiv]")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    app = hostile_app(tmp_path_factory.mktemp("hostile"))
    yield asker(app)
    app.store.close()


def page(ask: Ask, path: str) -> BeautifulSoup:
    answer = ask(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return BeautifulSoup(answer.text, "lxml")


def words(tag: Tag | None) -> str:
    assert tag is not None
    return " ".join(tag.get_text(" ").split())


def rows(soup: BeautifulSoup) -> list[list[str]]:
    """Release, package, state and version of each row of the fix matrix."""
    return [[words(one) for one in row.find_all(["th", "td"])[:4]] for row in soup.select("table.matrix tbody tr")]


def test_matrix_rows(ask: Ask) -> None:
    """The matrix lists each release's package with state and version, newest release first, packages alone."""
    assert rows(page(ask, f"/advisories/{CVE}")) == [
        ["12 bookworm", "linux", "✓ fixed", "6.1.170-1 DSA-6243-1"],
        [
            "11 bullseye",
            "linux",
            (
                "✕ affected, a fix is pending What to do: A fixed package is announced; mitigate until it is published."
                " How to mitigate on Debian 11 bullseye linux"
            ),
            "–",
        ],
        ["26.04 resolute", "linux", "– not affected vulnerable code not present", "–"],
        ["24.04 noble", "linux", "✓ fixed", "6.8.0-117.117"],
        ["9", "kernel", "✓ fixed", "5.14.0-611.54.1.el9_7 RHSA-2026:13565"],
        ["9 · 9.6 (eus)", "kernel", "✓ fixed", "5.14.0-570.112.1.el9_6 RHSA-2026:14339"],
        ["7", "kernel", "– not affected", "–"],
        ["9", "kernel", "✓ fixed shipped, as of 2026-04-20", "5.14.0-611.49.2.el9_7"],
    ]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("distro=debian/12", [("12 bookworm", "linux")]),
        ("distro=debian/bullseye", [("11 bullseye", "linux")]),
        ("distro=rhel/9/9.6", [("9 · 9.6 (eus)", "kernel")]),
        ("distro=debian/11&distro=ubuntu/24.04", [("11 bullseye", "linux"), ("24.04 noble", "linux")]),
        ("status=affected", [("11 bullseye", "linux")]),
        ("kind=all&distro=rhel/9", [("9", "kernel"), ("9", "kpatch-patch live patch"), ("9 · 9.6 (eus)", "kernel")]),
        ("distro=gentoo", []),
    ],
)
def test_my_releases(ask: Ask, query: str, wanted: list[tuple[str, str]]) -> None:
    """The address narrows the matrix to releases, states and kinds."""
    found = [(row[0], row[1]) for row in rows(page(ask, f"/matrix/{CVE}?{query}"))]
    assert sorted(found) == sorted(wanted)


def test_choice_stays_in_the_address(ask: Ask) -> None:
    """What was chosen is ticked, and links to advisories carry the choice on."""
    soup = page(ask, "/?distro=debian/12&distro=ubuntu/24.04")
    assert [one["value"] for one in soup.select("input[checked]")] == ["debian/12", "ubuntu/24.04"]
    line = soup.select_one("table.lines tbody tr")
    assert line is not None
    assert line.select("a")[0]["href"] == "/advisories/PW-2026-1?distro=debian/12&distro=ubuntu/24.04"
    assert [words(one) for one in line.select("td")[-2:]] == ["✓ fixed 6.1.170-1", "✓ fixed 6.8.0-117.117"]


def test_mitigation_turns_no_cell(ask: Ask) -> None:
    """kmod's update stands under mitigations, not in the matrix."""
    soup = page(ask, f"/advisories/{CVE}?kind=all")
    assert "kmod" not in {row[1] for row in rows(soup)}
    carried = next(one for one in soup.select("section dd li") if "kmod" in one.get_text())
    assert words(carried) == "Ubuntu 24.04: kmod 31+20240202-2ubuntu7.2 (USN-8226-1), 2026-04-30"


def test_topic_page(ask: Ask) -> None:
    """A topic shows its plan, mitigations with when they do nothing, and the programs that depend on it."""
    soup = page(ask, "/topics/af-alg")
    tables = [[words(one) for one in table.select("tbody tr")] for table in soup.select("table")]
    assert any("Zero-copy is removed removed" in row and "7.2" in row for table in tables for row in table)
    assert ["iwd iwd ecb(aes) no network –"] in tables
    terms = {words(one): words(one.find_next_sibling("dd")) for one in soup.select("dt")}
    assert terms["Does nothing when"] == "algif_aead is built in or loaded"


def test_errata_link_to_their_vendor(ask: Ask) -> None:
    """An erratum is a link to the vendor's own page."""
    found = page(ask, f"/advisories/{CVE}").select_one("#errata ~ ul a")
    assert found is not None
    assert (found.get_text(), found["href"]) == (
        "DSA-6243-1",
        "https://lists.debian.org/debian-security-announce/2026/msg00150.html",
    )


def test_alias_and_id_show_the_same(ask: Ask) -> None:
    """A CVE id in any case leads to the same page as the PW id."""
    first = ask("/advisories/PW-2026-1")
    assert ask(f"/advisories/{CVE.lower()}").text == first.text == ask(f"/advisories/{CVE}").text


def test_patches_and_their_landings(tmp_path: Path) -> None:
    """The fix's patch stands with where it landed, and the stage line begins with it."""
    app = make_app(tmp_path)
    at = datetime(2026, 4, 3, 12, tzinfo=UTC)
    commit = CommitObservation(
        tree="mainline",
        branch="master",
        commit=FIX,
        subject="crypto: algif_aead - Revert to operating out-of-place",
        author_name="Herbert Xu",
        author_email="herbert@gondor.apana.org.au",
        author_at=datetime(2026, 3, 26, tzinfo=UTC),
        committed_at=at,
        message="",
        first_tag="v7.0-rc7",
        first_tag_at=at,
    )
    take(app, "kernel-cna", datetime(2026, 4, 22, tzinfo=UTC), CVE, [UPSTREAM])
    ask = asker(app)
    before = ask(f"/advisories/{CVE}").text
    take(app, "mainline", at, FIX, [commit])
    soup = page(ask, f"/advisories/{CVE}")
    assert "Herbert Xu" not in before
    assert words(soup.select_one("#path + h3")).startswith(
        "crypto: algif_aead - Revert to operating out-of-place Herbert"
    )
    landed = [words(one) for one in soup.select("#path ~ details tr") if "mainline" in one.get_text()]
    assert any("2026-04-03" in one and FIX[:12] in one for one in landed)
    assert "mainline: reached on 2026-04-03" in words(soup.select_one("figure desc"))
    assert ask(f"/api/v1/advisories/{CVE}/path").json()["patches"][0]["author"] == "Herbert Xu"
    app.store.close()


def test_disagreement_is_shown(tmp_path: Path) -> None:
    """Two sources that disagree are both shown, with their evidence."""
    app = make_app(tmp_path)
    fixed = cell("debian", "12", "linux", Status.FIXED, "6.1.170-1")
    take(app, "debian", datetime(2026, 5, 1, tzinfo=UTC), CVE, [replace(UPSTREAM, fixed=()), fixed])
    take(app, "nvd", datetime(2026, 5, 2, tzinfo=UTC), CVE, [cell("debian", "12", "linux", Status.AFFECTED)])
    soup = page(asker(app), f"/advisories/{CVE}")
    app.store.close()
    assert "sources disagree" in rows(soup)[0][2]
    said = [words(one) for one in soup.select("details.evidence > ul > li")]
    assert any("kernel.org/debian/" in one for one in said)
    assert any("kernel.org/nvd/" in one for one in said)


def test_empty_store_has_every_page(tmp_path: Path) -> None:
    """Before the first poll the board says that nothing is known."""
    app = make_app(tmp_path)
    ask = asker(app)
    assert "No advisory yet" in ask("/").text
    assert [ask(path).status_code for path in ("/topics/af-alg", "/sources", "/about", "/feeds/all.atom")] == [200] * 4
    app.store.close()


@pytest.mark.parametrize(
    "path",
    [
        "/none",
        "/advisories/CVE-2020-0001",
        "/advisories/..%2f..",
        "/topics/none",
        "/changes/0",
        "/changes/99999999999999999999",
        "/matrix/none",
        "/advisories/none/share.svg",
    ],
)
def test_missing_pages_say_how_to_find_it(ask: Ask, path: str) -> None:
    """What is not there is a 404 page that names the board and the topics."""
    answer = ask(path)
    soup = BeautifulSoup(answer.text, "lxml")
    assert answer.status_code == 404
    assert {"/", "/topics/copy-fail", "/sources"} <= {str(one["href"]) for one in soup.select("main a")}


@pytest.mark.parametrize("query", ["distro=%3Cscript%3E", "status=green", "kind=none", "distro=" + "a" * 99])
def test_wrong_choices_are_refused(ask: Ask, query: str) -> None:
    """A choice that cannot be read is refused with what would be right, and is not echoed."""
    answer = ask(f"/advisories/{CVE}?{query}")
    assert (answer.status_code, "<script" in answer.text) == (400, False)


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_well_made(ask: Ask, path: str) -> None:
    """Each page has one title and heading, a skip link, scoped table heads, labelled fields and feeds to be found."""
    soup = page(ask, path)
    once = ("head > title", "h1", "main#main", "a.skip[href='#main']")
    assert [len(soup.select(one)) for one in once] == [1, 1, 1, 1]
    assert [one for one in soup.select("th") if one.get("scope") not in ("col", "row")] == []
    assert [one for one in soup.select("table") if one.find("caption") is None] == []
    assert [one for one in soup.select("input, select") if one.find_parent("label") is None] == []
    levels = [int(one.name[1]) for one in soup.find_all(["h1", "h2", "h3"])]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [one["id"] for one in soup.select("[id]")]
    assert len(ids) == len(set(ids))
    assert len(soup.select("link[rel=alternate]")) == 3


@pytest.mark.parametrize("path", PAGES)
def test_pages_load_nothing_from_elsewhere(ask: Ask, path: str) -> None:
    """Style and icon are ours, there is no script and no inline style; the policy says the same."""
    answer = ask(path)
    soup = BeautifulSoup(answer.text, "lxml")
    loaded = [str(one["href"]) for one in soup.select("link[rel=stylesheet], link[rel=icon]")]
    assert loaded == ["/static/style.css", "/static/icon.svg"]
    assert soup.select("script, [style], [onclick], [src]") == []
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'; img-src 'self'")


@pytest.mark.parametrize("path", ["/", "/none", "/feeds/all.atom", "/api/v1/none", "/static/style.css", "/healthz"])
def test_every_answer_is_guarded(ask: Ask, path: str) -> None:
    """The guarding headers are on pages, errors, feeds and files alike."""
    headers = ask(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", [*PAGES[2:7], *[f"/changes/{n}" for n in (1, 2, 9, 20)], "/advisories/PW-2026-1?kind=all"]
)
def test_hostile_text_stays_text(hostile: Ask, path: str) -> None:
    """With hostile text in every field no page gains an element, a handler, a strange link or a hidden character."""
    answer = hostile(path)
    assert answer.status_code == 200
    soup = BeautifulSoup(answer.text, "lxml")
    assert soup.select(", ".join(ACTIVE)) == []
    attributes = {name for tag in soup.find_all(True) for name in tag.attrs}
    assert {name for name in attributes if name.startswith("on") or name in ("src", "style", "srcdoc")} == set()
    for one in soup.select("[href]"):
        assert str(one["href"]).startswith(("/", "#", "https://www.kernel.org/", *TOPIC_LINKS)), one
    assert [char for char in answer.text if not char.isprintable() and char != "\n"] == []
    assert "49" not in [one.get_text() for one in soup.select("code")]


def test_hostile_text_is_shown(hostile: Ask) -> None:
    """What was hidden is to be seen: the reader finds the reversed id written out."""
    text = page(hostile, "/advisories/PW-2026-1?kind=all").get_text()
    assert "CVE-2026-\\u{202E}13413" in text
    assert "<script>alert(1)</script>" in text


@pytest.mark.parametrize("name", ["stages", "share"])
def test_pictures_have_words(ask: Ask, hostile: Ask, name: str) -> None:
    """Each picture is SVG with a title and a description and nothing that runs or loads."""
    for source in (ask, hostile):
        answer = source(f"/advisories/PW-2026-1/{name}.svg")
        root = etree.fromstring(answer.content)
        assert answer.headers["content-type"] == "image/svg+xml; charset=utf-8"
        assert CVE in str(root.findtext("{*}title"))
        assert root.findtext("{*}desc")
        assert {etree.QName(one).localname for one in root.iter()} <= {
            "svg", "title", "desc", "rect", "line", "circle", "text", "polyline",
        }  # fmt: skip


def test_share_in_words(ask: Ask) -> None:
    """The picture of the share says from when to when how many packages have the fix."""
    root = etree.fromstring(ask(f"/advisories/{CVE}/share.svg").content)
    assert root.findtext("{*}desc") == (
        "From 2026-04-20 to 2026-05-19: 5 of 6 packages are fixed. Fixed by day:"
        " 2026-05-01 2; 2026-05-04 3; 2026-05-06 4."
    )


def test_kev_shows_at_home(tmp_path: Path) -> None:
    """An exploited advisory is named on the home page before anything else."""
    app: App = make_app(tmp_path)
    take(app, "kernel-cna", datetime(2026, 4, 22, tzinfo=UTC), CVE, [UPSTREAM])
    ask = asker(app)
    assert page(ask, "/").select("#exploited") == []
    take(app, "kev", datetime(2026, 5, 1, tzinfo=UTC), CVE, [KEV])
    assert words(page(ask, "/").select_one("#exploited ~ ul li a")) == CVE
    app.store.close()
