"""Foreign text made safe to show: nothing invisible, nothing that reorders, nothing a chat would turn into a link."""

from __future__ import annotations

import re
import unicodedata

MAX_TEXT_CHARS = 700
_BLANKS = re.compile(r"[\t\n\v\f\r ]+")
_HIDDEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
_MOST_MARKS = 3  # combining marks on one letter; more are a pile, no script needs them
WORD_JOINER = "\u2060"
_LIVE = re.compile(
    r"(?<=@)(?=\S)"  # a mention
    r"|(?<=:)(?=//)"  # an address
    r"|(?<=[\w-]\.)(?=[^\W0-9_]{2,}(?![\w-])|xn--)"  # a host, in any script
    r"|(?<=/)(?=[A-Za-z])(?<![A-Za-z0-9_/.<]/)"  # a bot's command
    r"|(?<=#)(?=\w)|(?<=\$)(?=[A-Za-z_])"  # a tag
    r"|(?<=tg:)|(?<=mailto:)",
    re.IGNORECASE,
)


def show_text(text: str, *, limit: int = MAX_TEXT_CHARS) -> str:
    r"""One line: blanks joined, control, format, private and surrogate characters as \u{202E}, cut at `limit`."""
    line = _BLANKS.sub(" ", text[: limit * 4]).strip()
    shown: list[str] = []
    marks = 0
    for char in line:
        kind = unicodedata.category(char)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks <= _MOST_MARKS:
            shown.append(f"\\u{{{ord(char):04X}}}" if kind in _HIDDEN else char)
    whole = "".join(shown)
    return whole if len(whole) <= limit and len(text) <= limit * 4 else f"{whole[: limit - 1]}…"


def defuse(text: str) -> str:
    """The same to read, but no chat makes a mention, link, tag or command of it: an invisible joiner breaks them."""
    return _LIVE.sub(WORD_JOINER, text)


def undefused(text: str) -> str:
    """What `defuse` was given (shown text holds no joiner of its own)."""
    return text.replace(WORD_JOINER, "")
