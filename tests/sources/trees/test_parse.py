"""What the parser of the trees makes of each kind of document, whole and broken."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from advisories.observation import CommitObservation, ParsedDocument, Record, RefsObservation, Rejected
from sources.base import RawDocument
from sources.errors import ParseError
from sources.trees.document import CommitDocument, Person, QueuedDocument, RefsDocument, Tag, encode
from sources.trees.listing import read_listing
from sources.trees.parse import parse
from tests.sources.hostile import AT, assert_only_parse_errors, assert_wrong_json_is_survived, raw_document
from tests.sources.trees import pages

BASE = "https://git.kernel.org/pub/scm/linux/kernel/git/herbert/crypto-2.6.git"
FIX = "a664bf3d603dc3bdcf9ae47cc21e0daec706d7a5"
BACKPORT = "8b88d99341f139e23bdeb1027a2a3ae10d341d82"
SUBJECT = "crypto: algif_aead - Revert to operating out-of-place"
WRITTEN = datetime(2026, 3, 26, 6, 30, tzinfo=UTC)

COMMIT = CommitDocument(
    tree="stable",
    branch="linux-6.12.y",
    commit=BACKPORT,
    author=Person(name="Herbert Xu", email="herbert@gondor.apana.org.au", at=WRITTEN),
    committed_at=datetime(2026, 4, 30, 9, tzinfo=UTC),
    message=f"{SUBJECT}\n\ncommit {FIX} upstream.\n\nSource and destination are different.\n\n"
    'Fixes: 72548b093ee3 ("crypto: algif_aead - copy AAD from src to dst")\n'
    "Link: https://patch.msgid.link/acTSfLPWDGTaGIf7@gondor.apana.org.au\n"
    "Message-ID: <second@example.org>\n"
    "Closes: https://lore.kernel.org/all/report@example.org/\n",
    files=["crypto/algif_aead.c", "include/crypto/if_alg.h"],
    patch_id="c" * 40,
    tags=[Tag(name="v6.12.85", at=datetime(2026, 4, 30, 10, tzinfo=UTC))],
)
SEEN = CommitObservation(
    tree="stable",
    branch="linux-6.12.y",
    commit=BACKPORT,
    subject=SUBJECT,
    author_name="Herbert Xu",
    author_email="herbert@gondor.apana.org.au",
    author_at=WRITTEN,
    committed_at=datetime(2026, 4, 30, 9, tzinfo=UTC),
    message=COMMIT.message.partition("\n\n")[2].strip(),
    first_tag="v6.12.85",
    first_tag_at=datetime(2026, 4, 30, 10, tzinfo=UTC),
    upstream_commit=FIX,
    link_msgids=("acTSfLPWDGTaGIf7@gondor.apana.org.au", "second@example.org"),
    fixes=("72548b093ee3",),
    files=("crypto/algif_aead.c", "include/crypto/if_alg.h"),
    patch_id="c" * 40,
)

QUEUED = QueuedDocument(
    tree="stable-queue",
    branch="6.12",
    file="queue-6.12/fix.patch",
    commit=BACKPORT,
    committed_at=pages.COMMITTED,
    patch=pages.PATCH.decode(),
)


def document(body: bytes, address: str = "", source: str = "crypto") -> RawDocument:
    return RawDocument(source=source, url=f"{BASE}/{address}", at=AT, body=body)


def only(parsed: ParsedDocument) -> CommitObservation:
    (record,) = parsed.records
    (one,) = record.observations
    assert isinstance(one, CommitObservation)
    return one


def test_our_own_document_is_read_whole() -> None:
    """Everything a commit says: upstream id, links, what it fixes, files, patch id, first tag."""
    assert parse(document(encode(COMMIT))) == ParsedDocument(
        records=(Record(key=f"commit/linux-6.12.y/{BACKPORT}", observations=(SEEN,)),)
    )


def test_a_commit_without_a_tag_has_none() -> None:
    """Not in a release yet."""
    commit = CommitDocument(
        tree="crypto", branch="master", commit=FIX, author=COMMIT.author, committed_at=WRITTEN, message=f"{SUBJECT}\n"
    )
    assert only(parse(document(encode(commit)))) == CommitObservation(
        tree="crypto",
        branch="master",
        commit=FIX,
        subject=SUBJECT,
        author_name="Herbert Xu",
        author_email="herbert@gondor.apana.org.au",
        author_at=WRITTEN,
        committed_at=WRITTEN,
        message="",
    )


@pytest.mark.parametrize(
    ("line", "upstream", "reverts"),
    [
        (f"[ Upstream commit {FIX} ]", FIX, None),
        (f"(cherry picked from commit {FIX})", FIX, None),
        (f"commit {FIX} upstream.", FIX, None),
        (f"This reverts commit {FIX}.", None, FIX),
        (f"This reverts commit {FIX}, reversing\nchanges made to {BACKPORT}.", None, FIX),
        (f"> commit {FIX} upstream.", None, None),
    ],
)
def test_what_a_commit_is_of(line: str, upstream: str | None, reverts: str | None) -> None:
    """The spellings of a backport and of a revert."""
    commit = CommitDocument(
        tree="stable",
        branch="linux-6.6.y",
        commit=BACKPORT,
        author=COMMIT.author,
        committed_at=WRITTEN,
        message=f"{SUBJECT}\n\n{line}\n",
    )
    one = only(parse(document(encode(commit))))
    assert (one.upstream_commit, one.reverts) == (upstream, reverts)


def test_a_queued_patch_is_a_commit_of_the_queue() -> None:
    """The file's text says what it is, the commit of the queue when it was taken."""
    assert parse(document(encode(QUEUED), source="stable-queue")).records == (
        Record(
            key="queued/queue-6.12/fix.patch",
            observations=(replace(pages.FROM_PATCH, tree="stable-queue", branch="6.12", commit=BACKPORT),),
        ),
    )


