"""Each configured address, in order."""

from __future__ import annotations

from collections.abc import Iterator

from sources.base import Batch, FetchContext
from sources.formats.attempts import fetch_addresses


def fetch(context: FetchContext) -> Iterator[Batch]:
    """A batch a file; what fails stops nothing else. Raises FetchError."""
    yield from fetch_addresses(context, dict.fromkeys(context.urls(), "text"))
