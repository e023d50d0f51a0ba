"""Work that runs in a fresh process, for its CPU time and the most memory it held.

    python -m scripts.benches.alone MODULE:FUNCTION [ARGUMENT...]

calls the function with the arguments as text; it returns the work to be measured, with everything imported that a
running program would have imported before.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.benches.rounds import Work

_MIB = 1024
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """seconds: CPU time of the work alone. peak_mib: the most resident memory of the whole process."""

    seconds: float
    wall: float
    peak_mib: float


def cost_of(function: str, *arguments: str) -> Cost:
    """Runs `MODULE:FUNCTION` in a process of its own. Raises CalledProcessError when it fails."""
    command = [sys.executable, "-m", "scripts.benches.alone", function, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def peak_mib() -> float:
    """VmHWM of /proc/self/status: unlike ru_maxrss it does not begin with what the parent held."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / _MIB
    raise RuntimeError("this kernel does not tell VmHWM")


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    work: Work = getattr(importlib.import_module(module), name)(*sys.argv[2:])
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    cost = {"seconds": time.process_time() - cpu, "wall": time.perf_counter() - wall, "peak_mib": peak_mib()}
    del result
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
