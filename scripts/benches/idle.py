"""What `patchwatch run` holds while nothing happens (all its processes), and how it ends on SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from scripts.benches.figure import Figure

START_SECONDS = 60.0
SETTLE_SECONDS = 15.0
STOP_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # our own address on loopback
            return True
    except urllib.error.HTTPError:
        return True  # it speaks HTTP: that it is not well yet is no matter here
    except OSError:
        return False


def wait_until_it_answers(process: subprocess.Popen[bytes], url: str) -> None:
    """Raises RuntimeError when the process ends first or does not answer in time."""
    until = time.monotonic() + START_SECONDS
    while not answers(url):
        if process.poll() is not None:
            raise RuntimeError(f"patchwatch run ended with {process.returncode} before it answered")
        if time.monotonic() > until:
            raise RuntimeError(f"patchwatch run did not answer on {url} in {START_SECONDS:.0f} s")
        time.sleep(0.05)


def session_of(stat: str) -> int:
    """Field 6 of /proc/PID/stat; the command in parentheses may hold blanks."""
    return int(stat.rpartition(")")[2].split()[3])


def resident_mib(session: int) -> float:
    """Proportional memory of every process of a session: pages that workers share with their parent count once."""
    kib = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if session_of((folder / "stat").read_text(encoding="utf-8", errors="replace")) == session:
                lines = (folder / "smaps_rollup").read_text(encoding="ascii").splitlines()
                kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # ended meanwhile, or not ours
    return kib / 1024


def stop(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Seconds from SIGTERM to the end, and the exit status (-9 when it had to be killed)."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return time.monotonic() - began, process.returncode


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environment = {**os.environ, "PATCHWATCH_WEB_LISTEN": f"127.0.0.1:{port}"}
        command = [str(Path(sys.executable).with_name("patchwatch")), "--data", folder, "run"]
        with (Path(folder) / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=output, stderr=output, start_new_session=True
            )
            try:
                wait_until_it_answers(process, f"http://127.0.0.1:{port}/healthz")
                time.sleep(SETTLE_SECONDS)
                held = resident_mib(process.pid)
            finally:
                seconds, status = stop(process)
    return [
        Figure(name="idle: memory of run, all sources", unit="MiB", ours=held, limit=150),
        Figure(name="SIGTERM to the end of run", unit="s", ours=seconds, limit=10),
        Figure(name="exit status after SIGTERM", unit="", ours=abs(status), limit=0),
    ]
