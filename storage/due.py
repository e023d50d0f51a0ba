"""When something that was put off is due, also after a clock that ran ahead was set back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, or_

# What is later than this after the latest time that can be meant was written by a clock that is set back since; the
# clocks of two machines differ by less.
CLOCK_TOLERANCE = timedelta(hours=1)


def is_due(column: Column[Any], now: datetime, *, longest: timedelta) -> ColumnElement[bool]:  # Any: a UtcTime
    """Whether the time of the column has come. longest: how far ahead of its own clock anybody puts such a time; one
    that is further from `now` is a mistake, and due."""
    return or_(column <= now, column > now + longest + CLOCK_TOLERANCE)
