"""Mail transactions on an open connection (RFC 5321 section 3.3), in two round trips where the MTA takes commands in
one piece (PIPELINING, RFC 2920).

aiosmtplib connects, greets, encrypts and logs in. For the mails themselves its one command at a time would be most of
the cost of a digest, so that the connection is taken over from it here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from bot.channels.base import ChannelError, NotSent, Permanent, Unknown
from bot.channels.mail.errors import judge

REPLY_SECONDS = 25.0
_MAX_REPLY_CHARS = 32 * 1024
_MOST_REPLIES = 3  # to commands in one piece
_GO_ON = 354
_CLOSING = 421
_END = b".\r\n"


class Reply(NamedTuple):
    code: int
    text: str

    @property
    def good(self) -> bool:
        return 200 <= self.code < 300


class _CutError(Exception):
    """The connection is over, or speaks no SMTP; the text says which."""


class Wire(asyncio.Protocol):
    """`usable`: the next mail may go over it, too. One transaction at a time."""

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool) -> None:
        self._transport = transport
        self._pipelining = pipelining
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._until = 0.0  # of the loop's clock: when the answer is overdue
        self._timer: asyncio.TimerHandle | None = None
        self._over = ""
        self._lines: list[str] = []  # of a reply that is not whole yet
        self._chars = 0
        self._first: Reply | None = None  # of the transaction that was last
        self._busy = False
        self.usable = True
        transport.set_protocol(self)

    @property
    def stale(self) -> bool:
        """Whether the last transaction met an MTA that was gone already, or just leaving."""
        return self._first is None or self._first.code == _CLOSING

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._over and (end := self._buffer.find(b"\n")) >= 0:
            line = self._buffer[:end].decode("utf-8", "replace").rstrip("\r")
            del self._buffer[: end + 1]
            self._take(line)
        if len(self._buffer) > _MAX_REPLY_CHARS:
            self._end("answer too long")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(type(exc).__name__ if exc else "closed by the MTA")

    def close(self) -> None:
        self.usable = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.close()

    async def send(self, sender: str, recipient: str, content: bytes) -> None:
        """Hands over one mail, whose lines end in CRLF. Raises ChannelError."""
        for address in (sender, recipient):
            if not (address.isascii() and address.isprintable()) or any(one in address for one in "<> "):
                raise Permanent("this mail cannot be sent: an address that no command can hold")
        self._first, self._busy, begun = None, True, False
        try:
            await self._begin(sender, recipient)
            begun = True
            reply = await self._ask(b"".join((_stuffed(content), _END)))
            if not reply.good:
                await self._refused("DATA", reply)
        except _CutError as cut:
            self.close()
            text = f"{'DATA' if begun else 'before DATA'}: connection cut ({cut})"
            raise (Unknown(text) if begun else NotSent(text)) from None
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._busy = False
            if self._replies or self._lines:
                self._end("spoke unasked")

    async def _begin(self, sender: str, recipient: str) -> None:
        """Up to where the MTA waits for the content. Raises ChannelError, _CutError."""
        commands = {"MAIL": f"MAIL FROM:<{sender}>\r\n", "RCPT": f"RCPT TO:<{recipient}>\r\n", "DATA": "DATA\r\n"}
        if not self._pipelining:
            for stage, command in commands.items():
                reply = await self._ask(command.encode())
                if not (reply.good or reply.code == _GO_ON):
                    await self._refused(stage, reply)
            return
        self._write("".join(commands.values()).encode())
        await self._hear_all(list(commands))

    async def _hear_all(self, stages: list[str]) -> None:
        """The answers to commands sent in one piece; the first that is bad counts. Raises ChannelError, _CutError."""
        bad: tuple[str, Reply] | None = None
        reply = Reply(0, "")
        try:
            for stage in stages:
                reply = await self._reply()
                if bad is None and not (reply.good or reply.code == _GO_ON):
                    bad = stage, reply
                if reply.code == _CLOSING:
                    break
        except _CutError:
            if bad is None:
                raise
        if bad is not None:
            await self._refused(*bad, waits=reply.code == _GO_ON)

    async def _refused(self, stage: str, reply: Reply, *, waits: bool = False) -> None:
        """Makes the connection fit for the next mail, where it can be. waits: the MTA has asked for the content though
        there is no recipient; it gets an empty one (RFC 2920 section 3.1). Raises ChannelError."""
        error: ChannelError = judge(stage, reply.code, reply.text)
        try:
            if waits:
                await self._ask(_END)
            if reply.code == _CLOSING or not (await self._ask(b"RSET\r\n")).good:
                self.close()
        except _CutError:
            self.close()
        raise error

    async def _ask(self, sent: bytes) -> Reply:
        self._write(sent)
        return await self._reply()

    def _write(self, sent: bytes) -> None:
        if self._over or self._transport.is_closing():
            raise _CutError(self._over or "closed")
        self._transport.write(sent)

    async def _reply(self) -> Reply:
        if not self._replies:
            if self._over:
                raise _CutError(self._over)
            self._waiter = self._loop.create_future()
            self._until = self._loop.time() + REPLY_SECONDS
            if self._timer is None:
                self._timer = self._loop.call_at(self._until, self._look)
            try:
                await self._waiter
            finally:
                self._waiter = None
            if not self._replies:
                raise _CutError(self._over)
        reply = self._replies.popleft()
        self._first = self._first or reply
        return reply

    def _look(self) -> None:
        """Whether the answer is overdue. One timer for all the waits of a connection: a mail has several."""
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() >= self._until:
            self._end(f"no answer within {REPLY_SECONDS:.0f} s")
        else:
            self._timer = self._loop.call_at(self._until, self._look)

    def _take(self, line: str) -> None:
        """One line of a reply; the last of them has no hyphen after its code."""
        code, mark = line[:3], line[3:4]
        if not (code.isascii() and code.isdecimal() and len(code) == 3) or mark not in ("", " ", "-"):
            self._end("no SMTP")
            return
        if not self._busy:
            self._end("spoke unasked")
            return
        self._lines.append(line[4:])
        self._chars += len(line)
        if self._chars > _MAX_REPLY_CHARS or len(self._replies) >= _MOST_REPLIES:
            self._end("answer too long")
        elif mark != "-":
            self._replies.append(Reply(int(code), " ".join(self._lines)))
            self._lines, self._chars = [], 0
            self._wake()

    def _end(self, why: str) -> None:
        self._over = self._over or why
        self.close()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _stuffed(content: bytes) -> bytes:
    """Lines that begin with a dot have one more on the wire (RFC 5321 section 4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed
