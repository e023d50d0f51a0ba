"""What no file of the repository may hold, and what the shape of the code promises."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_house import tracked_files

LONGEST_MODULE = 400
BROAD_EXCEPTS = 3
THIS_FILE = Path(__file__).resolve()
BANNED = {
    "an address of a package index": re.compile(
        r"pypi\.org/simple|files\.pythonhosted\.org|--(extra-)?index-url|--find-links"
    ),
    "a path of one machine": re.compile(r"(?<![\w.])/work/|/home/[a-z]+/|/root/|/Users/"),
    "unfinished work": re.compile("|".join(("TO" + "DO", "FIX" + "ME"))),
    "a conflict marker": re.compile(r"^(<{7} |>{7} )", re.MULTILINE),
}


def texts() -> list[tuple[str, str]]:
    files = []
    for path in tracked_files():
        if path == THIS_FILE:
            continue
        try:
            files.append((path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return files


@pytest.mark.parametrize("what", BANNED)
def test_no_file_holds(what: str) -> None:
    """Nothing that belongs to one machine, one index or a later day is in the repository."""
    found = {name: sorted({match.group() for match in BANNED[what].finditer(text)}) for name, text in texts()}
    assert {name: words for name, words in found.items() if words} == {}


def test_no_module_is_too_long() -> None:
    """A module of more than 400 lines holds more than one matter."""
    lengths = {name: text.count("\n") for name, text in texts() if name.endswith(".py")}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def broad_excepts(text: str) -> int:
    handlers = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ExceptHandler))
    caught = (ast.unparse(handler.type) if handler.type else "BaseException" for handler in handlers)
    return sum(bool(re.search(r"\b(Base)?Exception\b", names)) for names in caught)


def test_broad_excepts_are_few() -> None:
    """Errors are caught by name; at most three named boundaries of the rooms catch everything."""
    counts = {
        name: broad_excepts(text)
        for name, text in texts()
        if name.endswith(".py") and name.split("/")[0] in ("advisories", "bot", "sources", "storage")
    }
    assert sum(counts.values()) <= BROAD_EXCEPTS, {name: count for name, count in counts.items() if count}


def test_broad_excepts_are_seen() -> None:
    """The count above sees bare, broad and grouped ones, and not the named ones."""
    text = "try: pass\nexcept ValueError: pass\nexcept (OSError, Exception): pass\nexcept: pass\n"
    assert broad_excepts(text) == 2


def test_ids_are_matched_in_ascii() -> None:
    """Identifiers are written with ASCII digits: no pattern of the rooms uses the class that takes every script's."""
    rooms = ("advisories/", "bot/", "sources/", "storage/")
    found = [
        name for name, text in texts() if name.startswith(rooms) and name.endswith(".py") and re.search(r"\\d", text)
    ]
    assert found == []
