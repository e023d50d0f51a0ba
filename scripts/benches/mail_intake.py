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
from typing import TYPE_CHECKING

from scripts.benches.documents import mail
from scripts.benches.figure import Figure
from scripts.benches.idle import resident_mib
from scripts.benches.sizes import size
from sources.base import Batch, RawDocument

if TYPE_CHECKING:
    from bot.app import App
    from bot.ingest.parsing import ParseWorker

BATCH = 200  # as the source yields them
MADE = 3_000
DAY = 200  # a busy day of a list
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


class Taking:
    """The way of the mails from the source to the store, as `poll` goes it; kept: how many were stored."""

    def __init__(self, app: App, workers: WorkerTime) -> None:
        self._app = app
        self._workers = workers
        self.kept = 0

    def take(self, worker: ParseWorker, mails: Sequence[bytes]) -> tuple[float, float]:
        """Seconds: by the clock, and CPU of this process."""
        from bot.ingest.cycle import Mode, ingest
        from bot.ingest.parsing import read_ahead
        from sources.registry import find_source

        spec = find_source("lore")
        batched = [mails[first : first + BATCH] for first in range(0, len(mails), BATCH)]
        began, processed = time.perf_counter(), time.process_time()
        for batch, parsed in read_ahead(worker, batches(batched)):
            self._workers.look()
            result = ingest(
                self._app.intake,
                spec,
                parsed,
                now=datetime.now(UTC),
                mode=Mode(quiet=True),
                checkpoint=batch.checkpoint,
            )
            self.kept += result.documents
        self._workers.look()
        return time.perf_counter() - began, time.process_time() - processed


def take_in(count: int, folder: Path) -> dict[str, float]:
    """Seconds: all of it by the clock; CPU of the workers that parse, and of this process, which does the rest; by the
    clock, a day's mails more, with a worker of their own. The mails are made beforehand; that time does not count."""
    from bot.app import open_app
    from bot.ingest.parsing import ParseWorker

    workers = WorkerTime()
    clock = rest = 0.0
    with open_app(config=None, data=folder) as app:
        taking = Taking(app, workers)
        with ParseWorker("lore") as worker:
            for made in range(0, count, MADE):
                spent = taking.take(worker, [mail(number) for number in range(made, min(made + MADE, count))])
                clock += spent[0]
                rest += spent[1]
        parsing = workers.seconds
        with ParseWorker("lore") as worker:
            day, _ = taking.take(worker, [mail(number) for number in range(count, count + DAY)])
    if taking.kept != count + DAY:
        raise RuntimeError(f"{taking.kept} of {count + DAY} mails were taken in")
    return {"clock": clock, "workers": parsing, "rest": rest, "day": day}


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
        Figure(name=f"a day's {DAY} mails more", unit="s", ours=spent["day"], limit=1),
        Figure(name="the same: memory of all its processes", unit="MiB", ours=peak, limit=400),
    ]


if __name__ == "__main__":
    print(json.dumps(take_in(int(sys.argv[1]), Path(sys.argv[2]))))
