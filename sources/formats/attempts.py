"""Several addresses of one source, asked one after the other: one that fails stops no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sources.base import Batch, FetchContext, RawDocument
from sources.errors import FetchError
from sources.http import NotModified


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
        accept: str = "*/*",
        max_bytes: int | None = None,
        may_be_absent: bool = False,
    ) -> Batch | None:
        """The document at `url`, or that it is unchanged; None when it could not be had.

        may_be_absent: 404 is an answer, too ("nothing is known of that CVE"), and no failure.
        """
        context = self.context
        held = context.held.validators(url)
        try:
            answer = context.http.get(
                url, source=context.source, validators=held, accept=accept, expect=expect, max_bytes=max_bytes
            )
        except FetchError as error:
            if not (may_be_absent and error.status == 404):
                self.failures.append(error)
            return None
        if isinstance(answer, NotModified):
            return Batch(documents=(), checkpoint=context.checkpoint, same=(url,), stream=stream)
        raw = RawDocument.from_fetched(context.source, answer, kind=kind)
        return Batch(documents=(raw,), checkpoint=context.checkpoint, stream=stream)

    def finish(self) -> None:
        """Raises the first failure, when there was one: the source did not say all that it should."""
        if self.failures:
            raise self.failures[0]


def companion_url(context: FetchContext, key: str, defaults: Mapping[str, str | tuple[str, ...]]) -> str | None:
    """The address of `key`; None when it is the live default although `url` is not: who moved a source to another
    server is not sent to the live hosts behind their back."""
    if context.settings["url"] != defaults["url"] and context.settings[key] == defaults[key]:
        return None
    return context.url(key)


def fetch_addresses(context: FetchContext, expect: Mapping[str, str]) -> Iterator[Batch]:
    """One batch an address, in order. expect: address -> what its body must look like. Raises FetchError at the end."""
    attempts = Attempts(context=context)
    for url, wanted in expect.items():
        batch = attempts.batch(url, expect=wanted)
        if batch is not None:
            yield batch
    attempts.finish()
