"""A good document of each kind that each source reads, by the source's registry name."""

from __future__ import annotations

import json

from sources.base import RawDocument
from sources.trees.document import encode
from tests.sources.almalinux import documents as alma
from tests.sources.almalinux import test_parse as alma_tests
from tests.sources.alpine import test_alpine as alpine
from tests.sources.amazon import documents as amazon
from tests.sources.amazon import test_parse as amazon_tests
from tests.sources.arch import test_arch as arch
from tests.sources.azurelinux import test_azurelinux as azure_csaf
from tests.sources.azurelinux import test_oval as azure_oval
from tests.sources.bottlerocket import test_bottlerocket as bottlerocket
from tests.sources.carriers import test_carriers as carriers
from tests.sources.debian import test_changelog as debian_changelog
from tests.sources.debian import test_cve_page as debian_page
from tests.sources.debian import test_lists as debian_lists
from tests.sources.debian import test_tracker_json as debian_tracker
from tests.sources.epss import test_epss as epss
from tests.sources.fedora import documents as fedora
from tests.sources.fedora import test_fedora as fedora_tests
from tests.sources.flatcar import test_flatcar as flatcar
from tests.sources.gentoo import test_gentoo as gentoo
from tests.sources.hostile import raw_document
from tests.sources.kernel_cna import records as cna
from tests.sources.kernel_config import test_kernel_config as config
from tests.sources.kernel_releases import test_kernel_releases as releases
from tests.sources.kev import test_kev as kev
from tests.sources.lore import test_parse as lore
from tests.sources.news import test_news as news
from tests.sources.nixos import test_nixos as nixos
from tests.sources.nvd import test_nvd as nvd
from tests.sources.openeuler import test_openeuler as openeuler
from tests.sources.oracle import documents as oracle
from tests.sources.oracle import test_oracle as oracle_tests
from tests.sources.photon import test_photon as photon
from tests.sources.redhat import documents as redhat
from tests.sources.redhat import test_csaf as redhat_csaf
from tests.sources.redhat import test_hydra as redhat_hydra
from tests.sources.release_life import test_release_life as life
from tests.sources.rocky import documents as rocky
from tests.sources.rocky import test_parse as rocky_tests
from tests.sources.suse import test_parse as suse
from tests.sources.trees import pages
from tests.sources.trees import test_parse as trees
from tests.sources.ubuntu import documents as ubuntu
from tests.sources.ubuntu import test_osv as ubuntu_osv
from tests.sources.ubuntu import test_tracker as ubuntu_tracker

CVE = "CVE-2026-31431"


def of_the_cna() -> list[RawDocument]:
    bodies = {"json": cna.record(CVE), "dyad": cna.dyad(), "cvss": cna.cvss(), "mbox": cna.announcement(CVE)}
    return [cna.raw(body, f"{CVE}.{kind}") for kind, body in bodies.items()]


def of_a_tree(name: str) -> list[RawDocument]:
    own = [raw_document(name, trees.BASE)(encode(one)) for one in (trees.COMMIT, trees.QUEUED)]
    fetched = {
        f"patch/?id={trees.FIX}": pages.PATCH,
        "atom/": pages.FEED,
        "log/": pages.LOG,
        "commit/": pages.COMMIT_PAGE,
        "ChangeLog-6.12.85": pages.CHANGELOG,
    }
    return [*own, *(raw_document(name, f"{trees.BASE}/{path}")(body) for path, body in fetched.items())]


def of_oracle() -> bytes:
    return oracle.oval(oracle.RHCK, oracle.UEK, oracle.BIND)


def of_suse() -> bytes:
    return suse.erratum("SUSE-SU-2026:1671-1", [suse.LTSS], f"{suse.LTSS.id}:kernel-default-6.4.0-150600.23.1.x86_64")


def of_photon() -> bytes:
    rows = [photon.fixed(), photon.row("linux-esx", status="Not Affected"), photon.fixed("linux-rt")]
    return json.dumps(rows).encode()


