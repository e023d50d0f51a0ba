"""What `doctor` says of one-click unsubscribe."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.doctor import examine
from sources.registry import source_names
from tests.bot.stores import application

HTTPS = "https://board.example"
NOT_HTTPS, UNSIGNED = "[web] base_url is not https", "[mail] dkim is off; let your MTA sign both headers (docs/mail.md)"
LEFT_OUT = "left out of mail (RFC 8058): "


@pytest.mark.parametrize(
    ("base_url", "dkim", "found"),
    [
        (HTTPS, "true", [(True, "offered in mail")]),
        (HTTPS, "false", [(False, f"{LEFT_OUT}{UNSIGNED}, then switch it on")]),
        ("http://board.example", "true", [(False, f"{LEFT_OUT}{NOT_HTTPS}")]),
        ("", "false", [(False, f"{LEFT_OUT}{NOT_HTTPS} and {UNSIGNED}, then switch it on")]),
    ],
)
def test_what_one_click_lacks(tmp_path: Path, base_url: str, dkim: str, found: list[tuple[bool, str]]) -> None:
    """Without https or a signature over both headers it is left out of mail, and doctor says for what (RFC 8058)."""
    text = f'[web]\nbase_url = "{base_url}"\n[mail]\nhost = "mx.example"\nfrom = "a@example.org"\ndkim = {dkim}\n'
    assert said(tmp_path, text) == found


def test_without_mail_nothing_is_said(tmp_path: Path) -> None:
    """No MTA, no headers."""
    assert said(tmp_path, f'[web]\nbase_url = "{HTTPS}"\n') == []


def said(folder: Path, text: str) -> list[tuple[bool, str]]:
    off = "".join(f"[sources.{name}]\nenabled = false\n" for name in source_names() if name != "baseline")
    with application(folder, config=text + off) as app:
        return [(one.good, one.text) for one in examine(app) if one.what == "one-click unsubscribe"]
