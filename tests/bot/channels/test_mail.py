"""Mail over SMTP: each answer of an MTA has its own consequence, headers are ours alone, one connection serves many."""

from __future__ import annotations

import asyncio
import email
import email.charset
import email.policy
import ssl
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage

import pytest
import trustme

from bot.channels.base import ChannelError, NotSent, Permanent, Refused, Stopped, Unknown
from bot.channels.mail.channel import MailChannel
from bot.channels.mail.connection import Connections, Mta
from bot.channels.mail.writing import HeaderError, Sender, Writer, header
from bot.digest.keys import MailKeys
from bot.messages.digest import Letter, freeze_letter
from bot.messages.model import freeze, make_message, plain
from storage.delivery import DueDestination
from tests.servers.mta import CUT, Fault, Received, Script, postfix, smtp_server

__all__ = ["postfix"]

KEYS = MailKeys(secret=b"k" * 32)
READER = DueDestination(id=7, kind="mail", address="ada@example.org", thread="")
MESSAGE = "0b6f0f1e-5a70-4d0c-9c07-2f4f1b1f8a01"
LETTER = Letter(
    title="2 changes in week 19 of 2026",
    lines=(plain("Fixed in Debian 12: linux 6.1.170-1"),),
    at=datetime(2026, 5, 4, 6, tzinfo=UTC),
    salt="5a17",
)
CONTENT = freeze_letter(LETTER)
BOTH_WAYS = pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "in one piece"])


def writer(base_url: str = "https://pw.example.org", *, signed: bool = True) -> Writer:
    return Writer(Sender.parse("patchwatch <bot@example.org>"), KEYS, base_url=base_url, signed=signed)


def deliver(
    script: Script, times: int = 1, *, failed: list[tuple[int, bool]] | None = None, readers: int = 1
) -> list[ChannelError | str | None]:
    """Sends the letter so often to that many readers in turn; what came of each."""
    told = failed if failed is not None else []

    def failing(destination: DueDestination, message: str, text: str, gone: bool) -> bool:
        told.append((destination.id, gone))
        return gone

    async def run() -> list[ChannelError | str | None]:
        outcomes: list[ChannelError | str | None] = []
        async with smtp_server(script) as port:
            connections = Connections(Mta(host="127.0.0.1", port=port, hello="example.org", starttls=False))
            channel = MailChannel(
                connections,
                writer(),
                failed=failing,
            )
            for number in range(times):
                one = number % readers
                reader = DueDestination(id=7 + one, kind="mail", address=f"ada{one or ''}@example.org", thread="")
                try:
                    outcomes.append(await channel.send(reader, MESSAGE, CONTENT))
                except ChannelError as error:
                    outcomes.append(error)
            await channel.close()
        return outcomes

    return asyncio.run(run())


def read(mail: Received) -> EmailMessage:
    return email.message_from_bytes(mail.content, policy=email.policy.default)


