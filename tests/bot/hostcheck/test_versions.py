"""The small comparison gives what univers gives, for thousands of generated pairs and the known hard ones."""

from __future__ import annotations

import random

import pytest
from univers.versions import AlpineLinuxVersion, ArchLinuxVersion, DebianVersion, RpmVersion

from advisories import versions
from bot.hostcheck.versions import compare, dist_tag, rpmvercmp, series


def version(rng: random.Random, letters: str) -> str:
    parts = [str(rng.choice((0, 1, 2, 9, 10, 85, 170, 254))) for _ in range(rng.randint(2, 4))]
    text = ".".join(parts) + "".join(rng.choice(letters) + str(rng.randint(0, 12)) for _ in range(rng.randint(0, 2)))
    release = str(rng.randint(0, 30)) + "".join(
        rng.choice(letters) + str(rng.randint(0, 9)) for _ in range(rng.randint(0, 2))
    )
    return rng.choice(("", "", "1:")) + text + "-" + release


def check(distro: str, kind: type, left: str, right: str) -> None:
    one, two = kind(left), kind(right)
    assert compare(distro, left, right) == (one > two) - (one < two), (left, right)


@pytest.mark.parametrize(
    ("distro", "kind", "letters"),
    [("debian", DebianVersion, "~+.a"), ("rhel", RpmVersion, "~.a_"), ("arch", ArchLinuxVersion, ".a")],
)
def test_the_order_is_that_of_univers(distro: str, kind: type, letters: str) -> None:
    """Pairs near each other, so that equal heads and odd ends are met."""
    rng = random.Random(5)
    for _ in range(3000):
        left = version(rng, letters)
        right = (
            left[: rng.randint(3, len(left))] + str(rng.randint(0, 9)) if rng.random() < 0.5 else version(rng, letters)
        )
        if "-" in right:
            check(distro, kind, left, right)


def test_alpine_order_is_that_of_univers() -> None:
    """Suffixes and package releases."""
    rng = random.Random(6)

    def one() -> str:
        text = f"6.{rng.randint(0, 18)}.{rng.randint(1, 99)}" + rng.choice(("", "", "_rc1", "_alpha2", "_p1"))
        return f"{text}-r{rng.randint(0, 3)}"

    for _ in range(2000):
        check("alpine", AlpineLinuxVersion, one(), one())


@pytest.mark.parametrize(
    ("distro", "letters"),
    [("debian", "~+.a"), ("ubuntu", "~+."), ("rhel", "~.a_"), ("amzn", "."), ("sles", "."), ("arch", ".")],
)  # fmt: skip
def test_the_order_is_that_of_the_advisories(distro: str, letters: str) -> None:
    """Where both know the order of two versions, the host check and the rest of patchwatch agree."""
    rng = random.Random(8)
    pairs = [(version(rng, letters), version(rng, letters)) for _ in range(500)]
    known = [(pair, order) for pair in pairs if (order := versions.compare(distro, *pair)) is not None]
    assert len(known) >= 100
    assert [compare(distro, *pair) for pair, _ in known] == [order for _, order in known]


@pytest.mark.parametrize(
    ("distro", "left", "right", "order"),
    [
        ("debian", "6.1.170-1~deb11u1", "6.1.170-1", -1),
        ("ubuntu", "5.15.0-179.189~20.04.1", "5.15.0-179.189", -1),
        ("rhel", "4.18.0-553.121.1.el8_10", "4.18.0-553.123.1.el8_10", -1),
        ("amzn", "1:6.1.168-203.330.amzn2023", "6.1.170-1.amzn2023", 1),
        ("rhel", "1.0^git1-1", "1.0-1", 1),
        ("rhel", "1.0^git1-1", "1.0.1-1", -1),
    ],
)  # fmt: skip
def test_known_pairs(distro: str, left: str, right: str, order: int) -> None:
    """Both ways round."""
    assert (compare(distro, left, right), compare(distro, right, left)) == (order, -order)


@pytest.mark.parametrize("text", ["", "6.1\u0663", "6.1 170", "6.1\n", "9" * 300, "\u202e6.1", "$(id)"])
def test_what_is_no_version_is_refused(text: str) -> None:
    """A typed error, and no endless loop over digits of another script."""
    with pytest.raises(ValueError, match="is not a version"):
        compare("debian", text, "6.1.170-1")


def test_the_parts_of_a_version() -> None:
    """Dist tag, series, and rpm's segments."""
    assert [dist_tag(one) for one in ("5.14.0-611.54.1.el9_7", "1:6.1.168-203.330.amzn2023", "6.1.170-1")] == [
        "el9_7",
        "amzn2023",
        "",
    ]
    assert (series("1:6.12.85-1"), rpmvercmp("1.10", "1.9")) == ("6.12", 1)
