"""Asks rpm on the live host, and only there: its database is read by rpm alone.

It is asked for kernels and the known users of AF_ALG by name, which takes milliseconds; all packages take a second.
"""

import re
import subprocess
from typing import List

from bot.hostcheck.dependents import known_users
from bot.hostcheck.dpkg import Package, Packages
from bot.hostcheck.files import HostFiles

FORMAT = "%{NAME}|%{EPOCHNUM}|%{VERSION}|%{RELEASE}|%{SOURCERPM}\\n"
TIMEOUT = 15.0
KERNELS = (
    "kernel", "kernel-core", "kernel-64k-core", "kernel-rt", "kernel-rt-core", "kernel-uek", "kernel-uek-core",
    "kernel6.12", "kernel6.18", "kernel-default", "kernel-azure", "kernel-64kb", "kernel-preempt", "linux", "linux-esx",
    "linux-rt", "linux-aws", "linux-secure",
)  # fmt: skip
_LINE = re.compile(r"^([A-Za-z0-9+._-]+)\|([0-9]+|\(none\))\|([^|\s]+)\|([^|\s]+)\|([^|\s]*)$")
PLACES = ("/usr/bin/rpm", "/bin/rpm")
DATABASES = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")


def read_rpm(files: HostFiles) -> Packages:
    """Installed kernel packages and their like. With another root: nothing, and why."""
    if not any(_is_database(files, folder) for folder in DATABASES):
        return Packages("", {}, "")
    if not files.live:
        return Packages("rpm", {}, "the rpm database is read by rpm on the live host only")
    program = next((place for place in PLACES if files.kind(place) == "file"), "")
    if not program:
        return Packages("rpm", {}, "there is an rpm database and no rpm")
    command = [program, "-q", "--queryformat", FORMAT, "--", *_wanted()]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIMEOUT,
            check=False, env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as failure:
        return Packages("rpm", {}, "rpm -q did not answer: {}".format(failure))
    return packages_of(done.stdout.decode("utf-8", "replace"))


def _wanted() -> List[str]:
    users = {name for row in known_users() for names in row["packages"].values() for name in names}
    return [*KERNELS, *sorted(users)]


def packages_of(text: str) -> Packages:
    """The packages of rpm's output, in which it also says which of the names are not installed."""
    installed = {}
    for package in parse_rpm(text):
        # several kernels of one name are installed side by side
        installed[package.name if package.name not in installed else package.name + " " + package.version] = package
    problem = "" if installed or "is not installed" in text else "rpm -q gave no answer"
    return Packages("rpm", installed, problem)


def _is_database(files: HostFiles, folder: str) -> bool:
    return any(name in ("rpmdb.sqlite", "Packages", "Packages.db") for name in files.names(folder))


def parse_rpm(text: str) -> List[Package]:
    """The packages of the output of rpm -q in FORMAT; the source name without version and release."""
    packages = []
    for line in text.split("\n"):
        found = _LINE.match(line)
        if found:
            name, epoch, version, release, source = found.groups()
            shown = (
                "{}-{}".format(version, release)
                if epoch in ("0", "(none)")
                else "{}:{}-{}".format(epoch, version, release)
            )
            packages.append(Package(name, shown, source.rsplit("-", 2)[0] if source.endswith(".rpm") else name))
    return packages
