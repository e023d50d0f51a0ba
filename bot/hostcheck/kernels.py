"""Three facts that are easily mixed up: the kernel that runs, those that are installed, the one that boots next."""

import re
from typing import List, NamedTuple, Optional, Tuple

from bot.hostcheck.dpkg import Packages, image_release
from bot.hostcheck.files import HostFiles
from bot.hostcheck.nextboot import RELEASE_NAME, NextBoot, read_next_boot
from bot.hostcheck.origin import (
    DEBIAN_VERSION,
    OWN_BUILDS,
    UBUNTU_VERSION,
    Origin,
    nobody,
    origin_of_release,
    read_origin,
    ubuntu_origin,
)
from bot.hostcheck.osrelease import Release
from bot.hostcheck.versions import compare, series

MODULE_FOLDERS = ("/lib/modules", "/usr/lib/modules")
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")
_BOUND = re.compile(r"^[0-9]+ [0-9]+ \S+ \S+ /etc/(?:hosts|hostname|resolv\.conf) ", re.MULTILINE)
_LAYERED = re.compile(r"^[0-9]+ [0-9]+ \S+ \S+ / .* - (?:overlay|fuse-overlayfs|aufs) ", re.MULTILINE)


class Kernels(NamedTuple):
    """running is None where nothing runs (an image) or /proc cannot be read; container names the sign of one."""

    running: Optional[Origin]
    running_reason: str
    installed: Tuple[Origin, ...]
    installed_reason: str
    next_boot: NextBoot
    cmdline: Optional[str]
    container: str

    def find(self, release: str) -> Optional[Origin]:
        """The installed kernel of a uname release."""
        return next((kernel for kernel in self.installed if kernel.release == release), None)


def read_kernels(files: HostFiles, release: Release, packages: Packages) -> Kernels:
    """All three, and the command line of the running one."""
    installed = _installed(files, release, packages)
    running, reason = _running(files, packages)
    cmdline = files.read("/proc/cmdline", 65536)
    return Kernels(
        running=running,
        running_reason=reason,
        installed=installed,
        installed_reason=packages.problem,
        next_boot=read_next_boot(files, tuple(kernel.release for kernel in installed)),
        cmdline=cmdline.text.strip() if cmdline.whole else None,
        container=_container(files),
    )


def _container(files: HostFiles) -> str:
    found = next((mark for mark in CONTAINER_MARKS if files.kind(mark) == "file"), "")
    if found:
        return found
    environment = files.read("/proc/1/environ", 65536)
    files.problems.pop("/proc/1/environ", None)  # only root may read it, and there are other signs
    if b"\0container=" in b"\0" + environment.content:
        return "/proc/1/environ"
    mounts = files.read("/proc/self/mountinfo", 1024 * 1024).text
    return "/proc/self/mountinfo" if _LAYERED.search(mounts) and _BOUND.search(mounts) else ""


def _running(files: HostFiles, packages: Packages) -> Tuple[Optional[Origin], str]:
    line = files.read("/proc/version", 4096)
    if not line.whole:
        uname = files.read("/proc/sys/kernel/osrelease", 256)
        if uname.whole and RELEASE_NAME.match(uname.text.strip()):
            return nobody(uname.text.strip(), "/proc/version {}".format(line.reason)), ""
        return None, "/proc/version {}".format(line.reason)
    signature = files.read("/proc/version_signature", 4096)
    origin = read_origin(line.text, signature.text if signature.whole else "")
    return _refined(origin, packages), ""


def _refined(origin: Origin, packages: Packages) -> Origin:
    """The same origin, its package told by the package database where that has the very kernel."""
    if not origin.known:
        return origin
    if packages.database == "dpkg":
        for name in ("linux-image-" + origin.release, "linux-image-unsigned-" + origin.release):
            package = packages.installed.get(name)
            if package is not None:
                if not _is_published(origin.distros[0], package.version):
                    return nobody(origin.release, "a kernel whose package {} is a rebuild".format(name))
                if package.source not in origin.packages and package.version == origin.version:
                    return nobody(origin.release, "a kernel whose package {} is of {}".format(name, package.source))
                return origin._replace(packages=(package.source,)) if package.source in origin.packages else origin
        if packages.problem and origin.distros == ("ubuntu",):  # its uname does not tell a rebuild of a PPA
            return nobody(origin.release, "a kernel whose package is not proven: {}".format(packages.problem))
    if packages.database == "rpm":
        for package in packages.installed.values():
            bare = package.version.partition(":")[2] or package.version
            if package.source in origin.packages and (bare == origin.version or bare.startswith(origin.version + ".")):
                return origin._replace(version=package.version, partial=False, packages=(package.source,))
    return origin


def _is_published(distro: str, version: str) -> bool:
    published = {"debian": DEBIAN_VERSION, "ubuntu": UBUNTU_VERSION}.get(distro)
    return published is None or published.match(version) is not None


def _installed(files: HostFiles, release: Release, packages: Packages) -> Tuple[Origin, ...]:
    if packages.database == "dpkg" and any(image_release(name) for name in packages.installed):
        return _by_dpkg(release, packages)
    found: List[Tuple[str, bool]] = []
    for folder in MODULE_FOLDERS:
        for name in files.names(folder):
            if (
                RELEASE_NAME.match(name)
                and name not in [known for known, _ in found]
                and files.names(folder + "/" + name)
            ):
                image = (
                    files.kind("/boot/vmlinuz-" + name) == "file"
                    or files.kind(folder + "/" + name + "/vmlinuz") == "file"
                )
                found.append((name, image))
    for name in files.names("/boot"):
        if (
            name.startswith("vmlinuz-")
            and RELEASE_NAME.match(name[8:])
            and name[8:] not in [known for known, _ in found]
        ):
            found.append((name[8:], True))
    bootable = [name for name, image in found if image] or [name for name, _ in found]
    return tuple(_refined(origin_of_release(name), packages) for name in bootable)


def _by_dpkg(release: Release, packages: Packages) -> Tuple[Origin, ...]:
    kernels = []
    for name, package in sorted(packages.installed.items()):
        uname = image_release(name)
        if not uname:
            continue
        line = "Linux version {} ({})".format(uname, package.version)
        marked = next((reason for mark, reason in OWN_BUILDS if mark.search(line)), "")
        if marked or not re.match(r"^linux(?:-|$)", package.source) or release.distro not in ("debian", "ubuntu"):
            kernels.append(nobody(uname, marked or "the package {} of {}".format(name, package.source)))
        elif release.distro == "ubuntu" and package.source not in _ubuntu_packages(uname, package.version):
            kernels.append(nobody(uname, "the package {} is of {}".format(name, package.source)))
        elif not _is_published(release.distro, package.version):
            kernels.append(nobody(uname, "a rebuild with a version that {} does not publish".format(release.distro)))
        else:
            kernels.append(Origin(uname, (release.distro,), (package.source,), package.version, False, ""))
    return tuple(kernels)


def _ubuntu_packages(uname: str, version: str) -> Tuple[str, ...]:
    flavour = re.sub(r"^[0-9.]+-[0-9]+-", "", uname)
    origin = ubuntu_origin(uname, version, flavour)
    return (*origin.packages, "linux", "linux-hwe-" + series(version), "linux-lowlatency")


def newest(distro: str, kernels: Tuple[Origin, ...]) -> Optional[Origin]:
    """The newest of the kernels whose package is known."""
    best = None
    for kernel in kernels:
        if not kernel.known:
            continue
        try:
            if best is None or compare(distro, kernel.version, best.version) > 0:
                best = kernel
        except ValueError:
            continue
    return best
