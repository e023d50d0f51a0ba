"""The answer for one host: a verdict per advisory with its chain of evidence, and the one next step."""

import re
from datetime import datetime
from typing import List, NamedTuple, Optional, Tuple

from bot.hostcheck.dpkg import Packages, read_packages
from bot.hostcheck.files import HostFiles
from bot.hostcheck.judge import Judgement, judge_kernel
from bot.hostcheck.kernels import Kernels, newest, read_kernels
from bot.hostcheck.lift import Advice, advise
from bot.hostcheck.livepatch import LivePatch, read_live_patches
from bot.hostcheck.matrix import Advisory, Matrix
from bot.hostcheck.mitigations import Mitigation, read_mitigations
from bot.hostcheck.origin import Origin, debian_origin, origin_of_release, read_origin, ubuntu_origin
from bot.hostcheck.osrelease import Release, parse_distro, read_release
from bot.hostcheck.rpm import read_rpm
from bot.hostcheck.surface import Code, component_of, read_code

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
    patches = read_live_patches(files)
    verdicts = tuple(_judge(files, release, packages, kernels, patches, matrix, wanted, now) for wanted in advisory_ids)
    problems = tuple(sorted(files.problems.items()))
    return Report(root, release, now, matrix.as_of, matrix.origin, matrix.signature, verdicts, problems)


def _judge(
    files: HostFiles, release: Release, packages: Packages, kernels: Kernels, patches: List[LivePatch], matrix: Matrix,
    wanted: str, now: datetime,
) -> Verdict:  # fmt: skip
    advisory = matrix.find(wanted)
    names = (wanted.upper(), *(advisory.aliases if advisory else ()))
    running = _judged(advisory, matrix, release, kernels.running, now) if kernels.running else None
    installed = tuple((one, _judged(advisory, matrix, release, one, now)) for one in kernels.installed)
    kernel, judgement = _chosen(kernels, running, installed)
    if (
        packages.problem
        and kernels.running is None
        and judgement.word in ("fixed", "not affected")
        and packages.database == "dpkg"
    ):
        judgement = Judgement("unverified", packages.problem)
    component = component_of(names)
    evidence = [_context(release, kernels, matrix), judgement.reason]
    mitigations: List[Mitigation] = []
    code = None
    if component is not None and kernel is not None:
        code = read_code(files, kernel.release, component, kernels.running is not None)
        mitigations = read_mitigations(files, component, code, _cmdline(kernels))
        evidence.append("{}: {}".format(component.module, code.reason))
    word, reason = _combined(judgement, code, mitigations, patches, names, kernels, kernel, release)
    if kernels.container:
        evidence.append("{} says that this is a container: the kernel is its host's".format(kernels.container))
    evidence += ["{}: {}".format(one.name, "active" if one.active else "not active") for one in patches]
    evidence += ["{} {}: {}, {}".format(one.where, one.text, one.effect, one.reason) for one in mitigations]
    if kernels.running is not None and kernels.next_boot.release:
        evidence.append("next boot: {} ({})".format(kernels.next_boot.release, kernels.next_boot.reason))
    shown = tuple((one.release, one.version, each.word) for one, each in installed)
    step = _next_step(word, release, kernels, installed, kernel)
    advice = tuple(advise(word, judgement.word, one) for one in mitigations)
    return Verdict(
        advisory.shown if advisory else wanted, advisory.title if advisory else "", word, reason, tuple(evidence), step,
        kernel.release if kernel else "", running.word if running else "", shown, kernels.next_boot.release,
        tuple(mitigations), advice,
    )  # fmt: skip


def _judged(advisory: Optional[Advisory], matrix: Matrix, release: Release, kernel: Origin, now: datetime) -> Judgement:
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
    judgement: Judgement, code: Optional[Code], mitigations: List[Mitigation], patches: List[LivePatch],
    names: Tuple[str, ...], kernels: Kernels, kernel: Optional[Origin], release: Release,
) -> Tuple[str, str]:  # fmt: skip
    """The last word of version, configuration, live patches and mitigations."""
    if judgement.word in ("fixed", "not affected"):
        return judgement.word, judgement.reason
    if code is not None and code.state == "absent" and kernel is not None and _is_own(kernel, release):
        return "not affected", "the kernel is built without the code: {}".format(code.reason)
    if kernels.container and judgement.word == "unverified":
        return "unverified", "this is a container: check its host instead ({})".format(judgement.reason)
    if judgement.word != "affected":
        return judgement.word, judgement.reason
    if kernels.running is not None:
        for patch in patches:
            if patch.active and set(patch.covers) & set(names):
                return "fixed", "the live patch {} covers it, says its vendor's status file".format(patch.name)
    effective = next((one for one in mitigations if one.effect == "effective"), None)
    if effective is not None:
        return "mitigated", "{}; but {} holds: {}".format(judgement.reason, effective.text, effective.reason)
    if kernels.running is not None and any(patch.active for patch in patches):
        return "unverified", "{}; a live patch is active that does not say what it covers".format(judgement.reason)
    return "affected", judgement.reason


