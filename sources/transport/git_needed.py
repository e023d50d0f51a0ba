"""Which trees and blobs a commit's own change needs, level by level: what a commits-only mirror must still fetch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from sources.transport.git_process import GitFailure, ObjectReader

DEEPEST: Final = 64
MOST_OBJECTS: Final = 20_000
LARGEST_TREE: Final = 32 * 1024 * 1024
_TREE_MODE: Final = "40000"
_FILE_MODES: Final = ("100", "120")  # files and symbolic links; a gitlink's commit lives elsewhere

Pair = tuple[str | None, str | None]
ReadMissing = Callable[[Iterable[str]], None]


def parse_tree(content: bytes, id_bytes: int) -> dict[str, tuple[str, str]]:
    """name -> (mode, id) of a raw tree object: `<mode> <name>\\0<id>` again and again. Raises GitFailure."""
    entries: dict[str, tuple[str, str]] = {}
    at = 0
    while at < len(content):
        space = content.find(b" ", at)
        end = content.find(b"\0", space)
        if space < 0 or end < 0 or end + id_bytes >= len(content) + 1:
            raise GitFailure("a tree object is cut short")
        name = content[space + 1 : end].decode("utf-8", "surrogateescape")
        entries[name] = (content[at:space].decode("ascii", "replace"), content[end + 1 : end + 1 + id_bytes].hex())
        at = end + 1 + id_bytes
    return entries


def read_tree(objects: ObjectReader, tree: str | None) -> dict[str, tuple[str, str]]:
    if tree is None:
        return {}
    found = objects.read(tree, LARGEST_TREE)
    if found is None or found[1] != "tree" or found[2] > LARGEST_TREE:
        raise GitFailure(f"the tree {tree} is not there")
    return parse_tree(found[3], len(tree) // 2)


def differing(old: dict[str, tuple[str, str]], new: dict[str, tuple[str, str]]) -> tuple[list[Pair], set[str]]:
    """(pairs of sub-trees to look into, ids of blobs) in which two trees differ."""
    trees: list[Pair] = []
    blobs: set[str] = set()
    for name in old.keys() | new.keys():
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        pair = tuple(entry[1] if entry is not None and entry[0] == _TREE_MODE else None for entry in (before, after))
        if any(pair):
            trees.append((pair[0], pair[1]))
        blobs.update(entry[1] for entry in (before, after) if entry is not None and entry[0].startswith(_FILE_MODES))
    return trees, blobs
