"""A list taken in for the first time, every mail of it: looked at, parsed in the worker, stored, joined to patches.

By the clock, as `poll` does it: the worker reads the next mails while these are stored, which are on the disk before
the next are asked for. 6,500 mails of 10.8 KB; 65,000 (700 MB) with --whole. In a process of its own, so that the
memory is its own: `peak` is the most that all its processes held at one time.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from scripts.benches.documents import mail
from scripts.benches.figure import Figure
from scripts.benches.idle import resident_mib
from scripts.benches.sizes import size
from sources.base import Batch, RawDocument

BATCH = 200  # as the source yields them
MADE = 2_000
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


def batches(mails: Sequence[Sequence[bytes]]) -> Iterator[Batch]:
    """As the source yields them, each mail looked at once."""
    from sources.lore.wanted import read_header

    now = datetime.now(UTC)
    for number, raws in enumerate(mails):
        headers = [read_header(raw) for raw in raws]
        documents = [
            RawDocument(
                source="lore",
                url=f"https://lore.kernel.org/linux-crypto/{header.msgid}/",
                at=now,
                body=raw,
                kind=f"mail@{1_735_000_000 + number}",
            )
            for header, raw in zip(headers, raws, strict=True)
            if header is not None
        ]
        yield Batch(documents=tuple(documents), checkpoint={"at": str(number)})


def take_in(count: int, folder: Path) -> dict[str, float]:
    """Seconds: all of it by the clock; CPU of the workers that parse, and of this process, which does the rest.

    The mails are made beforehand, some at a time; that time does not count.
    """
    from bot.app import open_app
    from bot.ingest.cycle import Mode, ingest
    from bot.ingest.parsing import ParseWorker, read_ahead
    from sources.registry import find_source

    spent = {"clock": 0.0, "workers": 0.0, "rest": 0.0}
    kept = 0
    workers = WorkerTime()
    with open_app(config=None, data=folder) as app, ParseWorker("lore") as worker:
        for made in range(0, count, MADE):
            mails = [
                [mail(number) for number in range(first, min(first + BATCH, made + MADE, count))]
                for first in range(made, min(made + MADE, count), BATCH)
            ]
            began, processed = time.perf_counter(), time.process_time()
            for batch, parsed in read_ahead(worker, batches(mails)):
                workers.look()
                result = ingest(
                    app.intake,
                    find_source("lore"),
                    parsed,
                    now=datetime.now(UTC),
                    mode=Mode(quiet=True),
                    checkpoint=batch.checkpoint,
                )
                kept += result.documents
            spent["clock"] += time.perf_counter() - began
            spent["rest"] += time.process_time() - processed
            workers.look()
    spent["workers"] = workers.seconds
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
    steps = {"the parser": spent["workers"], "all else": spent["rest"], "both": spent["workers"] + spent["rest"]}
    return [
        Figure(
            name=f"{count:,} mails taken in", unit="mails/s", ours=count / spent["clock"], limit=2_000, at_least=True
        ),
        *(
            Figure(name=f"the same: CPU of {name}", unit="mails/s CPU", ours=count / seconds, limit=None)
            for name, seconds in steps.items()
        ),
        Figure(name="the same: memory of all its processes", unit="MiB", ours=peak, limit=400),
    ]


if __name__ == "__main__":
    print(json.dumps(take_in(int(sys.argv[1]), Path(sys.argv[2]))))
