"""NixOS: the kernels that its branches of nixpkgs ship."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from advisories.words import EvidenceClass
from sources.base import Batch, Canary, FetchContext, SourceSpec
from sources.errors import FetchError
from sources.nixos.parse import parse, release_of

__all__ = ["SOURCE"]

MOST_BYTES: Final = 256 * 1024
_NIXPKGS: Final = "https://raw.githubusercontent.com/NixOS/nixpkgs"
_KERNELS: Final = "pkgs/os-specific/linux/kernel/kernels-org.json"


def fetch(context: FetchContext) -> Iterator[Batch]:
    """One batch a branch. A branch that is gone (its release is past its end) is a note; the others go on."""
    urls = context.urls()
    absent: list[FetchError] = []
    for url in urls:
        stream = release_of(url) or ""
        try:
            document = context.get(url, expect="json", max_bytes=MOST_BYTES)
        except FetchError as error:
            if error.status != 404:
                raise
            absent.append(error)
            if len(absent) == len(urls):
                raise
            note = f"nixos: {url} is not there; set [sources.nixos] url to the branches that are"
            yield Batch(documents=(), checkpoint=dict(context.checkpoint), notes=(note,), stream=stream)
            continue
        yield context.batch(url, document, stream=stream)


SOURCE = SourceSpec(
    name="nixos",
    title="NixOS",
    gives="the upstream release of each kernel series that NixOS ships",
    evidence_class=EvidenceClass.VENDOR,
    fetch=fetch,
    parse=parse,
    settings={
        "url": tuple(f"{_NIXPKGS}/{branch}/{_KERNELS}" for branch in ("nixos-25.11", "nixos-26.05", "nixos-unstable"))
    },
    interval_seconds=6 * 3600,
    stale_after_seconds=14 * 86_400,
    canary=Canary.FIELDS,
    max_bytes=MOST_BYTES,
    licence="MIT, https://github.com/NixOS/nixpkgs/blob/master/COPYING",
    home="https://github.com/NixOS/nixpkgs",
)
