"""May a mitigation be lifted? For each one found: still needed, harmless, inert or harmful, and why."""

from typing import NamedTuple

from bot.hostcheck.mitigations import Mitigation


class Advice(NamedTuple):
    """state: still needed | harmless | inert | harmful | unverified; step: what a person may do."""

    where: str
    text: str
    state: str
    reason: str
    step: str


def advise(verdict: str, by_version: str, mitigation: Mitigation) -> Advice:
    """The advice for one mitigation under the host's verdict; by_version is what the kernel's version alone says."""
    if mitigation.layer == "lsm":
        return _advice(mitigation, "unverified", "its rules are not judged here", "")
    if mitigation.effect == "inert":
        return _advice(mitigation, "inert", mitigation.reason, _removal(mitigation))
    green = verdict in ("fixed", "not affected")
    if green and by_version not in ("fixed", "not affected"):
        return _advice(
            mitigation,
            "still needed",
            "only the live patch or the configuration protects; the kernel package does not",
            "",
        )
    if green and "af_alg" in mitigation.text:
        reason = "the running kernel is fixed, and this takes AF_ALG from every program"
        return _advice(mitigation, "harmful", reason, _removal(mitigation))
    if green:
        return _advice(
            mitigation,
            "harmless",
            "the running kernel is fixed; it only keeps AEAD from AF_ALG's users",
            _removal(mitigation),
        )
    if mitigation.effect == "effective":
        return _advice(mitigation, "still needed", mitigation.reason, "")
    return _advice(mitigation, "unverified", mitigation.reason, "")


def _advice(mitigation: Mitigation, state: str, reason: str, step: str) -> Advice:
    return Advice(mitigation.where, mitigation.text, state, reason, step)


def _removal(mitigation: Mitigation) -> str:
    if mitigation.layer in ("modprobe.d", "systemd", "sysctl.d"):
        return "remove the line {!r} from {}".format(mitigation.text, mitigation.where)
    return "remove {} where it is set".format(mitigation.text)
