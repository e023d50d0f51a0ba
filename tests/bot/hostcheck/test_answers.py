"""What is said to people: a version sent in a chat, several advisories at once, a fleet as filters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisories.filters import parse_filter
from bot.hostcheck.answer import SAY_DISTRO, answer_version, split_request
from bot.hostcheck.fleet import fleet_filters
from bot.hostcheck.matrix import EMPTY, Matrix, parse_matrix
from bot.hostcheck.report import as_json, as_nagios, as_text
from bot.hostcheck.verdict import check_host
from tests.bot.hostcheck.cases import D12, D12_OLD, NOBLE_OLD, OLD
from tests.bot.hostcheck.roots import (
    CELLS,
    CVE,
    NOW,
    Files,
    cell,
    debian,
    document,
    dpkg,
    el,
    host,
    matrix,
    running,
    tree,
    ubuntu,
    write_root,
)  # fmt: skip

BEFORE = "6.1.164-1 of debian 12 linux is before the first fixed 6.1.170-1"
GENERIC = "6.8.0-117-generic has the fix of ubuntu 24.04 linux: 6.8.0-117.117"
AMAZON = "6.1.166-197.305.amzn2023 of amzn 2023 kernel"
NO_VERSION = "this is no kernel version; send the line of: cat /proc/version"


@pytest.mark.parametrize(
    ("text", "distro", "answer"),
    [
        ("6.1.164-1", "debian/12", f"{CVE}: AFFECTED. {BEFORE}"),
        (" 6.1.170-1\n", "debian/bookworm",
         f"{CVE}: FIXED. 6.1.170-1 has the fix of debian 12 linux: 6.1.170-1 is at or past 6.1.170-1"),
        ("6.1.164-1", "debian", f"{CVE}: AFFECTED. {BEFORE}"),
        (debian(OLD, "6.1.164-1"), None, f"{CVE}: AFFECTED. {BEFORE}"),
        (debian(OLD, "6.1.164-1"), "", f"{CVE}: AFFECTED. {BEFORE}"),
        (ubuntu("6.8.0-117-generic", "117"), "ubuntu/noble",
         f"{CVE}: FIXED. {GENERIC} is at or past 6.8.0-117.117"),
        (el("6.1.166-197.305.amzn2023.x86_64"), None,
         f"{CVE}: AFFECTED. {AMAZON} is before the first fixed 1:6.1.168-203.330.amzn2023"),
        ("6.1.0-44-amd64", "debian/12",
         "6.1.0-44-amd64 is the name of an ABI, not a version; send the line of: cat /proc/version"),
        ("6.12.85+deb13-amd64", "debian/13",
         "6.12.85+deb13-amd64 is the name of an ABI, not a version; send the line of: cat /proc/version"),
        ("6.1.0-44-amd64", None,
         "6.1.0-44-amd64 is the name of an ABI, not a version; send the line of: cat /proc/version"),
        ("6.1.164-1", None, SAY_DISTRO),
        ("is it safe?", "debian/12", NO_VERSION),
        ("is it safe?", None, NO_VERSION),
        ("6.1.164-1", "$(id)", "the distribution is written like debian/12"),
        ("Linux version 6.12.85-x64v3-xanmod1 (root@x) (gcc) #0 SMP", None,
         f"{CVE}: UNVERIFIED. 6.12.85-x64v3-xanmod1 is a XanMod kernel"),
        (debian("6.18.1+deb14-amd64", "6.18.1-1"), "debian/12",
         f"{CVE}: UNVERIFIED. no fixed version of linux is known for the branch of 6.18.1-1"),
        ("Linux version 6", None, f"{CVE}: UNVERIFIED. the kernel is /proc/version has an unknown form"),
    ],
)  # fmt: skip
def test_the_answer_to_a_version(text: str, distro: str | None, answer: str) -> None:
    """One line per advisory, or what to send instead."""
    assert answer_version(text, distro, matrix(), [CVE], NOW) == answer + "\n"


def test_a_line_that_several_releases_judge_differently_is_left_open() -> None:
    """A RHEL kernel's name does not say whether AlmaLinux or RHEL built it: 611.49.2 is fixed in one of them."""
    answer = answer_version(el("5.14.0-611.49.2.el9_7.x86_64"), None, matrix(), [CVE], NOW)
    assert answer.startswith(f"{CVE}: UNVERIFIED. it depends on the release, so say which: ")
    assert "almalinux 9 kernel" in answer
    assert "rhel 9 kernel is before" in answer


