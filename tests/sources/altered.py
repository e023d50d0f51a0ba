"""A document whose format has changed: each of its fields in turn left out everywhere, or called by another name."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator

from lxml import etree, html

_WORD = re.compile(rb"(?<![\w-])[A-Za-z_][A-Za-z_-]{2,}(?![\w-])")
_HTML = re.compile(rb"\s*(?:<!doctype html|<html)", re.IGNORECASE)
_XML = re.compile(rb"\s*<[?a-zA-Z]")
_MOST_COLUMNS = 12

Rename = Callable[[str], str | None]  # the new name, or None: left out


def altered(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The document without each of its field names, and with each renamed, with a word for it."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if document is not None:
        yield from _altered_json(document)
    elif _HTML.match(body):
        yield from _altered_tree(html.fromstring(body), lambda root: bytes(html.tostring(root)))
    elif _XML.match(body):
        yield from _altered_tree(etree.fromstring(body), lambda root: bytes(etree.tostring(root)))
    else:
        yield from _altered_text(body)


def _altered_json(document: object) -> Iterator[tuple[str, bytes]]:
    for name in sorted(_json_names(document)):
        yield f"{name} left out", json.dumps(_renamed(document, name, None)).encode()
        yield f"{name} renamed", json.dumps(_renamed(document, name, f"{name}_of_now")).encode()


def _json_names(value: object) -> set[str]:
    if isinstance(value, dict):
        return {str(name) for name in value}.union(*(_json_names(one) for one in value.values()))
    if isinstance(value, list):
        return set().union(*(_json_names(one) for one in value))
    return set()


def _renamed(value: object, name: str, new: str | None) -> object:
    if isinstance(value, dict):
        pairs = [(new if key == name else key, _renamed(one, name, new)) for key, one in value.items()]
        return {key: one for key, one in pairs if key is not None}
    if isinstance(value, list):
        return [_renamed(one, name, new) for one in value]
    return value


def _altered_tree(root: etree._Element, written: Callable[[etree._Element], bytes]) -> Iterator[tuple[str, bytes]]:
    elements = [one for one in root.iter() if isinstance(one.tag, str)]
    for tag in sorted({one.tag for one in elements if one is not root}):
        yield f"<{tag}> left out", written(_without_tag(root, tag))
        yield f"<{tag}> renamed", written(_with_tag(root, tag))
    for name in sorted({str(name) for one in elements for name in one.attrib}):
        yield f"{name}= left out", written(_with_attribute(root, name, None))
        yield f"{name}= renamed", written(_with_attribute(root, name, f"{name}-of-now"))


def _without_tag(root: etree._Element, tag: str) -> etree._Element:
    changed = copy.deepcopy(root)
    for one in list(changed.iter(tag)):
        parent = one.getparent()
        if parent is not None:
            parent.remove(one)
    return changed


def _with_tag(root: etree._Element, tag: str) -> etree._Element:
    changed = copy.deepcopy(root)
    for one in list(changed.iter(tag)):
        one.tag = f"{tag}-of-now"
    return changed


def _with_attribute(root: etree._Element, name: str, new: str | None) -> etree._Element:
    changed = copy.deepcopy(root)
    for one in changed.iter():
        if isinstance(one.tag, str) and name in one.attrib:
            value = one.attrib.pop(name)
            if new is not None:
                one.set(new.rpartition("}")[2], value)
    return changed


def _altered_text(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Each word of a text, and each column of its lines."""
    for word in sorted(set(_WORD.findall(body))):
        whole = re.compile(rb"(?<![A-Za-z_-])" + re.escape(word) + rb"(?![A-Za-z_-])")
        yield f"{word.decode()} left out", whole.sub(b"", body)
        yield f"{word.decode()} renamed", whole.sub(word + b"-of-now", body)
    table = body.split(b"\n", 2)[:2]
    for mark in (b",", b" ") if min(line.count(b",") for line in table) else (b" ",):
        for number in range(_MOST_COLUMNS):
            yield f"column {number} by {mark.decode()!r} left out", _without_column(body, mark, number)


def _without_column(body: bytes, mark: bytes, number: int) -> bytes:
    lines = []
    for line in body.split(b"\n"):
        parts = line.split(mark)
        lines.append(mark.join(parts[:number] + parts[number + 1 :]) if len(parts) > 1 else line)
    return b"\n".join(lines)
