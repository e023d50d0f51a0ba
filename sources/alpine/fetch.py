"""What is asked of Alpine: the newest releases' security databases, their kernels, and each watched CVE."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from bs4 import BeautifulSoup

from sources.base import Batch, FetchContext
from sources.errors import FetchError
from sources.formats.attempts import Attempts, companion_url

DEFAULTS: Final[Mapping[str, str | tuple[str, ...]]] = {
    "url": "https://secdb.alpinelinux.org",
    "tracker_url": "https://security.alpinelinux.org",
    "aports_url": "https://gitlab.alpinelinux.org/alpine/aports/-/raw",
    "releases": (),
}
NEWEST_RELEASES: Final = 4  # Alpine supports that many; edge comes besides
MOST_CVES: Final = 60
REPOSITORIES: Final = ("main", "community")
_FOLDER = re.compile(r"v([0-9]{1,2})\.([0-9]{1,2})/?")
_JSON_LD: Final = "application/ld+json"


def fetch(context: FetchContext) -> Iterator[Batch]:
    """A batch a document; what fails stops nothing else. Raises FetchError."""
    attempts = Attempts(context=context)
    aports = companion_url(context, "aports_url", DEFAULTS)
    for release in (*_releases(attempts), "edge"):
        if aports is not None:
            branch = "master" if release == "edge" else f"{release.removeprefix('v')}-stable"
            url = f"{aports}/{branch}/main/linux-lts/APKBUILD"
            yield from _one(attempts.batch(url, expect="text", stream=release))
        for repository in REPOSITORIES:
            url = f"{context.url()}/{release}/{repository}.json"
            yield from _one(attempts.batch(url, expect="json", stream=release))
    yield from _tracker(attempts)
    attempts.finish()


def _tracker(attempts: Attempts) -> Iterator[Batch]:
    """What the tracker says of each CVE that is followed, those of the topics first."""
    context = attempts.context
    base = companion_url(context, "tracker_url", DEFAULTS)
    if base is None:
        return
    followed = sorted(context.watch.cves) + sorted(context.known_advisories - context.watch.cves)
    for cve in followed[:MOST_CVES]:
        url = f"{base}/vuln/{cve}"
        batch = attempts.batch(url, expect="json", accept=_JSON_LD, stream="tracker", may_be_absent=True)
        yield from _one(batch)


def _one(batch: Batch | None) -> Iterator[Batch]:
    if batch is not None:
        yield batch


def _releases(attempts: Attempts) -> tuple[str, ...]:
    """The configured releases; without any, the newest that the database's folder lists."""
    context = attempts.context
    given = tuple(one for one in context.urls("releases") if one)
    if given:
        return given
    try:
        answer = context.http.get(f"{context.url()}/", source=context.source, expect="html")
    except FetchError as error:
        attempts.failures.append(error)
        return ()
    return newest_releases(getattr(answer, "body", b""))


def newest_releases(page: bytes) -> tuple[str, ...]:
    """The folders of the newest releases in a listing of folders, oldest first."""
    links = (str(link.get("href", "")) for link in BeautifulSoup(page, "lxml").find_all("a")[:500])
    found = {(int(match[1]), int(match[2])) for link in links if (match := _FOLDER.fullmatch(link))}
    return tuple(f"v{major}.{minor}" for major, minor in sorted(found)[-NEWEST_RELEASES:])
