"""The answer for one host: a verdict per advisory with its chain of evidence, and the one next step."""

import re
from datetime import datetime
from typing import Dict, List, NamedTuple, Optional, Tuple

from bot.hostcheck.dependents import broken_here
from bot.hostcheck.dpkg import Packages, read_packages
from bot.hostcheck.files import HostFiles
from bot.hostcheck.judge import Judgement, judge_kernel
from bot.hostcheck.kernels import Kernels, newest, read_kernels
from bot.hostcheck.lift import GREEN, Advice, Standing, advise, reconcile
from bot.hostcheck.livepatch import LivePatch, read_live_patches
from bot.hostcheck.matrix import Advisory, Matrix
from bot.hostcheck.mitigation import Mitigation
from bot.hostcheck.mitigations import Place, read_mitigations
from bot.hostcheck.origin import Origin
from bot.hostcheck.osrelease import Release, read_release
from bot.hostcheck.rpm import read_rpm
from bot.hostcheck.surface import FAMILY_MODULE, Code, Component, component_of, read_code

WORST = ("affected", "unverified", "mitigated", "not affected", "fixed")
EXITS = {"fixed": 0, "not affected": 0, "affected": 1, "mitigated": 5, "unverified": 6}
UPDATES = {
    "debian": "apt-get update && apt-get --only-upgrade install linux-image-{arch}",
    "ubuntu": "apt-get update && apt-get dist-upgrade",
    "sles": "zypper patch",
    "sled": "zypper patch",
    "opensuse-leap": "zypper patch",
    "opensuse-tumbleweed": "zypper dup",
    "alpine": "apk upgrade --update-cache",
    "arch": "pacman -Syu",
    "photon": "tdnf update linux",
    "azurelinux": "tdnf update kernel",
}


class Verdict(NamedTuple):
    """word: fixed | not affected | mitigated | affected | unverified. kernel: the uname release it is about."""

    advisory: str
    title: str
    word: str
    reason: str
    evidence: Tuple[str, ...]
    next_step: str
    kernel: str
    running: str
    installed: Tuple[Tuple[str, str, str], ...]
    next_boot: str
    mitigations: Tuple[Mitigation, ...]
    advice: Tuple[Advice, ...]


class Report(NamedTuple):
    """All verdicts for one host or image; problems are the files that could not be read, with why."""

    root: Optional[str]
    release: Release
    kernels: Kernels
    at: datetime
    matrix_as_of: Optional[datetime]
    matrix_origin: str
    signature: str
    verdicts: Tuple[Verdict, ...]
    problems: Tuple[Tuple[str, str], ...]

    @property
    def worst(self) -> str:
        """The worst word, in the order affected, unverified, mitigated, not affected, fixed."""
        words = [verdict.word for verdict in self.verdicts]
        return next((word for word in WORST if word in words), "unverified")

    @property
    def exit_code(self) -> int:
        """0 fixed or not affected, 1 affected, 5 mitigated, 6 unverified."""
        return EXITS[self.worst]


def check_host(root: Optional[str], matrix: Matrix, advisory_ids: List[str], now: datetime) -> Report:
    """The verdicts for this host (root None) or for the tree below root; reads only."""
    files = HostFiles(root)
    release = read_release(files)
    packages = read_packages(files)
    if not packages.database:
        packages = read_rpm(files)
    kernels = read_kernels(files, release, packages)
    patches = read_live_patches(files, kernels.running)
    host = _Host(files, release, packages, kernels, patches, matrix, now, broken_here(release, packages), {})
    judged_each = [_judge(host, wanted) for wanted in advisory_ids]
    advices = reconcile([(one.advisory, one.advice) for one in judged_each])
    verdicts = tuple(one._replace(advice=advice) for one, advice in zip(judged_each, advices))
    problems = tuple(sorted(files.problems.items()))
    return Report(root, release, kernels, now, matrix.as_of, matrix.origin, matrix.signature, verdicts, problems)


