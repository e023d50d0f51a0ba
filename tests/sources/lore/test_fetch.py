"""The lists from a real public-inbox: first start, new mail, what is taken, epochs, origins, and when git fails."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from advisories.mail import MailRole, PatchMail
from sources.errors import FetchError
from tests.servers.inbox import Lists, lists
from tests.servers.raw_http import answer, raw_server
from tests.servers.trees import DAY
from tests.sources.http_answers import ANUBIS
from tests.sources.lore.mails import DIFF, START, mail
from tests.sources.trees.following import Following, watching

__all__ = ["lists"]  # a fixture, used by its name

pytestmark = pytest.mark.server

LONG_AGO = 1_700_000_000
Follow = Callable[..., Following]


@pytest.fixture
def follow(lists: Lists, tmp_path: Path) -> Iterator[Follow]:
    """Follows these lists of the server, or of the origins given."""
    made: list[Following] = []

    def start(*names: str, origins: tuple[str, ...] = (), hosts: frozenset[str] = frozenset()) -> Following:
        one = Following(
            name="lore",
            settings={"url": origins or (lists.base_url,), "lists": names},
            folder=tmp_path,
            hosts=lists.allowed_hosts | hosts,
        )
        made.append(one)
        return one

    yield start
    for one in made:
        one.close()


def msgids(following: Following) -> list[str]:
    return [one.msgid for one in following.poll() if isinstance(one, PatchMail)]


def test_a_first_start_reads_what_is_young_enough(lists: Lists, follow: Follow) -> None:
    """Every mail of a list about the subsystem since the topics' date, with the archive's time and its own address."""
    lists.inboxes["first"].append(mail("old@x", at=LONG_AGO), mail("a/b+c=d@x"), mail("two@x", at=START + 60))
    lore = follow("first")
    lore.watch = replace(lore.watch, words=("text",))
    said = lore.poll()
    assert [(one.msgid, one.received_at, one.list_ids) for one in said if isinstance(one, PatchMail)] == [
        ("a/b+c=d@x", datetime(2026, 4, 24, 3, 6, 40, tzinfo=UTC), ("linux-crypto.vger.kernel.org",)),
        ("two@x", datetime(2026, 4, 24, 3, 7, 40, tzinfo=UTC), ("linux-crypto.vger.kernel.org",)),
    ]
    documents = [one for batch in lore.batches for one in batch.documents]
    assert [(one.url, one.kind) for one in documents] == [
        (f"{lists.base_url}/first/a%2Fb+c=d@x/raw", f"mail@{START}"),
        (f"{lists.base_url}/first/two@x/raw", f"mail@{START + 60}"),
    ]
    assert [(batch.stream, batch.more) for batch in lore.batches] == [("first", True), ("first", False)]
    assert lore.notes == []


def test_an_idle_poll_asks_for_the_manifest_alone(lists: Lists, follow: Follow) -> None:
    """No batch and one small answer, until git is due again after ten minutes."""
    lists.inboxes["idle"].append(mail("a@x"))
    lore = follow("idle")
    assert msgids(lore) == ["a@x"]
    before = traffic(lore)
    assert (lore.poll(), lore.batches) == ([], [])
    after = traffic(lore)
    assert after[0] - before[0] == 1
    assert after[1] - before[1] < 250
    lore.now += timedelta(minutes=10)
    assert (lore.poll(), len(lore.batches)) == ([], 1)


def traffic(following: Following) -> tuple[int, int]:
    counted = following.http.traffic() if following.http is not None else ()
    return sum(one.requests for one in counted), sum(one.received for one in counted)


def test_linux_crypto_is_taken_whole(lists: Lists, follow: Follow) -> None:
    """Also what names nothing watched: an "applied" belongs to a cover letter that may not either."""
    lists.inboxes["linux-crypto"].append(
        mail("cover@x", "[PATCH 0/2] crypto: tidy up"),
        mail("one@x", "[PATCH 1/2] crypto: sha3 - tidy", DIFF, parent="cover@x", at=START + 1),
        mail("done@x", "Re: [PATCH 0/2] crypto: tidy up", "All applied.  Thanks.", parent="cover@x", at=START + 2),
    )
    said = [one for one in follow("linux-crypto").poll() if isinstance(one, PatchMail)]
    assert [(one.msgid, one.role) for one in said] == [
        ("cover@x", MailRole.COVER),
        ("one@x", MailRole.PATCH),
        ("done@x", MailRole.APPLIED),
    ]


def test_a_large_list_is_searched_and_answers_are_followed(lists: Lists, follow: Follow) -> None:
    """Words, encoded bodies and subjects, CVE ids; answers to what was taken, later and on another list too."""
    encoded = "content-transfer-encoding: base64\ncontent-type: text/plain; charset=utf-8\n"
    lists.inboxes["stable"].append(
        mail("net@x", "[PATCH 6.12 1/2] net: other", name="stable"),
        mail("fix@x", "[PATCH 6.12 2/2] crypto: x", "In algif_aead.", name="stable"),
        mail("base@x", "[PATCH 6.6] crypto: y", "SW4gYWxnaWZfYWVhZC4=", name="stable", more=encoded),
        mail("word@x", "=?utf-8?q?=5BPATCH=5D_crypto=3A_algif=5Faead_-_z?=", name="stable"),
        mail("cve@x", "CVE-2026-31431: crypto: fix", name="stable"),
        mail("othercve@x", "CVE-2026-99999: net: fix", name="stable"),
        mail("netreply@x", "Re: [PATCH 6.12 1/2] net: other", "Fine.", parent="net@x", name="stable"),
        mail("reply@x", "Re: [PATCH 6.12 2/2] crypto: x", "Queued up.", parent="fix@x", name="stable"),
    )
    lore = follow("stable", "other")
    assert msgids(lore) == ["fix@x", "base@x", "word@x", "cve@x", "reply@x"]
    lists.inboxes["other"].append(mail("further@x", "Re: x", "Yes.", parent="reply@x", name="other", at=START + 9))
    assert msgids(lore) == ["further@x"]


def test_a_cross_post_is_one_mail_with_two_addresses(lists: Lists, follow: Follow) -> None:
    """The same content has the same key on both lists; another body under the same Message-ID has another."""
    one = mail("same@x", body="In algif_aead.")
    lists.inboxes["cross-a"].append(one, mail("same@x", body="Forged algif_aead."))
    lists.inboxes["cross-b"].append(one)
    said = [each for each in follow("cross-a", "cross-b").poll() if isinstance(each, PatchMail)]
    assert [each.msgid for each in said] == ["same@x"] * 3
    assert said[0].content_key == said[2].content_key != said[1].content_key


def test_a_deletion_says_nothing_and_moves_on(lists: Lists, follow: Follow) -> None:
    """The archive takes a mail back: no document, and what comes after it is read."""
    spam = mail("spam@x")
    inbox = lists.inboxes["deleting"]
    inbox.append(spam)
    lore = follow("deleting")
    assert msgids(lore) == ["spam@x"]
    inbox.delete(replace(spam, at=START + 5))
    assert msgids(lore) == []
    assert lore.checkpoint["deleting/0"] == f"{inbox.git('rev-parse', 'master')} {START + 5}"
    inbox.append(mail("next@x", at=START + 6))
    assert msgids(lore) == ["next@x"]


def test_the_next_epoch_is_followed(lists: Lists, follow: Follow) -> None:
    """0.git is full, 1.git begins: both are read to their ends, and nothing twice."""
    inbox = lists.inboxes["rolling"]
    inbox.append(mail("a@x"))
    lore = follow("rolling")
    assert msgids(lore) == ["a@x"]
    inbox.append(mail("b@x", at=START + 1))
    inbox.roll()
    inbox.append(mail("c@x", at=START + 2))
    assert msgids(lore) == ["b@x", "c@x"]
    inbox.append(mail("d@x", at=START + 3))
    assert msgids(lore) == ["d@x"]


def test_a_rewritten_epoch_is_read_on_by_date(lists: Lists, follow: Follow) -> None:
    """After a purge: a note, what is new, and of what is known no more than a day."""
    inbox = lists.inboxes["rewritten"]
    first, second = mail("first@x"), mail("second@x", at=START + 3 * DAY)
    inbox.append(first, mail("purged@x", at=START + DAY), second)
    lore = follow("rewritten")
    assert msgids(lore) == ["first@x", "purged@x", "second@x"]
    inbox.rewrite(first, second, mail("third@x", at=START + 4 * DAY))
    assert msgids(lore) == ["second@x", "third@x"]
    assert lore.notes == ["history of rewritten/0 was rewritten"]


@pytest.mark.parametrize(
    ("name", "first", "why"),
    [
        ("stand-in-a", answer(b"busy", "Retry-After: 60", status="503 Service Unavailable"), "answered 503"),
        ("stand-in-b", answer(ANUBIS, "Content-Type: text/html"), "Anubis"),
    ],
)
def test_the_next_origin_stands_in(lists: Lists, follow: Follow, name: str, first: bytes, why: str) -> None:
    """One origin is busy or shows a bot wall: the next one gives the mails, under the first one's addresses."""
    lists.inboxes[name].append(mail("a@x", body="algif_aead"))
    with raw_server(first) as broken:
        lore = follow(name, origins=(broken.url, lists.base_url), hosts=frozenset({broken.host}))
        assert msgids(lore) == ["a@x"]
        (document,) = [one for batch in lore.batches for one in batch.documents]
        assert document.url == f"{broken.url}/{name}/a@x/raw"
        (note,) = lore.notes
        assert why in note
        assert note.endswith(f"{lists.base_url} is used instead")


