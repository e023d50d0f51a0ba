"""Writes the trees of hosts and images for the tests, and the matrix they are judged by."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.hostcheck.matrix import Matrix, parse_matrix

NOW = datetime(2026, 5, 20, tzinfo=UTC)
CVE = "CVE-2026-31431"
Files = dict[str, str | bytes]

OS = {
    "debian12": 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "debian13": 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n',
    "debian11": 'ID=debian\nVERSION_ID="11"\nVERSION_CODENAME=bullseye\n',
    "debian10": 'ID=debian\nVERSION_ID="10"\nVERSION_CODENAME=buster\n',
    "sid": "ID=debian\nVERSION_CODENAME=sid\n",
    "noble": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n',
    "focal": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="20.04"\nVERSION_CODENAME=focal\n',
    "resolute": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="26.04"\nVERSION_CODENAME=resolute\n',
    "mint": 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22.1"\nUBUNTU_CODENAME=noble\n',
    "rhel9": 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.7"\n',
    "rhel8": 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="8.10"\n',
    "rhel10": 'ID="rhel"\nVERSION_ID="10.1"\n',
    "rhel7": 'ID="rhel"\nVERSION_ID="7.9"\n',
    "alma8": 'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="8.10"\n',
    "alma9": 'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.7"\n',
    "alma10": 'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.1"\n',
    "rocky8": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="8.10"\n',
    "rocky10": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.1"\n',
    "rocky9": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.7"\n',
    "ol9": 'ID="ol"\nID_LIKE="fedora"\nVERSION_ID="9.7"\n',
    "amzn": 'ID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n',
    "sles7": 'ID="sles"\nID_LIKE="suse"\nVERSION_ID="15.7"\n',
    "azure": 'ID=azurelinux\nVERSION_ID="3.0"\n',
    "ol8": 'ID="ol"\nID_LIKE="fedora"\nVERSION_ID="8.10"\n',
    "centos": 'ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="9"\n',
    "jammy": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy\n',
    "sles": 'ID="sles"\nID_LIKE="suse"\nVERSION_ID="15.6"\n',
    "arch": "ID=arch\nBUILD_ID=rolling\n",
    "alpine": "ID=alpine\nVERSION_ID=3.22.1\n",
    "fedora": "ID=fedora\nVERSION_ID=43\n",
    "photon": "ID=photon\nVERSION_ID=5.0\n",
    "flatcar": "ID=flatcar\nID_LIKE=coreos\nVERSION_ID=4230.2.1\n",
    "raspbian": 'ID=raspbian\nID_LIKE=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
}


def cell(distro: str, release: str | None, package: str, status: str, *fixed: Any, **more: Any) -> dict[str, Any]:
    """One cell; fixed are versions or (branch, version) pairs."""
    pairs = [one if isinstance(one, tuple) else (None, one) for one in fixed]
    return {
        "kind": "package", "distro": distro, "release": release, "codename": None, "stream": None, "package": package,
        "status": status, "disposition": "none",
        "fixed": [{"branch": branch, "version": version, "erratum": None, "date": None} for branch, version in pairs],
        "errata": [], "evidence": [{"source": "vendor", "class": "vendor", "url": "https://vendor.example/x"}],
        "conflicts": [],
    } | more  # fmt: skip


EL9 = [("el9_7", "5.14.0-611.54.1.el9_7"), ("el9_6", "5.14.0-570.112.1.el9_6")]
CELLS = [
    cell("debian", "12", "linux", "fixed", "6.1.170-1", codename="bookworm"),
    cell("debian", "13", "linux", "fixed", "6.12.85-1"),
    cell("debian", "11", "linux", "fixed", "5.10.251-3"),
    cell("debian", "11", "linux-6.1", "fixed", "6.1.170-1~deb11u1"),
    cell("debian", "sid", "linux", "fixed", "6.19.12-1", codename="sid"),
    cell("ubuntu", "24.04", "linux", "fixed", "6.8.0-117.117"),
    cell("ubuntu", "24.04", "linux-hwe-6.17", "fixed", "6.17.0-29.29~24.04.1"),
    cell("ubuntu", "24.04", "kmod", "fixed", "31+20240202-2ubuntu7.2", kind="related"),
    cell("ubuntu", "24.04", "linux-aws", "affected", "6.8.0-1060.62", disposition="pending"),
    cell("ubuntu", "20.04", "linux", "affected", disposition="eol"),
    cell("ubuntu", "20.04", "linux", "fixed", "5.4.0-230.250", stream="esm-infra", needs_subscription=True),
    cell("ubuntu", "26.04", "linux", "not_affected"),
    cell("rhel", "9", "kernel", "fixed", *EL9),
    cell("rhel", "8", "kernel", "fixed", ("el8_10", "4.18.0-553.123.1.el8_10")),
    cell("rhel", "10", "kernel", "fixed", ("el10_1", "6.12.0-124.55.1.el10_1")),
    cell("rhel", "7", "kernel", "not_affected"),
    cell("almalinux", "8", "kernel", "fixed", ("el8_10", "4.18.0-553.121.1.el8_10")),
    cell("almalinux", "9", "kernel", "fixed", ("el9_7", "5.14.0-611.49.2.el9_7"), ("el9_8", "5.14.0-687.5.3.el9_8")),
    cell("almalinux", "10", "kernel", "under_investigation"),
    cell("rocky", "9", "kernel", "affected"),
    cell("rocky", "8", "kernel", "fixed", ("el8_10", "4.18.0-553.123.1.el8_10")),
    cell("rocky", "10", "kernel", "fixed", ("el10_1", "6.12.0-124.55.1.el10_1")),
    cell("ol", "8", "kernel-uek", "fixed", "5.4.17-2136.354.4.2.el8uek", stream="uek6"),
    cell("ubuntu", "22.04", "linux", "fixed", "5.15.0-179.189"),
    cell("sles", "15.7", "kernel-default", "fixed", "6.4.0-150700.53.40.2"),
    cell("azurelinux", "3.0", "kernel", "fixed", "6.6.137.1-1.azl3"),
    cell("rhel", "9", "kpatch-patch", "fixed", kind="livepatch"),
    cell("ol", "9", "kernel-uek", "fixed", "5.15.0-319.201.4.4.el9uek", stream="uek7"),
    cell("ol", "9", "kernel-uek", "fixed", "6.12.0-201.74.2.2.el9uek", stream="uek8"),
    cell("amzn", "2023", "kernel", "fixed", "1:6.1.168-203.330.amzn2023"),
    cell("amzn", "2023", "kernel6.12", "fixed", "6.12.80-106.156.amzn2023"),
    cell("sles", "15.6", "kernel-default", "fixed", "6.4.0-150600.23.100.1", stream="ltss"),
    cell("arch", None, "linux", "fixed", "6.19.12.arch1-1", inferred=True),
    cell("alpine", "3.22", "docker", "fixed", "29.4.2-r0", kind="related"),
    cell("fedora", "43", "kernel", "fixed", "6.19.12-200.fc43"),
    cell("photon", "5.0", "linux", "fixed", "6.1.177-1.ph5"),
]  # fmt: skip


def document(cells: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A status document of the advisory."""
    head = {"id": "PW-2026-1", "aliases": [CVE], "title": "algif_aead", "topics": ["copy-fail"], "withdrawn": None}
    return {"advisory": head, "cells": CELLS if cells is None else cells, "as_of": "2026-05-19T12:00:00Z"}


