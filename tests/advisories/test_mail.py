"""One mail to what it says: roles by form and sender, trailers and people, and nothing that forged bytes could add."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisories.mail import MailError, MailRole, PatchMail, Trailer, parse_mail
from tests.advisories.lives import ERIC, GREG, HERBERT, TITLE, diff, mail, patch_mail

SEEN = datetime(2026, 5, 5, tzinfo=UTC)


def raw(*fields: str, body: str = "Words.\n") -> PatchMail:
    """A mail with these fields beside the necessary ones."""
    named = {field.split(":", 1)[0].lower() for field in fields}
    given = [one for one in ("From: A B <a@b.org>", "Subject: x", "Message-ID: <m@x>") if _name(one) not in named]
    return parse_mail("\n".join([*given, *fields, "", body]).encode("utf-8", "surrogateescape"), received_at=SEEN)


def _name(field: str) -> str:
    return field.split(":", 1)[0].lower()


def reply(words: str, sender: str = HERBERT, subject: str = f"Re: [PATCH] {TITLE}") -> PatchMail:
    return mail("r@x", subject, words, sender=sender, reply_to="p@x")


def test_a_patch_with_everything_read() -> None:
    """Author in the body, trailers, files, notes, patch-id, change-id, links, and what it fixes."""
    body = (
        "From: Demi Marie Obenour <demi@example.org>\n\nWhy.\n\n"
        'Fixes: 72548b093ee3 ("crypto: algif_aead - copy AAD from src to dst")\n'
        "Link: https://lore.kernel.org/r/report@x\nReported-by: T L <t@l.org>\nSigned-off-by: D M <demi@example.org>\n"
        "---\nv2: smaller\n\n crypto/af_alg.c | 2 +-\n\n" + diff("crypto/af_alg.c") + "\nchange-id: 20260523-af-alg-1\n"
    )
    one = mail("p@x", f"[PATCH v2] {TITLE}", body, sender="D via B4 Relay <devnull+demi.example.org@kernel.org>")
    assert (one.role, one.ref, one.title) == (MailRole.PATCH, "v2", TITLE)
    assert (one.author_name, one.author_addr) == ("Demi Marie Obenour", "demi@example.org")
    assert one.from_addr == "devnull+demi.example.org@kernel.org"
    assert [(each.name, each.person) for each in one.trailers if each.person] == [
        ("Reported-by", "t@l.org"),
        ("Signed-off-by", "demi@example.org"),
    ]
    assert (one.fixes, one.fixes_titles) == (("72548b093ee3",), ("crypto: algif_aead - copy AAD from src to dst",))
    assert (one.files, one.links, one.notes) == (("crypto/af_alg.c",), ("report@x",), "v2: smaller")
    assert one.change_id == "20260523-af-alg-1"
    assert one.patch_id is not None


APPLIED = [
    "Patch applied.  Thanks.\n",
    "> quoted words\n\nPatch applied.  Thanks.\n-- \nEmail: Herbert Xu\n",
    "All applied.  Thanks.\n",
    "Applied, thanks!\n",
    "Both patches applied to cryptodev.\n",
]
NOT_APPLIED = [
    "> Patch applied.  Thanks.\n\nWhen?\n",
    "Has this been applied?\n",
    "This cannot be applied.\n",
    "I applied this to my kernel and it crashes.\n",
    "Please tell me once it is applied.\n",
    "-- \nPatch applied.  Thanks.\n",
]


@pytest.mark.parametrize("words", APPLIED)
def test_a_maintainer_says_applied(words: str) -> None:
    """In the sender's own words, of the patch itself."""
    assert reply(words).role is MailRole.APPLIED


@pytest.mark.parametrize("words", NOT_APPLIED)
def test_words_that_only_speak_of_applying(words: str) -> None:
    """Quoted, asked, denied, a tester's, below the signature."""
    assert reply(words).role is MailRole.REPLY


