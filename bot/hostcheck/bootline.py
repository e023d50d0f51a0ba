"""The kernel's command line: what holds now (/proc/cmdline), and what is set for the next start only."""

from typing import Iterator, List, Optional, Set, Tuple

from bot.hostcheck.files import HostFiles
from bot.hostcheck.mitigation import Mitigation
from bot.hostcheck.surface import FAMILY_MODULE, Code, Component

CMDLINE = "/proc/cmdline"
SETTINGS = ("/etc/default/grub", "/etc/kernel/cmdline")
PENDING = "it is set for the next start; /proc/cmdline alone proves that it holds"


def by_cmdline(cmdline: str, component: Component, code: Code) -> List[Mitigation]:
    """The parameters of the running kernel."""
    found = []
    words = list(_words(cmdline))
    last = [word for word, key, _ in words if key == "module_blacklist"][-1:]
    for word, key, names in words:
        judged = _judged(key, names, word in last, component, code)
        if judged is not None:
            found.append(Mitigation("cmdline", CMDLINE, word, judged[0], judged[1]))
    return found


def by_next_start(
    files: HostFiles, cmdline: Optional[str], later: str, where: str, component: Component, code: Code
) -> List[Mitigation]:
    """The same parameters in the boot loader's configuration (`later`, named by `where`) that do not hold yet."""
    now = set((cmdline or "").split())
    found: List[Mitigation] = []
    seen: Set[str] = set()
    for place, text in [(where, later), *((path, _setting(files, path)) for path in SETTINGS)]:
        for word, key, names in _words(text):
            if word in now or word in seen or _judged(key, names, True, component, code) is None:
                continue
            seen.add(word)
            found.append(Mitigation("cmdline", place, word, "undecided", PENDING))
    return found


def _setting(files: HostFiles, path: str) -> str:
    lines = files.read(path, 65536).text.split("\n")
    kept = [line.partition("=")[2] if line.startswith("GRUB_CMDLINE") else line for line in lines if line[:1] != "#"]
    return " ".join(kept).replace('"', " ").replace("'", " ")


def _words(cmdline: str) -> Iterator[Tuple[str, str, List[str]]]:
    """(word, key, names) of the parameters before ` -- `."""
    for word in cmdline.partition(" -- ")[0].split():
        key, equals, value = word.partition("=")
        if equals:
            yield word, key.replace("-", "_"), value.strip('"').split(",")


def _judged(key: str, names: List[str], last: bool, component: Component, code: Code) -> "Optional[Tuple[str, str]]":
    if key == "initcall_blacklist" and component.initcall in names:
        return _initcall(code)
    modules = {component.module, FAMILY_MODULE}
    if key == "module_blacklist" and modules & {name.replace("-", "_") for name in names}:
        return _module_blacklist(component, code, names, last)
    hidden = {name.replace("-", "_") for name in names}
    if key == "modprobe.blacklist" and component.by_name and component.module in hidden:
        return "inert", "it hides aliases only, and the kernel asks for the module by name"
    return None


def _initcall(code: Code) -> Tuple[str, str]:
    if code.state == "builtin":
        return "effective", "the built-in code was never started"
    return "undecided", "its effect on a loadable module is not certain"


def _module_blacklist(component: Component, code: Code, names: List[str], last: bool) -> Tuple[str, str]:
    if not last:
        return "inert", "a later module_blacklist= replaces it"
    if not {component.module, FAMILY_MODULE} & set(names):
        return "inert", "the kernel compares names as they are, and the module's is written with _"
    if code.state == "builtin":
        return "inert", "{} is built in".format(component.module)
    needed = FAMILY_MODULE in names and code.modules is not None and FAMILY_MODULE in code.modules.dependencies
    if code.state != "module" or code.loaded is None or component.module in code.loaded:
        return "undecided", "it is not certain that {} is a module that is not loaded".format(component.module)
    if component.module in names or needed:
        return "effective", "the kernel refuses to load it"
    return "undecided", "it is not certain that af_alg is a module"
