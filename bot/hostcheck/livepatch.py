"""Live patches: a running kernel may be fixed although its version is not."""

import json
from typing import List, NamedTuple, Tuple

from bot.hostcheck.files import HostFiles

PRO_STATUS = ("/var/lib/ubuntu-advantage/status.json", "/var/lib/ubuntu-pro/status.json")
KCARE = ("/proc/kcare/effective_version", "/var/cache/kcare/kcare_effective_version")


class LivePatch(NamedTuple):
    """One live patch; covers names the CVEs that its vendor's own status file calls patched."""

    name: str
    active: bool
    covers: Tuple[str, ...]


def read_live_patches(files: HostFiles) -> List[LivePatch]:
    """What /sys/kernel/livepatch, Ubuntu Pro's status and KernelCare show."""
    covered = _pro_fixes(files)
    found = []
    for name in files.names("/sys/kernel/livepatch"):
        base = "/sys/kernel/livepatch/" + name
        enabled, moving = files.read(base + "/enabled", 16), files.read(base + "/transition", 16)
        active = enabled.text.strip() == "1" and moving.text.strip() == "0"
        found.append(LivePatch(name, active, covered if name.startswith(("lkp_", "livepatch_")) else ()))
    if files.first(KCARE, 4096).text.strip():
        found.append(LivePatch("kcare", True, ()))
    return found


def _pro_fixes(files: HostFiles) -> Tuple[str, ...]:
    """The CVEs that Ubuntu Pro's livepatch status calls patched."""
    try:
        document = json.loads(files.first(PRO_STATUS, 1024 * 1024).text)
    except (ValueError, RecursionError):
        return ()
    found: List[str] = []
    pending = [document]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            name = node.get("name", node.get("Name"))
            if (
                isinstance(name, str)
                and name.upper().startswith("CVE-")
                and node.get("patched", node.get("Patched")) is True
            ):
                found.append(name.upper())
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return tuple(sorted(set(found)))
