"""What the parser of the lists makes of mails, mboxes and feeds, whole and broken, and of every real message."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisories.mail import MailRole, PatchMail, Trailer
from sources.base import RawDocument
from sources.errors import ParseError
from sources.lore.address import is_list_name, kind_received, mail_address, received_at
from sources.lore.manifest import Epoch, read_manifest
from sources.lore.mbox import split_mbox
from sources.lore.parse import parse
from sources.lore.progress import MOST_KEPT, Progress
from sources.lore.wanted import read_header
from tests.sources.hostile import AT, assert_only_parse_errors, raw_document
from tests.sources.lore.mails import DIFF, START, TITLE, mail

URL = "https://lore.kernel.org/linux-crypto/a@x/raw"
RECEIVED = datetime(2026, 4, 24, 3, 6, 40, tzinfo=UTC)
PATCH = mail("a@x", f"[PATCH v2] {TITLE}", DIFF).raw
REPLY = mail(
    "b@x", f"Re: [PATCH v2] {TITLE}", "Reviewed-by: Herbert Xu <herbert@gondor.apana.org.au>", parent="a@x"
).raw
FEED = b"""\
<?xml version="1.0" encoding="us-ascii"?>
<feed
xmlns="http://www.w3.org/2005/Atom"
xmlns:thr="http://purl.org/syndication/thread/1.0"><title>linux-crypto.vger.kernel.org archive mirror</title><link
rel="alternate"
type="text/html"
href="https://lore.kernel.org/linux-crypto/"/><id>mailto:linux-crypto@vger.kernel.org</id><updated>2026-04-24T03:07:40Z\
</updated><entry><author><name>Herbert Xu</name><email>herbert@gondor.apana.org.au</email></author><title\
>Re: [PATCH v2] crypto: algif_aead - Revert to operating out-of-place</title><updated>2026-04-24T03:07:40Z\
</updated><link
href="https://lore.kernel.org/linux-crypto/b%2Fc@x/"/><id>urn:uuid:829df8e0-ec52-5c3e-c7d3-08774ccd0758</id><thr:in-reply-to
ref="urn:uuid:eff5b6d4-077b-009c-3251-f3fde835d35e"
href="https://lore.kernel.org/linux-crypto/a@x/"/><content
type="xhtml"><div
xmlns="http://www.w3.org/1999/xhtml"><pre
style="white-space:pre-wrap"><span
class="q">&gt; one &lt; two
</span>
Patch applied.  Thanks.
</pre></div></content></entry></feed>
"""


def document(body: bytes, kind: str = "") -> RawDocument:
    return RawDocument(source="lore", url=URL, at=AT, body=body, kind=kind)


def mails_of(body: bytes, kind: str = "") -> list[PatchMail]:
    found = [one for record in parse(document(body, kind)).records for one in record.observations]
    return [one for one in found if isinstance(one, PatchMail)]


def test_a_mail_is_one_record() -> None:
    """Keyed by its content, at the archive's time that the kind names."""
    (record,) = parse(document(PATCH, f"mail@{START}")).records
    (one,) = record.observations
    assert isinstance(one, PatchMail)
    assert (record.key, record.modified) == (f"mail/{one.content_key}", RECEIVED)
    assert (one.role, one.title, one.ref, one.files, one.received_at) == (
        MailRole.PATCH,
        TITLE,
        "v2",
        ("crypto/algif_aead.c",),
        RECEIVED,
    )


@pytest.mark.parametrize("kind", ["mail", "", "mail@", "mail@9999999999999", "mail@-1", "mail@٣"])
def test_a_mail_without_the_archives_time_came_when_it_was_fetched(kind: str) -> None:
    """As in a recording."""
    (one,) = mails_of(PATCH, kind)
    assert one.received_at == AT


def test_an_mbox_is_several_mails() -> None:
    """mboxrd: stuffed lines are as they were, a `From ` that begins no mail is text, the same mail twice is one."""
    text = mail("c@x", "Re: x", "From here on.\n\n>From there.\n\n>>From afar.").raw
    body = b"".join(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + one + b"\n" for one in (PATCH, REPLY, PATCH, text))
    said = mails_of(body)
    assert [one.msgid for one in said] == ["a@x", "b@x", "c@x"]
    assert said[1].trailers == (
        Trailer(
            name="Reviewed-by",
            value="Herbert Xu <herbert@gondor.apana.org.au>",
            person="herbert@gondor.apana.org.au",
        ),
    )
    assert said[2].text == "From here on.\n\nFrom there.\n\n"
    assert said[0] == mails_of(PATCH)[0]


def test_a_bad_separator_cuts_no_mail() -> None:
    """`From ` inside a paragraph, or before what is no header, is text of the mail it stands in."""
    body = b"From a Thu Jan  1 00:00:00 1970\nX: y\n\none\nFrom b\nZ: z\n\nFrom c\nno header\n"
    assert split_mbox(body) == [b"X: y\n\none\nFrom b\nZ: z\n\nFrom c\nno header"]


def test_a_feed_is_its_mails() -> None:
    """public-inbox's Atom: who, what, when, in answer to which; quotes stay quotes."""
    (one,) = mails_of(FEED)
    assert (one.msgid, one.in_reply_to, one.role, one.title, one.from_addr, one.sent_at, one.received_at) == (
        "b/c@x",
        "a@x",
        MailRole.APPLIED,
        TITLE,
        "herbert@gondor.apana.org.au",
        datetime(2026, 4, 24, 3, 7, 40, tzinfo=UTC),
        datetime(2026, 4, 24, 3, 7, 40, tzinfo=UTC),
    )
    assert one.text == "\nPatch applied.  Thanks.\n"


