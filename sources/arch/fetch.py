"""What is asked of Arch: the list of vulnerability groups, and the versions of its kernels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sources.arch.names import KERNELS
from sources.base import Batch, FetchContext
from sources.formats.attempts import companion_url, fetch_addresses

DEFAULTS: Final[Mapping[str, str | tuple[str, ...]]] = {
    "url": "https://security.archlinux.org/all.json",
    "packages_url": "https://archlinux.org/packages",
}


def fetch(context: FetchContext) -> Iterator[Batch]:
    """A batch a document; what fails stops nothing else. Raises FetchError."""
    addresses = list(context.urls())
    base = companion_url(context, "packages_url", DEFAULTS)
    if base is not None:
        addresses += [f"{base}/{repository}/x86_64/{package}/json/" for package, repository in KERNELS.items()]
    yield from fetch_addresses(context, dict.fromkeys(addresses, "json"))
