"""Whose kernel it is: the package and version that /proc/version, its signature and the uname release prove.

A kernel is judged by a distribution's row only when that distribution built it. Backports, Proxmox, Raspberry Pi,
XanMod, Ubuntu's mainline builds, WSL, elrepo and what somebody built are named and not judged.
"""

import re
from typing import NamedTuple, Optional, Tuple

from bot.hostcheck.versions import dist_tag, series

_VERSION_LINE = re.compile(r"^Linux version (\S{1,128}) \((\S{1,128})\)(.*)$", re.DOTALL)
_DEBIAN = re.compile(r"\bDebian ([0-9][0-9A-Za-z.+~:-]{1,80}) \([0-9]{4}-[0-9]{2}-[0-9]{2}\)")
DEBIAN_VERSION = re.compile(r"^[0-9.]+(?:~rc[0-9]+)?-[0-9]+(?:\.[0-9]+)*(?:[~+]deb[0-9]+u[0-9]+)?(?:\+b[0-9]+)?\Z")
UBUNTU_VERSION = re.compile(r"^[0-9.]+-[0-9]+\.[0-9]+(?:\.[0-9]+)*(?:~[0-9.]+)?(?:\+[0-9]+)?\Z")
_UBUNTU_BUILD = re.compile(r"#([0-9]+(?:\.[0-9]+)*)((?:~[0-9.]+)?)(?:\+[0-9]+)?-Ubuntu\b")
_SIGNATURE = re.compile(r"^Ubuntu ([0-9]+\.[0-9]+\.[0-9]+-[0-9][0-9A-Za-z.+~]*?)-([a-z][a-z0-9-]*)(?: [0-9.]+)?\s*$")
_ABI = re.compile(r"^([0-9]+\.[0-9]+\.[0-9]+)-([0-9]+)-([a-z][a-z0-9-]*)$")
_ARCH = r"(?:x86_64|aarch64|ppc64le|s390x|riscv64|i686)"
_RPM_UNAME = re.compile(r"^([0-9][0-9.]*)-([0-9][0-9A-Za-z._]*?)\." + _ARCH + r"(\+[a-z0-9_+-]+)?$")
_PHOTON = re.compile(r"^([0-9][0-9.]*-[0-9.]+\.ph[0-9]+)(?:-([a-z]+))?$")
_AZURE = re.compile(r"^([0-9][0-9.]*-[0-9.]+\.(?:azl|cm)[0-9]+)$")
_SUSE = re.compile(r"^([0-9]+\.[0-9]+\.[0-9]+-[0-9][0-9.]*)-([a-z][a-z0-9_]*)$")
_ALPINE = re.compile(r"^([0-9]+\.[0-9]+\.[0-9]+)-([0-9]+)-(lts|virt|stable|rpi)$")
_ARCH_LINUX = re.compile(r"^([0-9]+\.[0-9]+(?:\.[0-9]+)?)-(arch[0-9]+)-([0-9]+)$")
_ARCH_FLAVOUR = re.compile(
    r"^([0-9]+\.[0-9]+(?:\.[0-9]+)?)(?:-(zen[0-9]+|hardened[0-9]+))?-([0-9]+)-(lts|zen|hardened)$"
)
_FLATCAR = re.compile(r"^([0-9]+\.[0-9]+\.[0-9]+)-flatcar(?:-r[0-9]+)?$")
OWN_BUILDS = (
    (re.compile(r"~bpo[0-9]"), "a kernel of Debian's backports, which have a row of their own or none"),
    (re.compile(r"-pve\b|proxmox", re.IGNORECASE), "a Proxmox kernel, which Proxmox alone can judge"),
    (re.compile(r"\+rpt-|-rpi\b|-rpi-v[0-9]|raspberrypi|\bRaspbian\b|^Linux version \S*-v[78]l?\+", re.IGNORECASE), "a Raspberry Pi kernel, which is not built by the distribution"),  # noqa: E501
    (re.compile(r"xanmod", re.IGNORECASE), "a XanMod kernel"),
    (re.compile(r"liquorix", re.IGNORECASE), "a Liquorix kernel"),
    (re.compile(r"microsoft-standard|-WSL[0-9]?\b|-Microsoft\b"), "a kernel of WSL, which Microsoft builds"),
    (re.compile(r"\.elrepo\b"), "a kernel of elrepo, which rebuilds upstream"),
    (re.compile(r"^Linux version [0-9.]+-0[0-9]{5}(?:rc[0-9]+)?-[a-z]"), "a mainline build of Ubuntu's kernel archive, without Ubuntu's patches"),  # noqa: E501
    (re.compile(r"linuxkit|-orbstack", re.IGNORECASE), "a kernel of a container desktop"),
)  # fmt: skip
EL_DISTROS = ("rhel", "almalinux", "rocky", "ol", "centos", "centos-stream")


