"""Feeds: what an entry says, permanent ids, entries that are updated instead of doubled, and formats that are valid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import feedparser
import httpx
import pytest
from lxml import etree

from advisories.model import ChangeDraft
from advisories.words import ChangeType, EvidenceClass
from bot.app import App
from bot.feeds.entries import Afterwards, FeedEntry, entry_of, make_feed
from bot.feeds.writers import write_feed, write_opml
from storage.changes import add_changes
from tests.advisories.test_filters import DRAFT, KEV, NOW, STREAM
from tests.bot.web.asking import Ask, asker
from tests.bot.web.hostile import STRINGS, hostile_app
from tests.bot.web.stores import CVE, UPSTREAM, make_app, open_filled, take

BASE = "https://pw.example.org"
ATOM = "{http://www.w3.org/2005/Atom}"
SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).with_name("atom.rng")))


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    with open_filled(tmp_path_factory.mktemp("feeds"), PATCHWATCH_WEB_BASE_URL=BASE) as app:
        yield asker(app)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[App]:
    app = make_app(tmp_path, PATCHWATCH_WEB_BASE_URL=BASE)
    yield app
    app.store.close()


def store(app: App, *drafts: ChangeDraft) -> None:
    with app.store.write() as connection:
        add_changes(connection, drafts)


def titles(answer: httpx.Response) -> list[str]:
    return [str(item["title"]) for item in answer.json()["items"]]


def test_entry_of_a_change(empty: App) -> None:
    """An entry has the change's own id, a title with the CVE, and says where it comes from and since when."""
    with empty.store.write() as connection:
        change = add_changes(connection, [DRAFT])[0]
    assert entry_of(change, base_url=BASE) == FeedEntry(
        id=f"urn:uuid:{change.uuid}",
        title="CVE-2026-31431: Zero-copy fixed in Debian 12",
        text=(
            "Zero-copy fixed in Debian 12\nSource: debian (vendor), https://d.test/\n"
            "Known to patchwatch since 2026-05-01 00:00 UTC."
        ),
        link=f"{BASE}/changes/1",
        published=NOW,
        updated=NOW,
        categories=("fixed_in", "copy-fail", "debian/12"),
        source_url="https://d.test/",
    )


def test_shipped_facts_say_so(empty: App) -> None:
    """A fact of the baseline names its day and no address that a reader could not open."""
    evidence = replace(DRAFT.evidence, evidence_class=EvidenceClass.BASELINE, url="patchwatch:baseline")
    with empty.store.write() as connection:
        change = add_changes(connection, [replace(DRAFT, evidence=evidence, source="baseline", quiet=True)])[0]
    entry = entry_of(change, base_url=BASE)
    assert (entry.text, entry.source_url) == (
        "Zero-copy fixed in Debian 12\nShipped with patchwatch, as of 2026-05-01.",
        "",
    )


def test_ids_do_not_depend_on_the_store(empty: App, tmp_path: Path) -> None:
    """The same change has the same id in another store under another number."""
    other = make_app(tmp_path / "other", PATCHWATCH_WEB_BASE_URL="https://elsewhere.example")
    store(empty, DRAFT)
    store(other, KEV, DRAFT)
    first, second = asker(empty)("/feeds/all.json").json(), asker(other)("/feeds/all.json").json()
    other.store.close()
    assert [one["id"] for one in first["items"]] == [second["items"][0]["id"]]


def test_all_formats_hold_the_same_entries(ask: Ask) -> None:
    """RSS, Atom and JSON Feed list the same ids in the same order, newest first."""
    listed = [item["id"] for item in ask("/feeds/all.json").json()["items"]]
    for kind in ("rss", "atom"):
        parsed = feedparser.parse(BytesIO(ask(f"/feeds/all.{kind}").content))
        assert (parsed.bozo, [entry.id for entry in parsed.entries]) == (False, listed)
    assert len(listed) == len(set(listed)) == 11


@pytest.mark.parametrize("path", ["/feeds/all", "/feeds/copy-fail", "/feeds/af-alg", f"/feeds/advisories/{CVE}"])
def test_atom_is_valid(ask: Ask, path: str) -> None:
    """Atom feeds hold to RFC 4287's grammar and name themselves once and their page once."""
    root = etree.fromstring(ask(f"{path}.atom").content)
    assert SCHEMA.validate(root), SCHEMA.error_log
    assert [one.get("rel") for one in root.findall(f"{ATOM}link")] == ["self", "alternate"]
    assert root.findtext(f"{ATOM}updated") == max(one.text for one in root.iter(f"{ATOM}updated"))


