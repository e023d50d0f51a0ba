"""What a command costs that sends nothing: whole processes, CPU time (user and system), interleaved with the peer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts.benches.figure import Figure, middle

ROUNDS = 7


def cpu_seconds(command: list[str]) -> float:
    """CPU time of the process and all that it waited for. Raises CalledProcessError when it fails."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def run() -> list[Figure]:
    ours = [str(Path(sys.executable).with_name("patchwatch")), "--help"]
    peer = [sys.executable, "-c", "import aiogram"]
    for command in (ours, peer):  # compiled files and page cache warm for both
        cpu_seconds(command)
    rounds = [(cpu_seconds(ours), cpu_seconds(peer)) for _ in range(ROUNDS)]
    return [
        Figure(
            name="start-up: patchwatch --help",
            unit="s CPU",
            ours=middle([mine for mine, _ in rounds]),
            peer="import aiogram",
            peers=middle([theirs for _, theirs in rounds]),
            limit=0.15,
        )
    ]
