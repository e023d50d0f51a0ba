"""Who depends on AF_ALG: packages, the audit log, compiled programs and source trees, each within its bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.hostcheck.dependents import Dependent, read_dependents
from bot.hostcheck.dpkg import Package, Packages
from bot.hostcheck.files import HostFiles
from bot.hostcheck.osrelease import parse_distro
from bot.hostcheck.programs import scan_programs, scan_source
from bot.hostcheck.rpm import packages_of, parse_rpm
from bot.hostcheck.users import Finding, read_users, scan_findings
from tests.bot.hostcheck.roots import Files, dpkg, host, write_root

SIGN = "AF_ALG"
ELF = b"\x7fELF\x02\x01\x01"


def findings(tmp_path: Path, files: Files, kind: str) -> list[Finding]:
    return [one for one in read_users(write_root(tmp_path, files)).findings if one.kind == kind]


def installed(distro: str, *packages: tuple[str, str]) -> list[Dependent]:
    found = {name: Package(name, version, name) for name, version in packages}
    return read_dependents(parse_distro(distro), Packages("dpkg", found, ""))


@pytest.mark.parametrize(
    ("version", "needs"),
    [("6.19.0-1", True), ("7.0.0-1", False), ("6.1.0-3", True), ("1:6.19.0-1", True)],
)
def test_a_program_is_named_until_it_needs_the_interface_no_more(version: str, needs: bool) -> None:
    """iproute2 left AF_ALG in 7.0; an epoch is no part of that number."""
    assert [one.program for one in installed("debian/13", ("iproute2", version))] == (["iproute2"] if needs else [])


def test_a_program_that_needs_it_less_says_so() -> None:
    """cryptsetup 2.8.7 uses it for less, and is still named."""
    older, newer = (installed("debian/13", ("cryptsetup-bin", version)) for version in ("2:2.7.5-1", "2:2.8.7-1"))
    assert [(one.program, one.less_from) for one in older + newer] == [("cryptsetup", ""), ("cryptsetup", "2.8.7")]


def audit(machine: str, call: int, first: str, program: str = "/usr/bin/x") -> str:
    return (
        f'type=SYSCALL msg=audit(1.1:7): arch={machine} syscall={call} success=yes exit=3 a0={first} exe="{program}"\n'
    )


def test_the_audit_log_is_read_by_machine(tmp_path: Path) -> None:
    """The number of socket() differs by machine; other calls, families and lines count for nothing."""
    lines = [
        audit("c000003e", 41, "26", "/usr/sbin/a"),
        audit("c000003e", 41, "26", "/usr/sbin/a"),
        audit("c00000b7", 198, "26", "/usr/sbin/b"),
        audit("c000003e", 198, "26", "/usr/sbin/other-call"),
        audit("c000003e", 41, "2", "/usr/sbin/other-family"),
        "type=PATH a0=26 \n",
        'type=SYSCALL a0=26 exe="/x"\n',
    ]
    files: Files = {"var/log/audit/audit.log": "".join(lines), "var/log/audit/audit.log.1": lines[0]}
    assert [(one.name, one.detail) for one in findings(tmp_path, files, "audit")] == [
        ("/usr/sbin/a", "3 sockets in the audit log"),
        ("/usr/sbin/b", "1 sockets in the audit log"),
    ]


PROGRAMS: Files = {
    "lib": "-> usr/lib",
    "usr/bin/linked": ELF + b"\0libkcapi.so.1\0",
    "usr/bin/far": ELF + b"x" * (300 * 1024) + b"\0skcipher\0" + b"AF_ALG",
    "usr/bin/split": ELF + b"x" * (262144 - len(ELF) - 3) + b"AF_ALG",
    "usr/bin/clean": ELF + b"nothing",
    "usr/bin/script": "#!/bin/sh\necho AF_ALG\n",
    "usr/bin/link": "-> linked",
    "usr/lib/modules/6/algif_aead.ko": ELF + b"AF_ALG",
    "usr/lib/x86_64-linux-gnu/engines-3/afalg.so": ELF + b"afalg",
    "opt/a/b/c/d/deep": ELF + b"AF_ALG",
    "usr/bin/pipe": "FIFO",
}


def test_compiled_programs_are_looked_through(tmp_path: Path) -> None:
    """ELF files alone, also where the sign lies across two blocks; no kernel modules, links, pipes or deep folders."""
    told: list[tuple[int, str]] = []
    scan = scan_programs(HostFiles(write_root(tmp_path, PROGRAMS)), lambda count, path: told.append((count, path)))
    assert sorted(scan.found) == [
        ("/usr/bin/far", ("skcipher", "AF_ALG")),
        ("/usr/bin/linked", ("libkcapi.so",)),
        ("/usr/bin/split", ("AF_ALG",)),
        ("/usr/lib/x86_64-linux-gnu/engines-3/afalg.so", ("afalg",)),
    ]
    assert (scan.whole, scan.looked_at, [count for count, _ in told]) == (True, 6, [1, 2, 3, 4, 5, 6])


def test_a_look_is_told_only_when_it_was_asked_for(tmp_path: Path) -> None:
    """Without the word no program is opened."""
    root = write_root(tmp_path, PROGRAMS)
    kinds = [{one.kind for one in read_users(root, None, asked).findings} for asked in (False, True)]
    assert kinds == [set(), {"program"}]


def test_a_scan_that_ends_at_its_bound_says_so(tmp_path: Path) -> None:
    """Not seen is not the same as not there."""
    root = write_root(tmp_path, PROGRAMS | {"src/a.c": "AF_ALG", "src/b.c": "AF_ALG"})
    compiled, written = scan_programs(HostFiles(root), limit=2), scan_source(root + "/src", limit=1)
    assert [(one.whole, one.looked_at) for one in (compiled, written)] == [(False, 2), (False, 1)]
    (*_, last) = scan_findings("source", "/src", written)
    assert (last.name, last.detail) == ("bound", "the scan ended at its bound, after 1 files")


def test_a_source_tree_is_left_by_no_link(tmp_path: Path) -> None:
    """Links out of it are not followed, nor is git's own folder."""
    root = write_root(
        tmp_path, {"out/x.c": "AF_ALG", "src/l": "-> ../out", "src/.git/a.c": "AF_ALG", "src/b/c.h": "AF_ALG"}
    )
    assert scan_source(root + "/src").found == (("/b/c.h", ("AF_ALG",)),)


