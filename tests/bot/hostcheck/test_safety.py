"""It reads only: no AF_ALG socket, no module loaded, nothing written, nothing outside the root; and it runs on 3.6."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.hostcheck.files import HostFiles
from tests.bot.hostcheck.cases import CASES, D12_OLD
from tests.bot.hostcheck.roots import document, write_root
from tests.conftest import ROOT

SOURCES = sorted((ROOT / "bot/hostcheck").glob("*.py"))
ALLOWED = {
    "argparse", "ast", "collections", "datetime", "fnmatch", "itertools", "json", "lzma", "os", "pkgutil", "re",
    "stat", "subprocess", "sys", "typing", "urllib", "zlib", "bot",
}  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_syntax_is_that_of_python_3_6(path: Path) -> None:
    """Parsed with the older grammar; only the standard library and its own modules are imported, and no socket."""
    module = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))
    names = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    assert {name.partition(".")[0] for name in names} <= ALLOWED
    assert all(name.startswith("bot.hostcheck") for name in names if name.startswith("bot"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_newer_than_python_3_6_is_called(path: Path) -> None:
    """Names and keywords that came later, and calls that write."""
    later = re.compile(
        r"capture_output|fromisoformat|removeprefix|removesuffix|\btext=True|from __future__ import annotations"
        r"|from dataclasses"
        r"|socket\.socket|write_text|write_bytes|os\.(?:remove|unlink|rename|mkdir|chmod)|O_WRONLY|O_RDWR|O_CREAT"
    )
    assert later.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_files_are_opened_for_reading_alone(path: Path) -> None:
    """Every open() has the mode "rb", every os.open the flag O_RDONLY; programs are started in three modules only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "open":
            assert ast.literal_eval(node.args[1]) == "rb"
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "os.open":
            assert "O_RDONLY" in ast.unparse(node.args[1])
    started = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and "subprocess." in ast.unparse(node.func)
    ]
    assert not started or path.name in ("kmod.py", "rpm.py", "signed.py")
    assert all(ast.unparse(node.func) == "subprocess.run" for node in started)
    assert not any(keyword.arg == "shell" for node in started for keyword in node.keywords)


def old_python() -> str:
    """A Python 3.6 on the path, of EL 8, or installed beside this one; "" when there is none."""
    beside = [str(path) for path in Path(sys.base_prefix).parent.glob("3.6*/bin/python3")]
    for candidate in ("python3.6", "/usr/libexec/platform-python", *beside):
        found = shutil.which(candidate)
        if found:
            told = subprocess.run(
                [found, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, check=False
            )
            if told.stdout.strip() == b"(3, 6)":
                return found
    return ""


def test_the_single_file_judges_alike_on_python_3_6(single_file: Path, tmp_path: Path) -> None:
    """The interpreter itself, where there is one: every 25th root gives the verdict of the table."""
    python = old_python()
    if not python:
        pytest.skip("there is no Python 3.6 here")
    as_of = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    exported = {"patchwatch_matrix": 1, "as_of": as_of, "advisories": [document() | {"as_of": as_of}]}
    (tmp_path / "matrix.json").write_text(json.dumps(exported), encoding="utf-8")
    words, expected = [], []
    for number, (name, files, word) in enumerate(CASES[::25]):
        root = write_root(tmp_path / str(number), files)
        command = [python, "-I", "-S", str(single_file), "--root", root, "--matrix", str(tmp_path / "matrix.json")]
        done = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=False, timeout=60)
        words.append((name, json.loads(done.stdout or "{}").get("verdict", done.stderr)))
        expected.append((name, word))
    assert words == expected
    users = subprocess.run(
        [python, "-I", "-S", str(single_file), "--users", "--programs", "--root", str(tmp_path / "0")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (users.returncode, users.stderr, users.stdout[:24]) == (0, "", "AF_ALG sockets: not seen")


@pytest.fixture(scope="module")
def single_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("pyz") / "patchwatch-check.pyz"
    subprocess.run([sys.executable, ROOT / "scripts/build-check", target], check=True, timeout=60)
    return target


def test_the_single_file_is_the_same_each_time(single_file: Path, tmp_path: Path) -> None:
    """Two builds, one hash."""
    again = tmp_path / "again.pyz"
    subprocess.run([sys.executable, ROOT / "scripts/build-check", again], check=True, timeout=60)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(single_file.read_bytes()).digest()


def test_the_single_file_judges_this_machine(single_file: Path, tmp_path: Path) -> None:
    """Alone, without the project's environment; without a matrix nothing is fixed."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", single_file], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (6, "")
    assert "CVE-2026-31431: UNVERIFIED" in done.stdout


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("words", [[], ["--users"]])
def test_strace_sees_no_socket_no_module_and_no_write(single_file: Path, tmp_path: Path, words: list[str]) -> None:
    """On the live host: no AF_ALG, no init_module, no file opened for writing but the terminal and /dev/null."""
    log = tmp_path / "log"
    calls = "trace=socket,init_module,finit_module,open,openat,creat,unlink,unlinkat,rename,renameat2,mkdir,mkdirat"
    command = ["strace", "-f", "-o", str(log), "-e", calls, sys.executable, "-I", "-S", "-B", str(single_file), *words]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    if b"ptrace" in done.stderr.lower():
        pytest.skip("strace may not trace here")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    assert any("openat(" in line and "os-release" in line for line in lines)
    bad = [
        line
        for line in lines
        if "AF_ALG" in line
        or "init_module(" in line
        or re.search(r"\b(unlink|rename|mkdir|creat)(at2?)?\(", line)
        or (re.search(r"O_WRONLY|O_RDWR|O_CREAT", line) and '"/dev/null"' not in line)
    ]
    assert bad == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_another_root_reads_nothing_of_this_host(single_file: Path, tmp_path: Path) -> None:
    """With --root no /etc, /proc or /sys of this machine is opened, and no program started."""
    root = write_root(tmp_path / "root", D12_OLD | {"etc/os-release": "-> /etc/../../../usr/lib/os-release"})
    log = tmp_path / "log"
    command = ["strace", "-f", "-o", str(log), "-e", "trace=open,openat,execve", sys.executable, "-I", "-S", "-B"]
    done = subprocess.run(
        [*command, str(single_file), "--root", root], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (1, 6)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    outside = re.compile(
        r'"/(?:etc/(?!ld\.so|localtime|python)|sys/|boot/|proc/(?:version|modules|cmdline|sys|config)|var/lib/dpkg'
        r"|usr/lib/os-release)"
    )
    assert [line for line in lines if outside.search(line)] == []
    assert sum("execve(" in line for line in lines) == 1


def test_links_stay_below_the_root(tmp_path: Path) -> None:
    """Absolute and climbing links mean the root; loops, FIFOs, long files are values with a reason."""
    root = tmp_path / "root"
    write_root(
        root,
        {
            "etc/real": "inside",
            "a": "-> /etc/real",
            "b": "-> ../../../../etc/real",
            "loop": "-> loop",
            "long": "x" * 50,
        },
    )
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/real").write_text("outside")
    os.mkfifo(root / "fifo")
    files = HostFiles(str(root))
    assert [files.read(path).text for path in ("/a", "/b", "/../etc/real")] == ["inside"] * 3
    assert [files.read(path, 20).state for path in ("/loop", "/fifo", "/long", "/none", "/etc")] == [
        "unreadable", "unreadable", "truncated", "absent", "unreadable",
    ]  # fmt: skip
    assert sorted(files.problems) == ["/etc", "/fifo", "/long", "/loop"]
