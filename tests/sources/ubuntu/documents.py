"""Small documents in the wire forms of Ubuntu's sources; the facts in them are true, the words are ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

KERNEL_NOTICE: dict[str, object] = {
    "schema_version": "1.7.0",
    "id": "USN-8277-1",
    "summary": "linux, linux-hwe-6.17 vulnerabilities",
    "details": "The AEAD interface for user space worked in place.",
    "aliases": [],
    "upstream": ["UBUNTU-CVE-2026-31431"],
    "related": [],
    "published": "2026-05-19T22:20:01Z",
    "modified": "2026-07-05T10:00:00Z",
    "affected": [
        {
            "package": {
                "ecosystem": "Ubuntu:25.10",
                "name": "linux",
                "purl": "pkg:deb/ubuntu/linux@6.17.0-29.29?arch=source&distro=questing",
            },
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "6.17.0-29.29"}]}],
            "versions": ["6.17.0-5.5", "6.17.0-28.28"],
            "ecosystem_specific": {"binaries": [], "availability": "No subscription required"},
            "database_specific": {"cves_map": {"ecosystem": "Ubuntu:25.10", "cves": [{"id": "CVE-2026-31431"}]}},
        },
        {
            "package": {
                "ecosystem": "Ubuntu:24.04:LTS",
                "name": "linux-hwe-6.17",
                "purl": "pkg:deb/ubuntu/linux-hwe-6.17@6.17.0-29.29~24.04.1?arch=source&distro=noble",
            },
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "6.17.0-29.29~24.04.1"}]}],
            "database_specific": {"cves_map": {"ecosystem": "Ubuntu:24.04:LTS", "cves": [{"id": "CVE-2026-31431"}]}},
        },
    ],
    "references": [{"type": "ADVISORY", "url": "https://ubuntu.com/security/notices/USN-8277-1"}],
}

KMOD_NOTICE: dict[str, object] = {
    "schema_version": "1.7.0",
    "id": "USN-8226-1",
    "summary": "kmod update",
    "upstream": ["UBUNTU-CVE-2026-31431"],
    "published": "2026-04-30T15:55:28Z",
    "modified": "2026-04-30T15:55:28Z",
    "affected": [
        {
            "package": {
                "ecosystem": "Ubuntu:22.04:LTS",
                "name": "kmod",
                "purl": "pkg:deb/ubuntu/kmod@29-1ubuntu1.1?arch=source&distro=jammy",
            },
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "29-1ubuntu1.1"}]}],
            "database_specific": {"cves_map": {"ecosystem": "Ubuntu:22.04:LTS", "cves": []}},
        }
    ],
}

LIVE_PATCH: dict[str, object] = {
    "schema_version": "1.7.0",
    "id": "LSN-0121-1",
    "summary": "Kernel Live Patch Security Notice",
    "upstream": ["UBUNTU-CVE-2026-31431"],
    "published": "2026-06-01T10:08:11Z",
    "modified": "2026-06-01T10:08:11Z",
    "affected": [
        {
            "package": {
                "ecosystem": "Ubuntu:Pro:18.04:LTS",
                "name": "linux-aws",
                "purl": "pkg:deb/ubuntu/linux-aws@4.15.0-1192.205?arch=source&distro=esm-infra/bionic",
            },
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "4.15.0-1192.205"}]}],
            "ecosystem_specific": {"availability": "Livepatch subscription required", "module_version": "121"},
        }
    ],
}

CVE_RECORD: dict[str, object] = {
    "schema_version": "1.7.0",
    "id": "UBUNTU-CVE-2026-31431",
    "details": "algif_aead goes back to working out of place.",
    "aliases": [],
    "upstream": ["CVE-2026-31431"],
    "related": ["USN-8226-1", "USN-8277-1"],
    "severity": [
        {"type": "CVSS_V3", "score": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"},
        {"type": "CVSS_V3", "score": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"},
        {"type": "Ubuntu", "score": "high"},
    ],
    "published": "2026-04-22T09:16:00Z",
    "modified": "2026-09-17T16:39:15Z",
    "affected": [
        {
            "package": {
                "ecosystem": "Ubuntu:Pro:18.04:LTS",
                "name": "linux",
                "purl": "pkg:deb/ubuntu/linux@4.15.0-250.262?arch=source&distro=esm-infra/bionic",
            },
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "4.15.0-250.262"}]}],
        },
        {
            "package": {
                "ecosystem": "Ubuntu:22.04:LTS",
                "name": "linux-bluefield",
                "purl": "pkg:deb/ubuntu/linux-bluefield@5.15.0-1080.82?arch=source&distro=jammy",
            },
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
        },
    ],
    "references": [{"type": "REPORT", "url": "https://ubuntu.com/security/CVE-2026-31431"}],
}


def status(codename: str, word: str, note: str = "", pocket: str | None = "security") -> dict[str, str | None]:
    return {"component": None, "description": note, "pocket": pocket, "release_codename": codename, "status": word}


def api_cve(packages: Mapping[str, Sequence[Mapping[str, str | None]]]) -> bytes:
    """A CVE of the API with these statuses by package."""
    return json.dumps(
        {
            "id": "CVE-2026-31431",
            "notices_ids": ["USN-8226-1"],
            "notices": [{"id": "USN-8226-1"}],
            "packages": [
                {"name": name, "debian": f"https://tracker.debian.org/pkg/{name}", "statuses": list(statuses)}
                for name, statuses in packages.items()
            ],
            "priority": "high",
            "status": "active",
            "updated_at": "2026-05-20T10:11:12.345678+00:00",
        }
    ).encode()


def notice_page(*notices: tuple[str, str, str, list[str]]) -> bytes:
    """A page of the notices API: (id, published, source package, CVE ids) each."""
    return json.dumps(
        {
            "notices": [
                {
                    "id": notice,
                    "title": f"{package} vulnerabilities",
                    "published": published,
                    "cves_ids": cves,
                    "cves": [{"id": cve} for cve in cves],
                    "release_packages": {"noble": [{"name": package, "is_source": True, "version": "1"}]},
                    "type": notice[:3],
                }
                for notice, published, package, cves in notices
            ],
            "limit": 20,
            "offset": 0,
            "total_results": 9000,
        }
    ).encode()


def body(document: Mapping[str, object]) -> bytes:
    return json.dumps(document).encode()
