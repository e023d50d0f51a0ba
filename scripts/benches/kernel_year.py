"""A year of the kernel's CNA, 6,000 records, with Debian's tracker for all of them, replayed whole."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

from scripts.benches.documents import cna_record, cve_name, debian_tracker, when
from scripts.benches.figure import Figure
from scripts.benches.idle import resident_mib

RECORDS = 6_000
TOPIC = 'slug = "every"\ntitle = "Every kernel CVE"\nsince = 2025-01-01\ncves = ["*"]\n'
_LOOK_SECONDS = 0.25
_VULNS = "https://git.kernel.org/pub/scm/linux/security/vulns.git/plain/cve/published/2025"


def write_recording(folder: Path, records: int) -> None:
    """The CNA's records day by day, as its repository gives them; the tracker at the end of every quarter."""
    lines: list[tuple[str, dict[str, str | int]]] = []
    for number in range(records):
        name = f"{cve_name(number)}.json"
        (folder / name).write_bytes(cna_record(number, records))
        at = when(number, records).strftime("%Y-%m-%dT20:00:00Z")
        lines.append((at, {"source": "kernel-cna", "url": f"{_VULNS}/{name}", "file": name}))
    for quarter in range(1, 5):
        known = records * quarter // 4
        name = f"debian-{quarter}.json"
        (folder / name).write_bytes(debian_tracker(known + 2_000, known))
        at = when(known - 1, records).strftime("%Y-%m-%dT21:00:00Z")
        address = "https://security-tracker.debian.org/tracker/data/json"
        lines.append((at, {"source": "debian", "url": address, "file": name}))
    lines.sort(key=lambda one: one[0])
    text = "".join(json.dumps({"at": at, "status": 200, **line}) + "\n" for at, line in lines)
    (folder / "recording.jsonl").write_text(text, encoding="utf-8")
    if len(list(groupby(lines, key=lambda one: one[0]))) < min(records, 300):
        raise RuntimeError("the recording is not spread over its year")


def replay(folder: Path) -> tuple[float, float, int]:
    """Wall time, the most memory of all its processes together in MiB, and the number of changes."""
    topics = folder / "topics"
    topics.mkdir()
    (topics / "every.toml").write_text(TOPIC, encoding="utf-8")
    (folder / "patchwatch.toml").write_text(f'[topics]\npaths = ["{topics}"]\n', encoding="utf-8")
    command = [str(Path(sys.executable).with_name("patchwatch")), "--config", str(folder / "patchwatch.toml")]
    command += ["--data", str(folder / "store"), "replay", str(folder / "recording"), "--format", "json"]
    began, peak = time.monotonic(), 0.0
    with (folder / "changes.json").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, cwd=folder, start_new_session=True)
        while process.poll() is None:
            peak = max(peak, resident_mib(process.pid))
            time.sleep(_LOOK_SECONDS)
    seconds = time.monotonic() - began
    changes = json.loads((folder / "changes.json").read_bytes())["changes"]
    if process.returncode != 0:
        raise RuntimeError(f"the replay ended with {process.returncode}")
    return seconds, peak, len(changes)


def run(records: int = RECORDS) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "recording").mkdir()
        write_recording(folder / "recording", records)
        seconds, peak, changes = replay(folder)
    if changes < records:
        raise RuntimeError(f"{changes} changes for {records} records")
    told = f"a year of kernel CVEs, {records:,} records, {changes:,} changes"
    return [
        Figure(name=f"{told}: replay", unit="s", ours=seconds, limit=120),
        Figure(name="the same: memory of all its processes", unit="MiB", ours=peak, limit=400),
    ]
