"""What the topics look for, as a cheap look at text: lower case and `in`, no expressions.

It lets through more than the topics want and loses nothing of it; what a commit or mail means is judged later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sources.base import Watch

COMMIT_DIGITS: Final = 12
_WILD = re.compile(r"[*?]|\[[^\]]*\]")


def literal_part(glob: str) -> str:
    """The longest piece of a glob without wildcards: "crypto/algif_" of "crypto/algif_*.c"."""
    return max(_WILD.split(glob), key=len)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedTerms:
    """`terms` in lower case; `everything` when a topic's glob has no literal piece at all."""

    terms: tuple[bytes, ...]
    everything: bool

    @classmethod
    def of(cls, watch: Watch, *, further: Iterable[str] = ()) -> WatchedTerms:
        """further: more words to look for (CVE ids of stored advisories)."""
        words = {word.strip().lower() for word in (*_all_words(watch), *further)}
        return cls(
            terms=tuple(sorted((word.encode() for word in words if word), key=len)),
            everything="" in words,
        )

    def are_in(self, text: bytes) -> bool:
        """Whether any term is in `text`, in whatever case."""
        if self.everything:
            return True
        lowered = text.lower()
        return any(term in lowered for term in self.terms)

    def are_in_text(self, text: str) -> bool:
        return self.are_in(text.encode("utf-8", "replace"))


def _all_words(watch: Watch) -> Iterator[str]:
    yield from (word for word in watch.words if word.strip())
    yield from (cve for cve in watch.cves if cve)
    yield from (commit[:COMMIT_DIGITS] for commit in watch.commits if len(commit) >= COMMIT_DIGITS)
    yield from (symbol for symbol in watch.kconfig if symbol)
    yield from (literal_part(glob) for glob in (*watch.paths, *watch.subjects))
    if watch.every_kernel_cve:
        yield "cve-"