def test_a_list_that_is_not_there_is_noted_once(lists: Lists, follow: Follow) -> None:
    """The others are read as ever; when there is no other, it is an error."""
    lists.inboxes["present"].append(mail("a@x", body="algif_aead"))
    lore = follow("nowhere", "present")
    assert msgids(lore) == ["a@x"]
    assert lore.notes == [f"{lists.base_url} has no list nowhere; the others are read"]
    assert (msgids(lore), lore.batches) == ([], [])
    with pytest.raises(FetchError) as caught:
        follow("nowhere").poll()
    assert caught.value.url == f"{lists.base_url}/nowhere/manifest.js.gz"


def test_a_list_that_fails_stops_no_other(lists: Lists, follow: Follow) -> None:
    """The manifest of one is broken at every origin: the next list is read, then the error is raised."""
    inbox = lists.inboxes["next-to-it"]
    inbox.append(mail("a@x", body="algif_aead"))
    manifest = gzip.compress(b'{"/next-to-it/git/0.git": {"modified": 1777000000, "fingerprint": "%b"}}' % (b"a" * 40))
    with raw_server(answer(b"garbage"), answer(manifest)) as server:
        lore = follow("broken", "next-to-it", origins=(server.url, lists.base_url), hosts=frozenset({server.host}))
        with pytest.raises(FetchError):
            lore.poll()
    assert [one.url for batch in lore.batches for one in batch.documents] == [f"{server.url}/next-to-it/a@x/raw"]


