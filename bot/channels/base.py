"""What a channel is to the delivery loop, and the ways in which a send can fail."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, runtime_checkable

from storage.delivery import DueDestination


class ChannelError(Exception):
    """A send failed; the text is redacted and fit for the ledger. `retry_after`: seconds to wait, 0 for our own.
    `tries`: after how many the message is given up, 0 for never. `outage`: it is not about this destination, so it is
    asked again within minutes."""

    def __init__(self, text: str, *, retry_after: float = 0.0, tries: int = 0, outage: bool = False) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.tries = tries
        self.outage = outage


class NotSent(ChannelError):
    """It certainly did not arrive: it is tried again, ever more slowly."""


class Refused(ChannelError):
    """The destination is gone for good: it is disabled with this reason."""


class Unknown(ChannelError):
    """It may have arrived."""


class Permanent(ChannelError):
    """This message will never be taken; the destination is fine."""


class Stopped(ChannelError):
    """The channel itself cannot go on (credential revoked, a second instance): its queue is kept, the operator told."""


class Moved(ChannelError):
    """The destination has a new address: it follows, and the message is sent there once."""

    def __init__(self, text: str, *, address: str) -> None:
        super().__init__(text)
        self.address = address


class Gone(ChannelError):
    """The message that was to be edited is not there any more."""


class Channel(Protocol):
    """One way to people. `keyed`: a repeat with the same message id is recognised at the far end."""

    kind: str
    keyed: bool

    async def send(self, destination: DueDestination, message: str, content: str) -> str | None:
        """Sends the frozen content under the message's id; returns the far end's id. Raises ChannelError."""
        ...


@runtime_checkable
class FoldingChannel(Channel, Protocol):
    """A channel for people: its content is a `bot.messages.model.Message`, many changes to one. A channel that is none
    gets one change at a time, as `changes --format json` prints it."""

    folds: bool


@runtime_checkable
class EditingChannel(Channel, Protocol):
    """A channel that can change what it has sent: it keeps cards."""

    async def edit(self, destination: DueDestination, remote_id: str, content: str) -> None:
        """Puts the content in the place of a message. Raises ChannelError; Gone when it was deleted."""
        ...


@runtime_checkable
class PacedChannel(Channel, Protocol):
    """A channel whose far end limits how fast we may send."""

    def wait_seconds(self, destination: DueDestination) -> float:
        """How long until this destination may get its next message; 0 for now."""
        ...

    async def ready(self, destination: DueDestination) -> None:
        """Waits for the channel's own turn, and counts this send."""
        ...


async def rest(stop: asyncio.Event, seconds: float) -> None:
    """Waits that long, or until `stop`."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def finishes(step: Coroutine[Any, Any, object], stop: asyncio.Event) -> bool:  # Any: what a coroutine yields
    """Runs one step of listening; False when `stop` came first and the step was broken off. Raises what it raises."""
    task = asyncio.create_task(step)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return False
    await task
    return True
