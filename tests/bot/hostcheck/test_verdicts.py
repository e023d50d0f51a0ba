"""Every fixture root gives the verdict of the table, and nothing green comes of doubt."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from bot.hostcheck.answer import judge_version
from bot.hostcheck.report import NAGIOS, exit_code, render
from bot.hostcheck.verdict import check_host
from tests.bot.hostcheck.cases import CASES, D12, D12_OLD
from tests.bot.hostcheck.roots import CELLS, CVE, NOW, Files, cell, debian, host, matrix, running, write_root

FIXED = host("debian12", running(debian(D12, "6.1.170-1")))
EXITS = {"fixed": 0, "not affected": 0, "mitigated": 5, "affected": 1, "unverified": 6}


@pytest.mark.parametrize(("files", "word"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_verdict_of_a_root(tmp_path: Path, files: Files, word: str) -> None:
    """The word, its exit status, and evidence."""
    report = check_host(write_root(tmp_path / "root", files), matrix(), [CVE], NOW)
    (verdict,) = report.verdicts
    assert (verdict.word, report.exit_code) == (word, EXITS[word]), verdict.evidence
    assert exit_code(report, "nagios") == NAGIOS[word][0]
    assert verdict.reason
    assert len(verdict.evidence) >= 2


def test_there_are_enough_roots() -> None:
    """At least sixty, each with its own name."""
    names = [case[0] for case in CASES]
    assert len(names) == len(set(names))
    assert len(names) >= 60


def damaged(content: bytes, rng: random.Random) -> bytes:
    kind = rng.choice(("cut", "changed", "noise"))
    if kind == "cut":
        return content[: rng.randrange(len(content) + 1)]
    if kind == "noise":
        return rng.randbytes(rng.randint(0, 300))
    letters = bytearray(content or b"x")
    for _ in range(rng.randint(1, 8)):
        letters[rng.randrange(len(letters))] = rng.randrange(256)
    return bytes(letters)


def test_a_damaged_file_stops_no_check(tmp_path: Path) -> None:
    """400 roots with one file cut, changed or replaced by noise: a verdict in each form, never an exception."""
    rng = random.Random(9)
    for number in range(400):
        files = dict(rng.choice(CASES)[1])
        plain = [name for name, text in files.items() if not str(text).startswith(("-> ", "FIFO"))]
        if plain:
            name = rng.choice(plain)
            content = files[name]
            files[name] = damaged(content.encode() if isinstance(content, str) else content, rng)
        report = check_host(write_root(tmp_path / str(number), files), matrix(), [CVE], NOW)
        assert report.worst in EXITS
        assert all(render(report, form) for form in ("text", "json", "nagios", "prometheus"))


def only(**changes: object) -> list[dict[str, object]]:
    return [cell("debian", "12", "linux", "fixed", "6.1.170-1") | changes]


@pytest.mark.parametrize(
    ("cells", "as_of", "word"),
    [
        (CELLS, "2026-05-19T12:00:00Z", "fixed"),
        (CELLS, "2026-05-01T12:00:00Z", "unverified"),
        (CELLS, "2027-05-01T12:00:00Z", "unverified"),
        (CELLS, "yesterday", "unverified"),
        ([], "2026-05-19T12:00:00Z", "unverified"),
        (only(evidence=[{"class": "baseline", "url": "x"}]), "2026-05-19T12:00:00Z", "unverified"),
        (only(evidence=[]), "2026-05-19T12:00:00Z", "unverified"),
        (only(inferred=True), "2026-05-19T12:00:00Z", "unverified"),
        (only(kind="livepatch"), "2026-05-19T12:00:00Z", "unverified"),
        (only(package="kmod"), "2026-05-19T12:00:00Z", "unverified"),
        (only(package="docker"), "2026-05-19T12:00:00Z", "unverified"),
        (only(fixed=[{"branch": None, "version": ["6.1"]}]), "2026-05-19T12:00:00Z", "unverified"),
        (only(status="sorted"), "2026-05-19T12:00:00Z", "unverified"),
    ],
)
def test_a_fixed_kernel_is_fixed_only_by_good_data(
    tmp_path: Path, cells: list[dict[str, object]], as_of: str, word: str
) -> None:
    """Old, future, undated, baseline, inferred, related or broken rows never say fixed."""
    report = check_host(write_root(tmp_path, FIXED), matrix(cells, as_of), [CVE], NOW)
    assert report.worst == word


def test_several_advisories_give_the_worst(tmp_path: Path) -> None:
    """1, 6, 5, 0: an unknown advisory makes a fixed host unverified, not an affected one."""
    fixed, old = write_root(tmp_path / "a", FIXED), write_root(tmp_path / "b", D12_OLD)
    assert check_host(fixed, matrix(), [CVE, "CVE-2026-1"], NOW).exit_code == 6
    assert check_host(old, matrix(), [CVE, "CVE-2026-1"], NOW).exit_code == 1


def test_a_reboot_is_the_next_step_where_a_fixed_kernel_waits(tmp_path: Path) -> None:
    """Running and installed are separate facts; an update is the step where nothing fixed is installed."""
    waiting = {name: files for name, files, _ in CASES}["patched, not rebooted"]
    (verdict,) = check_host(write_root(tmp_path / "a", waiting), matrix(), [CVE], NOW).verdicts
    assert (verdict.next_step, verdict.running, verdict.installed) == (
        "reboot",
        "affected",
        ((D12, "6.1.170-1", "fixed"),),
    )
    (other,) = check_host(write_root(tmp_path / "b", D12_OLD), matrix(), [CVE], NOW).verdicts
    assert other.next_step == "apt-get update && apt-get --only-upgrade install linux-image-amd64"


@pytest.mark.parametrize(
    ("files", "state"),
    [
        (FIXED | {"etc/modprobe.d/x.conf": "install algif_aead /bin/false\n"}, "harmless"),
        (D12_OLD | {"etc/modprobe.d/x.conf": "install algif_aead /bin/false\n"}, "still needed"),
        (D12_OLD | {"etc/modprobe.d/x.conf": "blacklist algif_aead\n"}, "inert"),
    ],
)
def test_what_may_be_lifted(tmp_path: Path, files: Files, state: str) -> None:
    """Fixed: harmless; affected and effective: still needed; without effect: inert."""
    (verdict,) = check_host(write_root(tmp_path, files), matrix(), [CVE], NOW).verdicts
    assert [one.state for one in verdict.advice] == [state]


@pytest.mark.parametrize(
    ("text", "distro", "word"),
    [
        ("6.1.164-1", "debian/12", "affected"),
        ("6.1.170-1", "debian/bookworm", "fixed"),
        ("6.1.170", "debian/12", "unverified"),
        ("6.1.0-44-amd64", "debian/12", "unverified"),
        (debian(D12, "6.1.170-1"), "debian/12", "fixed"),
        ("6.12.85-1~bpo12+1", "debian/12", "unverified"),
        ("6.8.0-117.117", "ubuntu/noble", "fixed"),
        ("6.8.0-117-generic", "ubuntu/24.04", "unverified"),
        ("5.14.0-611.54.1.el9_7", "rhel/9", "fixed"),
        ("5.14.0-611.49.1.el9_7.x86_64", "rhel/9.7", "affected"),
        ("1:6.1.168-203.330.amzn2023", "amzn/2023", "fixed"),
        ("6.4.0-150600.23.100.1", "sles/15.6", "fixed"),
        ("6.14.5", "arch", "unverified"),
        ("6.14.5.arch1-1", "arch", "affected"),
        ("6.1.170-1+local1", "debian/12", "unverified"),
        ("6.1.170-1+b1", "debian/12", "fixed"),
        ("6.1.170-1", "nothing/1", "unverified"),
        ("rm -rf", "debian/12", "unverified"),
        ("6.1.170-1", "", "unverified"),
    ],
)
def test_a_version_that_a_person_sends(text: str, distro: str, word: str) -> None:
    """The same judgement from a version or the line of /proc/version."""
    (verdict,) = judge_version(text, distro, matrix(), [CVE], NOW)
    assert verdict.word == word, verdict.reason


def test_an_abi_name_is_answered_with_what_to_send() -> None:
    """6.1.0-44-amd64 is not a version."""
    (verdict,) = judge_version("6.1.0-44-amd64", "debian/12", matrix(), [CVE], NOW)
    assert verdict.reason == "6.1.0-44-amd64 is the name of an ABI, not a version; send the line of: cat /proc/version"


def test_the_age_limit_is_the_operators(tmp_path: Path) -> None:
    """With a longer limit the older matrix is believed."""
    older = matrix(as_of="2026-05-01T00:00:00Z")._replace(age_limit=timedelta(days=30))
    assert check_host(write_root(tmp_path, FIXED), older, [CVE], NOW).worst == "fixed"
