"""Destinations as people write them: telegram:<id>[/<thread>], matrix:!room, mail:address, webhook:name and
apprise:name."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SHAPES = {
    "telegram": re.compile(r"(?P<address>-?[0-9]{1,19}|@[A-Za-z][A-Za-z0-9_]{3,31})(?:/(?P<thread>[0-9]{1,19}))?"),
    "matrix": re.compile(r"(?P<address>![^\s/]{1,250})(?:/(?P<thread>\$[^\s]{1,250}))?"),
    "mail": re.compile(r"(?P<address>[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255})"),
    "webhook": re.compile(r"(?P<address>[A-Za-z0-9_-]{1,64})"),
    "apprise": re.compile(r"(?P<address>[A-Za-z0-9_-]{1,64})"),
}
FORMS = "telegram:<id>[/<thread>], matrix:!room, mail:address, webhook:name or apprise:name"


class DestinationError(ValueError):
    """A destination that cannot be one; the text says how they look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    kind: str
    address: str
    thread: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.address}{f'/{self.thread}' if self.thread else ''}"


def parse_destination(text: str) -> Place:
    """Raises DestinationError."""
    kind, _, rest = text.strip().partition(":")
    shape = _SHAPES.get(kind)
    found = shape.fullmatch(rest) if shape is not None else None
    if found is None:
        raise DestinationError(f"a destination is {FORMS}")
    return Place(kind=kind, address=found["address"], thread=found.groupdict().get("thread") or "")