def test_only_ones_own_review_counts() -> None:
    """A Reviewed-by of another person in a reply proves nothing; a bare NACK does."""
    own = reply("Reviewed-by: C D <c@d.org>\n", "C D <c@d.org>")
    assert (own.role, own.trailers[0].person) == (MailRole.REVIEW, "c@d.org")
    assert reply("Reviewed-by: C D <c@d.org>\n", "M <m@example.org>").trailers == ()
    assert reply("> Reviewed-by: C D <c@d.org>\n", "C D <c@d.org>").trailers == ()
    assert reply("NACK. This breaks iwd.\n", "C D <c@d.org>").trailers == (
        Trailer(name="Nacked-by", value="NACK. This breaks iwd.", person="c@d.org"),
    )


def test_the_forms_of_tools_need_their_sender() -> None:
    """pr-tracker's answer from anybody else is discussion."""
    words = "has been merged into torvalds/linux.git:\nhttps://git.kernel.org/torvalds/c/" + "7" * 40 + "\n"
    real = reply(words, "pr-tracker-bot@kernel.org", "Re: [GIT PULL] Crypto")
    assert (real.role, real.merge_commit) == (MailRole.PULL_MERGED, "7" * 40)
    assert reply(words, "pr-tracker-bot@example.org", "Re: [GIT PULL] Crypto").role is MailRole.DISCUSSION


STABLE = [
    (f'Patch "{TITLE}" has been added to the 6.12-stable tree', MailRole.STABLE_QUEUE, ("6.12",)),
    (f'FAILED: patch "[PATCH] {TITLE}" failed to apply to 6.6-stable tree', MailRole.STABLE_FAILED, ("6.6",)),
    ("[PATCH 6.12 000/210] 6.12.86-rc1 review", MailRole.STABLE_QUEUE, ("6.12",)),
]


@pytest.mark.parametrize(("subject", "role", "branches"), STABLE)
def test_the_stable_teams_forms(subject: str, role: MailRole, branches: tuple[str, ...]) -> None:
    """Queued, failed, under review; and the same words with "Re:" are none of it."""
    one = mail("s@x", subject, "Words.\n", sender=GREG)
    assert (one.role, one.queue_branches) == (role, branches)
    assert mail("s@x", f"Re: {subject}", "Words.\n", sender=GREG).role in (MailRole.DISCUSSION, MailRole.REPLY)


def test_cve_mails() -> None:
    """Announced and rejected; an id in quoted text only is not named."""
    assert mail("c@x", "CVE-2026-31431: crypto: x", "CVE-2026-31431\n").role is MailRole.CVE_ANNOUNCE
    assert mail("c@x", "REJECTED: CVE-2026-31431: crypto: x", "Words.\n").role is MailRole.CVE_REJECTED
    assert reply("> CVE-2026-31431 is quoted\n\nAnd CVE-2026-43033 is not.\n").cves == ("CVE-2026-43033",)
    assert reply("CVE-\u0662\u0660\u0662\u0666-31431 in other digits\n").cves == ()


SENDERS = [
    ('"torvalds@linux-foundation.org" <evil@example.org>', "evil@example.org"),
    ("torvalds@linux-foundation.org <evil@example.org>", "evil@example.org"),
    ("=?utf-8?q?Linus_=3Ctorvalds=40linux-foundation=2Eorg=3E?= <evil@example.org>", "evil@example.org"),
    ("alice@example.org)bob@evil.example", ""),
    ("A <a@b.org>, C <c@d.org>", ""),
    ("nobody", ""),
    ("Eric Biggers <EBiggers@Kernel.org>", "ebiggers@kernel.org"),
]


@pytest.mark.parametrize(("field", "addr"), SENDERS)
def test_no_display_name_is_read_as_an_address(field: str, addr: str) -> None:
    """An ambiguous sender is none, and its mail proves nothing."""
    one = raw(f"From: {field}", f"Subject: Re: [PATCH] {TITLE}", body="Patch applied.  Thanks.\n")
    assert one.from_addr == addr
    assert (one.role is MailRole.DISCUSSION) == (addr == "")


