"""Small pages in the wire form of Bodhi."""

from __future__ import annotations

import json
from collections.abc import Mapping


def update(
    alias: str,
    nvr: str,
    *,
    status: str = "stable",
    release: str = "43",
    prefix: str = "FEDORA",
    bugs: tuple[str, ...] = (),
    notes: str = "The kernel of this week.",
    submitted: str = "2026-04-13 10:00:00",
) -> dict[str, object]:
    stable = status == "stable"
    return {
        "alias": alias,
        "updateid": alias,
        "title": nvr,
        "display_name": "",
        "notes": notes,
        "type": "security",
        "status": status,
        "severity": "high",
        "date_submitted": submitted,
        "date_testing": "2026-04-14 01:00:00",
        "date_stable": "2026-04-17 01:39:02" if stable else None,
        "date_modified": None,
        "release": {"name": f"F{release}", "version": release, "id_prefix": prefix, "branch": f"f{release}"},
        "bugs": [{"bug_id": number, "security": True, "title": title} for number, title in enumerate(bugs)],
        "builds": [{"nvr": nvr, "type": "rpm", "epoch": 0, "release_id": 90}],
        "url": f"https://bodhi.fedoraproject.org/updates/{alias}",
    }


def page(*updates: Mapping[str, object], number: int = 1) -> bytes:
    document = {"updates": list(updates), "page": number, "pages": 9, "rows_per_page": 50, "total": 420}
    return json.dumps(document).encode()


KERNEL = update(
    "FEDORA-2026-91f636af1c",
    "kernel-6.19.12-200.fc43",
    bugs=("CVE-2026-31431 kernel: crypto: algif_aead - Revert to operating out-of-place [fedora-all]",),
    notes="The 6.19.12 stable update.\nFixes CVE-2026-31431 and CVE-2026-43033, see xCVE-2026-11111 and CVE-2026-1x.",
)
