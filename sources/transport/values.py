"""What the HTTP door is told and what it gives back. Imported by the rest of the room from `sources.http`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

DEFAULT_MAX_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What makes the next request of an address conditional: the ETag and Last-Modified headers, verbatim."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedDocument:
    """A whole document. `url` is what was asked for, `body` the decoded bytes as they came (a byte order mark stays).

    content_type: the media type in lower case without parameters; headers: lower-case names, a short list only.
    """

    url: str
    status: int
    fetched_at: datetime
    body: bytes
    sha256: str
    content_type: str
    validators: Validators
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """304: what we hold of the address is still what it gives."""

    url: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPolicy:
    """How we appear and where we may go.

    allowed_hosts: "host" or "host:port" that the operator configured: private addresses and plain http are right there.
    allowed_paths: folders or file:// addresses that a git source was configured with; nothing else is read from disk.
    user_agent: replaces the whole header; the default names the program and how to reach its operator.
    """

    contact: str
    version: str
    proxy: str | None = None
    allowed_hosts: frozenset[str] = frozenset()
    allowed_paths: frozenset[str] = frozenset()
    min_interval_seconds: float = 1.0
    max_bytes: int = DEFAULT_MAX_BYTES
    user_agent: str | None = None

    def user_agent_header(self) -> str:
        """`patchwatch/<version> (+<contact>)`, in printable ASCII."""
        text = self.user_agent or f"patchwatch/{self.version} (+{self.contact})"
        if "mozilla" in text.lower():
            raise ValueError("a user agent that says Mozilla is challenged by the kernel's servers; name the program")
        return "".join(character for character in text if " " <= character <= "~")

    def hosts_with_proxy(self) -> frozenset[str]:
        """allowed_hosts in lower case, and the proxy itself, which may be anywhere."""
        hosts = {host.lower() for host in self.allowed_hosts}
        if self.proxy:
            import httpx

            address = httpx.URL(self.proxy)
            hosts.add(f"{address.host}:{address.port or (443 if address.scheme == 'https' else 80)}")
        return frozenset(hosts)