def _is_own(kernel: Origin, release: Release) -> bool:
    return kernel.known and release.distro in kernel.distros


def _cmdline(kernels: Kernels) -> Optional[str]:
    return kernels.cmdline if kernels.running is not None else kernels.next_boot.cmdline


def _context(release: Release, kernels: Kernels, matrix: Matrix) -> str:
    running = kernels.running.release if kernels.running else "none"
    as_of = "{:%Y-%m-%dT%H:%MZ}".format(matrix.as_of) if matrix.as_of else "unknown"
    return "{}; running kernel {}; matrix {} of {}, signature {}".format(
        release.label, running, matrix.origin, as_of, matrix.signature
    )


def _next_step(
    word: str,
    release: Release,
    kernels: Kernels,
    installed: Tuple[Tuple[Origin, Judgement], ...],
    kernel: Optional[Origin],
) -> str:
    if word in ("fixed", "not affected"):
        return ""
    if word == "unverified":
        return "cat /proc/version"
    fixed = tuple(one for one, judgement in installed if judgement.word == "fixed")
    best = newest(release.distro, fixed)
    if kernels.running is not None and best is not None and kernel is not None and best.release != kernel.release:
        return "reboot"
    machine = kernel.release.rpartition("-")[2] if kernel else "amd64"
    return UPDATES.get(release.distro, "dnf upgrade kernel").format(
        arch=machine if re.match(r"^[a-z0-9]+$", machine) else "amd64"
    )


def judge_version(
    text: str, distro: str, matrix: Matrix, advisory_ids: List[str], now: Optional[datetime] = None
) -> List[Verdict]:
    """Verdicts for a package version or a line of /proc/version; now None leaves the age of the matrix unjudged."""
    release = parse_distro(distro)
    words = text.strip()
    kernel = _written_kernel(words, release)
    verdicts = []
    for wanted in advisory_ids:
        advisory = matrix.find(wanted)
        moment = now or matrix.as_of or (advisory.as_of if advisory else None)
        if kernel is None:
            judgement = Judgement("unverified", send_instead(words))
        elif moment is None:
            judgement = Judgement("unverified", "the matrix does not say of when it is")
        else:
            judgement = _judged(advisory, matrix, release, kernel, moment)
        title, name = (advisory.title, advisory.shown) if advisory else ("", wanted)
        shown = kernel.release if kernel else words[:100]
        verdicts.append(
            Verdict(
                name,
                title,
                judgement.word,
                judgement.reason,
                (judgement.reason,),
                "",
                shown,
                judgement.word,
                (),
                "",
                (),
                (),
            )
        )
    return verdicts


def send_instead(text: str) -> str:
    """What to send when an ABI name or something unreadable was sent."""
    if re.match(r"^[0-9]+\.[0-9]+\.[0-9]+-[0-9]+(?:-[a-z0-9-]+)?$", text):
        return "{} is the name of an ABI, not a version; send the line of: cat /proc/version".format(text[:60])
    return "this is no kernel version; send the line of: cat /proc/version"


def _written_kernel(text: str, release: Release) -> Optional[Origin]:
    if text.startswith("Linux version "):
        return read_origin(text)
    if not re.match(r"^[0-9][0-9A-Za-z._+~:-]{2,100}$", text):
        return None
    if release.distro == "debian":
        if re.search(r"~bpo[0-9]", text):
            return read_origin("Linux version {} (debian-kernel@lists.debian.org) ".format(text))
        return debian_origin(text, text) if re.match(r"^[0-9.]+(?:~rc[0-9]+)?-[0-9][0-9.+~a-z]*$", text) else None
    if release.distro == "ubuntu":
        return (
            ubuntu_origin(text, text, "generic")
            if re.match(r"^[0-9.]+-[0-9]+\.[0-9]+(?:\.[0-9]+)*(?:~[0-9.]+)?$", text)
            else None
        )
    origin = origin_of_release(text)
    return origin if origin.known else _rpm_version(text, release)


def _rpm_version(text: str, release: Release) -> Optional[Origin]:
    """An rpm version as rpm prints it, without the machine: the same name with one added."""
    bare = text.partition(":")[2] or text
    for tried in (bare + ".x86_64", re.sub(r"\.[0-9]+$", "", bare) + "-default"):
        origin = origin_of_release(tried)
        if origin.known and release.distro in origin.distros:
            return origin._replace(release=text, version=text, partial=False)
    if release.distro == "alpine" and re.match(r"^[0-9.]+-r[0-9]+$", text):
        return Origin(text, ("alpine",), ("linux-lts",), text, False, "")
    if release.distro == "arch" and re.match(r"^[0-9.]+\.arch[0-9]+-[0-9]+$", text):
        return Origin(text, ("arch",), ("linux",), text, False, "")
    return None