class _Host(NamedTuple):
    """All that was read of the host and holds for every advisory."""

    files: HostFiles
    release: Release
    packages: Packages
    kernels: Kernels
    patches: List[LivePatch]
    matrix: Matrix
    now: datetime
    known: Tuple[Tuple[str, str, str], ...]
    layers: Dict[Tuple[Component, str], Tuple[Code, List[Mitigation]]]

    def read_layers(self, component: Component, kernel: Origin) -> Tuple[Code, List[Mitigation]]:
        """The code of a component in one kernel and what may keep it away, read once for all advisories."""
        key = (component, kernel.release)
        if key not in self.layers:
            code = read_code(self.files, kernel.release, component, self.kernels.running is not None)
            self.layers[key] = code, read_mitigations(self.files, component, code, _place(self.kernels, kernel))
        return self.layers[key]


def _judge(host: _Host, wanted: str) -> Verdict:
    advisory, kernels = host.matrix.find(wanted), host.kernels
    names = (wanted.upper(), *(advisory.aliases if advisory else ()))
    running = _judged(advisory, host, kernels.running) if kernels.running else None
    installed = tuple((one, _judged(advisory, host, one)) for one in kernels.installed)
    kernel, judgement = _chosen(kernels, running, installed)
    cut = host.packages.problem if host.packages.database == "dpkg" and kernels.running is None else ""
    if cut and judgement.word in GREEN:
        judgement = Judgement("unverified", cut)
    component = component_of(names)
    code: Optional[Code] = None
    mitigations: List[Mitigation] = []
    if component is not None and kernel is not None:
        code, mitigations = host.read_layers(component, kernel)
    word, reason = _combined(host, judgement, code, mitigations, names, kernel)
    standing = Standing(word, judgement.word, _relapse(kernels, kernel, installed), host.known)
    return Verdict(
        advisory=advisory.shown if advisory else wanted,
        title=advisory.title if advisory else "",
        word=word,
        reason=reason,
        evidence=(*_evidence(host, judgement, component, code), *_layers(mitigations)),
        next_step=_next_step(host, word, installed, kernel),
        kernel=kernel.release if kernel else "",
        running=running.word if running else "",
        installed=tuple((one.release, one.version, each.word) for one, each in installed),
        next_boot=kernels.next_boot.release,
        mitigations=tuple(mitigations),
        advice=tuple(advise(standing, one) for one in mitigations),
    )


def _place(kernels: Kernels, kernel: Origin) -> Place:
    container = kernels.container if kernels.running is not None else ""
    cmdline = kernels.cmdline if kernels.running is not None else None
    return Place(kernel.release, cmdline, kernels.next_boot.cmdline, kernels.next_boot.reason, container)


def _relapse(
    kernels: Kernels, kernel: Optional[Origin], installed: Tuple[Tuple[Origin, Judgement], ...]
) -> str:  # fmt: skip
    """The kernel that starts next when it is another one and not known to be fixed."""
    name = kernels.next_boot.release
    for one, judgement in installed:
        if one.release == name and kernel is not None and name != kernel.release and judgement.word not in GREEN:
            return name
    return ""


def _evidence(
    host: _Host, judgement: Judgement, component: Optional[Component], code: Optional[Code]
) -> List[str]:  # fmt: skip
    kernels = host.kernels
    lines = [_context(host), judgement.reason]
    if component is not None and code is not None:
        lines.append("{}: {}, {}".format(component.module, code.reason, _loaded(component.module, code)))
        lines += [_family(code)] if component.by_name else []
    if kernels.container:
        lines.append("{} says that this is a container: the kernel is its host's".format(kernels.container))
    lines += ["{}: {}".format(one.name, "active" if one.active else "not active") for one in host.patches]
    if kernels.running is not None and kernels.next_boot.release:
        lines.append("next boot: {} ({})".format(kernels.next_boot.release, kernels.next_boot.reason))
    return lines


def _loaded(module: str, code: Code) -> str:
    if code.loaded is None:
        return "whether it is loaded cannot be seen"
    return "loaded" if module in code.loaded else "not loaded"


def _family(code: Code) -> str:
    state = "not located"
    if code.modules is not None and FAMILY_MODULE in code.modules.builtin:
        state = "built in"
    elif code.modules is not None and FAMILY_MODULE in code.modules.dependencies:
        state = "a module"
    return "{}: {}, {}".format(FAMILY_MODULE, state, _loaded(FAMILY_MODULE, code))


def _layers(mitigations: List[Mitigation]) -> List[str]:
    return ["{} {}: {}, {}".format(one.where, one.text, one.effect, one.reason) for one in mitigations]