class Origin(NamedTuple):
    """What a kernel is. distros: whose package it may be (empty: nobody's that is known; reason says what it is).

    packages: the source packages it may belong to. version: as the package has it; partial says that the uname leaves
    out the end (SUSE's rebuild count) or the epoch.
    """

    release: str
    distros: Tuple[str, ...]
    packages: Tuple[str, ...]
    version: str
    partial: bool
    reason: str

    @property
    def known(self) -> bool:
        """Whether a distribution's package is proven."""
        return bool(self.distros)


def nobody(release: str, reason: str) -> Origin:
    """A kernel that no row judges."""
    return Origin(release, (), (), "", False, reason)


def read_origin(version_line: str, signature: str = "") -> Origin:
    """The origin by a line of /proc/version and, on Ubuntu, of /proc/version_signature."""
    line = version_line.strip().split("\n", 1)[0]
    found = _VERSION_LINE.match(line)
    if found is None:
        return nobody("", "/proc/version has an unknown form")
    release, builder, rest = found.groups()
    if any(not 32 < ord(letter) < 127 for letter in release):
        return nobody("", "/proc/version names no usable release")
    for mark, reason in OWN_BUILDS:
        if mark.search(line):
            return nobody(release, reason)
    return (
        _debian(release, builder, rest) or _ubuntu(release, builder, rest, signature) or _by_builder(release, builder)
    )


def _debian(release: str, builder: str, rest: str) -> Optional[Origin]:
    if builder != "debian-kernel@lists.debian.org":
        return None
    found = _DEBIAN.search(rest)
    if found is None:
        return nobody(release, "/proc/version names Debian's builder and no Debian version")
    return debian_origin(release, found.group(1))


def debian_origin(release: str, version: str) -> Origin:
    """A Debian kernel; ~debNN versions may be of linux-6.1, the newer series beside an older release's own."""
    if not DEBIAN_VERSION.match(version):
        return nobody(release, "a rebuild with a version that Debian does not publish")
    own = ("linux-" + series(version), "linux") if "~deb" in version else ("linux",)
    return Origin(release, ("debian",), own, version, False, "")


def _ubuntu(release: str, builder: str, rest: str, signature: str) -> Optional[Origin]:
    build, abi = _UBUNTU_BUILD.search(rest), _ABI.match(release)
    if not builder.startswith("buildd@") or build is None or abi is None:
        return None
    version = "{}-{}.{}{}".format(abi.group(1), abi.group(2), build.group(1), build.group(2))
    if signature.strip():
        signed = _SIGNATURE.match(signature.strip())
        if signed is None or signed.group(1) != version:
            return nobody(release, "/proc/version and /proc/version_signature do not name the same kernel")
    return ubuntu_origin(release, version, abi.group(3))


def ubuntu_origin(release: str, version: str, flavour: str) -> Origin:
    """The source packages that a flavour and a version can belong to, the likeliest first."""
    kernel = series(version)
    if flavour in ("generic", "lowlatency", "generic-64k", "lowlatency-64k", "generic-lpae", "virtual"):
        base, names = "linux", ("linux-hwe-" + kernel, "linux-lowlatency-hwe-" + kernel)
        plain: Tuple[str, ...] = ("linux-lowlatency", "linux") if flavour.startswith("lowlatency") else (base,)
        if "~" in version:
            return Origin(
                release, ("ubuntu",), names[1:] if flavour.startswith("lowlatency") else names[:1], version, False, ""
            )
        return Origin(release, ("ubuntu",), plain, version, False, "")
    name = "linux-" + flavour
    packages = (name + "-" + kernel, name) if "~" in version else (name, name + "-" + kernel)
    return Origin(release, ("ubuntu",), packages, version, False, "")


def _by_builder(release: str, builder: str) -> Origin:
    origin = origin_of_release(release)
    if not origin.known:
        return origin
    account = builder.partition("@")[0]
    accounts = _BUILDERS.get(origin.distros[0], ())
    if accounts and account not in accounts:
        return nobody(release, "a kernel built by {}, not by the distribution".format(builder[:60]))
    return origin


