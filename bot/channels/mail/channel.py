"""Mail to readers through the operator's MTA."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from bot.channels.base import ChannelError, NotSent, Permanent, Refused, Stopped
from bot.channels.mail.connection import Connections, Envelope
from bot.channels.mail.errors import POLICY_TRIES
from bot.channels.mail.writing import HeaderError, Writer
from bot.digest.address import AddressError
from bot.messages.digest import thaw_letter
from storage.delivery import DueDestination

ALL_REFUSED = 5  # as many readers refused in a row without one mail taken: it is us, not them


class MailChannel:
    """`failed`: told of a reader whose mailbox is gone (True) or refused a mail for good (False), with the words; says
    whether that was once too often."""

    kind = "mail"
    keyed = False  # a reader's program may show a repeat, though it has the same Message-ID
    folds = True

    def __init__(
        self,
        connections: Connections,
        writer: Writer,
        *,
        failed: Callable[[DueDestination, str, str, bool], bool] = lambda destination, message, text, gone: gone,
    ) -> None:
        self._connections = connections
        self._writer = writer
        self._failed = failed
        self._refused: set[str] = set()

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        """Hands the mail to the MTA; returns its Message-ID. Raises ChannelError."""
        envelope = self._write(destination, message, content)
        try:
            await self._connections.send(envelope)
        except ChannelError as error:
            await self._learn(destination, message, error)
            raise
        self._refused.clear()
        return f"<{message}@{self._writer.sender.domain}>"

    async def close(self) -> None:
        await self._connections.close()

    def _write(self, destination: DueDestination, message: str, content: str) -> Envelope:
        try:
            return self._writer.write(destination, message, thaw_letter(content))
        except AddressError as error:
            raise Refused(str(error)) from None
        except (HeaderError, msgspec.DecodeError) as error:
            raise Permanent(f"this mail cannot be written: {error}") from None

    async def _learn(self, destination: DueDestination, message: str, error: ChannelError) -> None:
        """Keeps what an error says of the reader. Raises Refused when that was once too often, Stopped when every
        reader is refused alike."""
        if isinstance(error, Refused | Permanent):
            gone = isinstance(error, Refused)
            ended = await asyncio.to_thread(self._failed, destination, message, str(error), gone)
            if ended and not gone:
                raise Refused(f"refused time and again: {error}") from None
        elif isinstance(error, NotSent) and error.tries == POLICY_TRIES:
            self._refused.add(destination.address)
            if len(self._refused) >= ALL_REFUSED:
                raise Stopped(f"the MTA refuses every mail of ours: {error}") from None
