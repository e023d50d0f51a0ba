"""Domain values to JSON text and back, by msgspec; observations carry their type's name.

The stored form is ours alone and follows the dataclasses: a new field needs a default, a field that goes needs a
migration or a rebuild.
"""

from __future__ import annotations

from typing import Any, TypeVar, get_args

import msgspec

from advisories.observation import Observation

Value = TypeVar("Value")
_TYPES: dict[str, type] = {one.__name__: one for one in get_args(Observation)}


def to_text(value: object) -> str:
    """A value as JSON text with NULs and lone surrogates removed (both databases refuse them)."""
    try:
        return clean(msgspec.json.encode(value).decode())
    except UnicodeEncodeError:
        return clean(msgspec.json.encode(_without_surrogates(msgspec.to_builtins(value))).decode())


def _without_surrogates(value: object) -> object:
    """Builtins (as deep as our own values are) with lone surrogates removed from every text."""
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(one) for one in value]
    return value


def from_text(text: str, wanted: type[Value]) -> Value:
    """The value that `to_text` wrote."""
    return msgspec.json.decode(text, type=wanted)


def observations_to_text(observations: tuple[Observation, ...]) -> str:
    return to_text([[type(one).__name__, one] for one in observations])


def observations_from_text(text: str) -> tuple[Observation, ...]:
    pairs: list[tuple[str, Any]] = msgspec.json.decode(text)  # Any: the type stands in the pair itself
    return tuple(msgspec.convert(value, _TYPES[name]) for name, value in pairs)


def clean(text: str) -> str:
    r"""Without NUL (also as the JSON escape \u0000) and lone surrogates."""
    if "\\u0000" in text:
        text = text.replace("\\u0000", "")
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()
