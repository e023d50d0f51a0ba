"""What is asked of Arch: the list of vulnerability groups, and the versions of its kernels."""

from __future__ import annotations

from collections.abc import Iterator

from sources.arch.names import KERNELS
from sources.base import Batch, FetchContext
from sources.formats.attempts import fetch_addresses


def fetch(context: FetchContext) -> Iterator[Batch]:
    """A batch a document; what fails stops nothing else. Raises FetchError."""
    base = context.url("packages_url")
    packages = [f"{base}/{repository}/x86_64/{package}/json/" for package, repository in KERNELS.items()]
    yield from fetch_addresses(context, dict.fromkeys((context.url(), *packages), "json"))
