"""Mail addresses that we write to: plain ones of RFC 5321, in ASCII, that no header and no command can be made of."""

from __future__ import annotations

import re

MAX_ADDRESS_CHARS = 254
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


_ADDRESS_LIKE = re.compile(r"[^\s<>()\[\]\"',;:@]{1,320}@[^\s<>()\[\]\"',;:@]{1,320}")


class AddressError(ValueError):
    """No address that we can write to; the text is fit to be shown."""


def parse_address(text: str) -> str:
    """The address with its domain in lower case and in ASCII. Raises AddressError."""
    local, at, domain = text.strip(" ").rpartition("@")
    try:
        labels = domain.encode("idna").decode("ascii").lower().split(".") if at and len(domain) <= 253 else []
    except UnicodeError:
        labels = []
    address = f"{local}@{'.'.join(labels)}"
    fits = len(local) <= 64 and len(address) <= MAX_ADDRESS_CHARS
    if not (fits and _LOCAL.fullmatch(local) and len(labels) > 1 and all(map(_LABEL.fullmatch, labels))):
        raise AddressError("That is no mail address that can be written to; it should look like name@example.org.")
    return address


def hide_addresses(text: str) -> str:
    """The text without mail addresses: what an MTA says is logged and kept longer than its reader's address."""
    return _ADDRESS_LIKE.sub("[address]", text)
