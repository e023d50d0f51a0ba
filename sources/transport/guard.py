"""Which addresses may be connected to.

The check is made on the address that the socket is given, after the name was resolved: no spelling of a host and no
second answer of a name server can differ from what was judged. Ranges: IANA's special-purpose registries (RFC 6890,
RFC 8190), RFC 6598 (shared space), RFC 6052 (NAT64), and the metadata services that clouds put on public addresses.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

_REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent: a public address that is inside every virtual machine there
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, ORCHID, benchmarking and the like
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address of its sender's choice
        "3fff::/20",
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_SUFFIXES: Final = (".localhost", ".local", ".internal", ".home.arpa", ".lan")


class AddressRefused(Exception):
    """A host resolves to an address that is not public; `host` and `address` say which."""

    def __init__(self, host: str, address: str) -> None:
        self.host = host
        self.address = address
        super().__init__(f"{host} is at {address}, which is not a public address")


class ResolveError(Exception):
    """A host name has no address, or the name server did not answer in time."""


def is_public(address: str) -> bool:
    """Whether `address` (as the resolver gives it, perhaps with a %scope) is one of the public Internet."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return _is_public(parsed)


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return _is_public(address.ipv4_mapped)
    if address in _NAT64:
        return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_V6 and not any(address in network for network in _REFUSED_V6)


def resolve(host: str, port: int) -> list[str]:
    """Every address of `host` in the system's order of preference. Raises OSError."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host  # a zone is the resolver's to judge


def resolve_within(resolver: Resolver, host: str, port: int, seconds: float) -> list[str]:
    """`resolver`'s answer, or a ResolveError after `seconds`: the C library's resolver knows no deadline of its own."""
    if _is_address(host):
        return [host]
    found: list[str] = []
    failed: list[str] = []

    def ask() -> None:
        try:
            found.extend(resolver(host, port))
        except (OSError, UnicodeError) as error:
            failed.append(str(error))

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(max(seconds, 0.0))
    if thread.is_alive():
        raise ResolveError(f"no answer for the name {host} within {seconds:.0f} s")
    if failed or not found:
        raise ResolveError(f"the name {host} has no address" + (f": {failed[0]}" if failed else ""))
    return list(found)


def checked_addresses(
    host: str, port: int, *, resolver: Resolver, allowed: frozenset[str], seconds: float
) -> list[str]:
    """The addresses of `host`, each of them judged. One refused address refuses the host.

    Raises AddressRefused or ResolveError.
    """
    addresses = resolve_within(resolver, host, port, seconds)
    if not is_allowed(host, port, allowed):
        for address in addresses:
            if not is_public(address):
                raise AddressRefused(host, address)
    return addresses


def is_allowed(host: str, port: int, allowed: frozenset[str]) -> bool:
    """Whether the operator configured this host, with or without its port. IPv6 literals with or without brackets."""
    bare = host.strip("[]").lower()
    return not allowed.isdisjoint({bare, f"{bare}:{port}", f"[{bare}]", f"[{bare}]:{port}"})


def refused_literal(host: str) -> str | None:
    """The reason why `host` may not be asked of a proxy, which resolves names itself; None when it may."""
    bare = host.strip("[]").rstrip(".").lower()
    if "." not in bare and ":" not in bare and not bare.isdigit() and not bare.startswith("0x"):
        return f"{host} is a local name"
    if bare.endswith(_LOCAL_SUFFIXES):
        return f"{host} is a local name"
    for family, parse in ((socket.AF_INET, socket.inet_aton), (socket.AF_INET6, _pack_v6)):
        try:
            literal = socket.inet_ntop(family, parse(bare))
        except (OSError, ValueError):
            continue
        return None if is_public(literal) else f"{literal} is not a public address"
    return None


def _pack_v6(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, text)
