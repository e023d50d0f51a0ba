"""Large XML documents of unknown hands, element by element: memory holds one element beside what the reader gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

from lxml import etree

from sources.errors import ParseError

Element = Any  # lxml ships no types; what is read from an element is checked as text

_PROLOGUE_BYTES: Final = 4096


class Stream(Protocol):
    """What bytes are read from, a piece at a time."""

    def read(self, size: int = -1, /) -> bytes: ...


def iterate_elements(stream: Stream, *, root: str, tag: str, dropped: tuple[str, ...] = ()) -> Iterator[Element]:
    """Each whole `tag` element of a document whose root is `root` (names with namespace), freed after its turn.

    dropped: further elements that are freed unread when they end. Raises ParseError: for XML that is broken or cut, for
    a document type, for another root.
    """
    guarded = _WithoutDoctype(stream)
    rooted = False
    try:
        reader = etree.iterparse(
            guarded,
            events=("start", "end"),
            tag=(root, tag, *dropped),
            remove_comments=True,
            remove_pis=True,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
        )
        for event, element in reader:
            if event == "start":
                rooted = rooted or (element.tag == root and element.getparent() is None)
                if not rooted:
                    raise ParseError(f"the root element is not {_local(root)}")
            elif element.tag != root:
                if element.tag == tag:
                    yield element
                _free(element)
    except etree.LxmlError as error:
        raise ParseError(f"the XML cannot be read: {error}") from None
    except (LookupError, ValueError) as error:  # an encoding that does not exist, text outside it
        raise ParseError(f"the XML cannot be read: {error}") from None
    if not rooted:
        raise ParseError(f"the root element is not {_local(root)}")


class _WithoutDoctype:
    """Refuses a document type in the prologue: none of our formats has one, and every attack by entities needs one."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._first = True

    def read(self, size: int = -1, /) -> bytes:
        piece = self._stream.read(max(size, _PROLOGUE_BYTES) if self._first and size >= 0 else size)
        if self._first and (b"<!DOCTYPE" in piece[:_PROLOGUE_BYTES] or b"<!ENTITY" in piece[:_PROLOGUE_BYTES]):
            raise ParseError("a document type, which this format has not")
        self._first = False
        return piece


def _free(element: Element) -> None:
    """Drops what was read: the element's content, and the siblings that are finished before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _local(name: str) -> str:
    return name.rpartition("}")[2]
