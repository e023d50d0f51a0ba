"""Matrix's text and HTML: whatever goes in comes back, nothing of it is markup, and it fits into an event."""

from __future__ import annotations

import json

from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.matrix.text import (
    MAX_CONTENT_BYTES,
    Content,
    answer_message,
    content_of,
    edit_of,
    file_parts,
    fitting,
    in_thread,
    size_of,
)
from bot.messages.conversation import Answer, Button
from bot.messages.model import Message, Span, Style, make_message, plain_text
from bot.messages.safe import show_text, undefused

SHOWN = st.text(st.characters(exclude_categories=[]), max_size=60).map(show_text)
SPANS = st.builds(
    Span, text=SHOWN, style=st.sampled_from(list(Style)), href=st.sampled_from([None, "https://board.example/a?b=1&c"])
)
MESSAGES = st.builds(
    Message, title=SHOWN.filter(bool), lines=st.lists(st.lists(SPANS, max_size=4).map(tuple), max_size=5).map(tuple)
)
CARD = Message(
    title="Copy Fail",
    lines=(
        (Span(text="CVE-2026-31431", style=Style.BOLD, href="https://b.example/a"), Span(text=" a < b && c > d")),
        (Span(text="linux", style=Style.CODE), Span(text=" @room")),
    ),
)
HTML = (
    '<strong>Copy Fail</strong><br><a href="https://b.example/a"><strong>CVE-2026-31431</strong></a>'
    " a &lt; b &amp;&amp; c &gt; d<br><code>linux</code> @\u2060room"
)
BODY = "Copy Fail\nCVE-2026-31431 a < b && c > d\nlinux @\u2060room"


def read_back(content: Content) -> tuple[str, set[str], set[str | None]]:
    """Text, tags and addresses of an event's HTML, as a client's reader finds them."""
    soup = BeautifulSoup(content["formatted_body"], "html.parser")
    for one in soup.find_all("br"):
        one.replace_with("\n")
    tags = {one.name for one in soup.find_all(True)}
    return undefused(soup.get_text()), tags, {str(one.get("href")) for one in soup.find_all("a")}


@given(MESSAGES)
def test_a_message_parses_back(message: Message) -> None:
    """The HTML's text and the plain text are the message; its tags and links are ours alone; no one is mentioned."""
    content = content_of(message)
    text, tags, links = read_back(content)
    assert text == undefused(content["body"]) == plain_text(message)
    assert tags <= {"strong", "code", "a"}
    assert links <= {"https://board.example/a?b=1&c"}
    assert content["m.mentions"] == {}
    assert json.loads(json.dumps(content).encode("utf-8")) == content


@given(st.text(st.characters(exclude_categories=[]), max_size=200))
def test_text_that_nobody_made_safe(raw: str) -> None:
    """Also text that was not made safe before stays text: no tag of its own, and it can be sent."""
    content = content_of(Message(title="T", lines=((Span(text=raw),),)))
    assert read_back(content)[1] <= {"strong"}
    assert content["body"].encode("utf-8").decode("utf-8") == content["body"]


def test_the_events_of_a_card() -> None:
    """A message with a sound, one without, its edit, and an answer in its thread: exactly these contents."""
    said = {
        "msgtype": "m.text",
        "body": BODY,
        "format": "org.matrix.custom.html",
        "formatted_body": HTML,
        "m.mentions": {},
    }
    assert content_of(CARD) == said
    assert content_of(CARD, notice=True) == {**said, "msgtype": "m.notice"}
    assert edit_of(CARD, "$card") == {
        "msgtype": "m.notice",
        "body": f"* {BODY}",
        "format": "org.matrix.custom.html",
        "formatted_body": f"* {HTML}",
        "m.mentions": {},
        "m.new_content": said,
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$card"},
    }
    assert in_thread(said, root="$card") == {
        **said,
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": "$card",
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": "$card"},
        },
    }


def test_a_message_that_is_too_long_is_shortened_with_a_link() -> None:
    """As many lines as fit, then a link to the whole; a single endless line is cut."""
    lines = (*CARD.lines, *((Span(text=f"{number} " + "é" * 400),) for number in range(100)))
    content = fitting(Message(title="T", lines=lines), content_of)
    assert MAX_CONTENT_BYTES * 0.9 < size_of(content) <= MAX_CONTENT_BYTES
    assert content["body"].endswith("\n… shortened; the whole is on the board")
    assert content["formatted_body"].endswith(
        '<a href="https://b.example/a">… shortened; the whole is on the board</a>'
    )
    endless = fitting(make_message("T" * 90_000, ["x" * 90_000]), content_of)
    assert size_of(endless) <= MAX_CONTENT_BYTES
    assert endless["body"].endswith("\n… shortened")


@given(MESSAGES, st.integers(2000, 4000))
def test_what_fits_is_not_touched(message: Message, limit: int) -> None:
    """A message within the limit goes out whole, one above it within the limit."""
    whole, sent = content_of(message), fitting(message, content_of, limit=limit)
    assert sent == whole if size_of(whole) <= limit else size_of(sent) <= limit


def test_buttons_are_words_to_write() -> None:
    """What Telegram offers as buttons are words here."""
    button = Button(label="Debian 12", words="subscribe copy-fail debian/12")
    answer = Answer(message=make_message("Which?", []), buttons=((button,),))
    assert plain_text(answer_message(answer)) == "Which?\n!subscribe copy-fail debian/12 Debian 12"


def test_an_export_is_code_that_can_be_copied() -> None:
    """Verbatim, in as many messages as it needs, each of which fits."""
    export = json.dumps({"subscriptions": ['text:"@room <b>"'] * 900}, ensure_ascii=False)
    parts = list(file_parts(export))
    assert len(parts) > 1
    assert "".join(one["body"] for one in parts) == export
    assert "".join(BeautifulSoup(one["formatted_body"], "html.parser").get_text() for one in parts) == export
    assert max(map(size_of, parts)) <= MAX_CONTENT_BYTES
    assert list(file_parts("")) == []
