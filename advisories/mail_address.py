"""Who sent a mail: the addr-spec that no display name can spoof, and relays and lists that send for others."""

from __future__ import annotations

import re

from advisories.mail_wire import clean_line, decode_words

_ADDR = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
_ANGLE = re.compile(rf"<\s*({_ADDR})\s*>")
_BARE = re.compile(_ADDR)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.){0,500}"')
_COMMENT = re.compile(r"\(([^()]{0,300})\)")
_VIA = re.compile(r"\s+via\s+(?:[^\s].{0,80})$", re.IGNORECASE)
NAME_LIMIT = 200


def parse_address(field: str) -> tuple[str, str]:
    """(name, addr-spec in lower case) of a raw From field; addr "" when the field names none or is ambiguous.

    Only an addr-spec in the raw field counts: what encoded words decode to is name, never address. Quoted strings and
    comments are taken out first, and the address must end the field, so that no display name is read as one.
    """
    bare = _QUOTED.sub('""', field)
    if bare.count('"') % 2:
        return _name(field), ""
    uncommented = _COMMENT.sub(" ", bare).strip()
    angles = _ANGLE.findall(uncommented)
    if angles:
        sure = len(angles) == 1 and uncommented.endswith(">") and uncommented.count("<") == 1
        return _name(_before_angle(field)), angles[0].lower() if sure else ""
    if _BARE.fullmatch(uncommented):
        comment = _COMMENT.search(bare)
        return _name(comment[1]) if comment else "", uncommented.lower()
    return _name(field), ""


def _before_angle(field: str) -> str:
    return field[: field.rfind("<")]


def _name(value: str) -> str:
    name = decode_words(value.strip()).strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = clean_line(name[1:-1].replace('\\"', '"').replace("\\\\", "\\"))
    return name[:NAME_LIMIT]


def is_relayed(name: str, addr: str) -> bool:
    """Whether a relay or list put itself into From: "X via B4 Relay <devnull+x.example.org@kernel.org>"."""
    return _VIA.search(name) is not None or addr.startswith("devnull+")


def relayed_name(name: str) -> str:
    """The person's name in a relayed From."""
    return _VIA.sub("", name).strip(" '\"")
