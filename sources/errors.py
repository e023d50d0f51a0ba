"""What can go wrong between a source and us. One tree for the doors, and one error of the pure parsers beside it.

    SourceError                 names the source, the address, what failed and what to do about it
    └── FetchError              a request over HTTP or a run of git
        ├── RateLimited         the host asked us to wait (429, or 503 with Retry-After): `retry_after` says how long
        ├── Blocked             a bot wall, a login or maintenance page in place of the document
        ├── TooLarge            more bytes than the source may give
        ├── Truncated           the body ended before it was complete
        ├── NotAllowed          an address or a redirect that we do not follow
        ├── Inconsistent        documents of one source that do not belong together (index and hash, two times)
        └── GitError            git failed, or a repository does not hold what it should
    ParseError                  a document's container cannot be read; raised by pure parsers, knows no address

No text of these errors holds a secret: user names, passwords and values of secret-looking query keys are cut out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

KINDS: Final = frozenset(
    {
        "network",
        "timeout",
        "status",
        "blocked",
        "too_large",
        "truncated",
        "not_allowed",
        "content",
        "parse",
        "inconsistent",
        "git",
    }
)
LINE_LIMIT: Final = 300

_USERINFO = re.compile(r"(?<=//)[^/\s?#]*@")
_SECRET_VALUE = re.compile(
    r"([?&][^=&#\s]*(?:token|key|secret|passw|auth|sig|session|credential|code)[^=&#\s]*=)[^&#\s'\"]+", re.IGNORECASE
)


def redact_secrets(text: str) -> str:
    """`text` without the user part of addresses and without the values of secret-looking query keys."""
    return _SECRET_VALUE.sub(r"\1***", _USERINFO.sub("", text))


def one_line(text: str, limit: int = LINE_LIMIT) -> str:
    """`text` as one printable line of at most `limit` characters: control and format characters become spaces."""
    printable = "".join(character if character.isprintable() else " " for character in text[: 4 * limit])
    line = " ".join(redact_secrets(printable).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class SourceError(Exception):
    """A source failed in one cycle.

    Attributes:
        source: registry name.
        url: the address, without secrets.
        what: one line, what failed.
        kind: one machine word of `KINDS`.
        action: what the bot did or the operator can do.
        retry_after: seconds to leave the host alone, or None.
        status: the HTTP status when one was seen, else 0.
    """

    default_kind = "network"

    def __init__(
        self,
        what: str,
        *,
        source: str,
        url: str,
        kind: str = "",
        action: str = "",
        retry_after: float | None = None,
        status: int = 0,
    ) -> None:
        self.what = one_line(what)
        self.source = source
        self.url = one_line(url, 500)
        self.kind = kind or self.default_kind
        self.action = one_line(action)
        self.retry_after = retry_after
        self.status = status
        super().__init__(self.what)

    def __str__(self) -> str:
        line = f"{self.source}: {self.what} ({self.url})"
        return f"{line}; {self.action}" if self.action else line

    def __reduce__(self) -> tuple[Callable[..., SourceError], tuple[type[SourceError], str, dict[str, object]]]:
        # Parsers run in worker processes: an error must survive the way back with its keyword-only fields.
        fields: dict[str, object] = {
            name: getattr(self, name) for name in ("source", "url", "kind", "action", "retry_after", "status")
        }
        return _rebuild, (type(self), self.what, fields)


def _rebuild(error: Callable[..., SourceError], what: str, fields: dict[str, object]) -> SourceError:
    return error(what, **fields)


class FetchError(SourceError):
    """A request or a run of git that gave no document."""


class RateLimited(FetchError):
    """The host asked us to wait; `retry_after` seconds are left. The schedule moves, nothing waits in the door."""

    default_kind = "status"


class Blocked(FetchError):
    """A page for people (bot wall, login, maintenance) stood where the document should be."""

    default_kind = "blocked"


class TooLarge(FetchError):
    """The document is larger than this source may give."""

    default_kind = "too_large"


class Truncated(FetchError):
    """The body ended before its declared length, its gzip trailer or its closing mark."""

    default_kind = "truncated"


class NotAllowed(FetchError):
    """An address that is not public and not configured, or a redirect that leaves its host."""

    default_kind = "not_allowed"


class Inconsistent(FetchError):
    """Two documents of a source contradict each other; nothing of them was taken in."""

    default_kind = "inconsistent"


class GitError(FetchError):
    """git failed, ran past its deadline, or a repository lacks what was asked of it."""

    default_kind = "git"


class ParseError(Exception):
    """A document that cannot be read at all. `where` is a path or line inside the document, when one is known."""

    def __init__(self, what: str, where: str | None = None) -> None:
        self.what = one_line(what)
        self.where = None if where is None else one_line(where)
        super().__init__(self.what, self.where)

    def __str__(self) -> str:
        return f"{self.what} (at {self.where})" if self.where else self.what


def shown_host(url: str) -> str:
    """The host of an address for texts, never with its user part; "?" when there is none."""
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"
