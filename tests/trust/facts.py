"""Our own small documents in the live formats, with the facts about CVE-2026-31431 that no recorded document holds.

Each says what its vendor published; the words in them are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from sources.base import RawDocument
from tests.sources.almalinux import documents as alma
from tests.sources.amazon import documents as amazon
from tests.sources.csaf_documents import Flaw, Platform, csaf
from tests.sources.oracle.documents import definition, oval
from tests.sources.ubuntu.documents import api_cve, status

CVE = "CVE-2026-31431"
AT = datetime(2026, 6, 1, tzinfo=UTC)
PHOTON = "https://packages.broadcom.com/photon/photon_cve_metadata"
OSV = "https://raw.githubusercontent.com/canonical/ubuntu-security-notices/main/osv/usn"


def raw(source: str, url: str, body: bytes, at: datetime = AT) -> RawDocument:
    return RawDocument(source=source, url=url, at=at, body=body)


def documents() -> Iterator[RawDocument]:
    """In no order that matters."""
    yield from _ubuntu()
    yield from _suse()
    yield from _photon()
    yield raw("oracle", "https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml", oracle_oval())
    yield raw("amazon", "https://cdn.amazonlinux.com/al2023/core/guids/1f3b/x86_64/updateinfo.xml.gz", amazon_updates())
    kernels = {"kernel": "5.14.0-687.5.3.el9_8", "kernel-core": "5.14.0-687.5.3.el9_8"}
    later = alma.osv("ALSA-2026:19225", "AlmaLinux:9", kernels, published="2026-05-19T00:00:00Z")
    yield raw("almalinux", "https://raw.githubusercontent.com/x/almalinux9/ALSA-2026:19225.json", alma.body(later))
    real_time = {"kernel-rt-core": "4.18.0-553.123.1.rt7.464.el8_10"}
    rt = alma.osv("ALSA-2026:13578", "AlmaLinux:8", real_time, published="2026-05-05T00:00:00Z")
    yield raw("almalinux", "https://raw.githubusercontent.com/x/almalinux8/ALSA-2026:13578.json", alma.body(rt))
    yield raw("alpine", f"https://security.alpinelinux.org/vuln/{CVE}", alpine_tracker())
    yield raw("openeuler", "https://repo.openeuler.org/security/data/csaf/advisories/2026/x.json", busybox())


def _ubuntu() -> Iterator[RawDocument]:
    notices = {
        "USN-8277-1": [
            ("25.10", "questing", "linux", "6.17.0-29.29"),
            ("24.04:LTS", "noble", "linux-hwe-6.17", "6.17.0-29.29~24.04.1"),
        ],
        "USN-8279-1": [("22.04:LTS", "jammy", "linux", "5.15.0-179.189")],
        "USN-8281-1": [("Pro:18.04:LTS", "esm-infra/bionic", "linux", "4.15.0-250.262")],
    }
    for notice, listed in notices.items():
        yield raw("ubuntu", f"{OSV}/{notice}.json", usn(notice, *listed))
    yield raw("ubuntu", f"https://ubuntu.com/security/cves/{CVE}.json", ubuntu_cve())


def usn(notice: str, *listed: tuple[str, str, str, str]) -> bytes:
    """An OSV record of a notice: (release of the ecosystem, codename, source package, version) each."""
    affected = [
        {
            "package": {
                "ecosystem": f"Ubuntu:{release}",
                "name": package,
                "purl": f"pkg:deb/ubuntu/{package}@{version}?arch=source&distro={codename}",
            },
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": version}]}],
            "database_specific": {"cves_map": {"ecosystem": f"Ubuntu:{release}", "cves": [{"id": CVE}]}},
        }
        for release, codename, package, version in listed
    ]
    record = {
        "schema_version": "1.7.0",
        "id": notice,
        "summary": "linux vulnerabilities",
        "upstream": [f"UBUNTU-{CVE}"],
        "published": "2026-05-19T22:20:01Z",
        "modified": "2026-07-05T10:00:00Z",
        "affected": affected,
    }
    return json.dumps(record).encode()


def ubuntu_cve() -> bytes:
    return api_cve(
        {
            "linux": [
                status("trusty", "not-affected", "3.11.0-12.19", "esm-infra-legacy"),
                status("xenial", "not-affected", "4.4.0-1.15", "esm-infra"),
                status("bionic", "ignored", "end of standard support, was needed"),
                status("bionic", "released", "4.15.0-250.262", "esm-infra"),
                status("focal", "ignored", "end of standard support, was needed"),
                status("focal", "released", "5.4.0-230.250", "esm-infra"),
                status("jammy", "released", "5.15.0-179.189"),
                status("noble", "released", "6.8.0-117.117"),
                status("questing", "released", "6.17.0-29.29"),
                status("resolute", "not-affected", "7.0.0-13.13"),
                status("upstream", "released", "7.0~rc7"),
            ],
            "linux-aws-5.4": [status("bionic", "pending", "5.4.0-1159.169~18.04.1", "esm-infra")],
            "kmod": [status("noble", "released", "31+20240202-2ubuntu7.2")],
        }
    )


def oracle_oval() -> bytes:
    rhck = "kernel security update (IMPORTANT)"
    uek = "Unbreakable Enterprise kernel security update (IMPORTANT)"
    return oval(
        definition("ELSA-2026-13565", rhck, {"9": {"kernel-core": "0:5.14.0-611.54.1.el9_7"}}),
        definition("ELSA-2026-13566", rhck, {"10": {"kernel-core": "0:6.12.0-124.55.1.el10_1"}}),
        definition("ELSA-2026-13577", rhck, {"8": {"kernel-core": "0:4.18.0-553.123.1.el8_10"}}),
        definition(
            "ELSA-2026-50255",
            uek,
            {
                "7": {"kernel-uek": "0:5.4.17-2136.354.4.2.el7uek"},
                "8": {"kernel-uek": "0:5.4.17-2136.354.4.2.el8uek"},
            },
            issued="2026-05-01",
        ),
        definition(
            "ELSA-2026-50253",
            uek,
            {
                "8": {"kernel-uek": "0:5.15.0-319.201.4.4.el8uek"},
                "9": {"kernel-uek-core": "0:5.15.0-319.201.4.4.el9uek"},
            },
            issued="2026-05-01",
        ),
        definition(
            "ELSA-2026-50254",
            uek,
            {
                "9": {"kernel-uek-core": "0:6.12.0-201.74.2.2.el9uek"},
                "10": {"kernel-uek-core": "0:6.12.0-201.74.2.2.el10uek"},
            },
            issued="2026-05-01",
        ),
    )


def amazon_updates() -> bytes:
    """Every package of Amazon's kernels has the epoch 1, kernel6.12's and kernel6.18's too."""
    kernels = {
        "ALAS2023-2026-1651": ("kernel", "6.1.168", "203.330.amzn2023"),
        "ALAS2023-2026-1650": ("kernel6.12", "6.12.80", "106.156.amzn2023"),
        "ALAS2023-2026-1649": ("kernel6.18", "6.18.20", "41.237.amzn2023"),
    }
    return amazon.updateinfo(
        *(
            amazon.update(erratum, "amazon-linux-2023", amazon.package(name, version, release, "1"))
            for erratum, (name, version, release) in kernels.items()
        )
    )


