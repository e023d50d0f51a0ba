"""Photon OS: CVE metadata, one list a release."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.errors import FetchError
from sources.formats.attempts import Attempts
from sources.photon.parse import parse

__all__ = ["SOURCE"]

MOST_BYTES: Final = 32 * 1024 * 1024
MOST_RELEASES: Final = 20
OLDEST: Final = 3  # releases before this ship no kernel that is maintained
_RELEASE = re.compile(r"([0-9]{1,2})\.[0-9]{1,2}")


class _Versions(msgspec.Struct):
    branches: list[str]


def fetch(context: FetchContext) -> Iterator[Batch]:
    """One batch a release that `photon_versions.json` names; a `url` that is one release's list is that list.
    A list that fails keeps no other from coming."""
    attempts = Attempts(context=context)
    for url in _lists(context):
        batch = attempts.batch(url, expect="json", max_bytes=MOST_BYTES, stream=url.rpartition("/")[2])
        if batch is not None:
            yield batch
    attempts.finish()


def _lists(context: FetchContext) -> list[str]:
    """The addresses of the releases' lists."""
    base = context.url()
    if base.endswith(".json") and not base.endswith("/photon_versions.json"):
        return [base]
    base = base.removesuffix("/photon_versions.json")
    return [f"{base}/cve_data_photon{one}.json" for one in _releases(context, f"{base}/photon_versions.json")]


def _releases(context: FetchContext, url: str) -> list[str]:
    document = context.http.get(url, source=context.source, expect="json", max_bytes=64 * 1024)
    body: bytes = getattr(document, "body", b"")
    try:
        named = msgspec.json.decode(body, type=_Versions).branches[:MOST_RELEASES]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FetchError(f"no list of releases: {error}", source=context.source, url=url, kind="parse") from None
    return [one for one in named if (found := _RELEASE.fullmatch(one)) and int(found.group(1)) >= OLDEST]


SOURCE = SourceSpec(
    name="photon",
    title="Photon OS",
    gives="status and first fixed kernel of Photon OS",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={"url": "https://packages.broadcom.com/photon/photon_cve_metadata"},
    interval_seconds=6 * 3600,
    stale_after_seconds=14 * 86_400,
    canary=Canary.SETTLED,
    max_bytes=MOST_BYTES,
    licence="no licence named beside the files; facts of https://packages.broadcom.com/photon/",
    home="https://github.com/vmware/photon/wiki/Security-Advisories",
)