def test_two_senders_are_none() -> None:
    """A second From field makes both worthless."""
    two = "From: a@b.org\nFrom: herbert@gondor.apana.org.au\nSubject: Re: [PATCH] x\nMessage-ID: <m@x>\n\nApplied.\n"
    assert parse_mail(two.encode(), received_at=None).role is MailRole.DISCUSSION


MSGIDS = [
    ("<a/b+c=@x>", "a/b+c=@x"),
    ("<[a]@>", "[a]@"),
    ("<../../../../etc/passwd>", "../../../../etc/passwd"),
    ('<" onclick=1>', None),
    ("<" + "a" * 10_000 + ">", None),
    ("", None),
]


@pytest.mark.parametrize(("field", "msgid"), MSGIDS)
def test_a_message_id_is_text_and_bounded(field: str, msgid: str | None) -> None:
    """What is none gets one made of the content; it is never a path, an address or markup."""
    found = raw(f"Message-ID: {field}").msgid
    assert len(found) <= 998
    assert found == msgid if msgid else found.endswith("@no-message-id.invalid") or '"' in found


def test_one_mail_on_two_lists_is_one_content_and_another_body_is_not() -> None:
    """The content key leaves out the list's footer and fields."""
    one = raw("List-Id: <linux-crypto.vger.kernel.org>")
    other = raw("List-Id: <stable.vger.kernel.org>", "Received: from elsewhere")
    assert one.content_key == other.content_key
    assert raw(body="Other words.\n").content_key != one.content_key


DATES = [
    ("Mon, 04 May 2026 15:53:28 -0700", datetime(2026, 5, 4, 22, 53, 28, tzinfo=UTC)),
    ("4 May 2026 15:53 +9900", datetime(2026, 5, 4, 15, 53, tzinfo=UTC)),
    ("Mon, 04 May 2026 15:53:28 -0000", datetime(2026, 5, 4, 15, 53, 28, tzinfo=UTC)),
    ("yesterday", None),
    ("Mon, 04 May 1903 15:53:28 +0000", None),
    ("Mon, 04 May 2106 15:53:28 +0000", None),
    ("Mon, 04 May 99999 15:53:28 +0000", None),
    ("Mon, 31 Feb 2026 15:53:28 +0000", None),
    ("Fri, 08 May 2026 00:00:00 +0000", None),  # days after the archive had it
]


@pytest.mark.parametrize(("field", "sent_at"), DATES)
def test_a_date_is_believed_when_it_can_be(field: str, sent_at: datetime | None) -> None:
    """Else the archive's time stands for it."""
    one = raw(f"Date: {field}")
    assert (one.sent_at, one.at) == (sent_at, sent_at or SEEN)


def test_encodings() -> None:
    """Quoted-printable and base64 bodies, RFC 2047 subjects, latin-1 and unknown character sets."""
    coded = base64.b64encode(f"Why.\n---\n{diff('crypto/af_alg.c')}".encode()).decode()
    base = raw("Subject: [PATCH] x", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64",
               body=coded)  # fmt: skip
    assert (base.role, base.files) == (MailRole.PATCH, ("crypto/af_alg.c",))
    quoted = raw("Content-Transfer-Encoding: quoted-printable", "Content-Type: text/plain; charset=utf-8",
                 body="Gr=C3=BC=C3=9Fe\n")  # fmt: skip
    assert quoted.text.strip() == "Grüße"
    assert raw("Subject: =?utf-8?q?crypto=3A_x?=\n =?utf-8?q?_-_y?=").subject == "crypto: x - y"
    assert raw("Subject: =?utf-42?q?x?=", "Content-Type: text/plain; charset=utf-42").subject == "x"


def test_no_line_break_control_or_bidi_character_survives_in_a_line() -> None:
    """Encoded CRLF, escapes, NUL, zero-width and reordering characters."""
    one = raw("Subject: =?utf-8?q?a=0D=0ABcc=3A_x?= =?utf-8?q?=1B=5B31m=00=E2=80=AE=E2=80=8Bb?=")
    assert one.subject == "a Bcc: x[31mb"
    assert one.subject.isprintable()


