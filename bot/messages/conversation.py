"""What people say to the bot and what it says back, the same on every chat."""

from __future__ import annotations

from dataclasses import dataclass

from bot.messages.model import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """text: the words without the mark ("subscribe copy-fail"). pressed: they come from a button that we made.
    may_change: the person may change what this chat gets (alone with the bot, or an administrator)."""

    kind: str
    address: str
    thread: str
    text: str
    group: bool = False
    may_change: bool = True
    pressed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """words: what pressing it says, at most 64 bytes."""

    label: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """attachment: a small text file (an export) that goes with the message."""

    message: Message
    buttons: tuple[tuple[Button, ...], ...] = ()
    attachment: str = ""
