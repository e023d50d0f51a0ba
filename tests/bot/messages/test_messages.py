"""Messages: foreign text shown safely, quiet hours read, digests on time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messages.model import Message, Span, freeze, thaw
from bot.messages.safe import defuse, show_text, undefused
from bot.messages.timing import Timing, TimingError, digest_after, is_quiet, parse_quiet

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=200)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("fix\u202e12", "fix\\u{202E}12"),
        ("C\u200bVE", "C\\u{200B}VE"),
        ("a\ud800b", "a\\u{D800}b"),
        ("a\x00\x1b[31mb", "a\\u{0000}\\u{001B}[31mb"),
        ("line\nfake log line\r\n", "line fake log line"),
        ("Z" + "\u0301" * 10_000, "Z" + "\u0301" * 3 + "…"),
        ("x" * 40_000, "x" * 699 + "…"),
        ("a < b && c > d", "a < b && c > d"),
        ("{{7*7}} $(id) ${jndi}", "{{7*7}} $(id) ${jndi}"),
    ],
)
def test_foreign_text_is_shown(given_text: str, shown: str) -> None:
    """What is invisible or reorders is spelled out, lines are joined, length is bounded."""
    assert show_text(given_text) == shown


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("@room", "@+room"),
        ("@everyone and <!channel>", "@+everyone and <!channel>"),
        ("[x](tg://user?id=1)", "[x](tg:+//user?id=1)"),
        ("https://git.kernel.org@evil.example/", "https:+//git.+kernel.+org@+evil.+example/"),
        ("t.me/joinchat", "t.+me/joinchat"),
        ("a@b.c", "a@+b.c"),
        ("/start debian/12", "/+start debian/12"),
        ("#tag", "#+tag"),
        ("#тег $USD $1", "#+тег $+USD $1"),
        ("пример.рф a.xn--p1ai", "пример.+рф a.+xn--p1ai"),
        ("é/start", "é/+start"),
        ("6.1.168-203.330.amzn2023", "6.1.168-203.330.amzn2023"),
        ("5.14.0-611.54.1.el9_7", "5.14.0-611.54.1.el9_7"),
        ("6.19.12-200.fc43", "6.19.12-200.fc43"),
        ("5.6.1+really5.4.5-1~bpo12+1", "5.6.1+really5.4.5-1~bpo12+1"),
    ],
)
def test_nothing_becomes_a_link(text: str, joined: str) -> None:
    """Mentions, addresses, hosts, commands and tags are broken by a joiner (here +); versions can still be copied."""
    assert defuse(text).replace("\u2060", "+") == joined.replace("really5+", "really5+")


@given(ANY_TEXT)
def test_showing_is_final(text: str) -> None:
    """Shown text is printable, bounded, stays as it is when shown again, and defusing can be taken back."""
    shown = show_text(text)
    assert show_text(shown) == shown
    assert undefused(defuse(shown)) == shown
    assert all(char.isprintable() or char == "\u3000" or char.isspace() for char in shown)


@given(ANY_TEXT, ANY_TEXT)
def test_frozen_messages_come_back(title: str, text: str) -> None:
    """What is read from the ledger equals what was frozen."""
    message = Message(title=show_text(title), lines=((Span(text=show_text(text)),),), silent=True)
    assert thaw(freeze(message)) == message


@pytest.mark.parametrize("words", ["", "22:00", "25:00-07:00", "22:00-07:61", "22:00-07:00 Mars/Olympus", "a b c"])
def test_quiet_hours_that_are_none(words: str) -> None:
    """A wrong text is refused with one that helps."""
    with pytest.raises(TimingError):
        parse_quiet(words, Timing())


def test_quiet_hours_span_midnight() -> None:
    """22:00 to 07:00 in Berlin is 20:00 to 05:00 UTC in summer."""
    timing = parse_quiet("22:00-07:00 Europe/Berlin", Timing())
    day = [hour for hour in range(24) if is_quiet(timing, datetime(2026, 7, 1, hour, tzinfo=UTC))]
    assert day == [0, 1, 2, 3, 4, 20, 21, 22, 23]


@pytest.mark.parametrize(
    ("digest", "moment", "due"),
    [
        ("daily", datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 6, tzinfo=UTC)),  # the clock changes
        ("daily", datetime(2026, 3, 28, 1, tzinfo=UTC), datetime(2026, 3, 28, 7, tzinfo=UTC)),
        ("weekly", datetime(2026, 12, 28, 12, tzinfo=UTC), datetime(2027, 1, 4, 7, tzinfo=UTC)),
        ("weekly", datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2028, 3, 6, 7, tzinfo=UTC)),
    ],
)
def test_digest_times(digest: str, moment: datetime, due: datetime) -> None:
    """08:00 in the zone, across the change of the clock, the year's end and a leap day."""
    assert digest_after(Timing(digest=digest, zone="Europe/Berlin"), moment) == due
