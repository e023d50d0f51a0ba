"""The cheap look at a mail: which header lines count, what is taken, and what hostile mail makes of it."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest

from sources.errors import ParseError
from sources.formats.watched import WatchedTerms, literal_part
from sources.lore.manifest import LARGEST, read_manifest
from sources.lore.wanted import Header, read_header
from tests.sources.trees.following import watching

MAIL = (
    b"From: a@x\nSubject: x\nMessage-ID: <a@x>\nIn-Reply-To: <b@x>\nReferences: <c@x>\n <b@x>\n\nMessage-ID: <body@x>\n"
)


@pytest.mark.parametrize(
    "raw", [MAIL, MAIL.replace(b"\n", b"\r\n"), b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + MAIL]
)
def test_a_header_is_read(raw: bytes) -> None:
    """Folded, with CRLF, behind an mbox line; the body is no header."""
    header = read_header(raw)
    assert header is not None
    assert (header.msgid, header.parents) == ("a@x", ("b@x", "c@x", "b@x"))


@pytest.mark.parametrize(
    ("line", "msgid"),
    [
        (b"Message-ID: <../../etc/x@x>", "../../etc/x@x"),
        (b"message-id:<a@x>", "a@x"),
        (b"Message-Id: <a@x> (added by relay)", "a@x"),
        (b'Message-ID: <"onclick=@x>', '"onclick=@x'),
        (b"Message-ID: <[a]@>", "[a]@"),
        (b"Message-ID: <a\xff@x>", "a\ufffd@x"),
        (b"Message-ID: <a@x>\nMessage-ID: <second@x>", "a@x"),
        (b"Message-ID:\n <folded@x>", "folded@x"),
    ],
)
def test_message_ids_are_kept_as_they_are(line: bytes, msgid: str) -> None:
    """Whatever they hold: only an address and a mark are made of them."""
    header = read_header(b"From: a@x\n" + line + b"\n\nx\n")
    assert header is not None
    assert header.msgid == msgid


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\nMessage-ID: <a@x>",
        b"<html>",
        b"From: a@x\n\nMessage-ID: <a@x>\n",
        b"Message-ID: <>\n\n",
        b"Message-ID: <" + b"a" * 10_000 + b"@x>\n\n",
        b"Message-ID: a@x\n\n",
        b"\x00" * 1000,
        b"X: " + b"y" * 1_000_000,
        b"Message-ID: " + b"<" * 500_000,
    ],
)
def test_what_has_no_usable_header_is_none(raw: bytes) -> None:
    """Nothing to ask the mail for by; in time, however long its lines are."""
    assert read_header(raw) is None


def test_parents_are_bounded() -> None:
    """A hundred thousand references are not read."""
    header = read_header(b"Message-ID: <a@x>\nReferences: " + b"<r@x> " * 100_000 + b"\n\nx")
    assert isinstance(header, Header)
    assert len(header.parents) < 3_000


@pytest.mark.parametrize(
    ("glob", "piece"),
    [
        ("crypto/algif_*.c", "crypto/algif_"),
        ("*af_alg*", "af_alg"),
        ("crypto: [aA]lgif*", "crypto: "),
        ("net/xfrm/*", "net/xfrm/"),
        ("*", ""),
        ("plain", "plain"),
    ],
)
def test_the_literal_part_of_a_glob(glob: str, piece: str) -> None:
    """What any match must hold."""
    assert literal_part(glob) == piece


def test_terms_are_found_in_any_case() -> None:
    """Words, CVE ids, the first digits of commits, and what paths and subjects must hold."""
    watch = replace(
        watching(
            words=("copy fail",), commits=("a664bf3d603dc3bdcf9ae47cc21e0daec706d7a5",), paths=("crypto/algif_*.c",)
        ),
        subjects=("AF_ALG:*",),
        kconfig=("CONFIG_CRYPTO_USER_API",),
    )
    terms = WatchedTerms.of(watch)
    texts = {
        "Copy Fail": True,
        "cve-2026-31431": True,
        'Fixes: a664bf3d603d ("crypto")': True,
        "crypto/algif_hash.c | 2 +-": True,
        "af_alg: deprecate": True,
        "config_crypto_user_api=m": True,
        "a664bf3d603": False,
        "net: other": False,
        "": False,
    }
    assert {text: terms.are_in_text(text) for text in texts} == texts


def test_a_topic_that_watches_everything_gets_everything() -> None:
    """A glob without a literal piece; nothing at all when nothing is watched."""
    assert WatchedTerms.of(watching(paths=("*",))).are_in(b"")
    nothing = replace(watching(words=()), cves=frozenset())
    assert not WatchedTerms.of(nothing).are_in(b"algif_aead CVE-2026-31431")
    assert WatchedTerms.of(replace(nothing, every_kernel_cve=True)).are_in(b"CVE-2020-1")


def test_a_manifest_that_unpacks_to_too_much_is_refused() -> None:
    """A bomb: read up to the limit, then an error."""
    with pytest.raises(ParseError, match="too large"):
        read_manifest(gzip.compress(b" " * (LARGEST + 1)), "stable")
