"""Each configured address, in order."""

from __future__ import annotations

from collections.abc import Iterator

from sources.base import Batch, FetchContext
from sources.formats.attempts import fetch_addresses


def fetch(context: FetchContext) -> Iterator[Batch]:
    """A batch a document; what fails stops nothing else. Raises FetchError."""
    yield from fetch_addresses(context, {url: "text" if url.endswith(".csv") else "json" for url in context.urls()})
