"""The shipped baseline: our own JSON in the package, read like any other document, of the lowest class of evidence."""

from __future__ import annotations

from collections.abc import Iterator

from advisories.words import EvidenceClass
from sources.base import Batch, FetchContext, SourceSpec
from sources.baseline.parse import as_of, parse

__all__ = ["SOURCE", "as_of"]


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Nothing is fetched: the application hands the package's own file to the parser."""
    yield from ()


SOURCE = SourceSpec(
    name="baseline",
    title="Shipped with patchwatch",
    gives="the facts known when this version was made, marked with their date, until a live answer replaces them",
    evidence_class=EvidenceClass.BASELINE,
    fetch=fetch,
    parse=parse,
    settings={},
    interval_seconds=0,
    stale_after_seconds=180 * 86_400,
    max_bytes=4 * 1024 * 1024,
    licence="Apache-2.0 (part of patchwatch)",
    home="https://github.com/",
)