def test_without_git_the_newest_mails_are_read_one_by_one(lists: Lists, follow: Follow) -> None:
    """git's own repository is broken: feed and raw mails, said once; when git is back, everything."""
    inbox = lists.inboxes["feeds"]
    inbox.append(mail("a@x", body="algif_aead"), mail("b@x", body="From here on algif_aead\n\n>From x", at=START + 1))
    inbox.index()
    lore = follow("feeds")
    inbox.git("config", "http.uploadpack", "false")
    assert msgids(lore) == ["a@x", "b@x"]
    assert len(lore.notes) == 1
    assert lore.notes[0].startswith("git of feeds failed (")
    assert [(batch.stream, batch.more) for batch in lore.batches] == [("feeds/newest", False)]
    by_page = {one.url: one.body for batch in lore.batches for one in batch.documents}
    assert (lore.poll(), lore.batches) == ([], [])
    inbox.git("config", "http.uploadpack", "true")
    assert msgids(lore) == ["a@x", "b@x"]
    assert {one.url: one.body for batch in lore.batches for one in batch.documents} == by_page
    assert "feeds/pages" not in lore.checkpoint


def test_the_topics_lists_are_the_default(lists: Lists, follow: Follow) -> None:
    """Without `lists` of the configuration."""
    lists.inboxes["of-topics"].append(mail("a@x", body="algif_aead"))
    lore = follow()
    lore.watch = replace(watching(), lists=("of-topics", "../evil", "--x"))
    assert msgids(lore) == ["a@x"]


def test_an_archive_without_manifests_of_lists_has_one_of_all(lists: Lists, follow: Follow) -> None:
    """The list's own is not there: the archive's names its epochs, or the list is not there at all."""
    packed = gzip.compress(b'{"/elsewhere/git/0.git": {"modified": 1777000000, "fingerprint": "%b"}}' % (b"a" * 40))
    missing = answer(b"no", status="404 Not Found")
    with raw_server(missing, answer(packed), missing, answer(packed), missing) as server:
        lore = follow("nowhere", "elsewhere", origins=(server.url,), hosts=frozenset({server.host}))
        with pytest.raises(FetchError) as caught:
            lore.poll()
    assert caught.value.url == f"{server.url}/elsewhere/git/0.git"
    assert [line.split(" ")[1] for line in (one.split("\r\n")[0] for one in server.requests)][:5] == [
        "/nowhere/manifest.js.gz",
        "/manifest.js.gz",
        "/elsewhere/manifest.js.gz",
        "/manifest.js.gz",
        "/elsewhere/git/0.git/info/refs?service=git-upload-pack",
    ]
