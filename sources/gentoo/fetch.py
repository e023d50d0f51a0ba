"""What is asked of Gentoo: the feed of advisories, and those whose title names a kernel or what goes with one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sources.base import Batch, FetchContext
from sources.formats.attempts import Attempts

MOST_ADVISORIES: Final = 20
PENDING: Final = "pending"  # advisories that the feed named and that could not be had yet
_NUMBER = re.compile(r"[0-9]{6}-[0-9]{2,3}")
_TITLE = re.compile(rb"<title>\s{0,20}(?:\[?GLSA\s)\s{0,5}([0-9]{6}-[0-9]{2,3})\]?:?\s([^<]{1,300})</title>")
_WORDS = re.compile(rb"\b(?:linux|kernel|kmod|docker|containerd|runc|podman|iwd|bluez|cryptsetup|ell|libkcapi)\b")


def fetch(context: FetchContext) -> Iterator[Batch]:
    """A batch a document; what fails stops nothing else, and is asked for again next time. Raises FetchError."""
    attempts = Attempts(context=context)
    wanted = [one for one in context.checkpoint.get(PENDING, "").split(",") if _NUMBER.fullmatch(one)]
    feed = attempts.batch(context.url(), expect="xml", stream="feed")
    if feed is not None:
        yield feed
        wanted += named_advisories(b"".join(raw.body for raw in feed.documents))
    missing = []
    for number in list(dict.fromkeys(wanted))[:MOST_ADVISORIES]:
        url = f"{context.url('glsa_url')}/glsa-{number}.xml"
        advisory = attempts.batch(url, expect="xml", stream="advisories")
        if advisory is not None:
            yield advisory
        else:
            missing.append(number)
    yield Batch(documents=(), checkpoint={PENDING: ",".join(missing)}, stream="advisories")
    attempts.finish()


def named_advisories(feed: bytes) -> list[str]:
    """The numbers of the feed's advisories whose title holds one of the words, newest first."""
    found = (match for match in _TITLE.finditer(feed) if _WORDS.search(match[2].lower()))
    return list(dict.fromkeys(match[1].decode() for match in found))[:MOST_ADVISORIES]
