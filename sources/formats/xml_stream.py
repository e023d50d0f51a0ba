"""Large XML documents of unknown hands, element by element: memory holds one element beside what the reader gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from lxml import etree

from sources.errors import ParseError

Element = Any  # lxml ships no types; what is read from an element is checked as text


class Stream(Protocol):
    """What bytes are read from, a piece at a time."""

    def read(self, size: int = -1, /) -> bytes: ...


def iterate_elements(stream: Stream, *, root: str, tag: str, dropped: tuple[str, ...] = ()) -> Iterator[Element]:
    """Each whole `tag` element of a document whose root is `root` (names with namespace), freed after its turn.

    dropped: further elements that are freed unread when they end. Raises ParseError: for XML that is broken or cut, for
    a document type, for another root.
    """
    rooted = False
    try:
        reader = etree.iterparse(
            stream,
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
                if element.getroottree().docinfo.doctype:  # every attack by entities needs one
                    raise ParseError("a document type, which this format has not")
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


def _free(element: Element) -> None:
    """Drops what was read: the element's content, and the siblings that are finished before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _local(name: str) -> str:
    return name.rpartition("}")[2]
