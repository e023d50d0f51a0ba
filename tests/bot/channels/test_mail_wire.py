"""The wire of mail: commands in one piece where the MTA takes them so, and what comes of an MTA that answers badly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.channels.base import ChannelError, NotSent, Permanent, Refused, Unknown
from bot.channels.mail.connection import Connections, Envelope, Mta
from tests.servers.mta import Script, smtp_server

MAIL = Envelope(sender="bot@example.org", recipient="ada@example.org", content=b"Subject: x\r\n\r\nHello\r\n")


@dataclass(slots=True)
class Answering:
    """An MTA in so many words. answers: of each verb, where it is not the usual one; DOT is the end of a mail, "" cuts.
    at_once: answers to MAIL and RCPT are kept back until DATA has come. leaves_at: the number of the mail of each
    connection that is answered 421."""

    answers: dict[str, str] = field(default_factory=dict)
    extensions: str = "PIPELINING"
    at_once: bool = False
    leaves_at: int = 0
    mails: list[bytes] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"220 mx.test.example\r\n")
        kept, begun = b"", 0
        while line := await reader.readline():
            verb = line[:4].strip().decode().upper()
            self.verbs.append(verb)
            begun += verb == "MAIL"
            if self.leaves_at and begun == self.leaves_at:
                writer.write(b"421 4.3.2 going down\r\n")
                break
            usual = {"EHLO": f"250-mx.test.example\r\n250 {self.extensions}", "DATA": "354 go on"}.get(verb, "250 OK")
            answer = self.answers.get(verb, usual)
            if self.at_once and verb in ("MAIL", "RCPT"):
                kept += answer.encode() + b"\r\n"
                continue
            writer.write(kept + answer.encode() + b"\r\n" if answer else b"")
            kept = b""
            if verb == "DATA" and answer.startswith("354"):
                content = b""
                while (line := await reader.readline()) not in (b".\r\n", b""):
                    content += line
                self.mails.append(content)
                answer = self.answers.get("DOT", "250 2.0.0 queued")
                writer.write(answer.encode() + b"\r\n" if answer else b"")
            if not answer:
                break
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@asynccontextmanager
async def listening(mta: Answering) -> AsyncIterator[int]:
    tasks: list[asyncio.Task[None]] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(mta.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)


async def send(port: int, *envelopes: Envelope) -> list[ChannelError | None]:
    """What came of each."""
    connections = Connections(Mta(host="127.0.0.1", port=port, hello="example.org", starttls=False))
    outcomes: list[ChannelError | None] = []
    for envelope in envelopes:
        try:
            await connections.send(envelope)
            outcomes.append(None)
        except ChannelError as error:
            outcomes.append(error)
    await connections.close()
    return outcomes


def talk(mta: Answering, *envelopes: Envelope) -> list[ChannelError | None]:
    async def run() -> list[ChannelError | None]:
        async with listening(mta) as port:
            return await send(port, *envelopes)

    return asyncio.run(run())


def test_commands_go_in_one_piece_where_that_is_offered() -> None:
    """An MTA that answers nothing before DATA has come gets the mail; one that does not offer it is asked in turn."""
    mta = Answering(at_once=True)
    assert talk(mta, MAIL, MAIL) == [None, None]
    assert (mta.connections, mta.mails) == (1, [MAIL.content] * 2)
    mta = Answering(extensions="8BITMIME", answers={"RCPT": "450 4.2.1 greylisted"})
    assert [type(one) for one in talk(mta, MAIL)] == [NotSent]
    assert mta.verbs == ["EHLO", "MAIL", "RCPT", "RSET"]


def test_a_mail_without_a_recipient_is_an_empty_one() -> None:
    """An MTA that refuses the reader and asks for the mail all the same gets none of it; the next mail goes its way."""
    mta = Answering(answers={"RCPT": "550 5.1.1 no such user"})
    assert [type(one) for one in talk(mta, MAIL, MAIL)] == [Refused, Refused]
    assert (mta.connections, mta.mails) == (1, [b"", b""])


@pytest.mark.parametrize("pipelining", [False, True])
def test_dots_arrive_as_they_were_sent(pipelining: bool) -> None:
    """A line that is a dot ends nothing, and none gains one."""
    content = b".\r\n..\r\nHello\r\n.\r\n.x\r\n\r\n.\r\n"
    script = Script(pipelining=pipelining)

    async def run() -> None:
        async with smtp_server(script) as port:
            envelope = Envelope(sender=MAIL.sender, recipient=MAIL.recipient, content=b"A: b\r\n\r\n" + content)
            assert await send(port, envelope, Envelope(sender="", recipient="a@b.c", content=content)) == [None, None]

    asyncio.run(run())
    assert [one.content for one in script.received] == [b"A: b\r\n\r\n" + content, content]


@pytest.mark.parametrize(
    ("answers", "error", "text"),
    [
        ({"MAIL": ""}, NotSent, "before DATA: connection cut"),
        ({"RCPT": ""}, NotSent, "before DATA: connection cut"),
        ({"DATA": ""}, NotSent, "before DATA: connection cut"),
        ({"DOT": ""}, Unknown, "DATA: connection cut"),
        ({"MAIL": "HTTP/1.1 400 Bad Request"}, NotSent, "before DATA: connection cut (no SMTP)"),
        ({"MAIL": "250" * 20_000}, NotSent, "before DATA: connection cut (no SMTP)"),
        ({"MAIL": "250-x\r\n" * 20_000}, NotSent, "before DATA: connection cut (answer too long)"),
        ({"DOT": "OK"}, Unknown, "DATA: connection cut (no SMTP)"),
        ({"RCPT": "550 5.1.1 no such user", "DATA": ""}, Refused, "no such mailbox: RCPT: 550 5.1.1 no such user"),
        ({"DOT": "250-one\r\n250 two"}, None, ""),
        ({"EHLO": "502 not here", "RCPT": "250 2.1.5"}, None, ""),
    ],
)
def test_what_a_bad_answer_means(answers: dict[str, str], error: type | None, text: str) -> None:
    """Before the mail itself it was not sent, after it nobody knows; a refusal counts though the line went dead."""
    (found,) = talk(Answering(answers=answers), MAIL)
    assert type(found) is (error or type(None))
    assert text in str(found)


@pytest.mark.parametrize(("verb", "error"), [("MAIL", NotSent), ("DOT", Unknown)])
def test_an_mta_that_falls_silent(verb: str, error: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up: not sent before the mail itself, unknown after it."""
    monkeypatch.setattr("bot.channels.mail.wire.REPLY_SECONDS", 0.2)
    (found,) = talk(Answering(answers={verb: "250-still here"}), MAIL)
    assert type(found) is error
    assert "no answer within" in str(found)


