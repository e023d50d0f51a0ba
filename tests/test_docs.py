"""What can be used is documented: sources, commands, configuration keys, chat words, and no page lies dead."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from bot.config_keys import KEYS, WEBHOOK_KEYS
from sources.base import Canary
from sources.registry import MODULES, find_source, source_names
from tests.conftest import ROOT

DOCS = ROOT / "docs"
SHARED_FOLDERS = frozenset({"formats", "transport"})  # in sources/, and no source
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", re.ASCII)


def pages() -> dict[str, str]:
    found = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
    return {**found, "README.md": (ROOT / "README.md").read_text(encoding="utf-8")}


def documented(word: str) -> bool:
    """Whether a page shows it as code, alone or with what follows it."""
    return any(re.search(rf"`{re.escape(word)}(?![A-Za-z0-9_-])[^`]*`", text) for text in pages().values())


def test_every_source_is_documented() -> None:
    """The registry's names whose folder is there stand in docs/ as code."""
    present = [name for name in source_names() if find_spec(MODULES[name]) is not None]
    assert [name for name in present if not documented(name)] == []


def test_what_is_expected_of_every_source_is_documented() -> None:
    """docs/freshness.md says of each source how often it is asked, how long it may be silent and what its canary is."""
    page = (DOCS / "freshness.md").read_text(encoding="utf-8")
    canaries = {Canary.SETTLED: "settled", Canary.FIELDS: "fields", Canary.READ_ONCE: "read once"}
    lines = [
        f"| `{name}` | {_span(spec.interval_seconds)} | {_span(spec.stale_after_seconds)} | {canaries[spec.canary]} |"
        for name in source_names()
        for spec in (find_source(name),)
    ]
    assert [line for line in lines if line not in page] == []


def _span(seconds: int) -> str:
    for unit, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds % unit == 0 and seconds >= (2 if name == "days" else 1) * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def test_every_source_folder_is_in_the_registry() -> None:
    """A folder of sources/ that no registry line names would never be polled."""
    folders = {path.parent.name for path in (ROOT / "sources").glob("*/__init__.py")} - SHARED_FOLDERS
    registered = {module.split(".")[1] for module in MODULES.values()}
    assert folders - registered == set()


def command_names() -> list[str]:
    from typer.main import get_command

    import_module("bot.cli").register_all()
    root = get_command(import_module("bot.cli.root").app)
    return sorted(getattr(root, "commands", {}))


def test_every_command_is_documented() -> None:
    """`patchwatch NAME` stands in docs/ or the README as code."""
    names = command_names()
    assert [name for name in names if not documented(f"patchwatch {name}")] == []
    assert {"run", "replay", "status"} <= set(names)


def test_every_configuration_key_is_documented() -> None:
    """docs/configuration.md names each key with its variable."""
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert [key.variable for key in KEYS if f"| `{key.name}` | `{key.variable}` |" not in page] == []
    assert [key for key in WEBHOOK_KEYS if f"`{key}`" not in page] == []


def chat_words() -> list[str]:
    """The names in the registry of chat words; none while there is no registry."""
    if find_spec("bot.commands.words") is None:
        return []
    words = import_module("bot.commands.words").WORDS
    return sorted(word if isinstance(word, str) else word.name for word in words)


def test_every_chat_word_is_documented() -> None:
    """`/word` stands in docs/ or the README as code."""
    assert [name for name in chat_words() if not documented(f"/{name}")] == []


def test_every_link_between_pages_leads_somewhere() -> None:
    """Relative links of README and docs/ name files that are there."""
    dead = [
        f"{page}: {target}"
        for page, text in pages().items()
        for target in LINK.findall(text)
        if not ((ROOT / page).parent / Path(target)).exists()
    ]
    assert dead == []


def test_every_page_is_in_the_index() -> None:
    """docs/README.md links each page of docs/."""
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in DOCS.glob("*.md") if path.name != "README.md" and f"({path.name})" not in index] == []