_BUILDERS = {
    "rhel": ("mockbuild",), "fedora": ("mockbuild",), "amzn": ("mockbuild",), "ol": ("mockbuild",),
    "sles": ("geeko",), "alpine": ("buildozer",), "arch": ("linux", "linux-lts", "linux-zen", "linux-hardened"),
}  # fmt: skip


def origin_of_release(release: str) -> Origin:
    """The origin by the uname release alone, as /lib/modules and /boot show it."""
    if any(mark.search("Linux version " + release + " (") for mark, _ in OWN_BUILDS):
        return nobody(release, next(why for mark, why in OWN_BUILDS if mark.search("Linux version " + release + " (")))
    return (
        _rpm(release)
        or _tagged(release)
        or _other(release)
        or nobody(release, "a kernel whose origin its name does not prove")
    )


def _rpm(release: str) -> Optional[Origin]:
    found = _RPM_UNAME.match(release)
    if found is None:
        return None
    version = "{}-{}".format(found.group(1), found.group(2))
    tag = dist_tag(version)
    if not version.endswith("." + tag) or not tag:
        return nobody(release, "a kernel whose release does not end in a distribution's tag")
    distros, packages = _rpm_owner(version, tag, found.group(3) or "")
    if not distros:
        return nobody(release, "a kernel with the unknown distribution tag {}".format(tag))
    return Origin(release, distros, packages, version, False, "")


def _rpm_owner(version: str, tag: str, flavour: str) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    if re.match(r"^el[0-9]+uek$", tag):
        return ("ol",), ("kernel-uek",)
    if re.match(r"^el[0-9]+(_[0-9]+)?$", tag):
        old_rt = re.search(r"\.rt[0-9]+\.", version)
        return EL_DISTROS, ("kernel-rt",) if old_rt else ("kernel", "kernel-rt") if "rt" in flavour.split("+") else (
            "kernel",
        )
    if tag == "amzn2023":
        kernel = series(version)
        return ("amzn",), ("kernel",) if kernel == "6.1" else ("kernel" + kernel, "kernel-" + kernel)
    if tag == "amzn2":
        kernel = series(version)
        return ("amzn",), ("kernel",) if kernel == "4.14" else ("kernel-" + kernel, "kernel" + kernel)
    if re.match(r"^fc[0-9]+$", tag):
        return ("fedora",), ("kernel",)
    if re.match(r"^oe[0-9]+(sp[0-9]+)?$", tag):
        return ("openEuler",), ("kernel",)
    return (), ()


def _tagged(release: str) -> Optional[Origin]:
    photon = _PHOTON.match(release)
    if photon:
        return Origin(
            release,
            ("photon",),
            ("linux-" + photon.group(2) if photon.group(2) else "linux",),
            photon.group(1),
            False,
            "",
        )
    azure = _AZURE.match(release)
    if azure:
        return Origin(release, ("azurelinux", "mariner"), ("kernel",), azure.group(1), False, "")
    return None


def _other(release: str) -> Optional[Origin]:
    alpine = _ALPINE.match(release)
    if alpine:
        version, flavour = "{}-r{}".format(alpine.group(1), alpine.group(2)), alpine.group(3)
        return Origin(release, ("alpine",), ("linux-" + ("lts" if flavour == "virt" else flavour),), version, False, "")
    arch = _ARCH_LINUX.match(release)
    if arch:
        return Origin(release, ("arch",), ("linux",), "{}.{}-{}".format(*arch.groups()), False, "")
    flavoured = _ARCH_FLAVOUR.match(release)
    if flavoured:
        number, patch, count, flavour = flavoured.groups()
        return Origin(
            release,
            ("arch",),
            ("linux-" + flavour,),
            "{}{}-{}".format(number, "." + patch if patch else "", count),
            False,
            "",
        )
    flatcar = _FLATCAR.match(release)
    if flatcar:
        return Origin(release, ("flatcar",), ("coreos-kernel", "linux", "kernel"), flatcar.group(1), False, "")
    suse = _SUSE.match(release)
    if suse and suse.group(2) in ("default", "azure", "rt", "64kb", "preempt"):
        owners = ("sles", "sled", "opensuse-leap", "opensuse-tumbleweed")
        return Origin(release, owners, ("kernel-" + suse.group(2),), suse.group(1), True, "")
    return None
