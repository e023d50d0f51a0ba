"""Small documents in the wire forms of Rocky Linux."""

from __future__ import annotations

import json
from collections.abc import Mapping


def advisory(
    name: str, packages: Mapping[str, str], *, published: str = "2026-05-05T10:11:22.820964+00:00"
) -> dict[str, object]:
    """An advisory of Apollo: NEVRA of each package's file with the product it is for."""
    return {
        "id": 9001,
        "created_at": published,
        "updated_at": "2026-05-06T01:02:03.644151+00:00",
        "published_at": published,
        "name": name,
        "synopsis": "Important: kernel security update",
        "description": "The kernel packages hold the Linux kernel.",
        "kind": "Security",
        "severity": "Important",
        "red_hat_advisory_id": 30001,
        "affected_products": [
            {"id": 1, "variant": "Rocky Linux", "name": "Rocky Linux 9 x86_64", "major_version": 9, "arch": "x86_64"}
        ],
        "cves": [
            {"id": 1, "cve": "CVE-2026-31431", "cvss3_base_score": "7.8", "cwe": "CWE-669"},
        ],
        "packages": [
            {"id": 1, "nevra": nevra, "checksum_type": "sha256", "repo_name": "BaseOS", "product_name": product}
            for nevra, product in packages.items()
        ],
    }


def page(*advisories: Mapping[str, object], number: int = 1) -> bytes:
    return json.dumps(
        {
            "advisories": list(advisories),
            "total": 8019,
            "page": number,
            "size": 50,
            "links": {"self": "/api/v3/advisories/?size=50&page=1"},
            "last_updated_at": "2026-05-05T10:11:22Z",
        }
    ).encode()


KERNEL = advisory(
    "RLSA-2026:13565",
    {
        "kernel-0:5.14.0-611.54.1.el9_7.src.rpm": "Rocky Linux 9 x86_64",
        "kernel-core-0:5.14.0-611.54.1.el9_7.x86_64.rpm": "Rocky Linux 9 x86_64",
        "kernel-rt-0:5.14.0-611.54.1.el9_7.x86_64.rpm": "Rocky Linux 9 x86_64",
        "bpftool-0:7.5.0-611.54.1.el9_7.aarch64.rpm": "Rocky Linux 9 aarch64",
    },
)
REALTIME = advisory(
    "RLSA-2026:13578",
    {"kernel-rt-0:4.18.0-553.123.1.rt7.464.el8_10.src.rpm": "Rocky Linux 8 x86_64"},
    published="2026-05-04T10:00:00+00:00",
)
OTHER = advisory(
    "RLSA-2026:1", {"delve-0:1.25.2-1.el10_1.src.rpm": "Rocky Linux 10 x86_64"}, published="2026-05-03T10:00:00+00:00"
)

UPDATEINFO = b"""<updates>
  <update from="releng@rockylinux.org" status="final" type="security" version="2">
    <id>RLSA-2026:13565</id>
    <title>Important: kernel security update</title>
    <issued date="2026-05-05 10:11:22"></issued>
    <updated date="2026-05-06 01:02:03"></updated>
    <release>Rocky Linux 9</release>
    <severity>Important</severity>
    <references>
      <reference href="https://access.redhat.com/security/cve/CVE-2026-31431" id="CVE-2026-31431" type="cve"/>
    </references>
    <pkglist>
      <collection short="RL9">
        <name>Rocky Linux 9</name>
        <package name="kernel-core" version="5.14.0" release="611.54.1.el9_7" epoch="0" arch="x86_64"
          src="kernel-5.14.0-611.54.1.el9_7.src.rpm">
          <filename>kernel-core-5.14.0-611.54.1.el9_7.x86_64.rpm</filename>
        </package>
      </collection>
    </pkglist>
  </update>
</updates>
"""