@pytest.mark.parametrize("start", [b"<html>: x\n", b"<?xml: x\n", b"<feed>: x\n", b"From a\nX: y\n\n\nFrom b\n"])
def test_a_mail_of_the_archive_is_one_mail_whatever_it_looks_like(start: bytes) -> None:
    """Nobody can stop a list with a mail that looks like something else: what fetch takes, parse reads."""
    body = start + PATCH
    header = read_header(body)
    (one,) = mails_of(body, f"mail@{START}")
    assert header is None or one.msgid == header.msgid


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "the document is empty"),
        (b"</feed>", "no header block"),
        (b"<feed xmlns='http://www.w3.org/2005/Atom'></feed>", "a feed without a mail"),
        (b"<html><body>No feed found</body></html>", "a page for people, not a mail"),
        (b"hello\nworld", "no header block"),
    ],
)
def test_what_is_no_mail(body: bytes, what: str) -> None:
    """A ParseError that says what is wrong; an empty feed past the end of a search is no mail either."""
    with pytest.raises(ParseError, match=what):
        parse(document(body))


@pytest.mark.parametrize(("body", "cuts_fail"), [(PATCH, False), (FEED, True)])
def test_broken_documents_are_survived(body: bytes, cuts_fail: bool) -> None:
    """Cut, damaged, replaced by pages: a ParseError or clean text, nothing else."""
    assert_only_parse_errors(parse, raw_document("lore", URL), body, cuts_fail=cuts_fail)


def test_every_real_message_has_a_role(shared_data: Path) -> None:
    """One record a message, with its id, its time and what it does; the address is that of the recording."""
    lines = (shared_data / "recording-copy-fail" / "recording.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [one for one in map(json.loads, lines) if one["source"] == "lore"]
    roles: dict[MailRole, int] = {}
    for entry in entries:
        body = (shared_data / "recording-copy-fail" / entry["file"]).read_bytes()
        raw = RawDocument(source="lore", url=entry["url"], at=AT, body=body)
        (record,) = parse(raw).records
        (one,) = record.observations
        assert isinstance(one, PatchMail)
        assert mail_address("https://lore.kernel.org", "linux-crypto", one.msgid) == entry["url"]
        assert one.at is not None
        roles[one.role] = roles.get(one.role, 0) + 1
    assert sum(roles.values()) == len(entries) == 239
    assert set(roles) >= {MailRole.PATCH, MailRole.COVER, MailRole.APPLIED, MailRole.REVIEW, MailRole.PULL_MERGED}


def test_addresses_hold_any_message_id() -> None:
    """What could lead elsewhere is encoded; what recordings hold as it is stays."""
    assert [
        mail_address("https://lore.kernel.org", "stable", one)
        for one in ("a+b=c_d-e@x.y", "../../x@y", "a?b#c%d@x", 'o"<>@x')
    ] == [
        "https://lore.kernel.org/stable/a+b=c_d-e@x.y/raw",
        "https://lore.kernel.org/stable/..%2F..%2Fx@y/raw",
        "https://lore.kernel.org/stable/a%3Fb%23c%25d@x/raw",
        "https://lore.kernel.org/stable/o%22%3C%3E@x/raw",
    ]
    assert received_at(kind_received(RECEIVED), AT) == RECEIVED
    assert [name for name in ("linux-crypto", "../x", "-x", "x.lock", "a/b", "A") if is_list_name(name)] == [
        "linux-crypto"
    ]


def test_a_manifest_names_the_epochs_of_its_list() -> None:
    """Other lists, empty epochs and nonsense are left out; the order is by number."""
    body = json.dumps(
        {
            "/stable/git/10.git": {"modified": 5, "fingerprint": "a" * 40, "owner": None},
            "/stable/git/2.git": {"modified": 3, "fingerprint": "b" * 40},
            "/stable/git/11.git": {"modified": 3, "fingerprint": None},
            "/stable/git/../../x.git": {"modified": 3, "fingerprint": "c" * 40},
            "/other/git/0.git": {"modified": 3, "fingerprint": "d" * 40},
        }
    ).encode()
    assert read_manifest(body, "stable") == [
        Epoch(number=2, fingerprint="b" * 40, modified=3),
        Epoch(number=10, fingerprint="a" * 40, modified=5),
    ]


@pytest.mark.parametrize("body", [b"", b"\x1f\x8b", b"\x1f\x8bxxxx", b"[]", b"<html>", b'{"a": 1}'])
def test_what_is_no_manifest(body: bytes) -> None:
    """A ParseError, also for half a gzip."""
    with pytest.raises(ParseError):
        read_manifest(body, "stable")


def test_marks_of_kept_mails_are_bounded() -> None:
    """The newest are known, the oldest forgotten, and a checkpoint says the same again."""
    progress = Progress()
    progress.keep(f"{number}@x" for number in range(MOST_KEPT + 5))
    again = Progress.read(progress.saved())
    assert (again.knows(["4@x"]), again.knows(["5@x"]), len(again.kept)) == (False, True, MOST_KEPT)