def test_the_fips_check_is_named_where_dracut_does_it(tmp_path: Path) -> None:
    """Its program and its module together; the program alone checks nothing at boot."""
    both: Files = {"usr/bin/sha512hmac": "", "usr/lib/dracut/modules.d/01fips/x": ""}
    assert [one.name for one in findings(tmp_path / "a", both, "fips")] == ["sha512hmac"]
    assert findings(tmp_path / "b", {"usr/bin/sha512hmac": ""}, "fips") == []


def test_open_sockets_are_counted_with_their_candidates(tmp_path: Path) -> None:
    """/proc/net/protocols counts them; a socket that no table lists may be one."""
    files: Files = {
        "proc/net/protocols": "protocol size sockets memory\nALG 1024 2 -1\nTCP 2048 9 1\n",
        "proc/net/tcp": "0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 5001 1\n",
        "proc/7/comm": "iwd\n",
        "proc/7/fd/3": "-> socket:[7001]",
        "proc/8/comm": "web\n",
        "proc/8/fd/3": "-> socket:[5001]",
    }
    (found,) = findings(tmp_path, files, "process")
    assert found.detail == "2 open AF_ALG sockets now; candidates: iwd (7)"


def test_kernels_of_one_name_stand_side_by_side() -> None:
    """As rpm -q prints them, with the epoch that a uname leaves out."""
    lines = (
        "kernel-core|0|5.14.0|611.49.1.el9_7|kernel-5.14.0-611.49.1.el9_7.src.rpm",
        "kernel|1|6.1.168|203.330.amzn2023|kernel-6.1.168-203.330.amzn2023.src.rpm",
        "bad line",
        "",
    )
    assert parse_rpm("\n".join(lines)) == [
        Package("kernel-core", "5.14.0-611.49.1.el9_7", "kernel"),
        Package("kernel", "1:6.1.168-203.330.amzn2023", "kernel"),
    ]


@pytest.mark.parametrize(
    ("text", "names", "problem"),
    [
        ("package iwd is not installed\n", [], ""),
        ("", [], "rpm -q gave no answer"),
        ("error: cannot open Packages database\n", [], "rpm -q gave no answer"),
        (
            "kernel|0|6.1.1|1.fc43|kernel-6.1.1-1.fc43.src.rpm\nkernel|0|6.1.2|1.fc43|kernel-6.1.2-1.fc43.src.rpm\n",
            ["kernel", "kernel 6.1.2-1.fc43"],
            "",
        ),
    ],
)
def test_an_answer_of_rpm_is_one_or_says_that_it_is_none(text: str, names: list[str], problem: str) -> None:
    """What is not installed is an answer; a database that cannot be opened is a problem."""
    found = packages_of(text)
    assert (sorted(found.installed), found.problem) == (names, problem)


def test_a_host_without_a_sign_is_told_so_with_the_rule(tmp_path: Path) -> None:
    """A package that is removed is none."""
    files = host(
        "debian12", {"var/lib/dpkg/status": "Package: iwd\nStatus: deinstall ok config-files\nVersion: 2.3-1\n"}
    )
    assert read_users(write_root(tmp_path, files | {"x": ""})).findings == ()
    assert findings(tmp_path / "b", host("debian12", dpkg(("iwd", "2.3-1", "iwd"))), "package")[0].name == "iwd"
