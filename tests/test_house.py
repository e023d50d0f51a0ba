"""The house itself: the wheel, the locks, the scripts, and the block on the network."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, is_local

ROOMS = ("advisories", "bot", "sources", "storage")
LOCKS = ("requirements.lock", "requirements-e2ee.lock", "requirements-dev.lock", "requirements-bench.lock")


def tracked_files(*patterns: str) -> list[Path]:
    """What is in the repository, and what will be with the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def run_alone(command: list[Path | str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as for a release (no index is asked)."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_four_rooms_and_their_files(wheel: Path) -> None:
    """Every tracked file of the rooms (modules, topics, templates, migrations), and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == {path.relative_to(ROOT).as_posix() for path in tracked_files(*ROOMS)}


def test_the_wheel_names_its_command(wheel: Path) -> None:
    """`patchwatch` starts bot.__main__:main."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert archive.read(name).decode().split("\n")[:2] == ["[console_scripts]", "patchwatch = bot.__main__:main"]


def test_the_installed_wheel_runs_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, with the dependencies lent but without the checkout, `patchwatch --help` works."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages")
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(home / "bin" / "python"),
        "install",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, timeout=120)
    (site / "lent.pth").write_text(
        "\n".join(path for path in sys.path if path.endswith("site-packages")), encoding="utf-8"
    )
    code = f"print(*(__import__(room).__path__[0] for room in {ROOMS!r}))"
    places = run_alone([home / "bin" / "python", "-I", "-c", code], tmp_path)
    assert places.stdout.split() == [str(site / room) for room in ROOMS], places.stderr
    shown = run_alone([home / "bin" / "patchwatch", "--help"], tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "replay" in shown.stdout


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_of_a_lock_has_hashes_and_a_version(lock: str) -> None:
    """`name==version [; marker]` followed by at least one sha256; no address, no option, no comment."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    requirements = text.replace(" \\\n", " ").splitlines()
    form = re.compile(r"[a-z0-9-]+==[^ ;]+( ; [^-]+?)?( +--hash=sha256:[0-9a-f]{64})+", re.ASCII)
    assert [line for line in requirements if not form.fullmatch(line)] == []
    assert len(requirements) > 30


def locked(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))


def pinned(lock: str) -> set[str]:
    return set(re.findall(r"^[a-z0-9-]+==[^ \\]+", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))


def direct(requirements: list[str]) -> set[str]:
    names = (re.match(r"[A-Za-z0-9._-]+", requirement) for requirement in requirements)
    return {re.sub(r"[._-]+", "-", name.group()).lower() for name in names if name}


def test_the_locks_hold_what_the_project_declares() -> None:
    """A dependency added to pyproject.toml without scripts/lock is noticed; no test server is in the runtime lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime, dev = direct(project["project"]["dependencies"]), direct(project["dependency-groups"]["dev"])
    assert runtime - locked("requirements.lock") == set()
    assert (runtime | dev) - locked("requirements-dev.lock") == set()
    assert locked("requirements.lock") - locked("requirements-dev.lock") == set()
    assert {"matrix-synapse", "pytest", "mypy"} & locked("requirements.lock") == set()


def test_what_encrypted_rooms_need_is_locked_apart() -> None:
    """The default installation is binaries and holds none of it; the lock of its own and the tests' have the same."""
    plain, extra, dev = (pinned(f"requirements{one}.lock") for one in ("", "-e2ee", "-dev"))
    names = {one.partition("==")[0] for one in extra - plain}
    assert names == {"atomicwrites", "cachetools", "peewee", "setuptools", "vodozemac"}
    assert plain < extra <= dev


def test_an_unknown_extra_is_refused() -> None:
    """Before anything is installed."""
    environment = {**os.environ, "PATCHWATCH_EXTRAS": "e2e"}
    ran = subprocess.run([ROOT / "scripts/run", "--help"], env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "patchwatch: PATCHWATCH_EXTRAS=e2e is not known; it may be e2ee\n"


def test_the_bench_lock_holds_the_project_and_the_peers() -> None:
    """The peers are measured beside the very versions that patchwatch runs on, and no other lock has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    peers = direct(project["dependency-groups"]["bench"])
    assert (direct(project["project"]["dependencies"]) | peers) - locked("requirements-bench.lock") == set()
    assert pinned("requirements.lock") - pinned("requirements-bench.lock") == set()
    assert {"vunnel", "reader", "feedgen", "orjson", "python-debian"} & locked("requirements-dev.lock") == set()


def test_ci_runs_the_whole_check() -> None:
    """.ci/run is scripts/test with skips forbidden, and both can be executed."""
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert lines[-2:] == ["export CI=true", 'exec ./scripts/test "$@"']
    for name in (".ci/run", "scripts/run", "scripts/test", "scripts/bench", "scripts/lock"):
        assert os.access(ROOT / name, os.X_OK), name


@pytest.mark.parametrize("name", ["environment.sh", "servers.sh", "run", "test", "lock", "bench", "../.ci/run"])
def test_the_shell_scripts_parse(name: str) -> None:
    """bash finds no syntax error."""
    subprocess.run(["bash", "-n", ROOT / "scripts" / name], check=True, capture_output=True)


def test_a_folder_with_other_files_is_never_made_an_environment(tmp_path: Path) -> None:
    """PATCHWATCH_VENV naming a folder of something else is refused, and the folder stays as it was."""
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    environment = {**os.environ, "PATCHWATCH_VENV": str(tmp_path), "PATCHWATCH_PYTHON": sys.executable}
    refused = subprocess.run(
        [ROOT / "scripts/run"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (refused.returncode, refused.stdout) == (10, "")
    assert refused.stderr.startswith(f"patchwatch: {tmp_path} is not a virtual environment and not empty")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_an_old_python_is_refused_with_what_to_install(tmp_path: Path) -> None:
    """Without Python 3.11 the one line says what is needed."""
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    environment = {**os.environ, "PATCHWATCH_PYTHON": str(old)}
    refused = subprocess.run(
        [ROOT / "scripts/run"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode == 10
    assert refused.stderr == (
        "patchwatch: Python 3.11 or newer is needed and was not found"
        " (as root: apt-get install -y python3 python3-venv)\n"
    )


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (("127.0.0.1", 80), True),
        (("::1", 80, 0, 0), True),
        (("localhost", 80), True),
        (("192.0.2.1", 80), False),
        (("10.0.0.1", 80), False),
        (("example.org", 80), False),
        (("169.254.169.254", 80), False),
    ],
)
def test_only_loopback_counts_as_local(address: tuple[object, ...], local: bool) -> None:
    """What the block on the network lets through."""
    assert is_local(socket.AF_INET, address) is local


def test_a_connection_outward_fails_even_in_a_thread(outward_connections: list[str]) -> None:
    """The try is stopped before a packet leaves, and remembered."""
    stopped: list[str] = []

    def reach_out() -> None:
        with socket.socket() as client:
            try:
                client.connect(("192.0.2.1", 9))
            except pytest.fail.Exception as failure:
                stopped.append(str(failure))

    thread = threading.Thread(target=reach_out)
    thread.start()
    thread.join()
    assert stopped == ["a test tried to reach the network: connect to ('192.0.2.1', 9); only loopback is allowed"]
    assert outward_connections == ["connect to ('192.0.2.1', 9)"]
    outward_connections.clear()