def _judged(advisory: Optional[Advisory], host: _Host, kernel: Origin) -> Judgement:
    return judged(advisory, host.matrix, host.release, kernel, host.now)


def judged(advisory: Optional[Advisory], matrix: Matrix, release: Release, kernel: Origin, now: datetime) -> Judgement:
    """What the matrix says of a kernel; a matrix that is too old or of the future turns nothing green."""
    if advisory is None:
        return Judgement("unverified", "the matrix ({}) has nothing on this advisory".format(matrix.origin))
    if advisory.withdrawn:
        return Judgement("unverified", "the advisory was withdrawn")
    judgement = judge_kernel(advisory, release, kernel)
    stale = matrix.stale(advisory, now)
    if stale and judgement.word in ("fixed", "not affected"):
        return judgement._replace(word="unverified", reason="{}; it said: {}".format(stale, judgement.reason))
    return judgement


def _chosen(
    kernels: Kernels, running: Optional[Judgement], installed: Tuple[Tuple[Origin, Judgement], ...]
) -> Tuple[Optional[Origin], Judgement]:
    """The kernel that the verdict is about: the running one; of an image the next to boot, else the worst installed."""
    if kernels.running is not None and running is not None:
        return kernels.running, running
    for kernel, judgement in installed:
        if kernels.next_boot.release == kernel.release:
            return kernel, judgement
    if not installed:
        return None, Judgement("unverified", "no kernel runs or is installed here: {}".format(kernels.running_reason))
    return min(installed, key=lambda pair: WORST.index(pair[1].word))


def _combined(
    host: _Host, judgement: Judgement, code: Optional[Code], mitigations: List[Mitigation], names: Tuple[str, ...],
    kernel: Optional[Origin],
) -> Tuple[str, str]:  # fmt: skip
    """The last word of version, configuration, live patches and mitigations."""
    live = host.kernels.running is not None
    if live and host.kernels.container:
        return "unverified", "this is a container: check its host instead ({})".format(judgement.reason)
    if judgement.word in GREEN:
        return judgement.word, judgement.reason
    if code is not None and code.state == "absent" and kernel is not None and _is_own(kernel, host.release):
        return "not affected", "the kernel is built without the code: {}".format(code.reason)
    if judgement.word != "affected":
        return judgement.word, judgement.reason
    patches = [patch for patch in host.patches if patch.active and live]
    for patch in patches:
        if set(patch.covers) & set(names):
            return "fixed", "the live patch {} covers it, says its vendor's status file".format(patch.name)
    effective = next((one for one in mitigations if one.effect == "effective"), None)
    if effective is not None:
        return "mitigated", "{}; but {} holds: {}".format(judgement.reason, effective.text, effective.reason)
    if patches:
        return "unverified", "{}; a live patch is active that does not say what it covers".format(judgement.reason)
    return "affected", judgement.reason


def _is_own(kernel: Origin, release: Release) -> bool:
    return kernel.known and release.distro in kernel.distros


def _context(host: _Host) -> str:
    running = host.kernels.running.release if host.kernels.running else "none"
    as_of = "{:%Y-%m-%dT%H:%MZ}".format(host.matrix.as_of) if host.matrix.as_of else "unknown"
    return "{}; running kernel {}; matrix {} of {}, signature {}".format(
        host.release.label, running, host.matrix.origin, as_of, host.matrix.signature
    )


def _next_step(
    host: _Host, word: str, installed: Tuple[Tuple[Origin, Judgement], ...], kernel: Optional[Origin]
) -> str:  # fmt: skip
    if word in GREEN:
        return ""
    if host.kernels.running is not None and host.kernels.container:
        return "patchwatch check, on the machine that runs this container"
    if word == "unverified":
        return "patchwatch poll" if kernel is not None and _is_own(kernel, host.release) else "cat /proc/version"
    distro = host.release.distro
    fixed = tuple(one for one, judgement in installed if judgement.word == "fixed")
    best = newest(distro, fixed)
    if host.kernels.running is not None and best is not None and kernel is not None and best.release != kernel.release:
        return "reboot"
    machine = kernel.release.rpartition("-")[2] if kernel else "amd64"
    return UPDATES.get(distro, "dnf upgrade kernel").format(
        arch=machine if re.match(r"^[a-z0-9]+$", machine) else "amd64"
    )