def _suse() -> Iterator[RawDocument]:
    def platform(name: str) -> Platform:
        return Platform(id=name, name=name, cpe="cpe:/o:suse:something")

    days = {"1661-1": "2026-04-30", "1670-1": "2026-05-04", "1672-1": "2026-05-04"}
    errata: Mapping[str, tuple[str, str, str]] = {
        "1671-1": ("SUSE Linux Enterprise Server 15 SP6-LTSS", "kernel-default-6.4.0-150600.23.100.1.x86_64", CVE),
        "1678-1": ("SUSE Real Time Module 15 SP7", "kernel-rt-6.4.0-150700.7.40.1.x86_64", CVE),
        "1670-1": ("SUSE Linux Enterprise Server 15 SP5-LTSS", "kernel-default-5.14.21-150500.55.149.1.x86_64", CVE),
        "1672-1": ("SUSE Linux Enterprise Server 15 SP4-LTSS", "kernel-default-5.14.21-150400.24.205.1.x86_64", CVE),
        "21421-1": (
            "SUSE Linux Enterprise High Availability Extension 16.0",
            "cluster-md-kmp-default-6.12.0-160000.29.1",
            CVE,
        ),
        "1661-1": (
            "SUSE Linux Enterprise Module for Basesystem 15 SP7",
            "kernel-default-6.4.0-150700.53.37.1.x86_64",
            "CVE-2026-23414",
        ),
    }
    for number, (name, component, cve) in errata.items():
        flaw = Flaw(
            statuses={"recommended": [f"{name}:{component}"]},
            cve=cve,
            further={"threats": [{"category": "impact", "details": "important"}]},
        )
        identifier, day = f"SUSE-SU-2026:{number}", days.get(number, "2026-05-02")
        body = csaf(
            identifier,
            [platform(name)],
            flaw,
            category="csaf_security_advisory",
            title="Security update for the Linux Kernel",
            head={"tracking": tracking(identifier, day)},
        )
        yield raw("suse", f"https://ftp.suse.com/pub/projects/security/csaf/suse-su-2026_{number}.json", body)


def tracking(identifier: str, day: str) -> dict[str, object]:
    at = f"{day}T07:09:30Z"
    return {"id": identifier, "status": "final", "initial_release_date": at, "current_release_date": at}


def _photon() -> Iterator[RawDocument]:
    """Photon 5.0's row said NA first; its linux-esx was NA when it was last seen."""

    def row(package: str, version: str | None) -> dict[str, object]:
        said = f"all versions before {version} are vulnerable" if version else "NA"
        return {"cve_id": CVE, "pkg": package, "cve_score": 7.8, "aff_ver": said, "res_ver": version or "NA"}

    early, late = datetime(2026, 5, 3, tzinfo=UTC), datetime(2026, 7, 20, tzinfo=UTC)
    four = json.dumps([row("linux", "5.10.254-1.ph4")]).encode()
    yield raw("photon", f"{PHOTON}/cve_data_photon4.0.json", four, early)
    for at, version in ((early, None), (late, "6.1.177-1.ph5")):
        five = json.dumps([row("linux", version), row("linux-esx", None)]).encode()
        yield raw("photon", f"{PHOTON}/cve_data_photon5.0.json", five, at)


def alpine_tracker() -> bytes:
    """The tracker's only row for this CVE."""
    state = {
        "fixed": True,
        "published": True,
        "repo": "edge-community",
        "packageName": "docker",
        "packageVersion": "29.4.2-r0",
    }
    return json.dumps({"id": f"https://security.alpinelinux.org/vuln/{CVE}", "state": [state]}).encode()


def busybox() -> bytes:
    """openEuler-SA-2026-1544, which some take for Copy Fail's: it is of 15 March and about busybox."""
    place = Platform(id="openEuler-24.03-LTS", name="openEuler-24.03-LTS")
    flaw = Flaw(statuses={"fixed": [f"{place.id}:busybox-1.36.1-7.oe2403.src.rpm"]}, cve="CVE-2025-46394")
    return csaf("openEuler-SA-2026-1544", [place], flaw, category="csaf_security_advisory", title="busybox update")
