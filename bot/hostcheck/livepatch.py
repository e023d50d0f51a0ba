"""Live patches: a running kernel may be fixed although its version is not."""

import json
import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from bot.hostcheck.files import HostFiles
from bot.hostcheck.origin import Origin

PRO_STATUS = ("/var/lib/ubuntu-advantage/status.json", "/var/lib/ubuntu-pro/status.json")
PATCH_LIMIT = 100
KCARE = ("/proc/kcare/effective_version", "/var/cache/kcare/kcare_effective_version")


class LivePatch(NamedTuple):
    """One live patch; covers names the CVEs that its vendor's own status file calls patched."""

    name: str
    active: bool
    covers: Tuple[str, ...]


def read_live_patches(files: HostFiles, running: Optional[Origin]) -> List[LivePatch]:
    """What /sys/kernel/livepatch, Ubuntu Pro's status and KernelCare show for the running kernel."""
    if running is None:
        return []
    covered = _pro_fixes(files, running)
    found = []
    for name in files.names("/sys/kernel/livepatch")[:PATCH_LIMIT]:
        base = "/sys/kernel/livepatch/" + name
        enabled, moving = files.read(base + "/enabled", 16), files.read(base + "/transition", 16)
        active = enabled.text.strip() == "1" and moving.text.strip() == "0"
        found.append(LivePatch(name, active, covered if _is_ubuntus(name, running) else ()))
    effective = files.first(KCARE, 4096).text.strip()
    if effective:
        found.append(LivePatch("kcare, which calls the kernel {}".format(effective.split()[0][:80]), True, ()))
    return found


def _is_ubuntus(name: str, running: Origin) -> bool:
    """lkp_Ubuntu_5_15_0_25_25_generic_88: a patch of Ubuntu names the kernel that it is for."""
    if not name.startswith(("lkp_", "livepatch_")):
        return False
    named = re.match(r"^lkp_Ubuntu_([0-9_]+)_[a-z]", name)
    return named is None or named.group(1) == re.sub(r"[^0-9]", "_", running.version.partition("~")[0])


def _pro_fixes(files: HostFiles, running: Origin) -> Tuple[str, ...]:
    """The CVEs that Ubuntu Pro's livepatch status calls patched; a status of another kernel says nothing."""
    try:
        document = json.loads(files.first(PRO_STATUS, 1024 * 1024).text)
    except (ValueError, RecursionError):
        return ()
    found: List[str] = []
    pending = [document]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        if not isinstance(node, dict) or _is_of_another(node, running):
            continue
        name = node.get("name", node.get("Name"))
        patched = node.get("patched", node.get("Patched")) is True
        if isinstance(name, str) and name.upper().startswith("CVE-") and patched:
            found.append(name.upper())
        pending.extend(node.values())
    return tuple(sorted(set(found)))


def _is_of_another(node: Dict[str, object], running: Origin) -> bool:
    """Whether a part of the status names a kernel (6.8.0-111.111-generic or its uname) that is not the running one."""
    named = node.get("kernel", node.get("Kernel"))
    if not isinstance(named, str):
        return False
    flavour = running.release.rpartition("-")[2]
    return named not in (running.release, running.version + "-" + flavour)
