"""Package versions in Ubuntu's documents."""

from __future__ import annotations

import re

from advisories.versions import MAX_VERSION_CHARS

_VERSION = re.compile(r"(?:([0-9]{1,9}):)?([0-9][A-Za-z0-9.+~-]*)")


def package_version(text: str) -> str | None:
    """A dpkg version, an epoch of 0 left out; None for words ("end of standard support") and everything else."""
    found = _VERSION.fullmatch(text) if len(text) <= MAX_VERSION_CHARS else None
    if found is None:
        return None
    epoch, version = found.groups()
    return version if not (epoch or "").strip("0") else f"{epoch}:{version}"