def test_a_queued_file_that_is_no_patch_is_rejected() -> None:
    """By its name: one bad file stops nothing else."""
    body = encode(replace_patch("--- a/x\n+++ b/x\n"))
    assert parse(document(body, source="stable-queue")) == ParsedDocument(
        records=(),
        rejected=(
            Rejected(
                key="queued/queue-6.12/fix.patch",
                what="not a patch: no header block: the bytes do not begin with a mail header; fetch the message again",
            ),
        ),
    )


def replace_patch(text: str) -> QueuedDocument:
    return QueuedDocument(
        tree=QUEUED.tree,
        branch=QUEUED.branch,
        file=QUEUED.file,
        commit=QUEUED.commit,
        committed_at=QUEUED.committed_at,
        patch=text,
    )


def test_dropped_commits_are_refs() -> None:
    """A forced push: ids alone."""
    refs = RefsDocument(tree="cryptodev", branch="master", old=FIX, new=BACKPORT, dropped=["d" * 40, FIX])
    assert parse(document(encode(refs))).records == (
        Record(key=f"refs/master/{FIX}", observations=(RefsObservation(tree="cryptodev", rewritten=("d" * 40, FIX)),)),
    )


def test_a_patch_page_is_a_commit() -> None:
    """cgit's /patch/: what git format-patch writes; the branch comes from the address."""
    one = only(parse(document(pages.PATCH, f"patch/?id={FIX}&h=linux-6.12.y", "stable")))
    assert one == replace(pages.FROM_PATCH, tree="stable", branch="linux-6.12.y", committed_at=AT)


def test_a_feed_is_its_commits() -> None:
    """cgit's Atom: subject, author and message of each entry; escaped text is text."""
    first, second = parse(document(pages.FEED, "atom/?h=master")).records
    assert first.observations == (pages.FROM_FEED,)
    assert second.key == f"commit/master/{BACKPORT}"


def test_a_log_page_is_its_commits() -> None:
    """cgit's log with whole messages: no addresses of authors, decorations are no subject."""
    first, second = parse(document(pages.LOG, "log/?h=master&showmsg=1")).records
    assert first.observations == (replace(pages.FROM_FEED, author_email="", author_at=pages.COMMITTED),)
    assert second.key == f"commit/master/{BACKPORT}"


def test_a_commit_page_is_one_commit() -> None:
    """cgit's commit page: both people, message and the files of the diffstat."""
    assert only(parse(document(pages.COMMIT_PAGE, f"commit/?id={FIX}"))) == replace(
        pages.FROM_FEED, files=("crypto/algif_aead.c", "include/crypto/if_alg.h")
    )


