"""Amazon Linux' repositories, by mirror.list -> repomd.xml -> updateinfo.xml.gz, then the feeds.

mirror.list names the newest state of a repository by its whole address. Of that only the path is taken: what we ask is
on the host that was configured. repomd.xml is small and asked every time; updateinfo's name holds its own hash, so it
is asked only when the name is new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from sources.amazon.settings import asked_repositories
from sources.base import Batch, FetchContext, RawDocument
from sources.errors import FetchError, Inconsistent, ParseError
from sources.formats.updateinfo import updateinfo_href
from sources.http import FetchedDocument

MOST_BYTES: Final = 64 * 1024 * 1024
SMALL: Final = 1024 * 1024
ARCH: Final = "x86_64"

_PATH = re.compile(r"(?:/[A-Za-z0-9_.+-]{1,100}){1,12}")


@dataclass(slots=True, kw_only=True)
class _Cycle:
    context: FetchContext
    state: dict[str, str]
    failures: list[FetchError] = field(default_factory=list)


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Raises the first FetchError when the other addresses were asked. Checkpoint: mirror.list -> updateinfo's path."""
    cycle = _Cycle(context=context, state=dict(context.checkpoint))
    for mirrors in asked_repositories(context):
        batch = _repository(cycle, mirrors)
        if batch is not None:
            yield batch
    for url in context.urls():
        batch = _feed(cycle, url)
        if batch is not None:
            yield batch
    if cycle.failures:
        raise cycle.failures[0]


def _feed(cycle: _Cycle, url: str) -> Batch | None:
    try:
        document = cycle.context.get(url, expect="xml", kind="feed", max_bytes=MOST_BYTES)
    except FetchError as error:
        cycle.failures.append(error)
        return None
    if document is None:
        return Batch(documents=(), checkpoint=dict(cycle.state), same=(url,))
    return Batch(documents=(document,), checkpoint=dict(cycle.state))


def _repository(cycle: _Cycle, mirrors: str) -> Batch | None:
    """updateinfo of one repository when it is new; its address again when it is not; None when something failed."""
    context = cycle.context
    try:
        root = _repository_root(context, mirrors)
        href = updateinfo_href(_get(context, f"{root}/repodata/repomd.xml", "xml", SMALL))
        if href is None:
            return Batch(documents=(), checkpoint=dict(cycle.state))
        known = cycle.state.get(mirrors)
        if known == href:
            return Batch(documents=(), checkpoint=dict(cycle.state), same=(_identity(mirrors),))
        body = _get(context, f"{root}/{href}", "binary", MOST_BYTES)
    except FetchError as error:
        cycle.failures.append(error)
        return None
    except ParseError as error:
        cycle.failures.append(FetchError(str(error), source=context.source, url=mirrors, kind="parse"))
        return None
    cycle.state[mirrors] = href
    document = RawDocument(source=context.source, url=_identity(mirrors), at=context.now, body=body, kind="updateinfo")
    return Batch(documents=(document,), checkpoint=dict(cycle.state))


def _identity(mirrors: str) -> str:
    """updateinfo's own address, which stays the same while the paths of a repository's states go by."""
    return f"{mirrors.removesuffix('/mirror.list')}/repodata/updateinfo.xml.gz"


def _get(context: FetchContext, url: str, expect: str, max_bytes: int) -> bytes:
    """Asked without validators: what it is about is told by names that change with the content."""
    answer = context.http.get(url, source=context.source, expect=expect, max_bytes=max_bytes)
    return answer.body if isinstance(answer, FetchedDocument) else b""


def _repository_root(context: FetchContext, mirrors: str) -> str:
    lines = _get(context, mirrors, "text", SMALL).decode("ascii", "replace").split()
    asked = urlsplit(mirrors)
    path = urlsplit(lines[0].replace("$basearch", ARCH)).path.rstrip("/") if lines else ""
    if _PATH.fullmatch(path) is None or ".." in path:
        raise Inconsistent("mirror.list names no repository", source=context.source, url=mirrors)
    return f"{asked.scheme}://{asked.netloc}{path}"
