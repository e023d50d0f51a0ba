"""What a channel is to the delivery loop, and the four ways in which a send can fail."""

from __future__ import annotations

from typing import Protocol

from storage.delivery import DueDestination


class ChannelError(Exception):
    """A send failed; the text is redacted and fit for the ledger. `retry_after`: seconds to wait, 0 for our own."""

    def __init__(self, text: str, *, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class NotSent(ChannelError):
    """It certainly did not arrive: it is tried again, ever more slowly."""


class Refused(ChannelError):
    """The destination is gone for good: it is disabled with this reason."""


class Unknown(ChannelError):
    """It may have arrived."""


class Permanent(ChannelError):
    """This message will never be taken; the destination is fine."""


class Channel(Protocol):
    """One way to people. `keyed`: a repeat with the same message id is recognised at the far end."""

    kind: str
    keyed: bool

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        """Sends the frozen content under the message's id; returns the far end's id. Raises ChannelError."""
        ...