def test_a_change_log_is_a_release() -> None:
    """ChangeLog-6.12.85: the first commit names the release, every other is in it; a broken entry is rejected."""
    parsed = parse(document(pages.CHANGELOG, "", "stable"))
    assert [record.key for record in parsed.records] == [
        f"commit/linux-6.12.y/{'1' * 40}",
        f"commit/linux-6.12.y/{BACKPORT}",
    ]
    one = parsed.records[1].observations[0]
    assert one == replace(
        SEEN,
        message=f"commit {FIX} upstream.\n\nSource and destination are different.",
        author_at=datetime(2026, 3, 26, 6, 30, tzinfo=UTC),
        committed_at=datetime(2026, 3, 26, 6, 30, tzinfo=UTC),
        first_tag_at=datetime(2026, 4, 30, 9, 32, 7, tzinfo=UTC),
        link_msgids=(),
        fixes=(),
        files=(),
        patch_id=None,
    )
    assert parsed.rejected == (Rejected(key=f"commit/{'2' * 40}", what="an entry without author, date or subject"),)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "the document is empty"),
        (b"hello", "neither a commit, a patch, a change log nor a page of cgit"),
        (b"<html><body>cgit</body></html>", "not a page of cgit"),
        (b"<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title></feed>", "a feed without a commit"),
        (b'{"patchwatch": "other"}', "the record of a tree cannot be read"),
        (b'{"patchwatch": "refs", "tree": "x", "branch": "m", "old": "--x", "new": "y"}', "'--x' is no commit id"),
    ],
)
def test_what_is_no_document_of_a_tree(body: bytes, what: str) -> None:
    """A ParseError that says what is wrong."""
    with pytest.raises(ParseError, match=what):
        parse(document(body))


@pytest.mark.parametrize(
    ("body", "address", "cuts_fail"),
    [
        (encode(COMMIT), "commit/", True),
        (encode(QUEUED), "plain/queue-6.12/fix.patch", True),
        (pages.PATCH, f"patch/?id={FIX}", False),
        (pages.FEED, "atom/", True),
        (pages.LOG, "log/", True),
        (pages.COMMIT_PAGE, "commit/", True),
        (pages.CHANGELOG, "ChangeLog-6.12.85", False),
    ],
)
def test_broken_documents_are_survived(body: bytes, address: str, cuts_fail: bool) -> None:
    """Cut, damaged, replaced by pages: a ParseError or clean text, nothing else."""
    assert_only_parse_errors(parse, raw_document("crypto", f"{BASE}/{address}"), body, cuts_fail=cuts_fail)


def test_wrong_values_are_survived() -> None:
    """Each field of our own document with the wrong type, huge, nested or missing."""
    assert_wrong_json_is_survived(parse, raw_document("crypto", BASE), encode(COMMIT))


def test_times_are_utc() -> None:
    """An offset is turned to UTC, a time without a zone or outside the calendar is refused."""
    written = json.loads(encode(COMMIT))
    written["committed_at"] = "2026-04-30T11:00:00+02:00"
    assert only(parse(document(json.dumps(written).encode()))) == SEEN
    for bad in ("2026-04-30T11:00:00", "0001-01-01T00:00:00+12:00"):
        written["committed_at"] = bad
        with pytest.raises(ParseError):
            parse(document(json.dumps(written).encode()))


def line(text: bytes) -> bytes:
    return b"%04x%b" % (len(text) + 4, text)


def test_a_list_of_refs_is_read() -> None:
    """git's advertisement: capabilities left aside, an annotated tag is the commit it leads to."""
    body = b"".join(
        [
            line(b"# service=git-upload-pack\n"),
            b"0000",
            line(b"a" * 40 + b" HEAD\0multi_ack symref=HEAD:refs/heads/master\n"),
            line(b"a" * 40 + b" refs/heads/master\n"),
            line(b"b" * 40 + b" refs/tags/v7.0\n"),
            line(b"c" * 40 + b" refs/tags/v7.0^{}\n"),
            b"0000",
        ]
    )
    assert read_listing(body) == {"refs/heads/master": "a" * 40, "refs/tags/v7.0": "c" * 40}


@pytest.mark.parametrize("body", [b"", b"<html>", b"0003", b"zzzz# service=git-upload-pack", b"0008abcd", b"a" * 50])
def test_what_is_no_list_of_refs(body: bytes) -> None:
    """A page, a dumb server's text, half a line."""
    assert read_listing(body) is None
