"""How large the benches are: `scripts/bench --whole` takes the sizes of the goals also where that needs minutes."""

from __future__ import annotations

import os

_VARIABLE = "PATCHWATCH_BENCH_WHOLE"


def set_whole() -> None:
    os.environ[_VARIABLE] = "1"


def size(usual: int, whole: int) -> int:
    return whole if os.environ.get(_VARIABLE) else usual