def test_rss_is_valid(ask: Ask) -> None:
    """RSS has what the specification demands of channel and item, and a guid that is no permanent link."""
    channel = etree.fromstring(ask("/feeds/all.rss").content).find("channel")
    assert {"title", "link", "description"} <= {one.tag for one in channel}
    for item in channel.findall("item"):
        assert [one.tag for one in item if one.tag != "category"] == ["title", "link", "guid", "pubDate", "description"]
        assert item.find("guid").attrib == {"isPermaLink": "false"}


def test_json_feed_is_valid(ask: Ask) -> None:
    """JSON Feed 1.1: version, title, items with id as text and content; addresses are whole."""
    feed = ask("/feeds/all.json").json()
    assert (feed["version"], feed["feed_url"]) == ("https://jsonfeed.org/version/1.1", f"{BASE}/feeds/all.json")
    for item in feed["items"]:
        assert {"id", "url", "title", "content_text", "date_published", "date_modified", "tags"} <= item.keys()
        assert item["url"].startswith(f"{BASE}/changes/")


def test_three_readers_see_no_double(ask: Ask) -> None:
    """By guid, by link and by title with date each entry is one of its own."""
    items = ask("/feeds/all.json").json()["items"]
    for identity in (["id"], ["url"], ["title", "date_published"]):
        assert len({tuple(item[key] for key in identity) for item in items}) == len(items)


def test_ninety_days_through_three_readers(empty: App) -> None:
    """Readers that know an entry by guid, by link, or by title and date get each change once, none twice, none lost."""
    chance = Random(5)  # a test's data, no secret
    ask = asker(empty)
    readers: list[tuple[tuple[str, ...], list[tuple[str, ...]]]] = [
        (("id",), []),
        (("link",), []),
        (("title", "published"), []),
    ]
    told = 0
    for day in range(90):
        at = NOW + timedelta(days=day)
        news = [replace(DRAFT, at=at, release=str(chance.randint(1, 400)), text=f"Fixed: {day}/{n}") for n in range(3)]
        back = replace(DRAFT, at=at, change=ChangeType.CORRECTION, corrects=news[0].key, text=f"Correction {day}")
        edit = replace(KEV, at=at, change=ChangeType.TEXT_CHANGED, field="title", old=str(day))
        with empty.store.write() as connection:
            stored = add_changes(connection, [*news[: chance.randint(0, 3)], *([back] if day % 9 == 0 else []), edit])
        told += sum(one.draft.change is not ChangeType.TEXT_CHANGED for one in stored)
        parsed = feedparser.parse(BytesIO(ask(f"/feeds/all.{('rss', 'atom')[day % 2]}").content))
        for keys, known in readers:
            new = [tuple(str(entry[key]) for key in keys) for entry in parsed.entries]
            if "published" in keys:
                new = [(title, *at_text(entry)) for (title, _), entry in zip(new, parsed.entries, strict=True)]
            known += [one for one in new if one not in known]
    assert [len(known) for _, known in readers] == [told, told, told]
    assert told > 100


def at_text(entry: Any) -> tuple[str, ...]:  # Any: feedparser's entry
    return tuple(str(part) for part in entry.published_parsed[:6])


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("distro=debian/12", ["debian/12", None]),
        ("distro=debian/12&distro=ubuntu/24.04", ["debian/12", "ubuntu/24.04", None]),
        ("distro=rhel/9/9.6", ["rhel/9", None]),
        ("package=kernel", ["rhel/7", "rhel/9", None]),
        ("change=fixed_in&distro=debian", ["debian/12"]),
        ("severity=critical", []),
        ("text=Exploited", [None]),
    ],
)
def test_filters(ask: Ask, query: str, wanted: list[str | None]) -> None:
    """A filter means what it means in a subscription: a reader of one release hears of exploitation too."""
    items = ask(f"/feeds/all.json?{query}").json()["items"]
    places = {next((tag for tag in item["tags"] if "/" in tag), None) for item in items}
    assert sorted(places, key=str) == sorted(wanted, key=str)


def test_filtered_feed_has_an_id_of_its_own(ask: Ask) -> None:
    """Another order of the same terms is the same feed; other terms are another."""

    def feed_id(query: str) -> str:
        return str(etree.fromstring(ask(f"/feeds/all.atom{query}").content).findtext(f"{ATOM}id"))

    first = feed_id("?distro=ubuntu/24.04&distro=debian/12")
    assert first == feed_id("?distro=debian/12&distro=ubuntu/24.04")
    assert first == f"{BASE}/feeds/all?distro=debian/12&distro=ubuntu/24.04"
    assert feed_id("") == f"{BASE}/feeds/all"


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/feeds/all.atom?distor=debian/12", 400, "distor"),
        ("/feeds/all.atom?stage=awful", 400, "stage takes one of"),
        ("/feeds/all.atom?change=text_changed", 400, "change takes one of"),
        ("/feeds/all.atom?package=" + "x" * 65, 400, "at most 64"),
        ("/feeds/all.atom?before=7", 400, "start from the feed"),
        ("/feeds/all.atom?before=50&before=100", 400, "start from the feed"),
        (f"/feeds/advisories/{CVE}.atom?distor=x", 400, "distor"),
        ("/feeds/none.atom", 404, "copy-fail, af-alg"),
        ("/feeds/all.exe", 404, "ends in .atom"),
        ("/feeds/advisories/CVE-2020-0001.atom", 404, "No advisory"),
    ],
)
def test_refuses_with_help(ask: Ask, path: str, status: int, says: str) -> None:
    """A filter that cannot be read is refused, never widened to everything."""
    answer = ask(path)
    assert (answer.status_code, says in answer.text) == (status, True)


