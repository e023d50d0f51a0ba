"""Where the flawed code is in one kernel: a module, built in or absent, loaded or not."""

import re
import zlib
from typing import NamedTuple, Optional, Set, Tuple

from bot.hostcheck.files import HostFiles, Reading
from bot.hostcheck.kernels import MODULE_FOLDERS
from bot.hostcheck.modprobe import Modules, module_name, parse_aliases, parse_dependencies

CONFIG_LIMIT = 4 * 1024 * 1024


FAMILY_MODULE = "af_alg"
FAMILY_ALIAS = "net-pf-38"


class Component(NamedTuple):
    """The code of an advisory: its Kconfig symbol, module, the name asked for, and the function that starts it."""

    symbol: str
    module: str
    request: str
    initcall: str

    @property
    def by_name(self) -> bool:
        """Whether the kernel asks for the module by its name (the family is asked for by an alias)."""
        return self.module != FAMILY_MODULE


AEAD = Component("CONFIG_CRYPTO_USER_API_AEAD", "algif_aead", "algif-aead", "algif_aead_init")
FAMILY = Component("CONFIG_CRYPTO_USER_API", FAMILY_MODULE, FAMILY_ALIAS, "af_alg_init")
# By the files that each record of the kernel's CNA names: crypto/algif_aead.c, or crypto/af_alg.c for all its users.
COMPONENTS = {
    "CVE-2026-31431": AEAD, "CVE-2026-52972": AEAD, "CVE-2026-46028": AEAD, "CVE-2026-43077": AEAD,
    "CVE-2026-31677": FAMILY, "CVE-2026-43043": FAMILY, "CVE-2026-43078": FAMILY,
}  # fmt: skip


class Code(NamedTuple):
    """state: module | builtin | absent | unknown; loaded None when /proc/modules cannot be read."""

    state: str
    reason: str
    loaded: Optional[Set[str]]
    modules: Optional[Modules]


def component_of(names: Tuple[str, ...]) -> Optional[Component]:
    """The component of an advisory by its aliases."""
    return next((COMPONENTS[name] for name in names if name in COMPONENTS), None)


def read_code(files: HostFiles, release: str, component: Component, running: bool) -> Code:
    """The state of a component in the kernel `release`; running adds what /proc says."""
    loaded = _loaded(files) if running else set()
    modules = _modules(files, release)
    config = _config(files, release, running)
    state, reason = _by_config(config, component)
    if state == "unknown" and modules is not None:
        state, reason = _by_modules(modules, component)
    if state != "builtin" and modules is not None and component.module in modules.builtin:
        state, reason = "builtin", "modules.builtin of {} lists {}".format(release, component.module)
    if loaded and component.module in loaded:
        state, reason = "module", "/proc/modules lists {}".format(component.module)
    return Code(state, reason, loaded, modules)


def _by_config(config: Reading, component: Component) -> Tuple[str, str]:
    """Absent only by a line that says so: a configuration that was cut is no proof."""
    if not config.whole:
        return "unknown", "no whole kernel configuration was found"
    found = re.findall(r"^{}=([ym])\s*$".format(component.symbol), config.text, re.MULTILINE)
    if found:
        letter = "y" if "y" in found else "m"
        return ("builtin" if letter == "y" else "module"), "{} has {}={}".format(config.path, component.symbol, letter)
    for symbol in (component.symbol, "CONFIG_CRYPTO", "CONFIG_NET"):
        if re.search(r"^# {} is not set\s*$".format(symbol), config.text, re.MULTILINE):
            return "absent", "{} is not set in {}".format(symbol, config.path)
    parts = ("HASH", "SKCIPHER", "RNG", "AEAD")
    off = [re.search(r"^# CONFIG_CRYPTO_USER_API_{} is not set\s*$".format(one), config.text, re.M) for one in parts]
    if component == FAMILY and all(off):
        return "absent", "all parts of {} are not set in {}".format(component.symbol, config.path)
    return "unknown", "{} does not say whether {} is set".format(config.path, component.symbol)


def _by_modules(modules: Modules, component: Component) -> Tuple[str, str]:
    if component.module in modules.dependencies:
        return "module", "modules.dep lists {}".format(component.module)
    return "unknown", "modules.dep does not list {} and there is no configuration".format(component.module)


def _loaded(files: HostFiles) -> Optional[Set[str]]:
    reading = files.read("/proc/modules", 1024 * 1024)
    if not reading.whole:
        return None
    return {line.split(" ", 1)[0] for line in reading.text.split("\n") if line}


def _modules(files: HostFiles, release: str) -> Optional[Modules]:
    for folder in MODULE_FOLDERS:
        base = "{}/{}/".format(folder, release)
        needs, aliases, builtin = (
            files.read(base + "modules." + name, 8 * 1024 * 1024) for name in ("dep", "alias", "builtin")
        )
        if needs.state == "absent" and builtin.state == "absent":
            continue
        if any(one.state in ("unreadable", "truncated") or not _ends_well(one) for one in (needs, aliases, builtin)):
            return None
        names = {module_name(line) for line in builtin.text.split("\n") if line.strip()}
        return Modules(parse_dependencies(needs.text), parse_aliases(aliases.text), names, base.rstrip("/"))
    return None


def _ends_well(reading: Reading) -> bool:
    return not reading.content or (reading.content.endswith(b"\n") and b"\0" not in reading.content)


def _config(files: HostFiles, release: str, running: bool) -> Reading:
    """The configuration: the running kernel's own word (/proc/config.gz) before the file of its name."""
    if running:
        packed = files.read("/proc/config.gz", CONFIG_LIMIT)
        if packed.whole:
            return _unpacked(packed)
    paths = (
        "/boot/config-" + release,
        "/lib/modules/{}/config".format(release),
        "/usr/lib/modules/{}/config".format(release),
    )
    found = files.first(paths, CONFIG_LIMIT)
    return found if _ends_well(found) else found._replace(state="truncated", reason="ends in mid-line")


def _unpacked(packed: Reading) -> Reading:
    try:
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        content = unpacker.decompress(packed.content, CONFIG_LIMIT)
    except zlib.error as failure:
        return packed._replace(state="unreadable", content=b"", reason=str(failure))
    if not unpacker.eof:
        return packed._replace(state="truncated", content=b"", reason="ends before its end")
    return packed._replace(content=content)
