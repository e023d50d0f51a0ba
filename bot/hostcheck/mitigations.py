"""Every layer that may keep the flawed code from being reached on this host, and whether it really does."""

import re
from typing import Callable, List, NamedTuple, Optional, Set, Tuple

from bot.hostcheck.bootline import CMDLINE, by_cmdline, by_next_start
from bot.hostcheck.files import HostFiles
from bot.hostcheck.initramfs import by_copies, read_copies
from bot.hostcheck.kmod import agrees, ask_kmod
from bot.hostcheck.mitigation import Mitigation
from bot.hostcheck.modprobe import Modules, Rule, Rules, install_rule, outcome, probe, read_rules
from bot.hostcheck.sandboxes import by_seccomp, by_security_modules, by_units
from bot.hostcheck.surface import FAMILY_ALIAS, FAMILY_MODULE, Code, Component
from bot.hostcheck.sysctls import by_sysctl

PROGRAM = "/proc/sys/kernel/modprobe"
_FAMILY = re.compile(r"af_alg|net_pf_38")


class Place(NamedTuple):
    """Where the layers are looked for: one kernel's release, its command line now (None: it does not run) and next.

    container: the sign of one, "" when it is none; the files of a container are not those of the kernel's host.
    """

    release: str
    cmdline: Optional[str]
    next_cmdline: str
    next_reason: str
    container: str


def read_mitigations(files: HostFiles, component: Component, code: Code, place: Place) -> List[Mitigation]:
    """All layers found, each judged for one kernel."""
    ruled = _by_rules(files, component, code, place)
    found = list(ruled)
    if not place.container:
        found += by_copies(read_copies(files, place.release), _mentions(component), bool(ruled))
    found += by_cmdline(place.cmdline or "", component, code)
    found += by_next_start(files, place.cmdline, place.next_cmdline, place.next_reason, component, code)
    found += by_sysctl(files, code, component)
    return found + by_units(files) + by_seccomp(files) + by_security_modules(files)


def _mentions(component: Component) -> Callable[[Rule], bool]:
    def mentions(rule: Rule) -> bool:
        if rule.command not in ("install", "blacklist", "alias"):
            return False
        texts = [text.replace("-", "_") for text in (rule.name, rule.words)]
        return any(component.module in text or _FAMILY.search(text) is not None for text in texts)

    return mentions


def _by_rules(files: HostFiles, component: Component, code: Code, place: Place) -> List[Mitigation]:
    rules = read_rules(files, place.cmdline or "", tree=code.modules.folder if code.modules is not None else "")
    mentioned = [
        rule for rule in rules.rules if _mentions(component)(rule) and not _is_named_by_cmdline(rule, component)
    ]
    if not mentioned:
        return []
    effect, reason = _rules_effect(files, rules, component, code, place)
    found = []
    for rule in mentioned:
        own, why = effect, reason
        if rule.command == "blacklist" and rule.name == component.module and component.by_name and own == "effective":
            own, why = "inert", "blacklist hides aliases only, and the kernel asks for {} by name".format(rule.name)
        text = "{} {} {}".format(rule.command, rule.name, rule.words).strip()
        found.append(Mitigation("modprobe.d", rule.path, text, own, why))
    return found


def _is_named_by_cmdline(rule: Rule, component: Component) -> bool:
    return rule.path == CMDLINE and rule.name == component.module and component.by_name


def _rules_effect(
    files: HostFiles, rules: Rules, component: Component, code: Code, place: Place
) -> Tuple[str, str]:  # fmt: skip
    if place.container:
        return "undecided", "the kernel is that of the container's host, and so are the rules that hold"
    if code.state == "builtin":
        return "inert", "{} is built into the kernel: modprobe is never asked".format(component.module)
    if code.state != "module":
        return "undecided", "it is not known whether {} is a module: {}".format(component.module, code.reason)
    if code.loaded is None:
        return "undecided", "/proc/modules cannot be read: the module may be loaded already"
    if component.module in code.loaded:
        return "inert", "{} is loaded already; a rule acts on loading only".format(component.module)
    if rules.unread:
        return "undecided", "{} cannot be read and may say otherwise".format(rules.unread[0])
    if code.modules is None:
        return "undecided", "modules.dep cannot be read"
    program = files.read(PROGRAM, 4096).text.strip() if place.cmdline is not None else ""
    if program and program.rpartition("/")[2] != "modprobe":
        return "undecided", "the kernel asks {} for modules, which may know other rules".format(program[:100])
    return _ask(files, rules, component, code.modules, code.loaded)


def _ask(files: HostFiles, rules: Rules, component: Component, modules: Modules, loaded: Set[str]) -> Tuple[str, str]:
    answer = _request(files, rules, modules, component.request, component.module, loaded)
    if answer == "blocked":
        return "effective", "a request for {} does not load it".format(component.request)
    if answer == "undecided":
        return "undecided", "a request for {} runs another command".format(component.request)
    if component.by_name and FAMILY_MODULE in modules.dependencies and FAMILY_MODULE not in loaded:
        family = _request(files, rules, modules, FAMILY_ALIAS, FAMILY_MODULE, loaded)
        if family == "blocked":
            return "effective", "the first AF_ALG socket does not load af_alg"
    if any(rule.command == "install" for rule in rules.rules) and install_rule(rules, component.module) is not None:
        return "inert", "kmod ignores the install rule (a softdep for the module switches it off)"
    if not component.by_name:
        return "inert", "kmod would still load {}".format(component.module)
    return "inert", "kmod would still load {}: blacklist hides aliases only".format(component.module)


def _request(files: HostFiles, rules: Rules, modules: Modules, request: str, module: str, loaded: Set[str]) -> str:
    """What becomes of a request; on the live host kmod has the last word, and where it differs from ours it counts."""
    ours = probe(rules, modules, request).actions
    theirs = ask_kmod(request) if files.live else None
    if theirs is None or agrees(ours, theirs):
        return outcome(ours, modules, module, loaded)
    inserts = any(one.kind == "insmod" and one.module == module for one in theirs)
    return "inserted" if inserts else "undecided"
