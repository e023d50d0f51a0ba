"""Every layer that may keep the flawed code from being reached on this host, and whether it really does.

effect: effective | inert | partial (some programs only) | undecided (named, not judged).
"""

import re
import subprocess
from typing import List, NamedTuple, Optional, Set

from bot.hostcheck.files import HostFiles
from bot.hostcheck.modprobe import Action, Modules, Probe, Rules, install_rule, outcome, probe, read_rules
from bot.hostcheck.surface import Code, Component

FAMILY_ALIAS = "net-pf-38"
FAMILY_MODULE = "af_alg"
UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
SYSCTL_FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
KMOD_PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
KMOD_PLACES = ("/usr/sbin/modprobe", "/sbin/modprobe", "/usr/bin/modprobe")
_MENTION = re.compile(r"(?:algif[-_]aead|af[-_]alg|net-pf-38)")


class Mitigation(NamedTuple):
    """One layer: layer (modprobe.d, cmdline, sysctl, systemd, lsm, ...), where it stands, its effect and why."""

    layer: str
    where: str
    text: str
    effect: str
    reason: str


def read_mitigations(files: HostFiles, component: Component, code: Code, cmdline: Optional[str]) -> List[Mitigation]:
    """All layers found, each judged for one kernel."""
    rules = read_rules(files, cmdline or "")
    found = _by_rules(files, rules, component, code)
    found += _by_cmdline(cmdline or "", component, code)
    found += _by_sysctl(files, code, component)
    found += _by_units(files)
    found += _by_lsm(files)
    return found


def _by_rules(files: HostFiles, rules: Rules, component: Component, code: Code) -> List[Mitigation]:
    mentioned = [
        rule for rule in rules.rules if _is_mentioned(rule.name, component) or _is_mentioned(rule.words, component)
    ]
    mentioned = [rule for rule in mentioned if rule.command in ("install", "blacklist", "alias")]
    if not mentioned:
        return []
    effect, reason = _rules_effect(files, rules, component, code)
    found = []
    for rule in mentioned:
        own, why = effect, reason
        if rule.command == "blacklist" and rule.name == component.module and effect == "effective":
            own, why = (
                "inert",
                "blacklist hides aliases only, and the kernel asks for {} by name".format(component.module),
            )
        found.append(
            Mitigation(
                "modprobe.d", rule.path, "{} {} {}".format(rule.command, rule.name, rule.words).strip(), own, why
            )
        )
    return found


def _is_mentioned(text: str, component: Component) -> bool:
    return (
        component.module in text.replace("-", "_")
        or _MENTION.search(text) is not None
        or text.replace("-", "_") == "net_pf_38"
    )


def _rules_effect(files: HostFiles, rules: Rules, component: Component, code: Code) -> "tuple[str, str]":
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
    return _ask(files, rules, component, code.modules, code.loaded)


def _ask(files: HostFiles, rules: Rules, component: Component, modules: Modules, loaded: Set[str]) -> "tuple[str, str]":
    taken = ask_kmod(component.request) if files.live else None
    result = outcome(taken or probe(rules, modules, component.request), component.module, loaded)
    if result == "blocked":
        return "effective", "a request for {} does not load it".format(component.request)
    if result == "undecided":
        return "undecided", "a request for {} runs another command".format(component.request)
    family = outcome(probe(rules, modules, FAMILY_ALIAS), FAMILY_MODULE, loaded)
    if family == "blocked" and FAMILY_MODULE in modules.dependencies and FAMILY_MODULE not in loaded:
        return "effective", "the first AF_ALG socket does not load af_alg"
    if any(rule.command == "install" for rule in rules.rules) and install_rule(rules, component.module) is not None:
        return "inert", "kmod ignores the install rule (a softdep for the module switches it off)"
    return "inert", "kmod would still load {}: blacklist hides aliases only".format(component.module)


