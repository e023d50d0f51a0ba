"""What a whole host check costs: the single file over an image as large as a real server's: CPU time, peak memory."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from scripts.benches.figure import Figure, middle
from scripts.benches.start_up import cpu_seconds

ROUNDS = 7
PACKAGES, MODULES, ALIASES, SETTINGS, UNITS, CELLS = 2500, 4500, 26000, 9000, 350, 400
ADVISORIES = (
    "CVE-2026-31431", "CVE-2026-31677", "CVE-2026-43043", "CVE-2026-43077", "CVE-2026-43078", "CVE-2026-46028",
    "CVE-2026-46033", "CVE-2026-52972", "CVE-2026-74578",
)  # fmt: skip
KERNEL = "6.1.0-44-amd64"
ROOT = Path(__file__).resolve().parent.parent.parent
# The peak of a child counts from the fork, so a small process starts it and says what it took (KiB).
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def write_image(root: Path) -> None:
    """Debian 12 with an old kernel, a rule in modprobe.d, and files as long as a real server has them."""
    rng = random.Random(4)
    version = "Debian 6.1.164-1 (2026-03-09)"
    write(root / "etc/os-release", 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n')
    write(root / "proc/version", f"Linux version {KERNEL} (debian-kernel@lists.debian.org) (gcc) #1 SMP {version}\n")
    write(root / "proc/cmdline", "ro quiet\n")
    write(root / "proc/modules", "".join(f"driver{n} 16384 0 - Live 0x0\n" for n in range(180)))
    write(root / "etc/modprobe.d/x.conf", "install algif_aead /bin/false\n")
    depends = "Depends: " + ", ".join(f"lib{n} (>= 1.2.3)" for n in range(12))
    stanzas = [
        f"Package: package{n}\nStatus: install ok installed\nVersion: 1.{n}-1\n{depends}\nDescription: x\n " + "y" * 500
        for n in range(PACKAGES)
    ]
    stanzas.append(f"Package: linux-image-{KERNEL}\nStatus: install ok installed\nSource: linux\nVersion: 6.1.164-1\n")
    write(root / "var/lib/dpkg/status", "\n\n".join(stanzas))
    write(root / f"boot/config-{KERNEL}", "CONFIG_CRYPTO=y\n" + "".join(f"CONFIG_X{n}=m\n" for n in range(SETTINGS))
          + "CONFIG_CRYPTO_USER_API=m\nCONFIG_CRYPTO_USER_API_AEAD=m\n")  # fmt: skip
    tree = root / "lib/modules" / KERNEL
    needs = [f"kernel/drivers/a{n}/driver{n}.ko: kernel/drivers/b/driver{n // 2}.ko\n" for n in range(MODULES)]
    needs.append("kernel/crypto/af_alg.ko:\nkernel/crypto/algif_aead.ko: kernel/crypto/af_alg.ko\n")
    write(tree / "modules.dep", "".join(needs))
    aliases = [f"alias pci:v0000{n:04X}d0000{n:04X}sv*sd*bc*sc*i* driver{n % MODULES}\n" for n in range(ALIASES)]
    write(tree / "modules.alias", "".join([*aliases, "alias net-pf-38 af_alg\n"]))
    write(tree / "modules.builtin", "".join(f"kernel/fs/f{n}.ko\n" for n in range(400)))
    write(tree / "modules.softdep", "softdep driver1 pre: driver2\n" * 50)
    for number in range(UNITS):
        write(root / f"usr/lib/systemd/system/u{number}.service", "[Service]\nRestrictAddressFamilies=AF_UNIX\n" * 3)
    write(root / f"boot/initrd.img-{KERNEL}", gzip.compress(archive(rng.randbytes(24 * 1024 * 1024)), 1))


def archive(content: bytes) -> bytes:
    """A cpio archive with one large file, as an initramfs has them."""
    name = b"usr/lib/firmware/x\0"
    numbers = (1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name
    return head + b"\0" * (-len(head) % 4) + content


def matrix() -> bytes:
    cells = [
        {"kind": "package", "distro": "debian", "release": "12" if n == 0 else f"r{n}", "package": "linux",
         "status": "fixed", "fixed": [{"branch": None, "version": "6.1.170-1"}],
         "evidence": [{"source": "debian", "class": "vendor", "url": "https://vendor.example/" + "x" * 60}]}
        for n in range(CELLS)
    ]  # fmt: skip
    as_of = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    heads = [{"id": f"PW-2026-{n}", "aliases": [name], "title": "x"} for n, name in enumerate(ADVISORIES, 1)]
    documents = [{"advisory": head, "cells": cells, "as_of": as_of} for head in heads]
    return json.dumps({"patchwatch_matrix": 1, "as_of": as_of, "advisories": documents}).encode()


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="patchwatch-bench-") as folder:
        root, single = Path(folder) / "root", Path(folder) / "patchwatch-check.pyz"
        write_image(root)
        write(Path(folder) / "matrix.json", matrix())
        subprocess.run([sys.executable, ROOT / "scripts/build-check", single], check=True)
        command = [sys.executable, "-I", "-S", str(single), *ADVISORIES, "--root", str(root)]
        command += ["--matrix", f"{folder}/matrix.json"]
        judged = ["sh", "-c", '"$@"; test $? -eq 1', "sh", *command]  # affected: another status is another way through
        cpu_seconds(judged)
        seconds = [cpu_seconds(judged) for _ in range(ROUNDS)]
        peaks = [peak_mib(command) for _ in range(5)]
    return [
        Figure(name="host check: nine advisories, single file", unit="s CPU", ours=middle(seconds), limit=0.5),
        Figure(name="host check: peak memory", unit="MiB", ours=middle(peaks), limit=40.0),
    ]


def peak_mib(command: list[str]) -> float:
    told = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PEAK, *command], check=True, capture_output=True, text=True
    )
    return int(told.stdout) / 1024