def test_baselines_are_no_entries(empty: App) -> None:
    """What a new source knew already is not news; the shipped facts are, and words alone never are."""
    shipped = replace(DRAFT, release="13", quiet=True, source="baseline")
    store(empty, DRAFT, replace(DRAFT, release="11", quiet=True), shipped)
    store(empty, replace(KEV, change=ChangeType.TEXT_CHANGED, field="title"))
    items = asker(empty)("/feeds/all.json").json()["items"]
    assert [item["tags"][-1] for item in items] == ["debian/13", "debian/12"]


def test_correction_updates_the_entry(empty: App) -> None:
    """A claim that was taken back keeps its id, says so and has a later `updated`; the correction is an entry too."""
    later = NOW + timedelta(days=1)
    back = replace(DRAFT, at=later, change=ChangeType.CORRECTION, corrects=DRAFT.key, text="Correction: not fixed")
    store(empty, DRAFT)
    before = asker(empty)("/feeds/all.json").json()["items"][0]
    store(empty, back)
    after = asker(empty)("/feeds/all.json").json()["items"]
    assert [item["title"] for item in after] == ["CVE-2026-31431: Correction: not fixed", before["title"]]
    assert (after[1]["id"], after[1]["tags"]) == (before["id"], [*before["tags"], "corrected"])
    assert after[1]["content_text"].endswith("\nTaken back on 2026-05-02 00:00 UTC: Correction: not fixed")
    assert (before["date_modified"], after[1]["date_modified"]) == ("2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z")
    assert after[1]["date_published"] == before["date_published"]


def test_edited_title_updates_the_entry(empty: App) -> None:
    """An edit of words adds no entry: the advisory's own entry says what its record says now."""
    start = datetime(2026, 4, 22, tzinfo=UTC)
    take(empty, "kernel-cna", start, CVE, [UPSTREAM])
    before = asker(empty)("/feeds/all.json").json()["items"]
    take(empty, "kernel-cna", start + timedelta(days=20), CVE, [replace(UPSTREAM, title="algif_aead: another title")])
    after = asker(empty)("/feeds/all.json").json()["items"]
    assert [item["id"] for item in after] == [item["id"] for item in before]
    assert after[0]["title"] == before[0]["title"]
    assert after[0]["content_text"].endswith("\nIts record now says: algif_aead: another title")
    assert after[0]["date_modified"] == "2026-05-12T00:00:00Z"


def test_a_feed_ends_at_fifty(empty: App) -> None:
    """The newest fifty, in order, also when what is wanted lies far back."""
    many = [replace(DRAFT, at=NOW + timedelta(hours=n), release=str(n)) for n in range(700)]
    store(empty, replace(STREAM, at=NOW), *many)
    ask = asker(empty)
    assert [item["tags"][-1] for item in ask("/feeds/all.json").json()["items"]] == [
        f"debian/{n}" for n in range(699, 649, -1)
    ]
    assert titles(ask("/feeds/all.json?distro=rhel")) == ["CVE-2026-31431: Zero-copy fixed in Debian 12"]


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("atom", ""),
        ("atom", "?distro=debian"),
        ("rss", "?distro=debian/7&distro=debian/699"),
        ("rss", "?distro=debian"),
        ("json", ""),
    ],
)
def test_archives_lead_to_everything(empty: App, kind: str, query: str) -> None:
    """Going from archive to archive (RFC 5005) a reader gets every wanted entry; archives stay as they are."""
    many = [replace(DRAFT, at=NOW + timedelta(hours=n), release=str(n)) for n in range(333)]
    store(empty, *many[:50], replace(STREAM, at=NOW, text="no Debian"), *many[50:], replace(DRAFT, release="699"))
    ask = asker(empty)
    first, *archives = walk(ask, f"/feeds/all.{kind}{query}")
    found = {one for _, listed in (first, *archives) for one in listed}
    wanted = {item["id"] for item in json_items(ask, query)}
    assert found == wanted
    assert len(found) == {"": 335, "?distro=debian": 334}.get(query, 2)
    assert len(first[1]) == min(len(found), 50)
    store(empty, *(replace(DRAFT, at=NOW, release=str(n)) for n in range(1000, 1060)))
    later = [asker(empty)(address).content for address, _ in archives]
    assert later == [ask(address).content for address, _ in archives]
    assert set(archives_by_address(archives)) <= set(
        archives_by_address(walk(asker(empty), f"/feeds/all.{kind}{query}"))
    )


