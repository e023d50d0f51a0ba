"""When encrypted rooms are served, and what `patchwatch doctor` says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.channels.matrix import keystore, open_matrix
from bot.doctor import examine
from sources.registry import source_names
from tests.bot.stores import application

CONFIGURED = """
[matrix]
homeserver = "https://matrix.example"
token_file = "FOLDER/token"
"""
SWITCHED_OFF = "encryption = false\n"
MISSING = "encrypted rooms get nothing: the libraries for it are missing; install patchwatch[e2ee]"


def finding(folder: Path, text: str) -> tuple[str | None, bool]:
    """What `doctor` says, with no source on, and whether the channel has keys."""
    (folder / "token").write_text("syt_a-token", encoding="utf-8")
    off = "".join(f"[sources.{name}]\nenabled = false\n" for name in source_names() if name != "baseline")
    with application(folder, config=text.replace("FOLDER", str(folder)) + off) as app:
        found = {one.what: one.text for one in examine(app)}
        channel = open_matrix(app.config, note=print)
    return found.get("matrix encryption"), channel is not None and channel.encryption is not None


def test_with_the_libraries(tmp_path: Path) -> None:
    """On by default, off when it is switched off, and no word of it without Matrix."""
    assert finding(tmp_path, CONFIGURED) == ("on: encrypted rooms are served", True)
    off = "encrypted rooms get nothing: [matrix] encryption is off"
    assert finding(tmp_path, CONFIGURED + SWITCHED_OFF) == (off, False)
    assert finding(tmp_path, "") == (None, False)
    assert not (tmp_path / "data" / "matrix").exists()


def test_without_the_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of Matrix works, and one line says what to install."""
    monkeypatch.setattr(keystore, "_LIBRARIES", ("vodozemac", "no_such_library"))
    assert finding(tmp_path, CONFIGURED) == (MISSING, False)
