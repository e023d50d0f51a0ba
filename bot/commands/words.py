"""The registry of chat words, and how a text becomes an answer; the same for every chat."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.commands import looking, subscribing, wishes
from bot.commands.base import Desk, Word, WordError, say
from bot.messages.conversation import Answer, Request
from bot.messages.safe import show_text

MAX_REQUEST_CHARS = 8192
BURST = 20
PER_SECOND = 0.5
_MAX_CHATS = 10_000


def _words() -> tuple[Word, ...]:
    return WORDS


WORDS: tuple[Word, ...] = (
    Word(name="start", usage="", says="greets and offers the topics", answer=looking.start),
    Word(name="help", usage="", says="lists these words", answer=looking.help_with(_words)),
    Word(name="topics", usage="", says="shows what can be followed", answer=looking.topics),
    Word(name="status", usage="ID", says="shows the fix matrix of an advisory", answer=looking.status),
    Word(name="path", usage="ID", says="shows the life of a change, from the list to the package", answer=looking.path),
    Word(name="latest", usage="", says="shows the newest changes", answer=looking.latest),
    Word(
        name="subscribe",
        usage="FILTER",
        says="tells you what matches; buttons help to choose without a filter",
        answer=subscribing.subscribe,
        changes=True,
    ),
    Word(
        name="unsubscribe",
        usage="N",
        says="takes a subscription back",
        answer=subscribing.unsubscribe,
        changes=True,
    ),
    Word(name="list", usage="", says="shows the subscriptions of this chat", answer=subscribing.list_kept),
    Word(
        name="preview",
        usage="FILTER",
        says="shows what the last 30 days would have sent",
        answer=subscribing.preview,
    ),
    Word(name="why", usage="", says="shows why the last messages came; why N shows one", answer=looking.why),
    Word(
        name="mute",
        usage="ID [for 7d]",
        says="silences an advisory",
        answer=wishes.mute,
        changes=True,
    ),
    Word(name="unmute", usage="ID", says="hears it again", answer=wishes.unmute, changes=True),
    Word(
        name="quiet",
        usage="22:00-07:00 Europe/Berlin",
        says="sets quiet hours (quiet off ends them)",
        answer=wishes.quiet,
        changes=True,
    ),
    Word(
        name="digest",
        usage="daily|weekly|off",
        says="gathers what is not urgent",
        answer=wishes.digest,
        changes=True,
    ),
    Word(
        name="check", usage="VERSION DISTRO", says="tells whether a package version has the fix", answer=looking.check
    ),
    Word(name="sources", usage="", says="shows the health of the sources", answer=looking.sources),
    Word(name="export", usage="", says="gives all that I keep of this chat", answer=wishes.export, changes=True),
    Word(name="import", usage="JSON", says="takes an export back", answer=wishes.import_back, changes=True),
    Word(name="forget", usage="", says="deletes all that I keep of this chat", answer=wishes.forget, changes=True),
)
# said by our buttons only
_PRESSED = (Word(name="choose", usage="", says="", answer=subscribing.choose),)
_BY_NAME = {one.name: one for one in (*WORDS, *_PRESSED)}


def find_word(text: str) -> Word | None:
    """The word that a text begins with."""
    return _BY_NAME.get(text.split(maxsplit=1)[0].lower()) if text.split() else None


def changes_something(text: str) -> bool:
    """Whether only an administrator may say this in a group."""
    word = find_word(text)
    return word is not None and word.changes


class Talk:
    """Answers requests; a chat that floods gets no answer until it slows down. clock: monotonic seconds."""

    def __init__(self, desk: Desk, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # chat -> what is left, as of when

    def answer(self, request: Request) -> Answer | None:
        """What to say; None for silence (a flood, or a text in a group that is no word of ours)."""
        if not self._admit((request.kind, request.address)):
            return None
        text = request.text[:MAX_REQUEST_CHARS].strip()
        word = find_word(text)
        if word is None:
            return None if request.group else say("I do not know that word.", "help lists all of them.")
        if word.changes and not request.may_change:
            return say("Only administrators of this chat can do that.")
        rest = text[len(text.split(maxsplit=1)[0]) :].strip()
        try:
            return word.answer(self._desk, request, rest)
        except WordError as error:
            return say(show_text(str(error), limit=500))

    def _admit(self, chat: tuple[str, str]) -> bool:
        now = self._clock()
        if len(self._buckets) > _MAX_CHATS:
            full_at = now - BURST / PER_SECOND
            self._buckets = {one: held for one, held in self._buckets.items() if held[1] > full_at}
        left, at = self._buckets.get(chat, (float(BURST), now))
        left = min(float(BURST), left + (now - at) * PER_SECOND)
        if left < 1.0:
            self._buckets[chat] = (left, now)
            return False
        self._buckets[chat] = (left - 1.0, now)
        return True