def walk(ask: Ask, address: str) -> list[tuple[str, list[str]]]:
    """(address, ids) of a feed and of every archive that it leads to."""
    found = []
    while address:
        body = ask(address).content
        ids, older = read_json(body) if ".json" in address else read_xml(body)
        found.append((address, ids))
        address = older.removeprefix(BASE)
    return found


def read_json(body: bytes) -> tuple[list[str], str]:
    document = json.loads(body)
    return [item["id"] for item in document["items"]], document.get("next_url", "")


def read_xml(body: bytes) -> tuple[list[str], str]:
    root = etree.fromstring(body)
    links = {one.get("rel"): one.get("href") for one in root.iter(f"{ATOM}link")}
    archive = root.find(".//{http://purl.org/syndication/history/1.0}archive") is not None
    assert archive is ("current" in links) is ("before=" in links["self"])
    if root.tag == f"{ATOM}feed":
        assert SCHEMA.validate(root), SCHEMA.error_log
    return [entry.id for entry in feedparser.parse(BytesIO(body)).entries], links.get("prev-archive", "")


def json_items(ask: Ask, query: str) -> list[Any]:  # Any: JSON
    """Every wanted entry, told by asking for each span of the ledger."""
    joint = "&" if query else "?"
    return [
        item
        for before in range(50, 401, 50)
        for item in ask(f"/feeds/all.json{query}{joint}before={before}").json()["items"]
    ]


def archives_by_address(found: list[tuple[str, list[str]]]) -> list[str]:
    return [address for address, _ in found]


def test_hostile_text_never_breaks_a_feed(tmp_path: Path) -> None:
    """Every format reads back with hostile text in every field, and no body holds an element of theirs."""
    app = hostile_app(tmp_path)
    ask = asker(app)
    atom = ask("/feeds/all.atom").content
    assert SCHEMA.validate(etree.fromstring(atom)), SCHEMA.error_log
    for kind in ("rss", "atom"):
        parsed = feedparser.parse(BytesIO(ask(f"/feeds/all.{kind}").content), sanitize_html=False)
        assert (parsed.bozo, len(parsed.entries)) == (False, 50)
        for entry in parsed.entries:
            html = entry.content[0].value if kind == "atom" else entry.description
            found = {one.tag for one in etree.HTML(f"<div>{html}</div>").iter()}
            assert found == {"html", "body", "div", "br"}
    items = ask("/feeds/all.json").json()["items"]
    assert [one for item in items for one in item["title"] if not one.isprintable()] == []
    assert {item.get("external_url", f"{BASE}/")[:8] for item in items} == {"https://"}
    app.store.close()


@pytest.mark.parametrize("text", STRINGS)
def test_each_string_reads_back(text: str) -> None:
    """A title of any text is one title in every format."""
    feed = make_feed([], title=text, description=text, path="/feeds/x.atom", home="/", base_url=BASE)
    for kind in ("rss", "atom", "json"):
        written = write_feed(replace(feed, entries=()), kind)
        if kind == "json":
            assert "title" in json.loads(written)
        else:
            assert len(list(etree.fromstring(written).iter("{*}title"))) == 1
    assert etree.fromstring(write_opml(text, [(text, BASE, BASE)])).tag == "opml"


def test_nothing_is_noted_of_other_changes(empty: App) -> None:
    """A correction updates the claim it names and no other."""
    with empty.store.write() as connection:
        first, second = add_changes(connection, [DRAFT, replace(DRAFT, release="13")])
        back = add_changes(connection, [replace(KEV, change=ChangeType.CORRECTION, corrects=DRAFT.key)])[0]
    afterwards = Afterwards()
    afterwards.note(back)
    assert (afterwards.of(first), afterwards.of(second)) == (back, None)


def test_opml_lists_every_feed(ask: Ask) -> None:
    """OPML names the feed of all, of each topic and of each advisory."""
    outlines = etree.fromstring(ask("/opml").content).iter("outline")
    assert [one.get("xmlUrl") for one in outlines] == [
        f"{BASE}/feeds/all.atom",
        f"{BASE}/feeds/copy-fail.atom",
        f"{BASE}/feeds/af-alg.atom",
        f"{BASE}/feeds/advisories/PW-2026-1.atom",
    ]
