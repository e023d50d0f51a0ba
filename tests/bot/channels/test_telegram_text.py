"""Telegram's text and entities: whatever goes in comes back, in parts that fit; and the pace keeps to the limits."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.telegram.pace import Limits, Pace
from bot.channels.telegram.text import Entity, Part, render, units
from bot.messages.model import Line, Message, Span, Style
from bot.messages.safe import show_text, undefused

SHOWN = st.text(st.characters(exclude_categories=[]), max_size=60).map(show_text)
SPANS = st.builds(
    Span, text=SHOWN, style=st.sampled_from(list(Style)), href=st.sampled_from([None, "https://board.example/a"])
)
MESSAGES = st.builds(
    Message, title=SHOWN.filter(bool), lines=st.lists(st.lists(SPANS, max_size=4).map(tuple), max_size=5).map(tuple)
)


def piece(part: Part, entity: Entity) -> str:
    """What an entity marks; an offset within a surrogate pair does not decode."""
    encoded = part.text.encode("utf-16-le")
    return encoded[2 * entity.offset : 2 * (entity.offset + entity.length)].decode("utf-16-le")


def flat(line: Line) -> str:
    return "".join(span.text for span in line)


@given(MESSAGES)
def test_a_message_parses_back(message: Message) -> None:
    """The text is the lines, each mark covers exactly its words, and links are only those that were given."""
    (part,) = render(message)
    wanted = "\n".join([message.title, *(flat(one) for one in message.lines)]).strip()
    assert undefused(part.text) == wanted
    marked = [
        (kind, span.text.strip())
        for line in ((Span(text=message.title, style=Style.BOLD),), *message.lines)
        for span in line
        for kind in (span.style.value, "text_link" if span.href else "plain")
        if kind != "plain" and span.text.strip()
    ]
    assert [(one.type, undefused(piece(part, one))) for one in part.entities] == marked
    assert {one.url for one in part.entities} <= {None, "https://board.example/a"}


@given(MESSAGES, st.integers(16, 90))
def test_parts_fit_and_lose_nothing(message: Message, limit: int) -> None:
    """However small the parts: each fits, is not empty, cuts no character, and together they hold every letter."""
    parts = render(message, limit=limit)
    assert all(0 < units(one.text) <= limit for one in parts)
    for one in parts:
        for entity in one.entities:
            assert units(piece(one, entity)) == entity.length > 0
    whole = "".join(undefused(one.text) for one in parts)
    wanted = "\n".join([message.title, *(flat(one) for one in message.lines)])
    assert "".join(whole.split()) == "".join(wanted.split())


def test_split_between_paragraphs() -> None:
    """A message of 4,096 units is one part, with one unit more two, cut at the line's end; an emoji counts twice."""
    line = Span(text="🧟" * 2045)
    whole = Message(title="T" * 5, lines=((line,),))
    assert [units(one.text) for one in render(whole)] == [4096]
    assert [units(one.text) for one in render(Message(title="T" * 6, lines=((line,),)))] == [6, 4090]


@pytest.mark.parametrize(
    ("chats", "slept"),
    [
        (["1"], []),
        (["1", "1"], [0.104]),
        (["-1", "-1"], [0.3045]),
        (["1", "2", "3"], [0.008, 0.016]),
        (["hold", "1"], [5.0]),
        ([str(one) for one in range(101)], [round(0.008 * one, 4) for one in range(1, 100)] + [1.04]),
    ],
)
def test_pace(chats: list[str], slept: list[float]) -> None:
    """What these sends wait at 100 a second, 10 a second for a chat, 0.3 s between two of a group; or after a hold."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 4))

    async def turns() -> None:
        limits = Limits(per_second=100, chat_seconds=0.1, group_seconds=0.3)
        pace = Pace(limits, clock=lambda: 1000.0, sleep=sleep)
        for chat in chats:
            if chat == "hold":
                pace.hold(5.0)
            else:
                await pace.turn(chat)

    asyncio.run(turns())
    assert waits == slept


@pytest.mark.parametrize(
    ("answers", "waits"),
    [
        ([0.05, 0.05, 0.05], [1.04, 1.04, 1.04]),
        ([0.05, 0.07, 0.05], [1.04, 1.04, 1.04]),
        ([0.05, 0.25, 0.05], [1.04, 1.206, 1.04]),
        ([0.25, 0.05, 0.05], [1.04, 1.04, 1.04]),
        ([0.05, 5.9, 0.05], [1.04, 6.01, 1.04]),
    ],
)
def test_answers_that_come_late(answers: list[float], waits: list[float]) -> None:
    """What may have arrived late begins its second late: seconds from leaving until the chat may get the next one."""
    now = [1000.0]
    pace = Pace(clock=lambda: now[0])
    free: list[float] = []
    for number, took in enumerate(answers):
        left = now[0]
        asyncio.run(pace.turn(str(number)))
        now[0] += took
        pace.landed(str(number))
        free.append(round(pace.wait_seconds(str(number)) + took, 3))
        now[0] = left + 100
    assert free == waits
