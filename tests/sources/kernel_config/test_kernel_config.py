"""Published kernel configurations: formats, publishers, broken files, fetch."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from advisories.observation import ConfigObservation, ParsedDocument, Record
from sources.errors import FetchError, ParseError
from sources.kernel_config import SOURCE
from sources.kernel_config.parse import parse
from sources.kernel_config.publisher import Publisher, find_publisher
from tests.sources.fetch_contexts import make_context, path_server
from tests.sources.hostile import assert_only_parse_errors, cut_documents, outcome, raw_document

DEBIAN_PATH = "/kernel-team/linux/-/raw/debian/latest/debian/config/config"
NIX_PATH = "/NixOS/nixpkgs/nixos-25.11/pkgs/os-specific/linux/kernel/common-config.nix"
ARCH_PATH = "/archlinux/packaging/packages/linux/-/raw/main/config.x86_64"
debian_of = raw_document("kernel-config", f"https://salsa.debian.org{DEBIAN_PATH}")
nix_of = raw_document("kernel-config", f"https://raw.githubusercontent.com{NIX_PATH}")
arch_of = raw_document("kernel-config", f"https://gitlab.archlinux.org{ARCH_PATH}")

WHOLE = b"""#
# Automatically generated file; DO NOT EDIT.
# Linux/x86_64 6.19.12 Kernel Configuration
#
CONFIG_CC_VERSION_TEXT="gcc"
CONFIG_CRYPTO=y
CONFIG_CRYPTO_USER_API=m
CONFIG_CRYPTO_USER_API_HASH=m
# CONFIG_CRYPTO_USER_API_RNG_CAVP is not set
CONFIG_CRYPTO_DEV_QAT_NUM=3
CONFIG_CRYPTO_USER_API_AEAD=m
"""
FRAGMENT = b"""##
## file: crypto/Kconfig
##
CONFIG_CRYPTO_USER_API_AEAD=m
#. Too old for anyone
# CONFIG_CRYPTO_USER_API_ENABLE_OBSOLETE is not set

##
## file: drivers/crypto/Kconfig
##
CONFIG_CRYPTO_HW=y
# CONFIG_CRYPTO_USER_API_AEAD is not set
"""
NIX = b"""# A comment
{ lib, stdenv, version }:
{
    security = {
      CRYPTO_USER_API_HASH = module;
      CRYPTO_USER_API_AEAD = option no;
      CRYPTO_USER_API_RNG = lib.mkForce no;
      "CRYPTO_842" = yes; # old
      CRYPTO_TEST = whenAtLeast "6.12" yes;
      NET_KEY = module;
    };
}
"""


def document(key: str, observation: ConfigObservation) -> ParsedDocument:
    return ParsedDocument(records=(Record(key=key, observations=(observation,)),))


def test_a_whole_configuration() -> None:
    """Symbols with y, m and "not set"; numbers and texts are no switches, other subsystems are left out."""
    assert parse(arch_of(WHOLE)) == document(
        "config/arch//linux/x86_64/config.x86_64",
        ConfigObservation(
            distro="arch",
            release=None,
            package="linux",
            arch="x86_64",
            symbols=(
                ("CONFIG_CRYPTO_USER_API", "m"),
                ("CONFIG_CRYPTO_USER_API_AEAD", "m"),
                ("CONFIG_CRYPTO_USER_API_HASH", "m"),
                ("CONFIG_CRYPTO_USER_API_RNG_CAVP", "n"),
            ),
        ),
    )


def test_the_last_line_about_a_symbol_counts() -> None:
    """Debian's fragments may name one twice."""
    assert parse(debian_of(FRAGMENT)) == document(
        "config/debian/sid/linux//config",
        ConfigObservation(
            distro="debian",
            release="sid",
            package="linux",
            arch=None,
            symbols=(
                ("CONFIG_CRYPTO_HW", "y"),
                ("CONFIG_CRYPTO_USER_API_AEAD", "n"),
                ("CONFIG_CRYPTO_USER_API_ENABLE_OBSOLETE", "n"),
            ),
        ),
    )


