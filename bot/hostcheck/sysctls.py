"""The sysctls that keep AF_ALG or the loading of modules away: their values now, and the files for the next start."""

import re
from typing import List

from bot.hostcheck.files import HostFiles
from bot.hostcheck.mitigation import Mitigation
from bot.hostcheck.surface import Code, Component

FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
RESTRICT = {
    "0": ("inert", "0 allows everything"),
    "1": ("partial", "1 is an allow-list of algorithms"),
    "2": ("effective", "2 refuses every AF_ALG socket"),
}
_LINE = re.compile(r"^[ \t]*-?(?:crypto[./]af_alg_restrict|kernel[./]modules_disabled)[ \t]*=.*$", re.MULTILINE)


def by_sysctl(files: HostFiles, code: Code, component: Component) -> List[Mitigation]:
    """What /proc/sys says now, then the lines of sysctl.d."""
    found = []
    restrict = files.read("/proc/sys/crypto/af_alg_restrict", 64)
    if restrict.whole:
        value = restrict.text.strip()
        effect, reason = RESTRICT.get(value, ("undecided", "an unknown value"))
        found.append(Mitigation("sysctl", restrict.path, value[:20], effect, reason))
    not_loaded = code.state == "module" and code.loaded is not None and component.module not in code.loaded
    disabled = files.read("/proc/sys/kernel/modules_disabled", 64)
    if disabled.whole and disabled.text.strip() == "1":
        found.append(_loading(disabled.path, "1", "no module can be loaded any more", not_loaded))
    program = files.read("/proc/sys/kernel/modprobe", 4096)
    if program.whole and program.content in (b"\n", b"\0\n"):
        found.append(_loading(program.path, "empty", "the kernel has no program to load modules with", not_loaded))
    return found + _by_files(files)


def _loading(path: str, text: str, reason: str, not_loaded: bool) -> Mitigation:
    if not_loaded:
        return Mitigation("sysctl", path, text, "effective", reason)
    return Mitigation("sysctl", path, text, "inert", "the code is built in, loaded or not located")


def _by_files(files: HostFiles) -> List[Mitigation]:
    paths = [folder + "/" + name for folder in FOLDERS for name in files.names(folder) if name.endswith(".conf")]
    found = []
    for path in [*paths, "/etc/sysctl.conf"]:
        for line in _LINE.findall(files.read(path, 65536).text):
            reason = "a setting for the next start; /proc/sys says what holds now"
            found.append(Mitigation("sysctl.d", path, line.strip()[:120], "undecided", reason))
    return found
