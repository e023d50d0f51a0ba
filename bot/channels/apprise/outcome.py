"""What became of a send that Apprise calls failed. Apprise itself says no more than that; what it and its HTTP library
(urllib3) log while they send tells the rest. Those lines name addresses with their tokens: they are read here, and
nobody else gets them.

A send was certainly not taken when each connection that was begun ended in one of two ways: it never came about
(refused, no such name, timeout, certificate), or it was answered with a status that means no. Anything that is not
explained so leaves the outcome unknown: a success among the answers, a cut, a timeout while reading, words that are
new, a service that is not spoken to by HTTP.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from bot.channels.base import ChannelError, NotSent, Unknown

MESSAGE_TRIES = 8
_LOGGERS = ("apprise", "urllib3.connectionpool")
_MOST_LINES = 500
_BEGUN = re.compile(r"Starting new HTTPS? connection ")
_ANSWERED = re.compile(r'https?://\S+ "[A-Z]+ .* HTTP/[0-9.]+" ([1-5][0-9]{2}) \S+', re.DOTALL)
_NO_CONNECTION = re.compile(
    r"Socket Exception: .*\(Caused by (NewConnectionError|NameResolutionError|ConnectTimeoutError"
    r"|SSLError\(SSLCertVerificationError)\b",
    re.DOTALL,
)
_UNAVAILABLE = frozenset({500, 502, 503, 521, 522, 523})  # of 5xx; after 504 and 524 it may have been taken behind
_THIS_MESSAGE = frozenset({400, 413, 422})
_lines: ContextVar[list[str] | None] = ContextVar("apprise_lines", default=None)


class _Ear(logging.Handler):
    """Keeps the lines of the send that it hears in, none else."""

    def emit(self, record: logging.LogRecord) -> None:
        kept = _lines.get()
        if kept is not None and len(kept) < _MOST_LINES:
            with suppress(TypeError, ValueError):  # a line that does not fit its own arguments says nothing
                kept.append(record.getMessage())


def silence() -> None:
    """From here on nothing of Apprise's and its HTTP library's own words reaches our log."""
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        if not any(isinstance(one, _Ear) for one in logger.handlers):
            logger.addHandler(_Ear())


@contextmanager
def listening() -> Iterator[list[str]]:
    """What is logged by the sends of this thread within the block."""
    lines: list[str] = []
    token = _lines.set(lines)
    try:
        yield lines
    finally:
        _lines.reset(token)


def judge(lines: Sequence[str]) -> ChannelError:
    """The error of a failed send, from its log lines. Its text is ours, never a line's."""
    begun = sum(_BEGUN.match(one) is not None for one in lines)
    statuses = [int(found[1]) for one in lines if (found := _ANSWERED.fullmatch(one))]
    absent = [found[1] for one in lines if (found := _NO_CONNECTION.match(one))]
    if begun == 0 or len(lines) >= _MOST_LINES or begun != len(statuses) + len(absent):
        return Unknown("Apprise did not get it accepted; it does not say why")
    if any(one < 300 or (one >= 500 and one not in _UNAVAILABLE) for one in statuses):
        return Unknown(f"the service answers {_listed(statuses)}: it may have some of it")
    if absent and not statuses:
        return NotSent(f"no connection: {_listed(one.rpartition('(')[2] for one in absent)}", outage=True)
    tries = MESSAGE_TRIES if _THIS_MESSAGE.intersection(statuses) else 0
    return NotSent(f"the service answers {_listed(statuses)}", tries=tries)


def _listed(found: Iterable[object]) -> str:
    return ", ".join(dict.fromkeys(str(one) for one in found))