def matrix(cells: list[dict[str, Any]] | None = None, as_of: str = "2026-05-19T12:00:00Z") -> Matrix:
    """The matrix of those cells, read from its JSON."""
    exported = {"patchwatch_matrix": 1, "as_of": as_of, "advisories": [document(cells) | {"as_of": as_of}]}
    return parse_matrix(json.dumps(exported).encode(), "test")


def write_root(root: Path, files: Mapping[str, str | bytes]) -> str:
    """Writes the files below root; the text `-> TARGET` makes a link, `FIFO` a pipe that would hang a reader."""
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            path.symlink_to(content[3:])
        elif content == "FIFO":
            os.mkfifo(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(root)


def running(line: str, modules: str = "", cmdline: str = "quiet", signature: str = "") -> Files:
    """/proc of a running kernel."""
    files: Files = {"proc/version": line + "\n", "proc/modules": modules, "proc/cmdline": cmdline + "\n"}
    return files | ({"proc/version_signature": signature + "\n"} if signature else {})


def debian(abi: str, version: str) -> str:
    builder = "(debian-kernel@lists.debian.org) (gcc-12 12.2.0)"
    return f"Linux version {abi} {builder} #1 SMP PREEMPT_DYNAMIC Debian {version} (2026-05-01)"


def ubuntu(uname: str, build: str) -> str:
    return (
        f"Linux version {uname} (buildd@lcy02-amd64-101) (x86_64-linux-gnu-gcc-13) #{build}-Ubuntu SMP PREEMPT_DYNAMIC"
    )


def el(uname: str, builder: str = "mockbuild@builder.example") -> str:
    return f"Linux version {uname} ({builder}) (gcc 11.5.0) #1 SMP PREEMPT_DYNAMIC Mon May 4 2026"


def tree(uname: str, state: str = "m") -> Files:
    """The module tree and configuration of a kernel; state m, y or n."""
    folder = f"usr/lib/modules/{uname}"
    aead = "CONFIG_CRYPTO_USER_API_AEAD"
    module = state == "m"
    setting = f"# {aead} is not set\n" if state == "n" else f"{aead}={state}\n"
    needs = "kernel/crypto/af_alg.ko:\nkernel/crypto/algif_aead.ko: kernel/crypto/af_alg.ko\n"
    return {
        "lib": "-> usr/lib",
        f"boot/config-{uname}": "CONFIG_CRYPTO=y\n" + setting,
        f"boot/vmlinuz-{uname}": b"MZ",
        f"{folder}/modules.dep": needs if module else "",
        f"{folder}/modules.alias": "alias net-pf-38 af_alg\n" if module else "",
        f"{folder}/modules.builtin": "kernel/crypto/algif_aead.ko\nkernel/crypto/af_alg.ko\n" if state == "y" else "",
    }  # fmt: skip


def dpkg(*packages: tuple[str, str, str]) -> Files:
    """dpkg's status of (package, version, source)."""
    stanzas = [
        f"Package: {name}\nStatus: install ok installed\nSource: {source}\nVersion: {version}\n"
        for name, version, source in packages
    ]
    return {"var/lib/dpkg/status": "\n".join(stanzas)}


def cpio(files: Mapping[str, str]) -> bytes:
    """A "newc" archive of the files, as an initramfs holds them."""
    out = b""
    for name, text in [*files.items(), ("TRAILER!!!", "")]:
        content, title = text.encode(), name.encode() + b"\0"
        numbers = (1, 0o100644 if text else 0, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(title), 0)
        out += b"070701" + b"".join(b"%08X" % number for number in numbers) + title
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return out


def config_gz(text: str) -> bytes:
    return gzip.compress(text.encode())


def host(name: str, *parts: Files) -> Files:
    """os-release and the parts."""
    files: Files = {"etc/os-release": OS[name]}
    for part in parts:
        files |= part
    return files
