"""The documents of a store as paths and bytes, and one advisory's OSV form."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from advisories.model import Advisory
from bot.app import App
from bot.cli.exporting import Kind, files_of
from bot.documents.common import Publisher
from bot.documents.osv import osv_document

BASE = "https://pw.example.org"
PUBLISHER = Publisher(base_url=BASE)
CHANGED = datetime(2026, 5, 19, 23, tzinfo=UTC)
Tree = dict[str, bytes]
# The ecosystems of the OSV schema that we use; each with the shape of its release.
ECOSYSTEMS = re.compile(
    r"Linux|Debian:[0-9]+|Ubuntu:(Pro:)?[0-9]{2}\.[0-9]{2}(:LTS)?|AlmaLinux:[0-9]+|Rocky Linux:[0-9]+"
    r"|Red Hat:[a-z0-9_]+:[0-9.]+::baseos|SUSE:[A-Za-z0-9. -]+|openSUSE:(Leap [0-9.]+|Tumbleweed)|Alpine:v[0-9.]+"
    r"|Photon OS:[0-9.]+"
)


def tree(app: App, kind: Kind) -> Tree:
    return dict(files_of(app, kind))


def osv(advisory: Advisory) -> Any:  # Any: JSON
    return osv_document(PUBLISHER, advisory, changed=CHANGED)


def check_osv(document: Any) -> None:  # Any: JSON
    """What the schema (ossf.github.io/osv-schema, 1.6) demands of the fields that we write."""
    assert re.fullmatch(r"CVE-[0-9]{4}-[0-9]{4,}", document["id"])
    assert re.fullmatch(r"[0-9-]{10}T[0-9:]{8}Z", document["modified"])
    assert {one["type"] for one in document["references"]} <= {"ADVISORY", "FIX", "WEB", "REPORT"}
    assert all(one["url"].startswith(("https://", "http://")) for one in document["references"])
    for one in document["affected"]:
        assert ECOSYSTEMS.fullmatch(one["package"]["ecosystem"]), one["package"]
        assert one["package"]["name"]
        assert one["ranges"]
        for each in one["ranges"]:
            assert each["type"] in ("GIT", "ECOSYSTEM")
            assert ("repo" in each) is (each["type"] == "GIT")
            assert "introduced" in each["events"][0]
            assert all(len(event) == 1 for event in each["events"])
            if each["type"] == "GIT":
                assert all(re.fullmatch(r"0|[0-9a-f]{40}", word) for event in each["events"] for word in event.values())
