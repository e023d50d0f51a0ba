"""Version order against dpkg and rpm themselves, and what is not ordered."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from advisories.versions import branch_of, compare, kernel_series, upstream_compare

PAIRS = 12_000  # for each of the two referees
DEBIAN = (
    "6.1.170-1", "6.1.170-1~deb11u1", "5.10.251-3", "5.10.251-2", "6.12.43-1~bpo12+1", "6.12.85-1", "6.19.12-1",
    "5.15.0-179.189", "5.15.0-179.189~20.04.1", "6.8.0-117.117", "4.15.0-250.262", "6.17.0-29.29~24.04.1", "1:2.0-1",
    "5.6.1+really5.4.5-1", "7.0~rc7-1~exp1", "6.1.0-44", "6.1.170-1+b1", "0", "6.1", "6.1-0", "6.01-1", "6.1.170",
)  # fmt: skip
RPM = (
    "5.14.0-611.54.1.el9_7", "5.14.0-611.49.2.el9_7", "5.14.0-687.5.3.el9_8", "4.18.0-553.123.1.el8_10",
    "4.18.0-553.123.1.rt7.464.el8_10", "1:6.1.168-203.330.amzn2023", "6.1.168-203.330.amzn2023",
    "6.12.0-124.55.1.el10_1", "6.4.0-150600.23.100.1", "6.12.0-160000.29.1", "5.15.0-319.201.4.4.el9uek",
    "6.19.12-200.fc43", "6.1.177-1.ph5", "7.0.0~rc7-1.fc45", "7.0.0^20260401git-1.fc45", "7.0.0-1.fc45",
    "6.6.0-72.0.0.76.oe2403", "6.12.0-211.6.el10nv",
)  # fmt: skip
DEBIAN_PIECES = ("0", "1", "9", "10", "00", "170", ".", "+", "~", "-", "a", "rc", "bpo", "Z", "deb12u1", "really")
RPM_PIECES = ("0", "1", "9", "10", "00", "170", ".", "_", "~", "^", "a", "rc", "el9_7", "Z", "fc43")


def generated(seed: tuple[str, ...], pieces: tuple[str, ...], chance: random.Random) -> str:
    """A real version, one of its kind with a piece changed, or one made of pieces."""
    base = chance.choice(seed)
    kind = chance.random()
    if kind < 0.3:
        return base
    if kind < 0.7:
        place = chance.randrange(1, len(base) + 1)
        return base[:place] + chance.choice(pieces) + base[place:]
    return "1" + "".join(chance.choice(pieces) for _ in range(chance.randrange(1, 7))) + "-1"


def pairs(seed: tuple[str, ...], pieces: tuple[str, ...]) -> list[tuple[str, str]]:
    chance = random.Random(31431)
    found = [(a, b) for a in seed for b in seed]
    while len(found) < PAIRS:
        found.append((generated(seed, pieces, chance), generated(seed, pieces, chance)))
    return found


def dpkg_order(given: list[tuple[str, str]]) -> list[int | None]:
    """What libdpkg says, through the Perl module that wraps the same rules; None for what it refuses."""
    program = (
        "use Dpkg::Version; while (<STDIN>) { chomp; my ($a, $b) = split / /;"
        " my ($x, $y) = (Dpkg::Version->new($a, check => 1), Dpkg::Version->new($b, check => 1));"
        ' print defined $x && defined $y && $x->is_valid && $y->is_valid ? $x <=> $y : "?", "\\n"; }'
    )
    lines = "".join(f"{a} {b}\n" for a, b in given)
    answer = subprocess.run(
        ["perl", "-e", program], input=lines, capture_output=True, text=True, check=True, timeout=120
    )
    return [None if line == "?" else int(line) for line in answer.stdout.split()]


def rpm_order(given: list[tuple[str, str]]) -> list[int]:
    """What librpm's labelCompare says, run by the distribution's own Python that has its module."""
    program = (
        "import sys, rpm\n"
        "def evr(v):\n"
        "    e, c, r = v.partition(':')\n"
        "    e, r = (e, r) if c else ('0', v)\n"
        "    v, _, r = r.partition('-')\n"
        "    return e, v, r\n"
        "for line in sys.stdin:\n"
        "    a, b = line.split()\n"
        "    print(rpm.labelCompare(evr(a), evr(b)))\n"
    )
    lines = "".join(f"{a} {b}\n" for a, b in given)
    answer = subprocess.run(
        ["/usr/bin/python3", "-c", program], input=lines, capture_output=True, text=True, check=True, timeout=120
    )
    return [int(line) for line in answer.stdout.split()]


@pytest.mark.server
def test_debian_versions_are_ordered_as_dpkg_orders_them() -> None:
    """No mismatch over real and generated versions; what dpkg refuses is not ordered by us either."""
    given = pairs(DEBIAN, DEBIAN_PIECES)
    referee = dpkg_order(given)
    judged = [(a, b, said, compare("debian", a, b)) for (a, b), said in zip(given, referee, strict=True)]
    assert [one for one in judged if one[2] is not None and one[3] is not None and one[2] != one[3]] == []
    assert sum(one[2] is not None and one[3] is not None for one in judged) > 10_000


@pytest.mark.server
def test_the_dpkg_command_agrees() -> None:
    """The command itself, on a part of the pairs: the Perl module above is no second opinion of ours."""
    chance = random.Random(7)
    for a, b in chance.sample(pairs(DEBIAN, DEBIAN_PIECES), 150):
        order = compare("debian", a, b)
        if order is not None and a[:1].isdigit() and b[:1].isdigit():
            word = {-1: "lt", 0: "eq", 1: "gt"}[order]
            asked = subprocess.run(["dpkg", "--compare-versions", a, word, b], capture_output=True, check=False)
            assert asked.returncode == 0, (a, word, b)


@pytest.mark.server
def test_rpm_versions_are_ordered_as_rpm_orders_them() -> None:
    """No mismatch over real and generated versions, epochs, tildes and carets included."""
    if not Path("/usr/lib/python3/dist-packages/rpm").is_dir():
        pytest.skip("rpm's Python module is not installed (Debian package python3-rpm)")
    given = [(a, b) for a, b in pairs(RPM, RPM_PIECES) if _is_evr(a) and _is_evr(b)]
    referee = rpm_order(given)
    judged = [(a, b, said, compare("fedora", a, b)) for (a, b), said in zip(given, referee, strict=True)]
    assert [one for one in judged if one[3] is not None and one[2] != one[3]] == []
    assert sum(one[3] is not None for one in judged) > 8_000


def _is_evr(version: str) -> bool:
    return version.count("-") == 1 and not version.endswith("-") and "-" not in version[:1]


@pytest.mark.parametrize(
    ("distro", "smaller", "larger"),
    [
        ("debian", "6.1.170-1~deb11u1", "6.1.170-1"),
        ("ubuntu", "5.15.0-179.189~20.04.1", "5.15.0-179.189"),
        ("amzn", "6.12.80-106.156.amzn2023", "1:6.1.168-203.330.amzn2023"),
        ("almalinux", "5.14.0-611.49.2.el9_7", "5.14.0-687.1.1.el9_8"),
        ("alpine", "6.12.9-r1", "6.12.85-r0"),
        ("alpine", "6.13_rc2-r0", "6.13-r0"),
        ("arch", "6.19.9.arch1-1", "6.19.12.arch1-1"),
        ("nixos", "6.12.9", "6.12.85"),
    ],
)
def test_each_distribution_has_its_own_order(distro: str, smaller: str, larger: str) -> None:
    """Both ways round, and equal to itself."""
    assert (compare(distro, smaller, larger), compare(distro, larger, smaller)) == (-1, 1)
    assert compare(distro, larger, larger) == 0


@pytest.mark.parametrize(
    ("distro", "version"),
    [
        ("debian", "6.1.١٧٠-1"),
        ("debian", "6.1.170-1; rm"),
        ("debian", ""),
        ("debian", "1" * 129),
        ("fedora", "6.1 .2-1"),
        ("alpine", "not a version"),
        ("slackware", "6.1.170"),
    ],
)
def test_what_cannot_be_ordered_is_not_guessed(distro: str, version: str) -> None:
    """None, for foreign digits, junk, length and a distribution without a known order."""
    assert compare(distro, version, "6.1.170-1") is None


def test_the_dist_tag_is_the_branch_of_the_enterprise_family_alone() -> None:
    """CONTRACT: EL the dist tag, else null."""
    assert branch_of("rhel", "4.18.0-553.123.1.rt7.464.el8_10") == "el8_10"
    assert branch_of("ol", "5.15.0-319.201.4.4.el9uek") == "el9uek"
    assert branch_of("almalinux", "6.12.0-225.el10") == "el10"
    assert branch_of("amzn", "1:6.1.168-203.330.amzn2023") is None
    assert branch_of("debian", "6.1.170-1") is None


def test_a_kernel_series_is_read_off_any_kernel_version() -> None:
    """The first two numbers, epoch or not."""
    found = [kernel_series(one) for one in ("6.12.85-1", "1:6.1.168-203.330.amzn2023", "7.0", "7.0~rc7-1", "linux")]
    assert found == ["6.12", "6.1", "7.0", "7.0", None]


def test_kernel_releases_are_ordered_with_their_candidates() -> None:
    """A release candidate comes before its release; anything else is no release."""
    assert upstream_compare("7.0-rc7", "7.0") == -1
    assert upstream_compare("6.12.85", "6.12.9") == 1
    assert upstream_compare("v6.12", "6.12.0") == 0
    assert upstream_compare("6.12.85-1", "6.12.85") is None