def test_nix_attributes() -> None:
    """yes, no and module, also behind option and mkForce; a value under a condition is left out."""
    assert parse(nix_of(NIX)) == document(
        "config/nixos/25.11/linux//common-config.nix",
        ConfigObservation(
            distro="nixos",
            release="25.11",
            package="linux",
            arch=None,
            symbols=(
                ("CONFIG_CRYPTO_842", "y"),
                ("CONFIG_CRYPTO_USER_API_AEAD", "n"),
                ("CONFIG_CRYPTO_USER_API_HASH", "m"),
                ("CONFIG_CRYPTO_USER_API_RNG", "n"),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/p/packages/linux-lts/-/raw/main/config", ("arch", None, "linux-lts", None)),
        ("/rpms/kernel/raw/f43/f/kernel-aarch64-fedora.config", ("fedora", "43", "kernel", "aarch64")),
        ("/rpms/kernel/raw/rawhide/f/kernel-x86_64-fedora.config", ("fedora", "rawhide", "kernel", "x86_64")),
        (
            "/alpine/aports/-/raw/3.22-stable/main/linux-lts/virt.x86_64.config",
            ("alpine", "3.22", "linux-virt", "x86_64"),
        ),
        ("/aports/-/raw/master/main/linux-lts/lts.x86.config", ("alpine", "edge", "linux-lts", "x86")),
        ("/linux/-/raw/debian/6.12/trixie/debian/config/config", ("debian", "13", "linux", None)),
        ("/linux/-/raw/debian/6.1/bookworm-security/debian/config/amd64/config", ("debian", "12", "linux", "amd64")),
        (
            "/openwrt/openwrt/openwrt-24.10/target/linux/generic/config-6.6",
            ("openwrt", "24.10", "linux", None),
        ),
        ("/some/where/config.x86_64", None),
    ],
)
def test_the_path_tells_whose_it_is(path: str, expected: tuple[str, str | None, str, str | None] | None) -> None:
    """Distribution, release, package and architecture by the path, so that a mirror serves as well."""
    wanted = None
    if expected is not None:
        distro, release, package, arch = expected
        wanted = Publisher(distro=distro, release=release, package=package, arch=arch, file=path.rsplit("/", 1)[-1])
    assert find_publisher(f"http://127.0.0.1:8000{path}") == wanted


def test_every_default_address_has_a_publisher() -> None:
    """What is fetched by default is also understood."""
    addresses = SOURCE.settings["url"]
    assert [url for url in addresses if find_publisher(url) is None] == []


def test_the_symbols_of_real_builds(shared_data: Path) -> None:
    """Lines of Debian's builds, verbatim: AF_ALG is a module in all of them, 7.2 in unstable included."""
    path = shared_data / "debian/real/kernel-config.CRYPTO_USER_API.tsv"
    with path.open(encoding="utf-8", newline="") as table:
        rows = [row for row in csv.reader(table, delimiter="\t") if len(row) == 3 and "CONFIG_" in row[2]]
    states = set()
    for row in rows:
        body = "".join(f"{line}\n" for line in row[2].split("; ")).encode()
        (record,) = parse(debian_of(body)).records
        (found,) = record.observations
        assert isinstance(found, ConfigObservation)
        states.add(tuple(one for one in found.symbols if not one[0].endswith("_CAVP")))
    assert len(rows) > 10
    assert states == {
        (
            ("CONFIG_CRYPTO_USER_API", "m"),
            ("CONFIG_CRYPTO_USER_API_AEAD", "m"),
            ("CONFIG_CRYPTO_USER_API_ENABLE_OBSOLETE", "n"),
            ("CONFIG_CRYPTO_USER_API_HASH", "m"),
            ("CONFIG_CRYPTO_USER_API_RNG", "m"),
            ("CONFIG_CRYPTO_USER_API_SKCIPHER", "m"),
        )
    }


def test_a_file_of_nobody_is_an_error() -> None:
    """A configuration whose publisher is not known is not guessed at."""
    with pytest.raises(ParseError, match="no distribution"):
        parse(raw_document("kernel-config", "https://example.org/config")(WHOLE))


def test_broken_files() -> None:
    """Damaged files give ParseError or clean text; a cut one names no symbol wrongly."""
    for raw_of, body in ((arch_of, WHOLE), (nix_of, NIX)):
        assert_only_parse_errors(parse, raw_of, body, cuts_fail=False)
        (whole,) = parse(raw_of(body)).records[0].observations
        assert isinstance(whole, ConfigObservation)
        for name, cut in cut_documents(body, 200):
            parsed = outcome(parse, raw_of(cut))
            for record in parsed.records if parsed else ():
                (found,) = record.observations
                assert isinstance(found, ConfigObservation)
                assert set(found.symbols) <= set(whole.symbols), name


def test_fetch_asks_each_address(tmp_path: Path) -> None:
    """A file that is gone is raised after the others were handed on."""
    with path_server({ARCH_PATH: WHOLE}) as server:
        urls = (f"{server.url}{DEBIAN_PATH}", f"{server.url}{ARCH_PATH}")
        got: list[str] = []
        context = make_context(SOURCE, server, tmp_path, {"url": urls})
        with pytest.raises(FetchError, match="answered 404"):
            for batch in SOURCE.fetch(context):
                got += [raw.url for raw in batch.documents]
    assert got == [urls[1]]
