"""A feed of 50 entries over HTTP, whole and as 304: our board, nginx with the same bytes, and feedgen for each request.

Needs `wrk` and `nginx` (Debian: apt-get install wrk nginx-light). Each of the three is one process; wrk has eight
connections.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scripts.benches.figure import Figure, middle
from scripts.benches.idle import free_port, wait_until_it_answers
from scripts.benches.kernel_year import replay, write_recording
from scripts.benches.rounds import ROUNDS

RECORDS = 60
ENTRIES = 50
SECONDS = 2
_RATE = re.compile(r"^Requests/sec: +([0-9.]+)$", re.MULTILINE)
_BAD = re.compile(r"Non-2xx or 3xx responses|Socket errors")
_NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 64; }}
http {{
  access_log off; server_tokens off; types {{ application/atom+xml atom; }} keepalive_requests 1000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {folder}/static; }}
}}
"""


@contextmanager
def started(command: list[str], path: str, port: int, **environment: str) -> Iterator[str]:
    """The address of `path` at a server that was started and answers."""
    url = f"http://127.0.0.1:{port}{path}"
    process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_answers(process, url)
        yield url
    finally:
        process.terminate()
        process.wait()


def read(url: str) -> tuple[bytes, str]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # our own address on loopback
        return answer.read(), answer.headers.get("ETag", "")


def requests_per_second(url: str, etag: str = "") -> float:
    """wrk's own figure. Raises RuntimeError when an answer was an error."""
    headers = ["-H", f"If-None-Match: {etag}"] if etag else []
    command = ["wrk", "-t1", "-c8", f"-d{SECONDS}s", *headers, url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = _RATE.search(told)
    if found is None or _BAD.search(told):
        raise RuntimeError(told)
    return float(found[1])


def measure(ours: str, nginx: str, feedgen: str) -> list[Figure]:
    (body, our_tag), (static, nginx_tag) = read(ours), read(nginx)
    if body != static or not our_tag or body.count(b"<entry>") != ENTRIES:
        raise RuntimeError("the feed is not the one to be measured")
    rates: dict[str, list[float]] = {"ours": [], "nginx": [], "feedgen": [], "ours 304": [], "nginx 304": []}
    for _ in range(ROUNDS):
        rates["ours"].append(requests_per_second(ours))
        rates["nginx"].append(requests_per_second(nginx))
        rates["feedgen"].append(requests_per_second(feedgen))
        rates["ours 304"].append(requests_per_second(ours, our_tag))
        rates["nginx 304"].append(requests_per_second(nginx, nginx_tag))
    found = {name: middle(samples) for name, samples in rates.items()}
    goals = (
        ("ours", "feedgen", 30.0),
        ("ours", "nginx", 0.35),
        ("ours 304", "feedgen", 30.0),
        ("ours 304", "nginx 304", 0.35),
    )
    return [
        Figure(
            name=f"feed of {ENTRIES} entries, {'304' if '304' in mine else '200'}",
            unit="requests/s",
            ours=found[mine],
            peer=theirs,
            peers=found[theirs],
            limit=least,
            at_least=True,
        )
        for mine, theirs, least in goals
    ]


def run() -> list[Figure]:
    missing = [name for name in ("wrk", "nginx") if not shutil.which(name)]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "recording").mkdir()
        write_recording(folder / "recording", RECORDS)
        replay(folder)
        (folder / "static").mkdir()
        port = free_port()
        command = [str(Path(sys.executable).with_name("patchwatch")), "--config", str(folder / "patchwatch.toml")]
        command += ["--data", str(folder / "store"), "run", "--role", "web"]
        listen = {"PATCHWATCH_WEB_LISTEN": f"127.0.0.1:{port}"}
        ours = servers.enter_context(started(command, "/feeds/all.atom", port, **listen))
        (folder / "static" / "all.atom").write_bytes(read(ours)[0])
        port = free_port()
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port, user=user), encoding="utf-8")
        command = ["nginx", "-p", name, "-c", str(folder / "nginx.conf")]
        nginx = servers.enter_context(started(command, "/all.atom", port))
        port = free_port()
        command = [sys.executable, "-m", "scripts.benches.feedgen_app", str(folder / "static/all.atom"), str(port)]
        feedgen = servers.enter_context(started(command, "/all.atom", port))
        return measure(ours, nginx, feedgen)
