"""The rules between the rooms: each import contract is broken once on a copy, and must notice."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = ("advisories", "bot", "sources", "storage")
PURE_LIBRARIES = frozenset({"advisories", "cvss", "univers"})
# fmt: off
IMPURE_MODULES = frozenset({
    "asyncio", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil",
    "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time",
})
IMPURE_CALLS = frozenset({
    "breakpoint", "compile", "eval", "exec", "input", "open", "print", "date.today", "datetime.now",
    "datetime.today", "datetime.utcnow", "uuid.uuid1", "uuid.uuid4",
})
# fmt: on
VIOLATIONS = (
    ("advisories/intruder.py", "import storage.tables", "Imports go one way"),
    ("sources/intruder/parse.py", "import storage.tables", "Imports go one way"),
    ("storage/intruder.py", "import sources.errors", "Imports go one way"),
    ("storage/intruder.py", "import bot.config", "Imports go one way"),
    ("sources/intruder/parse.py", "import sources.neighbour.parse", "A source imports no other source"),
    ("sources/base.py", "import sources.neighbour", "A source imports no other source"),
    ("bot/channels/intruder.py", "import bot.channels.neighbour", "A channel imports no other channel"),
    ("bot/hostcheck/intruder.py", "import advisories.model", "The host check stands alone"),
    ("bot/hostcheck/intruder.py", "import bot.config", "The host check stands alone"),
    ("advisories/intruder.py", "import logging", "advisories is pure"),
    ("advisories/intruder.py", "from pathlib import Path", "advisories is pure"),
    ("sources/intruder/fetch.py", "import httpx", "One door to the network for the sources"),
    ("sources/intruder/fetch.py", "import socket", "One door to the network for the sources"),
    ("sources/intruder/fetch.py", "import subprocess", "One door to git for the sources"),
    ("storage/intruder.py", "from urllib3 import PoolManager", "No network in storage and advisories"),
    ("sources/intruder/parse.py", "import sqlite3", "The database is storage's"),
    ("bot/intruder.py", "import aiogram", "Chat libraries stay in bot/channels"),
    ("bot/web/intruder.py", "import nio", "Chat libraries stay in bot/channels"),
    ("bot/intruder.py", "import httpx", "bot reaches the network from channels and web"),
    ("sources/intruder/parse.py", "import jinja2", "Texts for people are bot's"),
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def add_line(folder: Path, name: str, line: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    (path.parent / "__init__.py").touch()
    with path.open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    """A copy of the rooms with their contracts, and a source and a channel that others must leave alone."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    add_line(tmp_path, "sources/neighbour/parse.py", "import sources.errors")
    add_line(tmp_path, "bot/channels/neighbour.py", "import aiogram")
    add_line(tmp_path, "bot/hostcheck/probe.py", "import subprocess")
    add_line(tmp_path, "bot/hostcheck/neighbour.py", "import bot.hostcheck.probe")
    return tmp_path


def test_the_contracts_hold_for_what_the_rooms_may_do(rooms: Path) -> None:
    """A new source, channel and host check module that keep the rules need no change of any contract."""
    outcome = lint(rooms)
    assert (outcome.returncode, "0 broken" in outcome.stdout) == (0, True), outcome.stdout + outcome.stderr


@pytest.mark.parametrize(("name", "line", "contract"), VIOLATIONS)
def test_a_violating_import_breaks_its_contract(rooms: Path, name: str, line: str, contract: str) -> None:
    """The line, added to that module, makes that contract fail."""
    add_line(rooms, name, line)
    outcome = lint(rooms)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert f"{contract} BROKEN" in outcome.stdout


def modules_of(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def foreign_imports(tree: ast.Module, allowed: frozenset[str]) -> set[str]:
    """Top-level names that are neither standard library nor allowed."""
    tops = {name.partition(".")[0] for name in imported_names(tree)}
    return {top for top in tops if top not in sys.stdlib_module_names and top not in allowed}


def impure_calls(tree: ast.Module) -> set[str]:
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {name for name in called if name in IMPURE_CALLS or name.removeprefix("datetime.") in IMPURE_CALLS}


def test_advisories_uses_only_the_standard_library_univers_and_cvss() -> None:
    """The positive list: no other library, and no module of the standard library that does I/O or reads a clock."""
    found = {
        name: sorted(foreign_imports(tree, PURE_LIBRARIES) | (IMPURE_MODULES & set(imported_names(tree))))
        for name, tree in modules_of("advisories")
    }
    assert {name: names for name, names in found.items() if names} == {}


def test_advisories_reads_no_clock_and_no_file() -> None:
    """Times and texts are passed in; nothing is opened, printed or drawn by chance."""
    found = {name: sorted(impure_calls(tree)) for name, tree in modules_of("advisories")}
    found |= {
        f"{name} (async)": ["async"]
        for name, tree in modules_of("advisories")
        if any(
            isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith) for node in ast.walk(tree)
        )
    }
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_the_search_for_impure_code_finds_it() -> None:
    """The searches above see what they look for."""
    tree = ast.parse("import httpx\nfrom os import path\nfrom datetime import datetime\ndatetime.now()\nopen('a')\n")
    assert impure_calls(tree) == {"datetime.now", "open"}
    assert foreign_imports(tree, PURE_LIBRARIES) == {"httpx"}
    assert IMPURE_MODULES & set(imported_names(tree)) == {"os"}


def test_the_host_check_imports_the_standard_library_and_itself() -> None:
    """hostcheck is also handed out as a single file: every import of it is standard library or its own."""
    found = {
        name: sorted(n for n in imported_names(tree) if not n.startswith("bot.hostcheck") and n.startswith("bot"))
        + sorted(foreign_imports(tree, frozenset({"bot"})))
        for name, tree in modules_of("bot/hostcheck")
    }
    assert {name: names for name, names in found.items() if names} == {}


def test_nothing_opens_urls_by_the_standard_library() -> None:
    """urllib.request and http.client would go round the guarded door; the host check stands alone and has no other."""
    found = {
        name: sorted({"urllib.request", "http.client"} & set(imported_names(tree)))
        for name, tree in modules_of("advisories", "sources", "storage", "bot")
        if not name.startswith("bot/hostcheck/")
    }
    assert {name: names for name, names in found.items() if names} == {}
