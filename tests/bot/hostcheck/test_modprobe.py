"""Our reading of modprobe.d against kmod's own dry run, over generated rules and a module tree of our own."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from bot.hostcheck.files import HostFiles
from bot.hostcheck.kmod import agrees, parse_dry_run
from bot.hostcheck.modprobe import (
    Action,
    Modules,
    is_rule_file,
    logical_lines,
    outcome,
    parse_rules,
    probe,
    read_rules,
)
from tests.bot.hostcheck.roots import write_root

MODPROBE = shutil.which("modprobe") or shutil.which("modprobe", path="/usr/sbin:/sbin")
RELEASE = "9.9.9-pw"
NEEDS: dict[str, tuple[str, ...]] = {
    "pw_alg": (), "pw_aead": ("pw_alg",), "pw_hash": ("pw_alg",), "pw_null": (), "pw_deep": ("pw_aead", "pw_alg"),
}  # fmt: skip
ALIASES = (("net_pf_98", "pw_alg"), ("pw_type_*", "pw_hash"))
TREE = Modules(NEEDS, ALIASES, {"pw_core"})
FOLDERS = ("etc/modprobe.d", "run/modprobe.d", "usr/lib/modprobe.d")
NAMES = (
    "pw_aead",
    "pw-aead",
    "pw_alg",
    "pw-a*",
    "pw_hash",
    "pw_null",
    "pw_core",
    "pw[-_]aead",
    "pw_deep",
    "pw-[",
    "nothere",
)
REQUESTS = ("pw-aead", "pw_aead", "net-pf-98", "pw_deep", "pw-type-x", "pw_core", "nothere", "pw-other")
EXTRACTED = ("", "", "# by depmod\nsoftdep pw-aead pre: pw_null\n", "softdep pw_hash post: pw_null\n")
COMMANDS = ("/bin/false", "/bin/true", "  /bin/false", "/sbin/x $CMDLINE_OPTS", "/bin/fal\\\nse")


def write_index(entries: list[tuple[str, str]]) -> bytes:
    """kmod's binary index: a trie, one letter a level (depmod's index_write)."""
    out = bytearray(struct.pack(">III", 0xB007F457, 0x00020001, 0))

    def node(keys: list[tuple[bytes, bytes]]) -> int:
        below: dict[int, list[tuple[bytes, bytes]]] = {}
        for key, value in keys:
            if key:
                below.setdefault(key[0], []).append((key[1:], value))
        first, last = (min(below), max(below)) if below else (0, -1)
        children = [node(below[letter]) if letter in below else 0 for letter in range(first, last + 1)]
        values = [value for key, value in keys if not key]
        offset = len(out)
        if children:
            out.extend(bytes([first, last]) + struct.pack(f">{len(children)}I", *children))
            offset |= 0x20000000
        if values:
            out.extend(struct.pack(">I", len(values)))
            for value in values:
                out.extend(struct.pack(">I", 0) + value + b"\0")
            offset |= 0x40000000
        return offset

    out[8:12] = struct.pack(">I", node([(key.encode(), value.encode()) for key, value in entries]))
    return bytes(out)


def write_modules(root: Path) -> None:
    folder = root / "lib/modules" / RELEASE
    (folder / "kernel").mkdir(parents=True)
    lines = {name: f"kernel/{name}.ko:{''.join(f' kernel/{one}.ko' for one in needs)}" for name, needs in NEEDS.items()}
    for name in NEEDS:
        (folder / f"kernel/{name}.ko").touch()
    (folder / "modules.dep").write_text("\n".join(lines.values()) + "\n")
    (folder / "modules.dep.bin").write_bytes(write_index(list(lines.items())))
    (folder / "modules.alias.bin").write_bytes(write_index(list(ALIASES)))
    (folder / "modules.symbols.bin").write_bytes(write_index([("symbol:pw", "pw_alg")]))
    (folder / "modules.builtin.bin").write_bytes(write_index([("pw_core", "")]))
    (folder / "modules.softdep").touch()
    (folder / "modules.builtin.modinfo").touch()


def one_line(rng: random.Random) -> str:
    name = rng.choice(NAMES)
    kind = rng.choice(
        ("install", "install", "blacklist", "blacklist", "alias", "options", "softdep", "#", "bad", "remove")
    )
    gap = rng.choice((" ", "\t", "  "))
    if kind == "install":
        return f"install{gap}{name} {rng.choice(COMMANDS)}"
    if kind == "alias":
        return f"alias{gap}{rng.choice((*REQUESTS[:5], 'pw-*'))} {rng.choice(('pw_null', 'pw-hash', 'off', 'pw_core'))}"
    if kind == "softdep":
        words = rng.choice(("pre: pw_null", "post: pw_null", "pre: nothere", "pre: pw_hash post: pw-null"))
        return f"softdep{gap}{name} {words}"
    if kind == "#":
        return rng.choice(("# install pw_aead /bin/false", " #install pw_aead /bin/false", "\\\n#x"))
    if kind == "bad":
        return rng.choice(
            ("install", "install pw_aead", "installl pw_aead /bin/false", "blacklist", "include x", "alias pw_aead")
        )
    return f"{kind}{gap}{name}" + ({"options": " a=1", "remove": " /bin/true"}.get(kind, ""))


def write_rules(root: Path, rng: random.Random) -> None:
    for folder in FOLDERS:
        for name in rng.sample(
            ("a.conf", "b.conf", "z.conf", "x.alias", "y.bak", ".h.conf", "README"), rng.randint(0, 3)
        ):
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "\n".join(one_line(rng) for _ in range(rng.randint(0, 4)))
            path.write_text(text + rng.choice(("\n", "")))


def ask_modprobe(root: Path, modules: Path, request: str) -> tuple[list[tuple[str, str]], bool]:
    """The actions, and whether modprobe was content."""
    configured = [part for folder in FOLDERS if (root / folder).is_dir() for part in ("-C", str(root / folder))]
    if not configured:
        configured = ["-C", "/dev/null"]
    command = [str(MODPROBE), "-n", "-v", "-d", str(modules), "-S", RELEASE, *configured, "--", request]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return shaped([(one.kind, one.word) for one in parse_dry_run(done.stdout, request)]), done.returncode == 0


def shaped(actions: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(kind, word.strip()) for kind, word in actions if kind != "builtin"]


def compare_rule_sets(tmp_path: Path, count: int, seed: int) -> None:
    modules = tmp_path / "modules"
    write_modules(modules)
    softdeps = modules / "lib/modules" / RELEASE / "modules.softdep"
    rng = random.Random(seed)
    different = []
    for number in range(count):
        root = tmp_path / f"root{number}"
        root.mkdir()
        write_rules(root, rng)
        extracted = rng.choice(
            ("", "", "# from the modules\nsoftdep pw-aead pre: pw_null\n", "softdep pw_hash post: pw_null\n")
        )
        softdeps.write_text(extracted)
        write_root(root, {f"tree/{softdeps.name}": extracted})
        request = rng.choice(REQUESTS)
        rules = read_rules(HostFiles(str(root)), folders=tuple("/" + folder for folder in FOLDERS), tree="/tree")
        ours = shaped([(one.kind, one.word) for one in probe(rules, TREE, request).actions])
        theirs, _ = ask_modprobe(root, modules, request)
        if ours != theirs:
            texts = {
                str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()
            }
            different.append((request, ours, theirs, texts))
        shutil.rmtree(root)
    assert different[:3] == []


@pytest.mark.skipif(MODPROBE is None, reason="kmod is not installed")
def test_rules_mean_what_kmod_says(tmp_path: Path) -> None:
    """300 generated rule sets: the same actions in the same order."""
    compare_rule_sets(tmp_path, 300, 7)


@pytest.mark.slow
@pytest.mark.skipif(MODPROBE is None, reason="kmod is not installed")
def test_many_rules_mean_what_kmod_says(tmp_path: Path) -> None:
    """2,000 generated rule sets."""
    compare_rule_sets(tmp_path, 2000, 11)


def test_a_softdep_switches_an_install_rule_off() -> None:
    """kmod ignores the command of a module that has a softdep: the rule that people trust does nothing."""
    rules = parse_rules("install pw_aead /bin/false\nsoftdep pw_aead pre: pw_null\n", "x")
    folder = read_rules(HostFiles("/nonexistent"))._replace(rules=tuple(rules))
    assert [one.kind for one in probe(folder, TREE, "pw-aead").actions] == ["insmod", "insmod", "insmod"]


@pytest.mark.parametrize(
    ("actions", "loaded", "expected"),
    [
        ([("install", "/bin/false", "pw_aead")], set(), "blocked"),
        ([("install", "/bin/false", "pw_null"), ("insmod", "pw_aead", "pw_aead")], set(), "inserted"),
        ([("install", "/bin/x", "pw_null"), ("install", "/bin/true", "pw_aead")], set(), "blocked"),
        ([("install", "/bin/false", "pw_alg"), ("insmod", "pw_aead", "pw_aead")], set(), "blocked"),
        ([("install", "/bin/false", "pw_alg"), ("insmod", "pw_aead", "pw_aead")], {"pw_alg"}, "inserted"),
        ([("install", "/bin/sh -c false", "pw_aead")], set(), "undecided"),
        ([("builtin", "pw_aead", "pw_aead")], set(), "builtin"),
        ([], set(), "blocked"),
    ],
)
def test_a_failing_command_counts_where_kmod_needs_it(
    actions: list[tuple[str, str, str]], loaded: set[str], expected: str
) -> None:
    """The module's own command and those of what it needs; a softdep may fail and a loaded module is left alone."""
    assert outcome(tuple(Action(*one) for one in actions), TREE, "pw_aead", loaded) == expected


