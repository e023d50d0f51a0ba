"""Logging: structlog over the standard library, one line a record on stderr, secrets and control characters removed."""

from __future__ import annotations

import logging
import sys

import structlog

from bot.redact import redact_text

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class _OneLine(logging.Formatter):
    """Text whose control characters are visible, so that no document can forge a log line (TRUST B70, B71)."""

    def format(self, record: logging.LogRecord) -> str:
        line = redact_text(super().format(record))
        return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in line)


def tell_what_happens() -> None:
    """A service says what it does: polls, channels that are off, the address of the board."""
    own = logging.getLogger("patchwatch")
    own.setLevel(min(own.getEffectiveLevel(), logging.INFO))


def configure_logging(verbose: int) -> None:
    """Sets the root logger up; `verbose` 0 shows warnings, 1 what happens, 2 everything."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [stream]
    root.setLevel(_LEVELS[min(verbose, 2)])
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses (TRUST M8)
    for name in ("httpcore", "alembic", "apscheduler"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("nio").setLevel(
        logging.CRITICAL
    )  # it names people, devices and rooms; our own lines say the rest
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
