"""Several addresses of one source, asked one after the other: one that fails stops no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sources.base import Batch, FetchContext
from sources.errors import FetchError


@dataclass(slots=True, kw_only=True)
class Attempts:
    """Asks by `context` and keeps what failed. Each document is a batch of its own, so that it is stored at once."""

    context: FetchContext
    failures: list[FetchError] = field(default_factory=list)

    def batch(
        self,
        url: str,
        *,
        expect: str,
        kind: str = "",
        stream: str = "",
        max_bytes: int | None = None,
        checkpoint: Mapping[str, str] | None = None,
    ) -> Batch | None:
        """The document at `url`, or that it is unchanged; None when it could not be had."""
        saved = self.context.checkpoint if checkpoint is None else checkpoint
        try:
            raw = self.context.get(url, expect=expect, kind=kind, max_bytes=max_bytes)
        except FetchError as error:
            self.failures.append(error)
            return None
        if raw is None:
            return Batch(documents=(), checkpoint=saved, same=(url,), stream=stream)
        return Batch(documents=(raw,), checkpoint=saved, stream=stream)

    def finish(self) -> None:
        """Raises the first failure, when there was one: the source did not say all that it should."""
        if self.failures:
            raise self.failures[0]


def fetch_addresses(context: FetchContext, expect: Mapping[str, str]) -> Iterator[Batch]:
    """One batch an address, in order. expect: address -> what its body must look like. Raises FetchError at the end."""
    attempts = Attempts(context=context)
    for url, wanted in expect.items():
        batch = attempts.batch(url, expect=wanted)
        if batch is not None:
            yield batch
    attempts.finish()