DOCUMENTS: dict[str, list[RawDocument]] = {
    "kernel-cna": of_the_cna(),
    "debian": [
        debian_tracker.raw_of(debian_tracker.WHOLE),
        debian_lists.errata_of(debian_lists.TRIXIE + debian_lists.OTHERS),
        debian_lists.cves_of(debian_lists.CVE_LIST),
        debian_page.raw_of(debian_page.PAGE),
        debian_changelog.raw_of(debian_changelog.NEWEST + debian_changelog.OLDER),
    ],
    "ubuntu": [
        *(ubuntu_osv.raw(ubuntu.body(one)) for one in (ubuntu.KERNEL_NOTICE, ubuntu.KMOD_NOTICE, ubuntu.LIVE_PATCH)),
        ubuntu_osv.raw(ubuntu.body(ubuntu.CVE_RECORD)),
        ubuntu_tracker.raw(ubuntu.api_cve(ubuntu_tracker.LINUX)),
        ubuntu_tracker.raw(ubuntu.notice_page(("USN-8277-1", "2026-05-19T22:20:01", "linux", [CVE]))),
    ],
    "redhat": [redhat_csaf.RAW(redhat_csaf.legacy_vex()), redhat_hydra.RAW(redhat.COPY_FAIL)],
    "almalinux": [alma_tests.raw(alma_tests.OSV), alma_tests.full(alma.errata(alma.FULL))],
    "kev": [kev.RAW(kev.catalogue(kev.ENTRY, kev.OTHER))],
    "lore": [lore.document(lore.PATCH), lore.document(lore.REPLY), lore.document(lore.FEED)],
    "crypto": of_a_tree("crypto"),
    **{name: of_a_tree(name)[:2] for name in ("cryptodev", "linux-next", "mainline", "stable", "stable-queue")},
    "kernel-releases": [releases.RAW(releases.LIST)],
    "suse": [suse.RAW(of_suse())],
    "amazon": [
        amazon_tests.raw(amazon.updateinfo(amazon.KERNEL, amazon.SECOND, amazon.EXTRAS)),
        amazon_tests.raw(amazon_tests.FEED),
    ],
    "oracle": [oracle_tests.raw(of_oracle())],
    "rocky": [rocky_tests.raw(rocky.page(rocky.KERNEL, rocky.REALTIME)), rocky_tests.raw(rocky.UPDATEINFO)],
    "fedora": [fedora_tests.raw(fedora.page(fedora.KERNEL))],
    "release-life": [life.csv_of(life.DEBIAN), life.kernel_of(life.KERNEL), life.rhel_of(life.RHEL)],
    "arch": [
        arch.groups_of(arch.groups(arch.OTHER_GROUP, arch.KERNEL_GROUP)),
        arch.package_of(json.dumps(arch.PACKAGE).encode()),
    ],
    "alpine": [
        alpine.secdb_of(alpine.SECDB),
        alpine.tracker_of(json.dumps(alpine.TRACKER).encode()),
        alpine.aports_of(alpine.APKBUILD),
    ],
    "gentoo": [gentoo.glsa_of(gentoo.GLSA), gentoo.feed_of(gentoo.FEED)],
    "photon": [photon.RAW(of_photon())],
    "azurelinux": [
        azure_csaf.RAW(azure_csaf.document(fixed=["20001-17084"], known_affected=["17084-1"])),
        azure_oval.RAW(azure_oval.BODY),
    ],
    "openeuler": [openeuler.RAW(openeuler.document())],
    "nixos": [nixos.RAW(nixos.BODY)],
    "flatcar": [flatcar.RAW(json.dumps(flatcar.RELEASES).encode())],
    "bottlerocket": [bottlerocket.RAW(bottlerocket.BODY)],
    "epss": [epss.RAW(epss.TEXT)],
    "nvd": [nvd.RAW(nvd.page(nvd.entry()))],
    "news": [news.RAW(news.FEED)],
    "carriers": [carriers.RAW(carriers.FEED)],
    "kernel-config": [config.arch_of(config.WHOLE), config.nix_of(config.NIX), config.debian_of(config.FRAGMENT)],
}
