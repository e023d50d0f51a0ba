"""What keeps some programs from AF_ALG: systemd units, seccomp profiles of containers; security modules by name.

Sources: systemd.exec(5) RestrictAddressFamilies=; the profile format of the OCI runtime specification as Docker and
Podman write it (defaultAction, syscalls with names, action, args, includes).
"""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Set

from bot.hostcheck.files import HostFiles
from bot.hostcheck.mitigation import Mitigation

FAMILY = 38
UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
UNIT_LIMIT = 5000
PROFILES = ("/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json")
PROFILE_FOLDER = "/var/lib/kubelet/seccomp"
DOCKER_SETTINGS = "/etc/docker/daemon.json"
SECURITY_MODULES = ("selinux", "apparmor", "bpf", "smack", "tomoyo", "landlock")
OPEN_ACTIONS = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY")


class Families(NamedTuple):
    """The state of RestrictAddressFamilies= after some lines; allow None: nothing is restricted."""

    allow: Optional[bool]
    names: Set[str]

    @property
    def refuse_alg(self) -> bool:
        """Whether AF_ALG cannot be opened."""
        return self.allow is not None and self.allow != ("AF_ALG" in self.names)


def after_line(state: Families, value: str) -> Families:
    """One more assignment: empty resets, `none` allows nothing, `~` refuses; the first one sets the direction."""
    words = value.split()
    if not words:
        return Families(None, set())
    if words == ["none"]:
        return Families(True, set())
    refuse = words[0].startswith("~")
    names = {word.lstrip("~") for word in words}
    allow = state.allow if state.allow is not None else not refuse
    return Families(allow, state.names | names if allow != refuse else state.names - names)


def by_units(files: HostFiles) -> List[Mitigation]:
    """Services that refuse AF_ALG: those set on this host one by one, those of the distribution as one line."""
    shipped = 0
    found = []
    reason = "it holds for this unit alone, not for the host"
    for _, parts in sorted(_services(files).items()):
        state = Families(None, set())
        for path in parts:
            for value in _assignments(files.read(path, 131072).text):
                state = after_line(state, value)
        if not state.refuse_alg:
            continue
        own = next((path for path in parts if files.real(path).startswith(("/etc/", "/run/"))), "")
        if own:
            found.append(Mitigation("systemd", own, "RestrictAddressFamilies", "partial", reason))
        else:
            shipped += 1
    if shipped:
        text = "RestrictAddressFamilies of {} services".format(shipped)
        found.append(Mitigation("systemd", UNIT_FOLDERS[2], text, "partial", "it holds for these services alone"))
    return found


def _services(files: HostFiles) -> Dict[str, List[str]]:
    """Service -> its unit file, then its drop-ins by name; of one name the first folder's counts."""
    units: Dict[str, str] = {}
    dropins: Dict[str, Dict[str, str]] = {}
    for folder in UNIT_FOLDERS:
        for name in files.names(folder)[:UNIT_LIMIT]:
            if name.endswith(".service"):
                units.setdefault(name, folder + "/" + name)
            elif name.endswith(".service.d") or name == "service.d":
                _add_dropins(files, folder + "/" + name, dropins.setdefault(name[:-2], {}))
    common = dropins.pop("service", {})
    services = {}
    for name in set(units) | set(dropins):
        merged = dict(common, **dropins.get(name, {}))
        own = [units[name]] if name in units else []
        services[name] = own + [merged[each] for each in sorted(merged)]
    return services


def _add_dropins(files: HostFiles, folder: str, known: Dict[str, str]) -> None:
    for name in files.names(folder)[:200]:
        if name.endswith(".conf"):
            known.setdefault(name, folder + "/" + name)


def _assignments(text: str) -> List[str]:
    if "RestrictAddressFamilies" not in text:
        return []
    lines = (line.strip() for line in text.replace("\\\n", " ").split("\n"))
    pairs = (line.partition("=") for line in lines)
    return [value.strip() for key, equals, value in pairs if equals and key.strip() == "RestrictAddressFamilies"]


def by_seccomp(files: HostFiles) -> List[Mitigation]:
    """The profiles of container engines that refuse a socket of AF_ALG; they hold for containers alone."""
    names = (PROFILE_FOLDER + "/" + name for name in files.names(PROFILE_FOLDER)[:50] if name.endswith(".json"))
    found = []
    for path in [*_docker_profile(files), *PROFILES, *names]:
        profile = _document(files, path)
        if profile is None or _may(profile, "socket", FAMILY):
            continue
        reason = "it holds for containers alone"
        if _may(profile, "socketcall", None):
            reason += ", and 32-bit programs reach the socket by socketcall"
        found.append(Mitigation("seccomp", path, "socket(AF_ALG) is refused", "partial", reason))
    return found


def _docker_profile(files: HostFiles) -> List[str]:
    settings = _document(files, DOCKER_SETTINGS) or {}
    path = settings.get("seccomp-profile")
    return [path] if isinstance(path, str) and path.startswith("/") and "\0" not in path else []


def _document(files: HostFiles, path: str) -> Optional[Dict[str, Any]]:  # Any: foreign JSON
    reading = files.read(path, 1024 * 1024)
    if not reading.whole:
        return None
    try:
        document = json.loads(reading.text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _may(profile: Dict[str, Any], call: str, domain: Optional[int]) -> bool:  # Any: foreign JSON
    """Whether the profile may let a call through; what cannot be told counts as let through."""
    rules = profile.get("syscalls")
    matching = [rule for rule in rules if _covers(rule, call, domain)] if isinstance(rules, list) else []
    actions = [rule.get("action") for rule in matching]
    if any(action in OPEN_ACTIONS for action in actions):
        return True
    return not actions and profile.get("defaultAction") in (*OPEN_ACTIONS, None)


def _covers(rule: Any, call: str, domain: Optional[int]) -> bool:  # Any: foreign JSON
    if not isinstance(rule, dict):
        return False
    names = rule.get("names")
    if call not in (names if isinstance(names, list) else [rule.get("name")]):
        return False
    includes = rule.get("includes")
    if isinstance(includes, dict) and includes.get("caps"):
        return False  # for containers that were given more than the usual
    conditions = rule.get("args")
    return all(_holds(one, domain) for one in conditions) if isinstance(conditions, list) else True


def _holds(condition: Any, domain: Optional[int]) -> bool:  # Any: foreign JSON
    """Whether a condition may hold for the socket's family; one on another argument always may."""
    if not isinstance(condition, dict) or condition.get("index") != 0 or domain is None:
        return True
    value, second = condition.get("value"), condition.get("valueTwo")
    if not isinstance(value, int):
        return True
    answers: Dict[Any, bool] = {
        "SCMP_CMP_EQ": domain == value, "SCMP_CMP_NE": domain != value, "SCMP_CMP_LT": domain < value,
        "SCMP_CMP_LE": domain <= value, "SCMP_CMP_GT": domain > value, "SCMP_CMP_GE": domain >= value,
        "SCMP_CMP_MASKED_EQ": not isinstance(second, int) or domain & value == second,
    }  # fmt: skip
    return answers.get(condition.get("op"), True)


def by_security_modules(files: HostFiles) -> List[Mitigation]:
    """SELinux, AppArmor, BPF and their like, by name: their rules are not judged."""
    names = files.read("/sys/kernel/security/lsm", 4096).text.strip().split(",")
    reason = "its rules are named here and not judged"
    found = [name for name in names if name in SECURITY_MODULES]
    return [Mitigation("lsm", "/sys/kernel/security/lsm", name, "undecided", reason) for name in found]
