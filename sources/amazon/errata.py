"""Amazon Linux' errata ids, and which release and stream they are for.

ALAS2023-2026-1651 (Amazon Linux 2023), ALAS2-2018-939 (Amazon Linux 2), ALAS2KERNEL-5.10-2026-101 (a kernel of AL2's
extras), ALAS2023LIVEPATCH-2026-001. The feeds also write ALAS-2023-126 and ALASKERNEL-5.4-2022-001: there the page's
address says the release.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DISTRO: Final = "amzn"

_ERRATUM = re.compile(r"ALAS(2023|2)?(KERNEL-[0-9]{1,2}\.[0-9]{1,3}|LIVEPATCH)?-([0-9]{4}-[0-9]{1,5})")
_PAGE = re.compile(r"https?://[^/\s]{1,253}/(AL2023|AL2)/[!-~]{1,300}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlasErratum:
    """id as updateinfo writes it; stream is "kernel-5.10" for a kernel of AL2's extras."""

    id: str
    release: str
    stream: str | None


def read_erratum(name: str, page: str = "") -> AlasErratum | None:
    """The erratum that `name` is; `page`, its address, tells the release where the name does not."""
    found = _ERRATUM.fullmatch(name)
    if found is None:
        return None
    release, series, number = found.groups()
    if release is None:
        listed = _PAGE.fullmatch(page)
        release = listed.group(1).removeprefix("AL") if listed else None
    if release is None:
        return None
    stream = series.lower() if series and series.startswith("KERNEL-") else None
    return AlasErratum(id=f"ALAS{release}{series or ''}-{number}", release=release, stream=stream)


def page_of(erratum: AlasErratum) -> str:
    """The erratum's page: AL2023/ALAS2023-2026-1651.html, AL2/ALAS2-2018-939.html."""
    return f"https://alas.aws.amazon.com/AL{erratum.release}/{erratum.id}.html"
