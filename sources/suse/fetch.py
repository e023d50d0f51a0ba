"""What is asked of SUSE: the records of followed CVEs, and the newest errata, by the lists of their directories."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sources.base import Batch, FetchContext
from sources.formats.csaf_feed import Directory, follow_directories

MOST_BYTES: Final = 64 * 1024 * 1024  # an erratum of a kernel repeats its products for each of hundreds of CVEs
_ERRATA: Final = re.compile(r"(?:open)?suse-su-[0-9]{4}_[0-9]{1,7}-[0-9]{1,3}\.json")


def fetch(context: FetchContext) -> Iterator[Batch]:
    """Batches with the checkpoint that covers them."""
    directories = [Directory(base=base, errata=_ERRATA, max_bytes=MOST_BYTES) for base in context.urls()]
    yield from follow_directories(context, directories, context.checkpoint)
