"""Records of Red Hat's security data API, in its wire form."""

from __future__ import annotations

import json
from collections.abc import Mapping

Row = dict[str, object]


def released(product: str, cpe: str, package: str | None, advisory: str, day: str) -> Row:
    row: Row = {"product_name": product, "release_date": f"{day}T00:00:00Z", "advisory": advisory, "cpe": cpe}
    return row if package is None else {**row, "package": package}


def state(product: str, cpe: str, package: str, word: object) -> Row:
    return {"product_name": product, "fix_state": word, "package_name": package, "cpe": cpe}


def record(releases: object = (), states: object = (), *, cve: str = "CVE-2026-31431", **further: object) -> bytes:
    """The record, with " : " between key and value as the API writes it."""
    document: Mapping[str, object] = {"name": cve, "affected_release": releases, "package_state": states, **further}
    return json.dumps(document, indent=2, separators=(",", " : ")).encode()


NINE = ("Red Hat Enterprise Linux 9", "cpe:/o:redhat:enterprise_linux:9")
EUS = ("Red Hat Enterprise Linux 9.6 Extended Update Support", "cpe:/a:redhat:rhel_eus:9.6")
COPY_FAIL = record(
    [
        released(
            "Red Hat Enterprise Linux 9",
            "cpe:/a:redhat:enterprise_linux:9",
            "kernel-0:5.14.0-611.54.1.el9_7",
            "RHSA-2026:13565",
            "2026-05-04",
        ),
        released(*NINE, "kernel-0:5.14.0-611.54.1.el9_7", "RHSA-2026:13565", "2026-05-04"),
        released(*NINE, None, "RHSA-2026:15978", "2026-05-11"),
        released(*NINE, "kpatch-patch", "RHSA-2026:15978", "2026-05-11"),
        released(*EUS, "kernel-0:5.14.0-570.112.1.el9_6", "RHSA-2026:14339", "2026-05-06"),
        released(
            "Red Hat OpenShift Container Platform 4.18",
            "cpe:/a:redhat:openshift:4.18::el9",
            "rhcos-418.94.202605042017-0",
            "RHSA-2026:13727",
            "2026-05-06",
        ),
    ],
    [
        state("Red Hat Enterprise Linux 7", "cpe:/o:redhat:enterprise_linux:7", "kernel-rt", "Not affected"),
        state("Red Hat Enterprise Linux 9", "cpe:/o:redhat:enterprise_linux:9", "libkcapi", "Affected"),
    ],
    threat_severity="Important",
    public_date="2026-04-22T00:00:00Z",
    bugzilla={"description": "kernel: algif_aead works in place", "id": "2460538"},
    cvss3={
        "cvss3_base_score": "7.8",
        "cvss3_scoring_vector": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H",
        "status": "verified",
    },
    cwe="CWE-1288",
    details=["Data is changed where it is read."],
    references=["https://www.cve.org/CVERecord?id=CVE-2026-31431\njavascript:alert(1)"],
    upstream_fix="kernel 7.0",
)
