"""May a mitigation be lifted? For each one found: still needed, harmless, inert or harmful, and what it breaks here."""

from typing import Dict, List, NamedTuple, Tuple

from bot.hostcheck.mitigation import Mitigation

GREEN = ("fixed", "not affected")


class Advice(NamedTuple):
    """state: still needed | harmless | inert | harmful | unverified; step: what a person may do; breaks: what, here."""

    where: str
    text: str
    state: str
    reason: str
    step: str
    breaks: Tuple[str, ...]


class Standing(NamedTuple):
    """How the host stands: the verdict, what the kernel's version alone says, and a kernel that would start affected.

    known: (program, cause, effect) of the programs found here that a cause breaks.
    """

    word: str
    by_version: str
    relapse: str
    known: Tuple[Tuple[str, str, str], ...]


def cause_of(mitigation: Mitigation) -> str:
    """Which of the four causes of the list of users a layer is."""
    if mitigation.where.endswith("af_alg_restrict"):
        return "af_alg_restrict=" + mitigation.text
    text = mitigation.text.replace("-", "_")
    family = "af_alg" in text or "net_pf_38" in text
    return "af_alg blocked" if family and "algif_aead" not in text else "algif_aead blocked"


def advise(standing: Standing, mitigation: Mitigation) -> Advice:
    """The advice for one mitigation."""
    breaks = _breaks(standing, mitigation)
    state, reason = _state(standing, mitigation, breaks)
    removable = state in ("inert", "harmless", "harmful") and mitigation.layer not in ("systemd", "seccomp")
    return Advice(
        mitigation.where, mitigation.text, state, reason, _removal(mitigation) if removable else "", tuple(breaks)
    )


def _breaks(standing: Standing, mitigation: Mitigation) -> List[str]:
    if mitigation.effect == "inert" or mitigation.layer in ("lsm", "systemd", "seccomp"):
        return []
    cause = cause_of(mitigation)
    return ["{}: {}".format(program, effect) for program, by, effect in standing.known if by == cause]


def _state(standing: Standing, mitigation: Mitigation, breaks: List[str]) -> Tuple[str, str]:
    if mitigation.layer == "lsm":
        return "unverified", "its rules are not judged here"
    if mitigation.effect == "inert":
        return "inert", mitigation.reason
    if mitigation.layer in ("systemd", "seccomp"):
        return "harmless", mitigation.reason
    if standing.word not in GREEN:
        return ("still needed" if mitigation.effect == "effective" else "unverified"), mitigation.reason
    if standing.by_version not in GREEN:
        return "still needed", "only the live patch or the configuration protects; the kernel package does not"
    if standing.relapse:
        return "still needed", "{} would start next, and it is not known to be fixed".format(standing.relapse)
    if breaks:
        return "harmful", "the running kernel is fixed, and programs that are installed here need what this takes away"
    return "harmless", "the running kernel is fixed; no program that needs it was seen"


def _removal(mitigation: Mitigation) -> str:
    if mitigation.layer in ("modprobe.d", "sysctl.d"):
        return "remove the line {!r} from {}".format(mitigation.text, mitigation.where)
    if mitigation.layer == "initramfs":
        return "make the initramfs anew after removing it (update-initramfs -u, dracut -f or mkinitcpio -P)"
    if mitigation.layer == "sysctl":
        return "see which file of sysctl.d sets {}".format(mitigation.where)
    return "remove {} where it is set".format(mitigation.text)


def reconcile(advices: List[Tuple[str, Tuple[Advice, ...]]]) -> List[Tuple[Advice, ...]]:
    """(advisory, its advice) of one host: what one advisory still needs, no other says may go."""
    needed: Dict[Tuple[str, str], str] = {}
    for name, found in advices:
        for one in found:
            if one.state in ("still needed", "unverified"):
                needed.setdefault((one.where, one.text), name)
    return [tuple(_kept(one, needed.get((one.where, one.text), "")) for one in found) for _, found in advices]


def _kept(advice: Advice, needed_by: str) -> Advice:
    if not needed_by or advice.state in ("still needed", "unverified"):
        return advice
    reason = "{} may still need it; for this one: {}".format(needed_by, advice.reason)
    return advice._replace(state="still needed", reason=reason, step="")
