"""Giving memory back: after a large document the C library keeps what was freed, for a process that idles for hours."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc's malloc_trim; other C libraries have none and need none."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return found


def give_back() -> None:
    """Collects garbage and returns free pages to the kernel; a few milliseconds."""
    gc.collect()
    trim = _trim()
    if trim is not None:
        trim(0)