def ask_kmod(request: str) -> Optional[Probe]:
    """kmod's own dry run on the live host; None when there is no modprobe or it does not answer."""
    for place in KMOD_PLACES:
        try:
            done = subprocess.run(
                [place, "-n", "-v", "--", request], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, timeout=10, check=False, env=KMOD_PATH,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode != 0:
            return None
        return Probe(parse_dry_run(done.stdout.decode("utf-8", "replace"), request), "", None)
    return None


def parse_dry_run(text: str, request: str) -> "tuple[Action, ...]":
    """The actions of `modprobe -n -v`: insmod PATH options, install COMMAND, builtin NAME."""
    actions = []
    for line in text.split("\n"):
        kind, _, rest = line.partition(" ")
        if kind == "install":
            actions.append(Action(kind, rest.strip(), request.replace("-", "_")))
        elif kind in ("insmod", "builtin") and rest.strip():
            name = rest.split()[0].rpartition("/")[2].partition(".")[0].replace("-", "_")
            actions.append(Action(kind, name, name))
    return tuple(actions)


def _by_cmdline(cmdline: str, component: Component, code: Code) -> List[Mitigation]:
    words = cmdline.partition(" -- ")[0].split()
    found = []
    last = [word for word in words if word.replace("-", "_").startswith("module_blacklist=")][-1:]
    for word in words:
        key, _, value = word.partition("=")
        key, names = key.replace("-", "_"), value.strip('"').split(",")
        if key == "initcall_blacklist" and component.initcall in names:
            if code.state == "builtin":
                effect, reason = "effective", "the built-in code was never started"
            else:
                effect, reason = "undecided", "its effect on a loadable module is not certain"
        elif key == "module_blacklist" and {component.module, FAMILY_MODULE} & set(names):
            effect, reason = _module_blacklist(component, code, names, word in last)
        elif key == "modprobe.blacklist" and component.module in value.replace("-", "_").split(","):
            effect, reason = "inert", "it hides aliases only, and the kernel asks for the module by name"
        else:
            continue
        found.append(Mitigation("cmdline", "/proc/cmdline", word, effect, reason))
    return found


def _module_blacklist(component: Component, code: Code, names: List[str], last: bool) -> "tuple[str, str]":
    if not last:
        return "inert", "a later module_blacklist= replaces it"
    if code.state == "builtin":
        return "inert", "{} is built in".format(component.module)
    needed = FAMILY_MODULE in names and code.modules is not None and FAMILY_MODULE in code.modules.dependencies
    if code.state != "module" or code.loaded is None or component.module in code.loaded:
        return "undecided", "it is not certain that {} is a module that is not loaded".format(component.module)
    if component.module in names or needed:
        return "effective", "the kernel refuses to load it"
    return "undecided", "it is not certain that af_alg is a module"


def _by_sysctl(files: HostFiles, code: Code, component: Component) -> List[Mitigation]:
    found = []
    restrict = files.read("/proc/sys/crypto/af_alg_restrict", 64)
    if restrict.whole:
        value = restrict.text.strip()
        effect = {"0": "inert", "1": "partial", "2": "effective"}.get(value, "undecided")
        said = {
            "0": "0 allows everything",
            "1": "1 is an allow-list of algorithms",
            "2": "2 refuses every AF_ALG socket",
        }
        found.append(Mitigation("sysctl", restrict.path, value[:20], effect, said.get(value, "an unknown value")))
    not_loaded = code.state == "module" and code.loaded is not None and component.module not in code.loaded
    disabled = files.read("/proc/sys/kernel/modules_disabled", 64)
    if disabled.whole and disabled.text.strip() == "1":
        reason = "no module can be loaded any more" if not_loaded else "the code is built in, loaded or not located"
        found.append(Mitigation("sysctl", disabled.path, "1", "effective" if not_loaded else "inert", reason))
    program = files.read("/proc/sys/kernel/modprobe", 4096)
    if program.whole and not program.text.strip():
        reason = (
            "the kernel has no program to load modules with"
            if not_loaded
            else "the code is built in, loaded or not located"
        )
        found.append(Mitigation("sysctl", program.path, "empty", "effective" if not_loaded else "inert", reason))
    return found + _sysctl_files(files)


def _sysctl_files(files: HostFiles) -> List[Mitigation]:
    found = []
    for folder in SYSCTL_FOLDERS:
        for name in files.names(folder):
            text = files.read(folder + "/" + name, 65536).text if name.endswith(".conf") else ""
            for line in re.findall(
                r"^\s*-?(?:crypto[./]af_alg_restrict|kernel[./]modules_disabled)\s*=.*$", text, re.MULTILINE
            ):
                reason = "a setting for the next start; /proc/sys says what holds now"
                found.append(Mitigation("sysctl.d", folder + "/" + name, line.strip()[:120], "undecided", reason))
    return found


def _by_units(files: HostFiles) -> List[Mitigation]:
    found = []
    for folder in UNIT_FOLDERS:
        for name in files.names(folder):
            paths = [folder + "/" + name]
            if name.endswith(".d"):
                paths = [
                    folder + "/" + name + "/" + each
                    for each in files.names(folder + "/" + name)
                    if each.endswith(".conf")
                ]
            elif not name.endswith(".service"):
                continue
            for path in paths:
                if re.search(
                    r"^\s*RestrictAddressFamilies=~?.*\bAF_ALG\b", files.read(path, 131072).text, re.MULTILINE
                ):
                    reason = "it holds for this unit alone, not for the host"
                    found.append(Mitigation("systemd", path, "RestrictAddressFamilies", "partial", reason))
    return found


def _by_lsm(files: HostFiles) -> List[Mitigation]:
    names = files.read("/sys/kernel/security/lsm", 4096).text.strip().split(",")
    judged = [name for name in names if name in ("selinux", "apparmor", "bpf", "smack", "tomoyo", "landlock")]
    reason = "its rules are named here and not judged"
    return [Mitigation("lsm", "/sys/kernel/security/lsm", name, "undecided", reason) for name in judged]
