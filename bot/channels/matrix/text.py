"""A message as Matrix takes it: plain text, and HTML of our own tags only (spec, "m.room.message msgtypes").

Every letter of the text is escaped, mentions and addresses are broken by an invisible joiner, and `m.mentions` is empty
in every event, so that no push rule looks for names in the text (MSC3952).
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from bot.messages.conversation import Answer
from bot.messages.model import Line, Message, Span, Style
from bot.messages.safe import defuse

MAX_CONTENT_BYTES = 56 * 1024  # an event has at most 65,536 with its signatures and ancestors
_LONGEST_SPAN = 4000
_TAGS = {Style.PLAIN: "", Style.BOLD: "strong", Style.CODE: "code"}
_LOST: dict[int, str] = dict.fromkeys(  # what no HTML reader gives back as it was
    (
        *(one for one in range(160) if one not in (9, 10) and not 32 <= one < 127),  # controls
        *range(0xD800, 0xE000),  # surrogates
        *range(0xFDD0, 0xFDF0),  # no characters
        *(plane * 0x10000 + last for plane in range(17) for last in (0xFFFE, 0xFFFF)),
    ),
    "\ufffd",
)
Content = dict[str, Any]  # Any: JSON


def content_of(message: Message, *, notice: bool | None = None) -> Content:
    """notice: a message that makes no sound and that no bot answers; by default what is silent."""
    lines = [(Span(text=message.title, style=Style.BOLD),), *message.lines]
    quiet = message.silent if notice is None else notice
    return {
        "msgtype": "m.notice" if quiet else "m.text",
        "body": "\n".join("".join(_shown(span.text) for span in line) for line in lines),
        "format": "org.matrix.custom.html",
        "formatted_body": "<br>".join(_as_html(line) for line in lines),
        "m.mentions": {},
    }


def edit_of(message: Message, event: str) -> Content:
    """The event that puts the message in the place of another (m.replace); itself a notice, it wakes nobody."""
    fresh = content_of(message)
    return {
        **fresh,
        "msgtype": "m.notice",
        "body": f"* {fresh['body']}",
        "formatted_body": f"* {fresh['formatted_body']}",
        "m.new_content": fresh,
        "m.relates_to": {"rel_type": "m.replace", "event_id": event},
    }


def in_thread(content: Content, *, root: str, answers: str | None = None) -> Content:
    """The content within a thread; clients without threads show it as a reply to `answers`, or to the root."""
    relation = {
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": answers is None,
        "m.in_reply_to": {"event_id": answers or root},
    }
    return {**content, "m.relates_to": relation}


def file_parts(text: str) -> Iterator[Content]:
    """A small file as code that can be copied, verbatim; several messages where it is long."""
    step = MAX_CONTENT_BYTES // 12  # as code and as text, with what escaping adds
    for start in range(0, len(text), step):
        part = text[start : start + step].translate(_LOST)
        yield {
            "msgtype": "m.notice",
            "body": part,
            "format": "org.matrix.custom.html",
            "formatted_body": f"<pre><code>{html.escape(part, quote=False)}</code></pre>",
            "m.mentions": {},
        }


def answer_message(answer: Answer) -> Message:
    """The answer with its buttons as words to write."""
    words = [
        (Span(text=f"!{one.words}", style=Style.CODE), Span(text=f" {one.label}"))
        for row in answer.buttons
        for one in row
    ]
    return replace(answer.message, lines=(*answer.message.lines, *words))


def fitting(message: Message, make: Callable[[Message], Content], *, limit: int = MAX_CONTENT_BYTES) -> Content:
    """The content of as many lines as fit into `limit` bytes, with a link to the whole where lines are left out."""
    whole = make(message)
    if size_of(whole) <= limit:
        return whole
    lines = tuple(_cut_line(one) for one in message.lines)
    rest = _pointer(message)
    title = message.title[:_LONGEST_SPAN]
    low, high = 0, len(lines)
    best = make(replace(message, title=title[:200], lines=(rest,)))
    while low <= high:
        middle = (low + high) // 2
        tried = make(replace(message, title=title, lines=(*lines[:middle], rest)))
        if size_of(tried) <= limit:
            best, low = tried, middle + 1
        else:
            high = middle - 1
    return best


def size_of(content: Content) -> int:
    return len(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))


def _pointer(message: Message) -> Line:
    href = next((span.href for line in message.lines for span in line if _is_link(span)), None)
    return (Span(text="… shortened; the whole is on the board" if href else "… shortened", href=href),)


def _cut_line(line: Line) -> Line:
    return tuple(
        span if len(span.text) <= _LONGEST_SPAN else replace(span, text=f"{span.text[:_LONGEST_SPAN]}…")
        for span in line
    )


def _shown(text: str) -> str:
    return defuse(text).translate(_LOST)


def _as_html(line: Line) -> str:
    return "".join(_span_html(span) for span in line)


def _span_html(span: Span) -> str:
    shown = html.escape(_shown(span.text), quote=False).replace("\n", "<br>")
    tag = _TAGS[span.style]
    marked = f"<{tag}>{shown}</{tag}>" if tag and shown else shown
    if _is_link(span) and span.href is not None and shown:
        return f'<a href="{html.escape(span.href, quote=True)}">{marked}</a>'
    return marked


def _is_link(span: Span) -> bool:
    return span.href is not None and span.href.startswith(("https://", "http://"))
