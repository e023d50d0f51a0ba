"""Kernel configuration files as distributions publish them, reduced to the symbols of the crypto subsystem.

    CONFIG_CRYPTO_USER_API_HASH=m            .config, and the fragments of Debian (with ## sections) and OpenWrt
    # CONFIG_CRYPTO_USER_API_AEAD is not set
    CRYPTO_USER_API_HASH = module;           nixpkgs' common-config.nix; "option no" and "lib.mkForce no", too

(Kconfig: Documentation/kbuild/kconfig.rst of the kernel.) The last line about a symbol counts. A symbol that is not
named says nothing, and a value that depends on a condition is left out.
"""

from __future__ import annotations

import re
from typing import Final

from advisories.observation import ConfigObservation, ParsedDocument, Record
from sources.base import RawDocument
from sources.errors import ParseError
from sources.kernel_config.publisher import find_publisher

MOST_SYMBOLS: Final = 2_000
_SET = re.compile(rb"^CONFIG_(CRYPTO_[A-Z0-9_]{1,80})=([ymn])[ \t]*\r?\n", re.MULTILINE)
_UNSET = re.compile(rb"^# CONFIG_(CRYPTO_[A-Z0-9_]{1,80}) is not set[ \t]*\r?\n", re.MULTILINE)
_NIX = re.compile(
    rb"^[ \t]*\"?(CRYPTO_[A-Z0-9_]{1,80})\"?[ \t]*=[ \t]*"
    rb"(?:(?:option|(?:lib\.)?mk(?:Force|Default))[ \t]+)?\(?(?:lib\.kernel\.)?(yes|no|module)\)?[ \t]*;[^\r\n]*\r?\n",
    re.MULTILINE,
)
_NIX_VALUES: Final = {b"yes": "y", b"module": "m", b"no": "n"}
_NIX_START = re.compile(rb"\s*(?:#[^\n]*\n\s*)*\{")


def parse(raw: RawDocument) -> ParsedDocument:
    """The one record of the file. Raises ParseError."""
    publisher = find_publisher(raw.url)
    if publisher is None:
        raise ParseError("the address is of no distribution that is known to publish its kernel configuration")
    symbols = _nix_symbols(raw.body) if _NIX_START.match(raw.body) else _kconfig_symbols(raw.body)
    if not symbols:
        raise ParseError("no symbol of the crypto subsystem in the file")
    observation = ConfigObservation(
        distro=publisher.distro,
        release=publisher.release,
        package=publisher.package,
        arch=publisher.arch,
        symbols=tuple(sorted(symbols.items())[:MOST_SYMBOLS]),
    )
    parts = (publisher.distro, publisher.release or "", publisher.package, publisher.arch or "", publisher.file)
    return ParsedDocument(records=(Record(key="config/" + "/".join(parts), observations=(observation,)),))


def _kconfig_symbols(body: bytes) -> dict[str, str]:
    found = [(match.start(), match[1], match[2].decode()) for match in _SET.finditer(body)]
    found += [(match.start(), match[1], "n") for match in _UNSET.finditer(body)]
    return {f"CONFIG_{name.decode()}": value for _, name, value in sorted(found)}


def _nix_symbols(body: bytes) -> dict[str, str]:
    return {f"CONFIG_{match[1].decode()}": _NIX_VALUES[match[2]] for match in _NIX.finditer(body)}