@pytest.mark.parametrize(
    ("printed", "alike"),
    [
        ("insmod /lib/modules/9/kernel/pw_alg.ko.zst \ninsmod /lib/modules/9/kernel/pw-aead.ko.zst a=1\n", True),
        ("insmod /lib/modules/9/kernel/pw_alg.ko.zst \ninstall /bin/false \n", False),
        ("", False),
    ],
)
def test_kmod_has_the_last_word(printed: str, alike: bool) -> None:
    """Its printed steps are compared with ours, whatever the end of a module's file name is."""
    ours = (Action("insmod", "pw_alg", "pw_alg"), Action("insmod", "pw_aead", "pw_aead"))
    assert agrees(ours, parse_dry_run(printed, "pw-aead")) is alike


def test_lines_are_joined_as_kmod_joins_them() -> None:
    """Backslash newline joins; a backslash before a letter is dropped."""
    assert logical_lines("a\\\nb\nc\\d\n") == ["ab", "cd", ""]


@pytest.mark.parametrize(
    ("name", "read"),
    [("a.conf", True), (".a.conf", False), (".conf", False), ("a.alias", True), ("a.conf.bak", False), ("conf", False)]
)  # fmt: skip
def test_the_files_that_kmod_reads(name: str, read: bool) -> None:
    """By the end of their names."""
    assert is_rule_file(name) is read
