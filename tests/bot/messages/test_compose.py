"""News as a message: grouped by advisory, each source named where it has to be and no more often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from advisories.fold import Facts, fold_advisory
from advisories.model import Change, ChangeDraft
from bot.messages.compose import Composer
from bot.messages.model import plain_text
from tests import build
from tests.advisories.test_filters import DRAFT

CNA = replace(DRAFT, source="kernel-cna")
MAIL = replace(DRAFT, source="lore", advisory=None, aliases=())


def changes(*pairs: tuple[ChangeDraft, str]) -> list[Change]:
    return [
        Change(seq=number, uuid=str(number), draft=replace(draft, text=text))
        for number, (draft, text) in enumerate(pairs, start=1)
    ]


@pytest.mark.parametrize(
    ("news", "lines"),
    [
        ([(CNA, "Fixed in 6.12.85")], ["CVE-2026-31431", "• Fixed in 6.12.85 (kernel-cna)"]),
        (
            [(CNA, "Fixed in 6.12.85"), (replace(CNA, urgent=True), "Fixed in 7.0")],
            ["CVE-2026-31431 (kernel-cna)", "• Fixed in 6.12.85", "❗ Fixed in 7.0"],
        ),
        (
            [(CNA, "Fixed in 6.12.85"), (DRAFT, "Fixed in Debian 12")],
            ["CVE-2026-31431", "• Fixed in 6.12.85 (kernel-cna)", "• Fixed in Debian 12 (debian)"],
        ),
        ([(MAIL, "v2 posted")], ["• v2 posted (lore)"]),
        ([(MAIL, "v2 posted"), (MAIL, "Reviewed")], ["From lore:", "• v2 posted", "• Reviewed"]),
        (
            [(MAIL, "v2 posted"), (CNA, "Fixed in 7.0"), (MAIL, "Reviewed"), (CNA, "Fixed in 6.12.85")],
            [
                "From lore:",
                "• v2 posted",
                "• Reviewed",
                "CVE-2026-31431 (kernel-cna)",
                "• Fixed in 7.0",
                "• Fixed in 6.12.85",
            ],
        ),
        (
            [(replace(CNA, source="a\u202eb"), "one"), (replace(CNA, source="a\u202eb"), "two")],
            ["CVE-2026-31431 (a\\u{202E}b)", "• one", "• two"],
        ),
    ],
)
def test_a_source_is_named_once(news: Sequence[tuple[ChangeDraft, str]], lines: list[str]) -> None:
    """Once for a group whose lines all have it, else on each line."""
    message, taken = Composer(titles={"copy-fail": "Copy Fail"}).news(changes(*news), topic="copy-fail")
    assert (plain_text(message).splitlines(), taken) == (["Copy Fail", *lines], len(news))


def test_a_card_names_the_source_of_its_news_once() -> None:
    """Below how the advisory stands; the hash of what is shown does not depend on the news."""
    advisory = fold_advisory(build.identity(), [build.version(build.cve("6.12.85"))], Facts(package_versions=()))
    composer = Composer()
    bare = composer.card(advisory, [])
    card = composer.card(advisory, [], changes((CNA, "Fixed in 6.12.85"), (CNA, "Fixed in 7.0")))
    told = plain_text(card).removeprefix(plain_text(bare)).splitlines()
    assert told == ["", "From kernel-cna:", "• Fixed in 6.12.85", "• Fixed in 7.0"]
    assert card.shown == bare.shown