HOSTILE = {
    "nested multiparts": "Content-Type: multipart/mixed; boundary=b\n\n"
    + "".join(f"--b\nContent-Type: multipart/mixed; boundary=b{n}\n\n" for n in range(1_200)),
    "missing boundary": "Content-Type: multipart/mixed\n\nwords\n",
    "a hundred thousand addresses": "To: " + ", ".join(["a@b.org"] * 100_000) + "\n\nwords\n",
    "twenty thousand encoded words": "Subject: " + " ".join(["=?utf-8?q?a?="] * 20_000) + "\n\nwords\n",
    "a subject of two mebibytes": "Subject: " + "x" * (2 << 20) + "\n\nwords\n",
    "html only": "Content-Type: text/html\n\n<script>alert(1)</script>\n",
    "wrong base64": "Content-Transfer-Encoding: base64\n\n!!!=abc=\n",
    "a character set of one quote": 'Content-Type: text/plain; charset="\n\nwords\n',
    "many fields": "".join(f"References: <{n}@x>\n" for n in range(5_000)) + "\nwords\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_is_read_as_discussion(name: str) -> None:
    """Nothing raised, nothing believed, everything bounded."""
    one = parse_mail(f"From: a@b.org\nMessage-ID: <m@x>\n{HOSTILE[name]}".encode(), received_at=SEEN)
    assert one.role is MailRole.DISCUSSION
    assert len(one.subject) <= 8_000
    assert len(one.text) <= 16_000
    assert len(one.references) <= 100


@pytest.mark.parametrize(
    "content", [b"", b"\n\nbody", b"<html><body>Making sure</body></html>", b"\x1f\x8b\x08\x00", b"From "]
)
def test_what_is_no_mail_is_refused(content: bytes) -> None:
    """By the one error that parse_mail raises."""
    with pytest.raises(MailError):
        parse_mail(content, received_at=SEEN)


@given(st.binary(max_size=600), st.binary(max_size=600))
def test_any_bytes_give_a_mail_or_the_one_error(fields: bytes, body: bytes) -> None:
    """Arbitrary header and body after a true beginning."""
    one = parse_mail(b"From: a@b.org\nMessage-ID: <m@x>\n" + fields + b"\n\n" + body, received_at=SEEN)
    assert isinstance(one.role, MailRole)


def test_patch_ids_leave_out_white_space_and_line_numbers() -> None:
    """As `git patch-id --stable` gives it; a cut or binary diff has none."""
    one = patch_mail("a@x", "[PATCH] x", "crypto/af_alg.c")
    other = mail(
        "b@x", "[PATCH 6.12] x", f"Why.\n---\n{diff('crypto/af_alg.c').replace('@@ -1,2 +1,2', '@@ -9,2 +9,2')}"
    )
    assert one.patch_id == other.patch_id is not None
    cut = mail("c@x", "[PATCH] x", f"Why.\n---\n{diff('crypto/af_alg.c').replace('+new', '')}")
    assert cut.patch_id is None


def test_every_real_mail_is_read_again_the_same(shared_data: Path) -> None:
    """All of them, with a sender, a date, a list and a role."""
    for file in sorted((shared_data / "lore").rglob("*.eml")):
        one = parse_mail(file.read_bytes(), received_at=None)
        assert one.from_addr
        assert one.at is not None
        assert one.list_ids == ("linux-crypto.vger.kernel.org",)
        assert one == parse_mail(file.read_bytes(), received_at=None)


def test_a_relayed_sender_is_resolved_by_the_sign_off() -> None:
    """ "via B4 Relay" and a list's munged From."""
    one = patch_mail("p@x", "[PATCH] x", trailers="Signed-off-by: Eric Biggers <ebiggers@kernel.org>\n",
                     sender="Eric Biggers via B4 Relay <devnull+ebiggers.kernel.org@kernel.org>")  # fmt: skip
    assert (one.author_name, one.author_addr) == ("Eric Biggers", "ebiggers@kernel.org")
    assert patch_mail("q@x", "[PATCH] x", author=ERIC, sender=GREG).author_addr == "ebiggers@kernel.org"
