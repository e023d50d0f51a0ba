"""What refs a server has, by git's smart HTTP advertisement (gitprotocol-http(5), "Smart Clients").

One GET, without a repository of our own. It is asked before tags or branches are fetched: a fetch of old ones would
bring their whole history, because a shallow fetch cuts only what is younger than its date.
"""

from __future__ import annotations

import re
from typing import Final

from sources.base import FetchContext
from sources.errors import FetchError
from sources.http import FetchedDocument

LARGEST_LISTING: Final = 16 * 1024 * 1024
MOST_REFS: Final = 100_000
_SERVICE: Final = b"# service=git-upload-pack"
_LINE = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) (refs/[!-~]{1,250})")
_PEELED: Final = "^{}"


def can_list(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def ask_listing(context: FetchContext) -> tuple[dict[str, str], int]:
    """(full ref name -> the commit it leads to, bytes of the answer). Raises FetchError."""
    url = f"{context.url()}/info/refs?service=git-upload-pack"
    answer = context.http.get(url, source=context.source, expect="binary", max_bytes=LARGEST_LISTING)
    if not isinstance(answer, FetchedDocument):  # no validators were sent
        raise FetchError("no list of refs came", source=context.source, url=url, kind="content")
    refs = read_listing(answer.body)
    if refs is None:
        raise FetchError(
            "the answer is no list of git's refs",
            source=context.source,
            url=url,
            kind="content",
            action="tags are looked for with the next poll",
        )
    return refs, len(answer.body)


def read_listing(body: bytes) -> dict[str, str] | None:
    """Refs of an advertisement; annotated tags stand for the commit they are peeled to. None when it is none."""
    refs: dict[str, str] = {}
    first = True
    at = 0
    while at + 4 <= len(body) and len(refs) <= MOST_REFS:
        length = _length(body[at : at + 4])
        if length is None:
            return None
        line = body[at + 4 : at + length]
        at += max(length, 4)
        if first:
            if not line.startswith(_SERVICE):
                return None
            first = False
            continue
        found = _LINE.fullmatch(line.partition(b"\0")[0].decode("utf-8", "replace").strip())
        if found is not None:
            refs[found[2].removesuffix(_PEELED)] = found[1]
    return None if first else refs


def _length(digits: bytes) -> int | None:
    """The length of a pkt-line, its four digits included; 0 to 2 are marks without content."""
    if re.fullmatch(rb"[0-9a-f]{4}", digits) is None:
        return None
    length = int(digits, 16)
    return None if length == 3 else length
