"""Three facts that are easily mixed up: the kernel that runs, those that are installed, the one that boots next."""

import re
from typing import List, NamedTuple, Optional, Tuple

from bot.hostcheck.dpkg import Packages, image_release
from bot.hostcheck.files import HostFiles
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

RELEASE_NAME = re.compile(r"^[0-9]+\.[0-9]+[A-Za-z0-9._+~-]{0,100}$")
MODULE_FOLDERS = ("/lib/modules", "/usr/lib/modules")
CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")
_GRUB_DEFAULT = re.compile(r'^\s*set default="?([^"\s]*)"?\s*$', re.MULTILINE)
_GRUB_KERNEL = re.compile(r"^\s*linux(?:16|efi)?\s+\S*/vmlinuz-(\S+)(.*)$", re.MULTILINE)
_LOADER_LINE = re.compile(r"^(linux|options|version)\s+(.*?)\s*$", re.MULTILINE)


class NextBoot(NamedTuple):
    """What the boot loader is set to start; release "" when that could not be told (reason says why)."""

    release: str
    cmdline: str
    reason: str


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
        next_boot=_next_boot(files, installed, release),
        cmdline=cmdline.text.strip() if cmdline.whole else None,
        container=_container(files),
    )


def _container(files: HostFiles) -> str:
    found = next((mark for mark in CONTAINER_MARKS if files.kind(mark) == "file"), "")
    if found:
        return found
    environment = files.read("/proc/1/environ", 65536)
    return "/proc/1/environ" if b"\0container=" in b"\0" + environment.content else ""


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
                if package.source not in origin.packages and package.version == origin.version:
                    return nobody(origin.release, "a kernel whose package {} is of {}".format(name, package.source))
                return origin._replace(packages=(package.source,)) if package.source in origin.packages else origin
    if packages.database == "rpm":
        for package in packages.installed.values():
            bare = package.version.partition(":")[2] or package.version
            if package.source in origin.packages and (bare == origin.version or bare.startswith(origin.version + ".")):
                return origin._replace(version=package.version, partial=False, packages=(package.source,))
    return origin


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
        elif not (DEBIAN_VERSION if release.distro == "debian" else UBUNTU_VERSION).match(package.version):
            kernels.append(nobody(uname, "a rebuild with a version that {} does not publish".format(release.distro)))
        else:
            kernels.append(Origin(uname, (release.distro,), (package.source,), package.version, False, ""))
    return tuple(kernels)


def _ubuntu_packages(uname: str, version: str) -> Tuple[str, ...]:
    flavour = re.sub(r"^[0-9.]+-[0-9]+-", "", uname)
    origin = ubuntu_origin(uname, version, flavour)
    return (*origin.packages, "linux", "linux-hwe-" + series(version), "linux-lowlatency")


def _next_boot(files: HostFiles, installed: Tuple[Origin, ...], release: Release) -> NextBoot:
    entries = _loader_entries(files)
    environment = files.first(("/boot/grub2/grubenv", "/boot/grub/grubenv"), 65536).text
    saved = re.search(r"^saved_entry=(.+)$", environment, re.MULTILINE)
    if entries:
        return _of_entries(entries, saved.group(1).strip() if saved else "", release)
    config = files.first(("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"), 4 * 1024 * 1024)
    if config.whole:
        return _of_grub(config.text, bool(saved))
    if len(installed) == 1:
        return NextBoot(installed[0].release, "", "the only installed kernel")
    return NextBoot("", "", "no boot loader's configuration was found")


def _loader_entries(files: HostFiles) -> List[Tuple[str, str, str]]:
    entries = []
    for name in files.names("/boot/loader/entries"):
        reading = files.read("/boot/loader/entries/" + name, 65536)
        if name.endswith(".conf") and reading.whole:
            fields = dict(_LOADER_LINE.findall(reading.text))
            image = fields.get("linux", "").rpartition("/")[2]
            kernel = image[8:] if image.startswith("vmlinuz-") else fields.get("version", "")
            if RELEASE_NAME.match(kernel):
                entries.append((name[:-5], kernel, fields.get("options", "")))
    return entries


def _of_entries(entries: List[Tuple[str, str, str]], saved: str, release: Release) -> NextBoot:
    for name, kernel, options in entries:
        if saved and name == saved:
            return NextBoot(kernel, options, "saved_entry of grubenv")
    if saved.isdigit() or not saved:
        ordered = sorted(
            entries, key=lambda entry: [int(part) for part in re.findall(r"[0-9]{1,9}", entry[1])], reverse=True
        )
        at = int(saved[:4] or "0")
        if at < len(ordered):
            return NextBoot(ordered[at][1], ordered[at][2], "the loader entries, newest first")
    return NextBoot("", "", "the saved entry {} is not among the loader entries".format(saved[:80]))


def _of_grub(config: str, saved: bool) -> NextBoot:
    default = _GRUB_DEFAULT.findall(config)
    kernels = _GRUB_KERNEL.findall(config)
    if kernels and not saved and (not default or default[0] in ("0", "")):
        return NextBoot(kernels[0][0], kernels[0][1].strip(), "the first entry of grub.cfg")
    return NextBoot("", "", "grub.cfg starts another than its first entry")


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
