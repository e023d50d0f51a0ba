"""Our mail, signed by a real OpenDKIM at a real Postfix and relayed: the signature holds over the bytes that arrive,
and covers what RFC 8058 asks for."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
from datetime import UTC, datetime

import pytest

from bot.channels.mail.channel import MailChannel
from bot.channels.mail.connection import Connections, Mta
from bot.channels.mail.writing import Sender, Writer
from bot.digest.keys import MailKeys
from bot.messages.digest import (
    Digest,
    Health,
    Letter,
    Matter,
    News,
    ReleaseRow,
    SourceLine,
    digest_letter,
    freeze_letter,
)
from bot.messages.model import plain
from storage.delivery import DueDestination
from tests.servers.dkim import Signing, signing

__all__ = ["signing"]

pytestmark = pytest.mark.server

AT = datetime(2026, 5, 4, 6, tzinfo=UTC)
BOARD = f"https://pw.example.org/{'a-long-path/' * 40}board"
LONG = "Größe überlief: 溢れた バッファ — " * 20
LISTED = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post")


def digest(kind: str, title: str) -> Letter:
    """A digest with long lines, 8-bit text, dots at the start of lines, and spaces at the end of them."""
    news = tuple(
        News(day="2026-05-03", text=text, source="debian", urgent=True) for text in (LONG, "x" * 3000, ". . ", "é")
    )
    row = ReleaseRow(
        name="CVE-2026-31431",
        advisory="PW-2026-1",
        place="Debian 12",
        package="linux",
        status="fixed",
        state="fixed",
        version="6.1.170-1",
        erratum="DSA-6243-1",
    )
    return digest_letter(
        Digest(
            kind=kind,
            title=title,
            period="2026-W19",
            matters=(Matter(name="CVE-2026-31431", title=LONG, advisory="PW-2026-1", news=news),),
            more=3,
            rows=(row,) * 5,
            more_rows=0,
            unknown=("größe/1",),
            health=Health(good=1, total=2, lines=(SourceLine(name="ubuntu", state="failing", why=LONG),)),
            follows=("copy-fail debian/12",),
            base_url=BOARD,
        ),
        at=AT,
        salt="5a17",
    )


MAILS = {
    "digest": digest("weekly", "2 changes in week 19 of 2026"),
    "urgent": digest("urgent", f"CVE-2026-31431: {LONG}"[:500]),
    "confirmation": Letter(
        title="please confirm",
        lines=(plain("Somebody asked for mail at this address."), plain(LONG)),
        at=AT,
        salt="5a18",
        confirm="5a19",
        base_url=BOARD,
    ),
    "dots": Letter(
        title="é" * 400, lines=(plain("."), plain(".."), plain("From here"), plain(" ")), at=AT, salt="5a20"
    ),
}


@pytest.fixture(scope="module")
def arrived(signing: Signing) -> dict[str, bytes]:
    """The wire bytes of each mail, by its name."""
    writer = Writer(Sender.parse("Größe <bot@example.org>"), MailKeys(secret=b"k" * 32), base_url=BOARD, signed=True)

    async def run() -> None:
        mta = Mta(host="127.0.0.1", port=signing.postfix.port, hello="example.org", starttls=False)
        channel = MailChannel(Connections(mta), writer)
        for number, (name, letter) in enumerate(MAILS.items()):
            reader = DueDestination(id=number, kind="mail", address=f"{name}@example.org", thread="")
            await channel.send(reader, f"{name}-0b6f0f1e", freeze_letter(letter))
        await channel.close()

    asyncio.run(run())
    return {one.recipients[0].partition("@")[0]: one.content for one in signing.received(len(MAILS))}


@pytest.mark.parametrize("name", MAILS)
def test_the_signature_holds(signing: Signing, arrived: dict[str, bytes], name: str) -> None:
    """As it arrives it verifies, and From and both headers of one click are signed, against a second one, too."""
    mail = arrived[name]
    assert signing.verify(mail)
    signature = re.sub(r"\s", "", email.message_from_bytes(mail)["DKIM-Signature"])
    signed = re.findall(r";h=([^;]*)", signature)[0].lower().split(":")
    assert [signed.count(one) for one in ("from", "list-unsubscribe", "list-unsubscribe-post")] == [2, 2, 2]
    assert {"to", "subject", "date", "message-id", "mime-version", "content-type"} <= set(signed)


@pytest.mark.parametrize("name", MAILS)
def test_every_mail_to_a_reader_has_the_headers_of_a_list(arrived: dict[str, bytes], name: str) -> None:
    """Each of them once, whole, and nothing in the mail that somebody on the way would have to recode or wrap."""
    mail = arrived[name]
    read = email.message_from_bytes(mail, policy=email.policy.default)
    assert [len(read.get_all(one, [])) for one in LISTED] == [1, 1, 1]
    assert re.fullmatch(rf"<{re.escape(BOARD)}/digest/unsubscribe/[A-Za-z0-9_-]{{22}}>", str(read["List-Unsubscribe"]))
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail.isascii()
    assert max(map(len, mail.split(b"\r\n"))) <= 998


def changed(mail: bytes, how: str) -> bytes:
    head, _, body = mail.partition(b"\r\n\r\n")
    other = b"List-Unsubscribe: <https://evil.example/>\r\n"
    cases = {
        "a byte of the body": head + b"\r\n\r\n" + body.replace(b"--=_", b"--=-", 1),
        "a byte of List-Unsubscribe": mail.replace(b"/digest/unsubscribe/", b"/digest/unsubscribf/", 1),
        "List-Unsubscribe-Post": mail.replace(b"=One-Click", b"=Two-Click", 1),
        "no List-Unsubscribe-Post": mail.replace(b"List-Unsubscribe-Post:", b"X-List-Unsubscribe-Post:", 1),
        "a second List-Unsubscribe": other + mail,
        "a second one below": head + b"\r\n" + other + b"\r\n" + body,
    }
    return cases[how]


@pytest.mark.parametrize(
    "how",
    [
        "a byte of the body",
        "a byte of List-Unsubscribe",
        "List-Unsubscribe-Post",
        "no List-Unsubscribe-Post",
        "a second List-Unsubscribe",
        "a second one below",
    ],
)
@pytest.mark.parametrize("name", MAILS)
def test_what_is_changed_on_the_way_is_noticed(
    signing: Signing, arrived: dict[str, bytes], name: str, how: str
) -> None:
    """One byte, a header lost or one added: the signature does not hold."""
    other = changed(arrived[name], how)
    assert other != arrived[name]
    assert not signing.verify(other)