@BOTH_WAYS
@pytest.mark.parametrize("stage", ["connect", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("answer", ["421 4.3.2 going down", "450 4.2.1 greylisted", "451 4.3.0 try again"])
def test_what_is_temporary_is_tried_again(stage: str, answer: str, pipelining: bool) -> None:
    """A 4xx at any stage is `NotSent`, and the next try arrives with the same Message-ID."""
    script = Script(faults=[Fault(stage, answer)], pipelining=pipelining)
    first, second = deliver(script, 2)
    assert type(first) is NotSent
    assert first.tries == (0 if stage == "connect" else 130)
    assert second == f"<{MESSAGE}@example.org>"
    assert [read(one)["Message-ID"] for one in script.received] == [second]


@BOTH_WAYS
@pytest.mark.parametrize(
    ("stage", "answer", "error", "told"),
    [
        ("RCPT", "550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown", Refused, [(7, True)]),
        ("RCPT", "550 No such user here", Refused, [(7, True)]),
        ("END", "550 5.1.1 no mailbox", Refused, [(7, True)]),
        ("RCPT", "550 5.7.1 rejected by policy", NotSent, []),
        ("RCPT", "550 go away", NotSent, []),
        ("RCPT", "552 5.2.2 mailbox full", Permanent, [(7, False)]),
        ("END", "552 5.3.4 message too big", Permanent, [(7, False)]),
        ("RCPT", "554 5.7.1 relay access denied", NotSent, []),
        ("DATA", "554 5.5.1 no valid recipients", NotSent, []),
        ("END", "554 5.7.1 spam", NotSent, []),
        ("MAIL", "550 5.7.1 sender refused", Stopped, []),
        ("MAIL", "554 5.7.1 sender refused", Stopped, []),
        ("MAIL", "552 5.3.4 too big", Permanent, [(7, False)]),
        ("connect", "554 no service for you", NotSent, []),
    ],
)
def test_what_is_permanent(
    stage: str, answer: str, error: type, told: list[tuple[int, bool]], pipelining: bool
) -> None:
    """Only an unknown mailbox refuses the reader for good; policy is tried a few times; a refused sender stops all."""
    failed: list[tuple[int, bool]] = []
    script = Script(faults=[Fault(stage, answer)], pipelining=pipelining)
    first, second = deliver(script, 2, failed=failed)
    assert (type(first), failed) == (error, told)
    assert second == f"<{MESSAGE}@example.org>"


@BOTH_WAYS
@pytest.mark.parametrize(
    ("stage", "error", "received"),
    [("connect", NotSent, 0), ("MAIL", NotSent, 0), ("RCPT", NotSent, 0), ("BODY", Unknown, 0), ("END", Unknown, 1)],
)
def test_a_cut_connection(stage: str, error: type, received: int, pipelining: bool) -> None:
    """Before DATA it certainly did not arrive; after it nobody knows, and the repeat has the same Message-ID."""
    script = Script(faults=[Fault(stage, CUT)], pipelining=pipelining)
    first, second = deliver(script, 2)
    assert type(first) is error
    assert [read(one)["Message-ID"] for one in script.received] == [second] * (received + 1)


@BOTH_WAYS
def test_one_connection_serves_many_mails(pipelining: bool) -> None:
    """A hundred mails need one connection, and one that died while idle is replaced without an error."""
    script = Script(pipelining=pipelining)
    assert set(deliver(script, 100)) == {f"<{MESSAGE}@example.org>"}
    assert (script.connections, len(script.received)) == (1, 100)
    script = Script(faults=[None, Fault("MAIL", CUT)], pipelining=pipelining)
    assert deliver(script, 2) == [f"<{MESSAGE}@example.org>"] * 2
    assert (script.connections, len(script.received)) == (2, 2)


def test_an_mta_that_refuses_every_reader_stops_the_channel() -> None:
    """Five readers refused in a row are no five bad readers; with a mail taken in between the count begins anew."""
    refused: list[Fault | None] = [Fault("RCPT", "554 5.7.1 relay access denied")] * 5
    assert [type(one) for one in deliver(Script(faults=refused), 5, readers=5)] == [NotSent] * 4 + [Stopped]
    mixed: list[Fault | None] = [*refused[:4], None, *refused[:4]]
    outcomes = deliver(Script(faults=mixed), 9, readers=9)
    assert [isinstance(one, Stopped) for one in outcomes] == [False] * 9


def test_no_mta_is_no_loss() -> None:
    """When nothing listens, it is tried again for ever."""

    async def run() -> NotSent:
        channel = MailChannel(Connections(Mta(host="127.0.0.1", port=9, hello="x.org", starttls=False)), writer())
        with pytest.raises(NotSent) as caught:
            await channel.send(READER, MESSAGE, CONTENT)
        return caught.value

    error = asyncio.run(run())
    assert (str(error), error.tries) == ("no connection to 127.0.0.1:9: SMTPConnectError", 0)


def send_over_tls(*, offers: bool, trusted: bool) -> tuple[str | None, list[Received]]:
    """(what stopped the channel, what arrived)."""
    authority, other = trustme.CA(), trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    known = ssl.create_default_context()
    (authority if trusted else other).configure_trust(known)
    script = Script()

    async def run() -> str | None:
        async with smtp_server(script, tls=served if offers else None) as port:
            channel = MailChannel(Connections(Mta(host="127.0.0.1", port=port, hello="x.org", tls=known)), writer())
            try:
                await channel.send(READER, MESSAGE, CONTENT)
            except Stopped as error:
                return str(error).replace(str(port), "PORT")
            finally:
                await channel.close()
        return None

    return asyncio.run(run()), script.received


def test_starttls_is_required() -> None:
    """A mail goes over TLS with a certificate that holds, and else not at all: no fall back to plain text."""
    assert len(send_over_tls(offers=True, trusted=True)[1]) == 1
    assert send_over_tls(offers=True, trusted=False) == (
        "the certificate of 127.0.0.1:PORT does not hold: unable to get local issuer certificate",
        [],
    )
    assert send_over_tls(offers=False, trusted=True) == (
        "127.0.0.1:PORT lacks what is asked of it: STARTTLS is not offered; see [mail] starttls",
        [],
    )


def test_the_headers_of_a_mail() -> None:
    """Exactly these, whoever reads; the return path is the reader's own and signed."""
    script = Script()
    deliver(script)
    (mail,) = script.received
    token = KEYS.token("unsubscribe", "5a17")
    assert read(mail).get_content_type() == "multipart/alternative"
    assert read(mail).items()[:-1] == [
        ("From", "patchwatch <bot@example.org>"),
        ("To", "ada@example.org"),
        ("Subject", "patchwatch: 2 changes in week 19 of 2026"),
        ("Date", "Mon, 04 May 2026 06:00:00 +0000"),
        ("Message-ID", f"<{MESSAGE}@example.org>"),
        ("List-Id", "patchwatch <digest.pw.example.org>"),
        ("Precedence", "bulk"),
        ("List-Unsubscribe", f"<https://pw.example.org/digest/unsubscribe/{token}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
    ]
    assert (mail.sender, mail.recipients) == (
        f"bot+{KEYS.return_tag(7, READER.address)}@example.org",
        (READER.address,),
    )
    assert read(mail).keys()[-1] == "Content-Type"
    assert mail.content.isascii()


@pytest.mark.parametrize("host", ["pw.example.org", "x" * 34 + ".example.org", "x.example.org/" + "y" * 40])
def test_a_link_is_never_broken(host: str) -> None:
    """Whatever the length of its beginning, the link of the mail reads whole, in lines of at most 76 (RFC 2045)."""
    content = writer(f"https://{host}").write(READER, MESSAGE, LETTER).content
    body = content.partition(b"\r\n\r\n")[2]
    assert max(map(len, body.split(b"\r\n"))) <= 76
    link = f"https://{host}/digest/unsubscribe/{KEYS.token('unsubscribe', '5a17')}"
    parts = email.message_from_bytes(content, policy=email.policy.default).iter_parts()
    assert [link in part.get_content() for part in parts] == [True, True]


@pytest.mark.parametrize(
    ("base_url", "signed"), [("", True), ("http://pw.example.org", True), ("https://pw.example.org", False)]
)
def test_one_click_needs_https_and_a_signature(base_url: str, signed: bool) -> None:
    """Without an https address of the board, or DKIM, neither header is there (RFC 8058); the link in the text is."""
    content = writer(base_url, signed=signed).write(READER, MESSAGE, LETTER).content
    assert b"List-Unsubscribe" not in content
    assert (b"/digest/unsubscribe/" in content) == bool(base_url)


INJECTED = (
    "x\r\nBcc: eve@example.org",
    "x\nTo: eve@example.org",
    "x\r\n\r\nbody",
    "x\u2028Bcc: eve@example.org",
    "x\u0085Bcc: eve@example.org",
    "x\x1cBcc: eve@example.org",
    "\x1b]0;x",
)


@pytest.mark.parametrize("value", INJECTED)
def test_no_header_is_smuggled_in(value: str) -> None:
    """A control character or line separator in a subject or an address: the mail is not written, nobody gets it."""
    with pytest.raises(HeaderError):
        header("Subject", value)
    letter = Letter(title=value, at=LETTER.at)
    script = Script()

    async def run() -> list[type]:
        errors = []
        async with smtp_server(script) as port:
            channel = MailChannel(
                Connections(Mta(host="127.0.0.1", port=port, hello="x.org", starttls=False)), writer()
            )
            evil = DueDestination(id=7, kind="mail", address=f"ada@example.org{value}", thread="")
            for reader, content in ((READER, freeze_letter(letter)), (evil, CONTENT)):
                try:
                    await channel.send(reader, MESSAGE, content)
                except ChannelError as error:
                    errors.append(type(error))
            await channel.close()
        return errors

    assert (asyncio.run(run()), script.received) == ([Permanent, Refused], [])


@pytest.mark.parametrize(
    "value", ["=?utf-8?q?x=0D=0ABcc:_eve=40example.org?=", "=?utf-7?q?+AA0-?=", "ä=?x?=", "é" * 80]
)
def test_encoded_words_stay_what_they_are(value: str) -> None:
    """A text that looks like an encoded header is shown as it is, and adds no header (CVE-2024-6923)."""
    letter = Letter(title=value, at=LETTER.at, salt="5a17")
    written = email.message_from_bytes(writer().write(READER, MESSAGE, letter).content, policy=email.policy.default)
    assert written["Subject"] == f"patchwatch: {value}"
    assert (written.keys().count("Bcc"), len(written.keys())) == (0, 12)
    with pytest.raises(HeaderError):
        header("Subject", Header("x\r\nBcc: eve@example.org"))  # type: ignore[arg-type]  # what must not matter


@pytest.mark.parametrize("name", ["Größe", "=?utf-8?q?x=0D=0ABcc:_eve=40example.org?=", "Ö" * 20, 'a "b", c'])
@pytest.mark.parametrize("apprise", [False, True])
def test_the_name_of_the_sender(name: str, apprise: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is encoded where it must be, and the address never: From reads as it was configured. Also where a library has
    changed how the standard one encodes, as Apprise does."""
    if apprise:
        changed = {**email.charset.CHARSETS, "utf-8": (email.charset.QP, email.charset.QP, "utf-8")}
        monkeypatch.setattr(email.charset, "CHARSETS", changed)
    sender = Sender(name=name, address="bot@example.org")
    content = Writer(sender, KEYS, base_url="", signed=False).write(READER, MESSAGE, LETTER).content
    read = email.message_from_bytes(content, policy=email.policy.default)
    (found,) = read["From"].addresses
    assert (found.display_name, found.addr_spec, read.keys().count("Bcc")) == (name, "bot@example.org", 0)
    assert b" <bot@example.org>\r\n" in content


def test_a_notice_is_a_mail_too() -> None:
    """A line for the operator arrives as text and HTML, escaped, without a way to unsubscribe."""
    content = freeze(
        make_message("patchwatch: for the operator", ["debian has failed: <b>404</b>", "see https://evil.example"])
    )
    script = Script()

    async def run() -> None:
        async with smtp_server(script) as port:
            channel = MailChannel(
                Connections(Mta(host="127.0.0.1", port=port, hello="x.org", starttls=False)), writer()
            )
            await channel.send(READER, MESSAGE, content)
            await channel.close()

    asyncio.run(run())
    mail = read(script.received[0])
    assert (mail["Subject"], mail["List-Unsubscribe"]) == ("patchwatch: for the operator", None)
    text, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    assert text == (
        "patchwatch: for the operator\n\ndebian has failed: <b>404</b>\nsee https:\u2060//evil.\u2060example\n"
    )
    assert "<p>debian has failed: &lt;b&gt;404&lt;/b&gt;</p>" in html


@pytest.mark.server
def test_postfix_delivers(postfix: object) -> None:
    """A real MTA takes a mail over one connection and puts it into a Maildir; an unknown user is refused by name."""
    from tests.servers.mta import Postfix

    assert isinstance(postfix, Postfix)
    port = postfix.port

    async def run() -> list[ChannelError | str | None]:
        outcomes: list[ChannelError | str | None] = []
        connections = Connections(Mta(host="127.0.0.1", port=port, hello="example.org", starttls=False))
        channel = MailChannel(connections, writer())
        for address in ("ada@example.org", "gone@example.org", "later@example.org", "bob@example.org"):
            try:
                reader = DueDestination(id=7, kind="mail", address=address, thread="")
                outcomes.append(await channel.send(reader, MESSAGE, CONTENT))
            except ChannelError as error:
                outcomes.append(error)
        await channel.close()
        assert connections.opened == 1
        return outcomes

    outcomes = asyncio.run(run())
    identity = f"<{MESSAGE}@example.org>"
    assert [one if isinstance(one, str) else type(one) for one in outcomes] == [identity, Refused, NotSent, identity]
    mails = [email.message_from_bytes(one, policy=email.policy.default) for one in postfix.delivered(2)]
    assert sorted(one["Delivered-To"] for one in mails) == ["ada@example.org", "bob@example.org"]
    assert {one["Return-Path"] for one in mails} == {
        f"<bot+{KEYS.return_tag(7, address)}@example.org>" for address in ("ada@example.org", "bob@example.org")
    }
    assert {one["Message-ID"] for one in mails} == {identity}
