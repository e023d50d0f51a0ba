"""The distribution and release of a host by os-release(5), in the words of the fix matrix (rhel/9, debian/12, arch)."""

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from bot.hostcheck.files import HostFiles

EL_MAJORS = ("rhel", "almalinux", "rocky", "ol", "centos")
ROLLING = ("arch", "gentoo", "opensuse-tumbleweed", "flatcar", "bottlerocket")
UBUNTU_RELEASES = {
    "trusty": "14.04", "xenial": "16.04", "bionic": "18.04", "focal": "20.04", "jammy": "22.04", "noble": "24.04",
    "plucky": "25.04", "questing": "25.10", "resolute": "26.04",
}  # fmt: skip
DEBIAN_RELEASES = {"buster": "10", "bullseye": "11", "bookworm": "12", "trixie": "13"}
_LINE = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$")
_PLAIN = re.compile(r"^[A-Za-z0-9._+~:-]{1,64}$")


class Release(NamedTuple):
    """One release. distro and release are the matrix's key; derived says that the base was found by ID_LIKE."""

    distro: str
    release: Optional[str]
    codename: str
    name: str
    derived: bool
    reason: str

    @property
    def label(self) -> str:
        """debian/12, arch, or what is missing."""
        if not self.distro:
            return "unknown"
        shown = self.release or self.codename
        return "{}/{}".format(self.distro, shown) if shown else self.distro


UNKNOWN = Release("", None, "", "unknown", False, "there is no readable /etc/os-release")


def parse_os_release(text: str) -> Dict[str, str]:
    """The keys of os-release; values unquoted as a shell would for these plain cases, bad lines left out."""
    keys = {}
    for line in text.splitlines():
        found = _LINE.match(line.strip())
        if found:
            keys[found.group(1)] = _unquote(found.group(2).strip())
    return keys


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        quoted = value[1:-1]
        return quoted if value[0] == "'" else re.sub(r"\\([\"$`\\])", r"\1", quoted)
    return value


def read_release(files: HostFiles) -> Release:
    """The release of this tree."""
    reading = files.first(("/etc/os-release", "/usr/lib/os-release"), 65536)
    if not reading.whole:
        return UNKNOWN._replace(reason="{} {}".format(reading.path, reading.reason))
    return release_of(parse_os_release(reading.text))


def release_of(keys: Dict[str, str]) -> Release:
    """The matrix's key for what os-release says."""
    distro = keys.get("ID", "")
    name = _shown(keys.get("PRETTY_NAME") or keys.get("NAME") or distro or "unknown")
    if not _PLAIN.match(distro):
        return UNKNOWN._replace(name=name, reason="os-release has no usable ID")
    version, codename = keys.get("VERSION_ID", ""), keys.get("VERSION_CODENAME", "")
    if (version and not _PLAIN.match(version)) or (codename and not _PLAIN.match(codename)):
        return UNKNOWN._replace(name=name, reason="os-release has an unusable VERSION_ID or VERSION_CODENAME")
    if distro in ("debian", "ubuntu") or not _base(keys):
        return Release(distro, release_number(distro, version), codename, name, False, "")
    return _derived(keys, name)


def _base(keys: Dict[str, str]) -> str:
    """ubuntu or debian for what is built on them and ships their kernels; the EL family keeps its own rows."""
    like = keys.get("ID_LIKE", "").split()
    if keys.get("ID") == "raspbian":
        return ""
    return "ubuntu" if "ubuntu" in like else "debian" if "debian" in like else ""


def _derived(keys: Dict[str, str], name: str) -> Release:
    base = _base(keys)
    if base == "ubuntu":
        codename = keys.get("UBUNTU_CODENAME", "") or keys.get("VERSION_CODENAME", "")
        release = UBUNTU_RELEASES.get(codename)
    else:
        codename = keys.get("DEBIAN_CODENAME", "") or keys.get("VERSION_CODENAME", "")
        release = DEBIAN_RELEASES.get(codename)
    if release is None:
        reason = "{} does not say on which release of {} it is built".format(keys.get("ID", ""), base)
        return Release(keys.get("ID", ""), None, "", name, False, reason)
    return Release(base, release, codename, name, True, "")


def release_number(distro: str, version: str) -> Optional[str]:
    """VERSION_ID in the matrix's form: the major for the EL family, two numbers for Alpine, none for rolling ones."""
    if not version or distro in ROLLING:
        return None
    numbers = version.split(".")
    if distro in EL_MAJORS:
        return numbers[0]
    if distro in ("alpine", "openEuler"):
        return ".".join(numbers[:2])
    return version


def keys_of(release: Release) -> List[Tuple[str, Optional[str]]]:
    """The (distro, release) keys under which the matrix may hold this release."""
    if release.distro == "centos":
        return [("centos-stream", release.release), ("centos", release.release)]
    keys = [(release.distro, release.release)]
    if release.release is None and release.codename:
        keys.append((release.distro, release.codename))
    return keys


def parse_distro(text: str) -> Release:
    """debian/12, ubuntu/noble or arch, as a person writes it."""
    distro, _, version = text.strip().partition("/")
    if not _PLAIN.match(distro) or (version and not _PLAIN.match(version)):
        return UNKNOWN._replace(reason="the distribution is written like debian/12")
    distro = "openEuler" if distro.lower() == "openeuler" else distro.lower()
    distro = {"alma": "almalinux", "amazon": "amzn", "oracle": "ol", "suse": "sles"}.get(distro, distro)
    numbers = UBUNTU_RELEASES if distro == "ubuntu" else DEBIAN_RELEASES if distro == "debian" else {}
    names = {number: codename for codename, number in numbers.items()}
    version = numbers.get(version, version)
    if distro == "debian" and version and not version[0].isdigit():
        return Release(distro, None, version, text.strip(), False, "")
    return Release(distro, release_number(distro, version), names.get(version, ""), text.strip(), False, "")


def _shown(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:120]
