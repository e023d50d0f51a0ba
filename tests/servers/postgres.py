"""A PostgreSQL cluster of the tests' own on loopback, run as a user that is not root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

READY_SECONDS = 60.0
_USER = "postgres"


class Postgres:
    """`url(name)` makes a new empty database and gives its address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._admin = f"postgresql://{_USER}@127.0.0.1:{port}/postgres"

    def new_database(self) -> str:
        name = f"t{uuid4().hex[:12]}"
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{name}"

    def is_ready(self) -> bool:
        try:
            with psycopg.connect(self._admin, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _as_user() -> list[str]:
    return ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"] if os.geteuid() == 0 else []


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One cluster for the whole run; durability is off because none of its tests cuts the power."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="patchwatch-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _USER, _USER)
    cluster, port = folder / "cluster", _free_port()
    cluster_options = ["--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
    initdb = [programs / "initdb", "-D", cluster, "-U", _USER, *cluster_options]
    subprocess.run([*_as_user(), *map(str, initdb)], cwd="/", check=True, capture_output=True, timeout=120)
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "fsync": "off",
        "full_page_writes": "off",
        "max_connections": 60,
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [*_as_user(), str(programs / "postgres"), "-D", str(cluster), *options], cwd="/", stdout=log, stderr=log
    )
    server = Postgres(port)
    try:
        until = time.monotonic() + READY_SECONDS
        while not server.is_ready():
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"PostgreSQL did not start: {(folder / 'log').read_text(encoding='utf-8')[-800:]}")
            time.sleep(0.02)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)
