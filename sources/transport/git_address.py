"""Where git may fetch from: the address is judged by our guard and pinned, before git connects to it itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import httpx

from sources.transport import guard
from sources.transport.values import HttpPolicy

RESOLVE_SECONDS: Final = 20.0
_PATH: Final = re.compile(r"/[^\0-\x1f]{0,4000}")


class AddressError(Exception):
    """The address of a repository may not be fetched from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitAddress:
    """A repository that may be fetched: `config` is what git is told so that it goes there and nowhere else."""

    url: str
    host: str  # "git.kernel.org:443"; "" for a folder
    config: dict[str, str]


def judge_address(url: str, policy: HttpPolicy, resolver: guard.Resolver) -> GitAddress:
    """Raises AddressError, guard.AddressRefused or guard.ResolveError. https anywhere public; http and folders when
    they are configured; no other transport at all."""
    if url.startswith(("/", "file:///")):
        return _folder(url, policy)
    if not url.isprintable() or " " in url or "\\" in url or len(url) > 2000:
        raise AddressError("the address holds characters that no address has, or is too long")
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressError(f"the address cannot be read: {error}") from None
    if target.scheme not in ("http", "https") or not target.host or target.userinfo or target.query or target.fragment:
        raise AddressError("only https addresses without user name and query are fetched from")
    port = target.port or (443 if target.scheme == "https" else 80)
    allowed = policy.hosts_with_proxy()
    if target.scheme == "http" and not guard.is_allowed(target.host, port, allowed):
        raise AddressError(f"plain http to {target.host}, which is not configured")
    return GitAddress(
        url=str(target),
        host=f"{target.host}:{port}",
        config=_network_config(target, port, policy, allowed, resolver),
    )


def _folder(url: str, policy: HttpPolicy) -> GitAddress:
    path = url.removeprefix("file://")
    configured = {entry.removeprefix("file://").rstrip("/") for entry in policy.allowed_paths}
    if _PATH.fullmatch(path) is None or ".." in path.split("/"):
        raise AddressError("the folder's name holds characters that none should have")
    if not any(path.rstrip("/") == entry or path.startswith(entry + "/") for entry in configured):
        raise AddressError(f"the folder {path} is not configured as a source")
    return GitAddress(url=f"file://{path}", host="", config={"protocol.file.allow": "always"})


def _network_config(
    target: httpx.URL, port: int, policy: HttpPolicy, allowed: frozenset[str], resolver: guard.Resolver
) -> dict[str, str]:
    config = {
        f"protocol.{target.scheme}.allow": "always",
        "http.followRedirects": "false",
        "http.sslVerify": "true",
        "http.userAgent": policy.user_agent_header(),
        "http.lowSpeedLimit": "100",
        "http.lowSpeedTime": "60",
    }
    if policy.proxy:
        if not guard.is_allowed(target.host, port, allowed) and (reason := guard.refused_literal(target.host)):
            raise AddressError(reason)
        return {**config, "http.proxy": policy.proxy}
    addresses = guard.checked_addresses(target.host, port, resolver=resolver, allowed=allowed, seconds=RESOLVE_SECONDS)
    shown = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    # curl is told the judged addresses, so that no second answer of a name server can differ (CURLOPT_RESOLVE).
    return {**config, "http.proxy": "", "http.curloptResolve": f"{target.host}:{port}:{shown}"}
