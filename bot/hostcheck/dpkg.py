"""Installed packages by the databases that are plain files: dpkg's status, apk's installed, pacman's local."""

import re
from typing import Dict, Iterator, List, NamedTuple

from bot.hostcheck.files import HostFiles, Reading

DATABASE_LIMIT = 24 * 1024 * 1024
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9+._-]{0,127}$")
_PACMAN = re.compile(r"^([A-Za-z0-9@._+-]+)-([0-9][^-/]*-[0-9.]+)$")
_IMAGE = re.compile(r"^linux-image-(?:unsigned-)?([0-9]+\.[0-9]+.*)$")


class Package(NamedTuple):
    """One installed package; source is the source package's name with signed and meta mapped away."""

    name: str
    version: str
    source: str


class Packages(NamedTuple):
    """What is installed; problem says why the database cannot be trusted ("" when it can)."""

    database: str
    installed: Dict[str, Package]
    problem: str


def read_packages(files: HostFiles) -> Packages:
    """The packages of the first database that is there."""
    status = files.read("/var/lib/dpkg/status", DATABASE_LIMIT)
    if status.state != "absent":
        return _dpkg(files, status)
    for path in ("/lib/apk/db/installed", "/usr/lib/apk/db/installed"):
        reading = files.read(path, DATABASE_LIMIT)
        if reading.state != "absent":
            return _apk(reading)
    folders = files.names("/var/lib/pacman/local")
    if folders:
        return Packages("pacman", _pacman(folders), "")
    return Packages("", {}, "")


def _dpkg(files: HostFiles, reading: Reading) -> Packages:
    if not reading.whole:
        return Packages("dpkg", {}, "{} {}".format(reading.path, reading.reason))
    installed: Dict[str, Package] = {}
    _add_stanzas(installed, reading.text)
    for name in files.names("/var/lib/dpkg/status.d"):
        if not name.endswith(".md5sums"):
            _add_stanzas(installed, files.read("/var/lib/dpkg/status.d/" + name, 65536).text, distroless=True)
    cut = "" if not reading.content or reading.content.endswith(b"\n") else "/var/lib/dpkg/status ends in mid-line"
    return Packages("dpkg", installed, cut or ("/var/lib/dpkg/status holds a NUL" if b"\0" in reading.content else ""))


def _add_stanzas(installed: Dict[str, Package], text: str, distroless: bool = False) -> None:
    for fields in _stanzas(text):
        name, version = fields.get("Package", ""), fields.get("Version", "")
        state = fields.get("Status", "").split()
        if not _NAME.match(name) or not version or (state[-1:] != ["installed"] and not distroless):
            continue
        source = fields.get("Source", name).split(" ", 1)[0]
        installed[name] = Package(name, version, source_package(source))


def _stanzas(text: str) -> Iterator[Dict[str, str]]:
    wanted = ("Package", "Version", "Status", "Source")
    fields: Dict[str, str] = {}
    for line in text.split("\n"):
        if not line.strip():
            if fields:
                yield fields
            fields = {}
        elif line[0] not in " \t":
            key, _, value = line.partition(":")
            if key in wanted:
                fields[key] = value.strip()
    if fields:
        yield fields


def source_package(source: str) -> str:
    """linux-signed-amd64 and linux-meta are built of linux, linux-signed-hwe-6.17 of linux-hwe-6.17."""
    found = re.match(r"^linux-(?:restricted-)?(signed|meta)(-.+)?$", source)
    if found is None:
        return source
    rest = re.sub(r"-(?:amd64|arm64|i386|armhf|ppc64el|s390x|riscv64|loong64)$", "", found.group(2) or "")
    return "linux" + rest


def _apk(reading: Reading) -> Packages:
    if not reading.whole:
        return Packages("apk", {}, "{} {}".format(reading.path, reading.reason))
    installed = {}
    for block in reading.text.split("\n\n"):
        fields = {line[0]: line[2:].strip() for line in block.split("\n") if line[1:2] == ":"}
        name, version = fields.get("P", ""), fields.get("V", "")
        if _NAME.match(name) and version:
            installed[name] = Package(name, version, fields.get("o", name))
    return Packages("apk", installed, "")


def _pacman(folders: List[str]) -> Dict[str, Package]:
    found = (_PACMAN.match(folder) for folder in folders)
    return {match.group(1): Package(match.group(1), match.group(2), match.group(1)) for match in found if match}


def image_release(name: str) -> str:
    """The uname release of a linux-image package, "" when it is a meta package or no image."""
    found = _IMAGE.match(name)
    return found.group(1) if found and not name.endswith(("-dbg", "-dbgsym")) else ""
