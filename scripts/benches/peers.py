"""The peers of requirements-bench.lock. They are not installed where types are checked, so they are loaded by name."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def load_peer(module: str) -> Any:  # Any: see above
    """The module of a peer. Raises SystemExit with what to do when it is not there."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        sys.exit(f"scripts/bench: {module} is not installed ({error.name}); run the benches by scripts/bench")
