"""What `doctor` says of one-click unsubscribe, and that mail keeps to it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.channels.mail import open_mail
from bot.doctor import examine
from bot.messages.digest import Letter, freeze_letter
from sources.registry import source_names
from storage.delivery import DueDestination
from tests.bot.stores import application
from tests.servers.mta import Script, smtp_server

HTTPS = "https://board.example"
NOT_HTTPS, UNSIGNED = "[web] base_url is not https", "[mail] dkim is off; let your MTA sign both headers (docs/mail.md)"
LEFT_OUT = "left out of mail (RFC 8058): "


@pytest.mark.parametrize(
    ("base_url", "dkim", "found"),
    [
        (HTTPS, "true", [(True, "offered in mail; your MTA has to sign both headers (docs/mail.md)")]),
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


@pytest.mark.parametrize(
    ("base_url", "dkim", "offered"), [(HTTPS, "true", 2), (HTTPS, "false", 0), ("http://board.example", "true", 0)]
)
def test_what_is_said_is_done(tmp_path: Path, base_url: str, dkim: str, offered: int) -> None:
    """The channel that the configuration opens puts both headers into a mail, or neither."""
    script = Script()

    async def run() -> None:
        async with smtp_server(script) as port:
            text = f'[web]\nbase_url = "{base_url}"\n[mail]\nhost = "127.0.0.1"\nport = {port}\nstarttls = false\n'
            with application(tmp_path, config=f'{text}from = "a@example.org"\ndkim = {dkim}\n') as app:
                channel = open_mail(app.store, app.config)
                assert channel is not None
                reader = DueDestination(id=7, kind="mail", address="ada@example.org", thread="")
                await channel.send(reader, "0b6f", freeze_letter(Letter(title="x", salt="5a17")))
                await channel.close()

    asyncio.run(run())
    assert script.received[0].content.count(b"\r\nList-Unsubscribe") == offered


def said(folder: Path, text: str) -> list[tuple[bool, str]]:
    off = "".join(f"[sources.{name}]\nenabled = false\n" for name in source_names() if name != "baseline")
    with application(folder, config=text + off) as app:
        return [(one.good, one.text) for one in examine(app) if one.what == "one-click unsubscribe"]