@pytest.mark.parametrize("more", ["421 4.4.2 idle for too long", "250 once more", "250-half a"])
def test_a_word_unasked_ends_the_connection(more: str) -> None:
    """An MTA that says more than it was asked is asked anew over another connection, and no mail suffers."""
    mta = Answering(answers={"DOT": f"250 queued\r\n{more}"})
    assert talk(mta, MAIL, MAIL) == [None, None]
    assert (mta.connections, len(mta.mails)) == (2, 2)


@pytest.mark.parametrize("pipelining", ["PIPELINING", "8BITMIME"])
def test_an_mta_that_takes_leave(pipelining: str) -> None:
    """421 at the beginning of a mail: a connection that was idle is opened anew, a new one is left for later."""
    mta = Answering(extensions=pipelining, leaves_at=2)
    assert [type(one) for one in talk(mta, MAIL, MAIL, MAIL)] == [type(None)] * 3
    assert mta.connections == 3
    assert [type(one) for one in talk(Answering(extensions=pipelining, leaves_at=1), MAIL)] == [NotSent]


@pytest.mark.parametrize(
    "recipient", ["ada@example.org>\r\nRCPT TO:<eve@example.org", "a b@example.org", "ä@example.org"]
)
def test_no_command_is_smuggled_in(recipient: str) -> None:
    """An address that no command can hold is not sent to the MTA."""
    mta = Answering()
    envelope = Envelope(sender=MAIL.sender, recipient=recipient, content=MAIL.content)
    assert [type(one) for one in talk(mta, envelope)] == [Permanent]
    assert mta.verbs == ["EHLO"]