def test_an_answer_without_an_advisory_says_so() -> None:
    """An id that the matrix does not know, beside one that it does."""
    lines = answer_version("6.1.164-1", "debian/12", matrix(), [CVE, "CVE-2026-1"], NOW).splitlines()
    assert lines == [
        f"{CVE}: AFFECTED. {BEFORE}",
        "CVE-2026-1: UNVERIFIED. the matrix (test) has nothing on this advisory",
    ]
    assert answer_version("6.1.164-1", None, EMPTY, [CVE], NOW) == SAY_DISTRO + "\n"


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ("6.1.164-1 debian/12", ("6.1.164-1", "debian/12", [])),
        ("6.1.164-1  debian/12 cve-2026-31431", ("6.1.164-1", "debian/12", ["cve-2026-31431"])),
        ("PW-2026-1 6.1.164-1", ("6.1.164-1", None, ["PW-2026-1"])),
        (debian(OLD, "6.1.164-1"), (debian(OLD, "6.1.164-1"), None, [])),
        (debian(OLD, "6.1.164-1") + " debian/12", (debian(OLD, "6.1.164-1"), "debian/12", [])),
        ("6.1.164-1 debian 12", ("6.1.164-1", "debian 12", [])),
        ("", ("", None, [])),
    ],
)
def test_the_words_of_a_chat_are_taken_apart(words: str, request_: tuple[str, str | None, list[str]]) -> None:
    """A version is one word, the line of /proc/version is many; ids may stand anywhere."""
    assert split_request(words) == request_


def test_an_old_matrix_turns_no_version_green() -> None:
    """As for a host."""
    answer = answer_version("6.1.170-1", "debian/12", matrix(as_of="2026-05-01T00:00:00Z"), [CVE], NOW)
    assert answer.startswith(f"{CVE}: UNVERIFIED. the matrix is 19 days old, more than 7; it said: ")


NINE = [f"CVE-2026-{number}" for number in (31431, 31677, 43043, 43077, 43078, 46028, 46033, 52972, 74578)]


def nine() -> Matrix:
    """The nine as the vendor says them: one fixed later, one not affected, one without a word."""
    documents = []
    for number, name in enumerate(NINE[:-1]):
        cells = [cell("debian", "12", "linux", "not_affected")] if number == 6 else CELLS
        one = document(cells)
        one["advisory"] |= {"id": f"PW-2026-{number + 1}", "aliases": [name]}
        documents.append(one)
    exported = {"patchwatch_matrix": 1, "as_of": "2026-05-19T12:00:00Z", "advisories": documents}
    return parse_matrix(json.dumps(exported).encode(), "test")


OLDER = "6.1.164-1 of debian 12 linux is before the first fixed 6.1.170-1"
HOLDS = OLDER + "; but install algif_aead /bin/false holds: a request for algif-aead does not load it"
READABLE = f"""Debian GNU/Linux 12 (bookworm) (debian/12)
 1  CVE-2026-31431: MITIGATED  {HOLDS}
 2  CVE-2026-31677: AFFECTED  {OLDER}
 3  CVE-2026-43043: AFFECTED  {OLDER}
 4  CVE-2026-43077: MITIGATED  {HOLDS}
 5  CVE-2026-43078: AFFECTED  {OLDER}
 6  CVE-2026-46028: MITIGATED  {HOLDS}
 7  CVE-2026-46033: NOT AFFECTED  debian 12 linux is not affected, says its vendor
 8  CVE-2026-52972: MITIGATED  {HOLDS}
 9  CVE-2026-74578: UNVERIFIED  the matrix (test) has nothing on this advisory
  - debian/12; running kernel 6.1.0-44-amd64; matrix test of 2026-05-19T12:00Z, signature not asked
  - algif_aead: /boot/config-6.1.0-44-amd64 has CONFIG_CRYPTO_USER_API_AEAD=m, not loaded [1, 4, 6, 8]
  - af_alg: a module, not loaded [1, 4, 6, 8]
  - next boot: 6.1.0-44-amd64 (the only installed kernel)
  - af_alg: modules.dep lists af_alg, not loaded [2, 3, 5]
  installed 6.1.0-44-amd64: unverified
  /etc/modprobe.d/x.conf install algif_aead /bin/false: still needed (a request for algif-aead does not load it) \
[1, 4, 6, 8]
  next: apt-get update && apt-get --only-upgrade install linux-image-amd64 [1, 2, 3, 4, 5, 6, 8]
  next: patchwatch poll [9]
"""


