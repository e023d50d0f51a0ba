# ruff: noqa: E501  # one case a line: a table is read across
"""The fixture roots: name, files, the verdict that must come out."""

from __future__ import annotations

from tests.bot.hostcheck.roots import Files, config_gz, debian, dpkg, el, host, running, tree, ubuntu

D12, OLD = "6.1.0-47-amd64", "6.1.0-44-amd64"
AFFECTED = debian(OLD, "6.1.164-1")
FALSE = "install algif_aead /bin/false\n"
D12_OLD = host("debian12", running(AFFECTED), tree(OLD))
EL9_OLD = "5.14.0-611.49.1.el9_7.x86_64"
RHEL_OLD = host("rhel9", running(el(EL9_OLD)), tree(EL9_OLD, "y"))
NOBLE_OLD = ubuntu("6.8.0-111-generic", "111")


def conf(text: str, name: str = "etc/modprobe.d/x.conf") -> Files:
    return {name: text}


CASES: list[tuple[str, Files, str]] = [
    # the distribution's own kernels, by their own versions
    ("debian12 fixed", host("debian12", running(debian(D12, "6.1.170-1"))), "fixed"),
    ("debian12 later", host("debian12", running(debian(D12, "6.1.180-1"))), "fixed"),
    ("debian12 affected", D12_OLD, "affected"),
    ("debian12 cloud", host("debian12", running(debian("6.1.0-44-cloud-amd64", "6.1.164-1"))), "affected"),
    ("debian13 fixed", host("debian13", running(debian("6.12.85+deb13-amd64", "6.12.85-1"))), "fixed"),
    ("debian13 wrong 6.12.25", host("debian13", running(debian("6.12.25+deb13-amd64", "6.12.25-1"))), "affected"),
    ("debian11 fixed below upstream", host("debian11", running(debian("5.10.0-39-amd64", "5.10.251-3"))), "fixed"),
    ("debian11 unpublished", host("debian11", running(debian("5.10.0-39-amd64", "5.10.251-2"))), "affected"),
    ("debian11 linux-6.1", host("debian11", running(debian("6.1.0-0.deb11.47-amd64", "6.1.170-1~deb11u1"))), "fixed"),
    ("debian11 linux-6.1 old", host("debian11", running(debian("6.1.0-0.deb11.44-amd64", "6.1.164-1~deb11u1"))), "affected"),
    ("sid fixed", host("sid", running(debian("7.2.13+deb14-amd64", "7.2.13-1"))), "fixed"),
    ("debian10 no data", host("debian10", running(debian("4.19.0-27-amd64", "4.19.316-1"))), "unverified"),
    ("backport", host("debian12", running(debian("6.12.85+deb12-amd64", "6.12.85-1~bpo12+1"))), "unverified"),
    ("trixie kernel on bookworm", host("debian12", running(debian("6.12.50+deb13-amd64", "6.12.50-1"))), "unverified"),
    ("ubuntu ga fixed", host("noble", running(ubuntu("6.8.0-117-generic", "117"), signature="Ubuntu 6.8.0-117.117-generic 6.8.12")), "fixed"),
    ("ubuntu ga affected", host("noble", running(NOBLE_OLD)), "affected"),
    ("ubuntu hwe fixed", host("noble", running(ubuntu("6.17.0-29-generic", "29~24.04.1"))), "fixed"),
    ("ubuntu hwe affected", host("noble", running(ubuntu("6.17.0-22-generic", "22~24.04.1"))), "affected"),
    ("ubuntu signature differs", host("noble", running(ubuntu("6.8.0-117-generic", "117"), signature="Ubuntu 6.8.0-111.111-generic")), "unverified"),
    ("ubuntu pending is no fix", host("noble", running(ubuntu("6.8.0-1060-aws", "62"))), "unverified"),
    ("ubuntu pending below", host("noble", running(ubuntu("6.8.0-1050-aws", "52"))), "affected"),
    ("ubuntu no row", host("noble", running(ubuntu("6.8.0-1050-gcp", "52"))), "unverified"),
    ("focal standard", host("focal", running(ubuntu("5.4.0-216-generic", "236"))), "affected"),
    ("focal pro", host("focal", running(ubuntu("5.4.0-230-generic", "250"))), "fixed"),
    ("resolute not affected", host("resolute", running(ubuntu("7.0.0-13-generic", "13"))), "not affected"),
    ("mint", host("mint", running(ubuntu("6.8.0-117-generic", "117"))), "fixed"),
    ("mainline build", host("noble", running("Linux version 6.12.85-061285-generic (kernel@sita) (gcc) #202604301200 SMP")), "unverified"),
    ("rhel9 fixed", host("rhel9", running(el("5.14.0-611.54.1.el9_7.x86_64"))), "fixed"),
    ("rhel9 affected", RHEL_OLD, "affected"),
    ("rhel9 eus fixed", host("rhel9", running(el("5.14.0-570.112.1.el9_6.x86_64"))), "fixed"),
    ("rhel9 eus below, above by order", host("rhel9", running(el("5.14.0-570.111.1.el9_6.x86_64"))), "affected"),
    ("rhel9 unlisted branch", host("rhel9", running(el("5.14.0-687.1.1.el9_8.x86_64"))), "unverified"),
    ("rhel9 built by somebody", host("rhel9", running(el("5.14.0-611.54.1.el9_7.x86_64", "root@box"))), "unverified"),
    ("rhel9 custom tag", host("rhel9", running(el("5.14.0-611.54.1.el9_7.mine.x86_64"))), "unverified"),
    ("rhel8 fixed", host("rhel8", running(el("4.18.0-553.123.1.el8_10.x86_64"))), "fixed"),
    ("rhel8 below alma's", host("rhel8", running(el("4.18.0-553.121.1.el8_10.x86_64"))), "affected"),
    ("rhel10 affected", host("rhel10", running(el("6.12.0-124.52.1.el10_1.x86_64"))), "affected"),
    ("rhel7 not affected", host("rhel7", running(el("3.10.0-1160.el7.x86_64"))), "not affected"),
    ("alma8 before rhel", host("alma8", running(el("4.18.0-553.121.1.el8_10.x86_64"))), "fixed"),
    ("alma9 el9_8 affected", host("alma9", running(el("5.14.0-687.1.1.el9_8.x86_64"))), "affected"),
    ("alma9 el9_8 fixed", host("alma9", running(el("5.14.0-687.5.3.el9_8.x86_64"))), "fixed"),
    ("alma10 under investigation", host("alma10", running(el("6.12.0-124.52.2.el10_1.x86_64"))), "unverified"),
    ("rocky9 without a fix", host("rocky9", running(el("5.14.0-611.54.1.el9_7.x86_64"))), "affected"),
    ("elrepo", host("alma9", running(el("6.12.85-1.el9.elrepo.x86_64"))), "unverified"),
    ("uek7 fixed", host("ol9", running(el("5.15.0-319.201.4.4.el9uek.x86_64"))), "fixed"),
    ("uek7 affected", host("ol9", running(el("5.15.0-318.200.1.el9uek.x86_64"))), "affected"),
    ("uek8 not by uek7", host("ol9", running(el("6.12.0-200.74.1.el9uek.x86_64"))), "affected"),
    ("amazon below upstream", host("amzn", running(el("6.1.168-203.330.amzn2023.x86_64"))), "fixed"),
    ("amazon affected", host("amzn", running(el("6.1.166-197.305.amzn2023.x86_64"))), "affected"),
    ("amazon 6.12", host("amzn", running(el("6.12.79-101.147.amzn2023.x86_64"))), "affected"),
    ("sles fixed", host("sles", running(el("6.4.0-150600.23.100-default", "geeko@buildhost"))), "fixed"),
    ("sles affected", host("sles", running(el("6.4.0-150600.23.92-default", "geeko@buildhost"))), "affected"),
    ("arch fixed", host("arch", running(el("6.19.12-arch1-1", "linux@archlinux"))), "fixed"),
    ("arch affected", host("arch", running(el("6.19.10-arch1-1", "linux@archlinux"))), "affected"),
    ("alpine has no kernel row", host("alpine", running(el("6.12.85-0-lts", "buildozer@build-3-22-x86_64"))), "unverified"),
    ("fedora fixed", host("fedora", running(el("6.19.12-200.fc43.x86_64"))), "fixed"),
    ("fedora 44 kernel on 43", host("fedora", running(el("6.19.13-300.fc44.x86_64"))), "unverified"),
    ("photon affected", host("photon", running(el("6.1.170-1.ph5", "root@photon"))), "affected"),
    ("flatcar without the option", host("flatcar", running(el("6.12.81-flatcar", "build@flatcar")), tree("6.12.81-flatcar", "n")), "not affected"),
    # kernels that no row judges
    ("proxmox", host("debian12", running("Linux version 6.17.13-5-pve (build@proxmox) (gcc) #1 SMP PMX 6.17.13-5")), "unverified"),
    ("raspberry pi", host("debian12", running("Linux version 6.12.85+rpt-rpi-v8 (serge@raspberrypi.com) (gcc) #1 SMP Debian 1:6.12.85-1+rpt1 (2026-05-01)")), "unverified"),
    ("raspbian", host("raspbian", running(debian(D12, "6.1.170-1"))), "unverified"),
    ("xanmod", host("debian12", running("Linux version 6.12.85-x64v3-xanmod1 (root@x) (gcc) #0 SMP")), "unverified"),
    ("wsl", host("noble", running("Linux version 6.6.87.2-microsoft-standard-WSL2 (root@b) (gcc) #1 SMP")), "unverified"),
    ("self built", host("debian12", running("Linux version 6.1.170 (me@box) (gcc) #1 SMP")), "unverified"),
    ("self built with the option off", host("debian12", running("Linux version 6.1.170 (me@box) (gcc) #1 SMP"), {"proc/config.gz": config_gz("CONFIG_CRYPTO=y\n")}), "unverified"),
    ("container", host("debian12", running(ubuntu("6.8.0-117-generic", "117")), {".dockerenv": ""}), "unverified"),
    ("ubuntu kernel under debian", host("debian12", running(ubuntu("6.8.0-117-generic", "117"))), "unverified"),
    ("no os-release", running(debian(D12, "6.1.170-1")), "unverified"),
    ("empty", {"etc/hostname": "x\n"}, "unverified"),
    ("hostile os-release", host("sid", {"etc/os-release": "ID=$(reboot)\n"}) | running(debian(D12, "6.1.170-1")), "unverified"),
    ("hostile version", host("debian12", running("Linux version \u202e6.1 (debian-kernel@lists.debian.org) Debian 6.1.170-1 (2026-05-01)")), "unverified"),
    ("os-release outside", host("sid", {"etc/os-release": "-> ../../../../../../etc/os-release"}) | running(debian(D12, "6.1.170-1")), "unverified"),
    # running, installed, next boot
    ("patched, not rebooted", D12_OLD | dpkg((f"linux-image-{D12}", "6.1.170-1", "linux-signed-amd64 (6.1.170+1)")), "affected"),
    ("image fixed", host("debian12", dpkg((f"linux-image-{D12}", "6.1.170-1", "linux-signed-amd64 (6.1.170+1)"))), "fixed"),
    ("image of two", host("debian12", dpkg((f"linux-image-{D12}", "6.1.170-1", "linux-signed-amd64"), (f"linux-image-{OLD}", "6.1.164-1", "linux-signed-amd64"))), "affected"),
    ("image with its next boot", host("debian12", dpkg((f"linux-image-{D12}", "6.1.170-1", "linux-signed-amd64"), (f"linux-image-{OLD}", "6.1.164-1", "linux-signed-amd64")), {"boot/grub/grub.cfg": f'set default="0"\nlinux /boot/vmlinuz-{D12} ro\n'}), "fixed"),
    ("image with a meta package alone", host("debian12", dpkg(("linux-image-amd64", "6.1.170-1", "linux-signed-amd64"))), "unverified"),
    ("image with a cut status", host("debian12", {"var/lib/dpkg/status": f"Package: linux-image-{D12}\nStatus: install ok installed\nSource: linux-signed-amd64\nVersion: 6.1.170-1"}), "unverified"),
    ("image of alma by its modules", host("alma9", tree("5.14.0-611.49.2.el9_7.x86_64")), "fixed"),
    # mitigations
    ("install rule", D12_OLD | conf(FALSE), "mitigated"),
    ("install rule with a dash", D12_OLD | conf("install algif-aead /bin/false\n"), "mitigated"),
    ("install rule with true", D12_OLD | conf("install algif_aead /bin/true\n"), "mitigated"),
    ("ubuntu's kmod rule", host("noble", running(NOBLE_OLD), tree("6.8.0-111-generic"), conf(FALSE, "usr/lib/modprobe.d/x.conf")), "mitigated"),
    ("a kmod without its rule in effect", host("noble", running(NOBLE_OLD), tree("6.8.0-111-generic"), conf(FALSE, "usr/lib/modprobe.d/x.conf"), conf("", "etc/modprobe.d/x.conf")), "affected"),
    ("blacklist of the module", D12_OLD | conf("blacklist algif_aead\n"), "affected"),
    ("blacklist of af_alg", D12_OLD | conf("blacklist af_alg\n"), "mitigated"),
    ("blacklist of af_alg, loaded", D12_OLD | conf("blacklist af_alg\n") | {"proc/modules": "af_alg 32768 0 - Live 0x0\n"}, "affected"),
    ("install rule, loaded", D12_OLD | conf(FALSE) | {"proc/modules": "algif_aead 16384 0 - Live 0x0\naf_alg 32768 1 algif_aead, Live 0x0\n"}, "affected"),
    ("install rule, built in", RHEL_OLD | conf(FALSE), "affected"),
    ("install rule commented out", D12_OLD | conf("#install algif_aead /bin/false\n"), "affected"),
    ("install rule in a file kmod does not read", D12_OLD | conf(FALSE, "etc/modprobe.d/x.conf.bak"), "affected"),
    ("install rule masked", D12_OLD | conf(FALSE, "usr/lib/modprobe.d/x.conf") | conf("-> /dev/null"), "affected"),
    ("install rule after another", D12_OLD | conf("install algif_aead /sbin/modprobe -i algif_aead\n", "etc/modprobe.d/a.conf") | conf(FALSE), "affected"),
    ("install rule switched off by a softdep", D12_OLD | conf(FALSE + "softdep algif_aead pre: af_alg\n"), "affected"),
    ("install rule, code unlocated", host("debian12", running(AFFECTED), conf(FALSE)), "affected"),
    ("install rule, modules.dep cut", D12_OLD | conf(FALSE) | {f"usr/lib/modules/{OLD}/modules.dep": "kernel/crypto/algif_aead.ko: ker"}, "affected"),
    ("install rule of another host", D12_OLD | {"etc/modprobe.d": "-> ../../../../../../../etc/modprobe.d"}, "affected"),
    ("initcall blacklist, built in", RHEL_OLD | {"proc/cmdline": "ro initcall_blacklist=algif_aead_init\n"}, "mitigated"),
    ("initcall blacklist, module", D12_OLD | {"proc/cmdline": "ro initcall_blacklist=algif_aead_init\n"}, "affected"),
    ("initcall blacklist not booted", RHEL_OLD | {"etc/default/grub": 'GRUB_CMDLINE_LINUX="initcall_blacklist=algif_aead_init"\n'}, "affected"),
    ("module_blacklist", D12_OLD | {"proc/cmdline": "ro module_blacklist=algif_aead\n"}, "mitigated"),
    ("module_blacklist replaced", D12_OLD | {"proc/cmdline": "module_blacklist=algif_aead module_blacklist=floppy\n"}, "affected"),
    ("modprobe.blacklist", D12_OLD | {"proc/cmdline": "ro modprobe.blacklist=algif_aead\n"}, "affected"),
    ("af_alg_restrict 0", D12_OLD | {"proc/sys/crypto/af_alg_restrict": "0\n"}, "affected"),
    ("af_alg_restrict 1", D12_OLD | {"proc/sys/crypto/af_alg_restrict": "1\n"}, "affected"),
    ("af_alg_restrict 2", D12_OLD | {"proc/sys/crypto/af_alg_restrict": "2\n"}, "mitigated"),
    ("modules_disabled", D12_OLD | {"proc/sys/kernel/modules_disabled": "1\n"}, "mitigated"),
    ("a unit's restriction", D12_OLD | {"etc/systemd/system/a.service": "[Service]\nRestrictAddressFamilies=~AF_ALG\n"}, "affected"),
    # live patches
    ("live patch without a word", D12_OLD | {"sys/kernel/livepatch/kp/enabled": "1\n", "sys/kernel/livepatch/kp/transition": "0\n"}, "unverified"),
    ("ubuntu live patch", host("noble", running(NOBLE_OLD), {"sys/kernel/livepatch/lkp_1/enabled": "1\n", "sys/kernel/livepatch/lkp_1/transition": "0\n", "var/lib/ubuntu-advantage/status.json": '{"livepatch": {"fixes": [{"name": "cve-2026-31431", "patched": true}]}}'}), "fixed"),
    ("ubuntu live patch not enabled", host("noble", running(NOBLE_OLD), {"var/lib/ubuntu-advantage/status.json": '{"fixes": [{"name": "cve-2026-31431", "patched": true}]}'}), "affected"),
]  # fmt: skip
