"""Typed access to the tables of a topic file; every error names the file, the key and what would be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

MAX_TEXT_CHARS = 4000
MAX_LIST_ENTRIES = 5000
MAX_DAYS = 3650


class TopicError(ValueError):
    """A topic file that cannot be used."""


def table(value: Mapping[str, object], known: Sequence[str], where: str) -> None:
    """Refuses keys that are not known, with the nearest name."""
    for key in value:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
            raise TopicError(f"{where}: unknown key {key!r}{hint}")


def text(value: Mapping[str, object], key: str, where: str, *, required: bool = False) -> str:
    """A string, "" when it is left out and not required."""
    found = value.get(key, "")
    if not isinstance(found, str) or len(found) > MAX_TEXT_CHARS:
        raise TopicError(f"{where}: {key} must be a text of at most {MAX_TEXT_CHARS} characters")
    if required and not found.strip():
        raise TopicError(f"{where}: {key} is missing")
    return found.strip()


def days(value: Mapping[str, object], key: str, where: str, *, default: int) -> int:
    """A number of whole days, 1 to MAX_DAYS."""
    found = value.get(key, default)
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= MAX_DAYS:
        raise TopicError(f"{where}: {key} must be a number of days, 1 to {MAX_DAYS}")
    return found


def strings(value: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    """A list of strings, () when it is left out."""
    found = value.get(key, [])
    if not isinstance(found, list) or len(found) > MAX_LIST_ENTRIES or not all(isinstance(one, str) for one in found):
        raise TopicError(f"{where}: {key} must be a list of texts")
    return tuple(one.strip() for one in found if one.strip())


def tables(value: Mapping[str, object], key: str, where: str) -> tuple[Mapping[str, object], ...]:
    """An array of tables, () when it is left out."""
    found = value.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise TopicError(f"{where}: {key} must be tables ([[{key}]])")
    return tuple(found)
