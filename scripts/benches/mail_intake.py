"""A list taken in for the first time, every mail of it: looked at, parsed in the worker, stored, joined to patches.

6,500 mails of 10.8 KB; 65,000 (700 MB) with --whole. In a process of its own, so that the memory is its own: `peak` is
the most that all its processes held at one time.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from scripts.benches.documents import mail
from scripts.benches.figure import Figure
from scripts.benches.idle import resident_mib
from scripts.benches.sizes import size

BATCH = 200  # as the source yields them
_LOOK_SECONDS = 0.25


class WorkerTime:
    """CPU time of the parse workers, read from the clock of each while it lives."""

    def __init__(self) -> None:
        self._of: dict[int, float] = {}

    def look(self) -> None:
        for process in multiprocessing.active_children():
            if process.pid is not None:
                # the kernel's number for "CPU time of that process" (clock_getcpuclockid(3))
                self._of[process.pid] = time.clock_gettime((~process.pid << 3) | 2)

    @property
    def seconds(self) -> float:
        return sum(self._of.values())


def take_in(count: int, folder: Path) -> dict[str, float]:
    """CPU seconds: of the look at the bytes, of the parser in its worker, and of storing."""
    from bot.app import open_app
    from bot.ingest.cycle import Mode, ingest
    from bot.ingest.parsing import ParseWorker
    from sources.base import RawDocument
    from sources.lore.wanted import read_header
    from sources.registry import find_source

    spent = {"look": 0.0, "parse": 0.0, "store": 0.0}
    kept = 0
    workers = WorkerTime()
    with open_app(config=None, data=folder) as app, ParseWorker("lore") as worker:
        for first in range(0, count, BATCH):
            raws = [mail(number) for number in range(first, min(first + BATCH, count))]
            now = datetime.now(UTC)
            began = time.process_time()
            headers = [read_header(raw) for raw in raws]
            spent["look"] += time.process_time() - began
            documents = [
                RawDocument(
                    source="lore",
                    url=f"https://lore.kernel.org/linux-crypto/{header.msgid}/",
                    at=now,
                    body=raw,
                    kind=f"mail@{1_735_000_000 + first}",
                )
                for header, raw in zip(headers, raws, strict=True)
                if header is not None
            ]
            began = time.process_time()
            parsed = list(worker.parse(documents))
            spent["parse"] += time.process_time() - began  # our end of the pipe
            workers.look()
            began = time.process_time()
            result = ingest(
                app.intake, find_source("lore"), parsed, now=now, mode=Mode(quiet=True), checkpoint={"at": str(first)}
            )
            spent["store"] += time.process_time() - began
            kept += result.documents
    spent["parse"] += workers.seconds
    if kept != count:
        raise RuntimeError(f"{kept} of {count} mails were taken in")
    return spent


def run() -> list[Figure]:
    count = size(6_500, 65_000)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "scripts.benches.mail_intake", str(count), folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, resident_mib(process.pid))
            time.sleep(_LOOK_SECONDS)
        if process.returncode != 0 or process.stdout is None:
            raise RuntimeError("the mails were not taken in")
        spent = json.loads(process.stdout.read())
    steps = {"all of it": sum(spent.values()), "the parser": spent["parse"], "storing": spent["store"]}
    return [
        *(
            Figure(
                name=f"{count:,} mails taken in: {name}",
                unit="mails/s CPU",
                ours=count / seconds,
                limit=2_000 if name == "all of it" else None,
                at_least=True,
            )
            for name, seconds in steps.items()
        ),
        Figure(name="the same: memory of all its processes", unit="MiB", ours=peak, limit=400),
    ]


if __name__ == "__main__":
    print(json.dumps(take_in(int(sys.argv[1]), Path(sys.argv[2]))))
