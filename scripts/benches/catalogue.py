"""Small documents that are polled: CISA's catalogue, and a feed of as many entries."""

from __future__ import annotations

import json
from collections.abc import Sequence


def kev_catalogue(cves: Sequence[str]) -> bytes:
    rows = [
        {
            "cveID": cve,
            "vendorProject": "Linux",
            "product": "Kernel",
            "vulnerabilityName": "Linux Kernel Use-After-Free",
            "dateAdded": "2026-05-01",
            "shortDescription": "A buffer is released while it is still used.",
            "requiredAction": "Apply mitigations per vendor instructions.",
            "dueDate": "2026-05-15",
        }
        for cve in cves
    ]
    catalogue = {
        "title": "CISA Catalog of Known Exploited Vulnerabilities",
        "catalogVersion": f"2026.05.{len(cves)}",
        "dateReleased": "2026-05-01T00:00:00.0000Z",
        "count": len(rows),
        "vulnerabilities": rows,
    }
    return json.dumps(catalogue).encode()


def rss_feed(entries: int, newest: int = 0) -> bytes:
    """RSS 2.0; newest: the number of the first entry."""
    items = "".join(
        f"<item><title>CVE-2025-{20_000 + number}: a buffer is released while it is still used</title>"
        f"<link>https://example.org/{number}</link><guid>https://example.org/{number}</guid>"
        "<pubDate>Thu, 30 Apr 2026 10:00:00 +0000</pubDate><description>&lt;p&gt;Apply mitigations per vendor"
        " instructions.&lt;/p&gt;</description></item>"
        for number in range(newest, newest + entries)
    )
    head = "<title>Bench</title><link>https://example.org/</link><description>Entries</description>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()
