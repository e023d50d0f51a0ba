"""Small documents in the wire forms of AlmaLinux' errata."""

from __future__ import annotations

import json
from collections.abc import Mapping


def osv(
    erratum: str,
    ecosystem: str,
    packages: Mapping[str, str],
    *,
    related: tuple[str, ...] = ("CVE-2026-31431",),
    published: str = "2026-05-04T00:00:00Z",
) -> dict[str, object]:
    """An OSV record of the database: packages by binary name, each with its fixed version."""
    return {
        "id": erratum,
        "summary": "Important: kernel security update",
        "affected": [
            {
                "package": {"ecosystem": ecosystem, "name": name},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": version}]}],
            }
            for name, version in packages.items()
        ],
        "related": list(related),
        "published": published,
        "modified": "2026-05-06T23:00:34Z",
        "details": "The kernel packages hold the Linux kernel.",
        "references": [
            {"url": "https://access.redhat.com/errata/RHSA-2026:13566", "type": "ADVISORY"},
            {
                "url": f"https://errata.almalinux.org/10/{erratum.replace(':', '-')}.html",
                "type": "ADVISORY",
            },
        ],
    }


def errata(*listed: Mapping[str, object]) -> bytes:
    """errata.full.json in its present form."""
    return json.dumps({"schema_version": "1.0", "data": list(listed)}).encode()


def body(document: Mapping[str, object]) -> bytes:
    return json.dumps(document).encode()


FULL: dict[str, object] = {
    "id": "ALSA-2026:13565",
    "issued_date": 1777852800,
    "updated_date": 1778112758,
    "severity": "Important",
    "title": "Important: kernel security update",
    "description": "The kernel packages hold the Linux kernel.",
    "type": "security",
    "packages": [
        {
            "name": name,
            "epoch": "0",
            "version": "5.14.0",
            "release": "611.54.1.el9_7",
            "arch": "x86_64",
            "src": "kernel-5.14.0-611.54.1.el9_7.src.rpm",
            "filename": f"{name}-5.14.0-611.54.1.el9_7.x86_64.rpm",
        }
        for name in ("kernel-core", "kernel-rt-core", "perf")
    ],
    "references": [
        {"href": "https://access.redhat.com/security/cve/CVE-2026-31431", "id": "CVE-2026-31431", "type": "cve"},
        {"href": "https://access.redhat.com/errata/RHSA-2026:13565", "id": "RHSA-2026:13565", "type": "rhsa"},
    ],
}