def test_nine_advisories_stay_readable(tmp_path: Path) -> None:
    """A numbered line each, then every fact once with the numbers it is for."""
    files = D12_OLD | {"etc/modprobe.d/x.conf": "install algif_aead /bin/false\n"}
    report = check_host(write_root(tmp_path, files), nine(), NINE, NOW)
    assert as_text(report) == READABLE
    assert len(as_nagios(report).splitlines()) == 1


def test_what_one_advisory_needs_no_other_lets_go(tmp_path: Path) -> None:
    """Fixed for one, affected by another: the rule stays for both."""
    later = document([cell("debian", "12", "linux", "fixed", "6.1.180-1")])
    later["advisory"] |= {"id": "PW-2026-2", "aliases": ["CVE-2026-52972"]}
    exported = {"patchwatch_matrix": 1, "as_of": "2026-05-19T12:00:00Z", "advisories": [document(), later]}
    rule = {"etc/modprobe.d/x.conf": "install algif_aead /bin/false\n"}
    files = host("debian12", running(debian(D12, "6.1.170-1")), tree(D12)) | rule
    both = parse_matrix(json.dumps(exported).encode(), "test")
    report = check_host(write_root(tmp_path, files), both, [CVE, "CVE-2026-52972"], NOW)
    assert [(one.word, [(each.state, each.step) for each in one.advice]) for one in report.verdicts] == [
        ("fixed", [("still needed", "")]),
        ("mitigated", [("still needed", "")]),
    ]


def test_a_fleet_becomes_the_filters_of_what_it_runs(tmp_path: Path) -> None:
    """A filter per release with the kernel packages seen there, each understood by the filter language."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    hosts: dict[str, Files] = {
        "a": host("debian12", running(debian(D12, "6.1.170-1"))),
        "b": host("debian12", running(debian(OLD, "6.1.164-1"))),
        "c": host("noble", running(NOBLE_OLD)),
        "d": host("noble", running(ubuntu("6.17.0-29-generic", "29~24.04.1"))),
        "e": host("rocky9", running("Linux version 6.1.170 (me@box) (gcc) #1 SMP")),
        "f": host("arch", running(el("6.19.12-arch1-1", "linux@archlinux"))),
        "g": host("centos", running(el("5.14.0-700.el9.x86_64"))),
        "h": host("debian11", dpkg(("linux-image-6.1.0-0.deb11.47-amd64", "6.1.170-1~deb11u1", "linux-6.1"))),
        "i": {"etc/os-release": "ID=x\n"},
        "j": {"etc/hostname": "x\n"},
    }
    for name, files in hosts.items():
        report = check_host(write_root(tmp_path / name, files), matrix(), [CVE], NOW)
        (folder / f"{name}.json").write_text(as_json(report))
    hostile = {"patchwatch_check": 1, "advisories": [], "release": {"distro": "debian debian/11", "release": 'x"'}}
    (folder / "k.json").write_text(json.dumps(hostile | {"kernel": {"package": "linux text:x"}}))
    found = fleet_filters(str(folder))
    assert found == [
        "arch package:linux",
        "centos-stream/9 package:kernel",
        "debian/11 package:linux-6.1",
        "debian/12 package:linux",
        "rocky/9",
        "ubuntu/24.04 package:linux package:linux-hwe-6.17",
        "x",
    ]
    topics = frozenset({"copy-fail"})
    assert [str(parse_filter(one, known_topics=topics)) for one in found[:-1]] == found[:-1]


def test_a_folder_without_reports_gives_no_filter(tmp_path: Path) -> None:
    """Nothing is guessed."""
    (tmp_path / "a.json").write_text("[]")
    assert fleet_filters(str(tmp_path)) == []
