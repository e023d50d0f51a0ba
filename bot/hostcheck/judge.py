"""Judges one kernel by the cells of one advisory: per package and branch, by the distribution that built it."""

from typing import List, NamedTuple, Optional, Tuple

from bot.hostcheck.matrix import Advisory, Cell, FixedIn
from bot.hostcheck.origin import EL_DISTROS, Origin
from bot.hostcheck.osrelease import Release, keys_of
from bot.hostcheck.versions import compare, dist_tag, series, split_epoch

ROLLING = ("arch", "fedora", "opensuse-tumbleweed", "gentoo", "flatcar", "nixos")
UNPATCHED = ("arch", "nixos", "flatcar", "alpine", "fedora", "gentoo", "opensuse-tumbleweed")
LINEAR_STREAMS = ("esm", "ltss", "pro", "lts", "extended", "security")


class Judgement(NamedTuple):
    """word: fixed | not affected | affected | unverified; reason in one sentence; cell what it was judged by."""

    word: str
    reason: str
    cell: Optional[Cell] = None
    fixed_in: str = ""


def judge_kernel(advisory: Advisory, release: Release, kernel: Origin) -> Judgement:
    """What the advisory's cells say of this kernel on this release."""
    if not kernel.known:
        return Judgement("unverified", "{} is {}".format(kernel.release or "the kernel", kernel.reason))
    if not release.distro:
        return Judgement("unverified", release.reason)
    if release.distro not in kernel.distros:
        return Judgement(
            "unverified", "the kernel {} is of {}, this is {}".format(kernel.release, kernel.distros[0], release.label)
        )
    for package in kernel.packages:
        cells = _cells(advisory, release, package)
        if cells:
            return _judge_cells(release, kernel, package, cells)
    wanted = " or ".join(kernel.packages)
    return Judgement("unverified", "there is no data on {} in {} for {}".format(wanted, release.label, advisory.shown))


def _cells(advisory: Advisory, release: Release, package: str) -> List[Cell]:
    keys = keys_of(release)
    rows = [cell for cell in advisory.cells if cell.kind == "package" and cell.package == package]
    exact = [cell for cell in rows if (cell.distro, cell.release) in keys]
    if exact or release.release is not None:
        return exact
    return [
        cell
        for cell in rows
        if cell.distro == release.distro and release.codename and cell.codename == release.codename
    ]


def _judge_cells(release: Release, kernel: Origin, package: str, cells: List[Cell]) -> Judgement:
    cells = [cell for cell in cells if not _other_stream(cell, kernel)] or cells
    compared = _compared(release, kernel, cells)
    if compared is not None:
        return _trusted(release, compared)
    main = next((cell for cell in cells if cell.stream is None), cells[0])
    if all(cell.status == "not_affected" for cell in cells if cell.stream is None or main.stream is not None):
        return _trusted(
            release, Judgement("not affected", "{} is not affected, says its vendor".format(main.label), main)
        )
    if main.status == "affected" and not _undecided_fix([main] if main.stream is None else cells):
        word = {"pending": " (a fix is announced)", "eol": " (out of support)", "wont_fix": " (will not be fixed)"}
        reason = "{} is affected and has no fixed version{}".format(main.label, word.get(main.disposition, ""))
        return Judgement("affected", reason, main)
    if main.status == "under_investigation":
        return Judgement("unverified", "{} is under investigation".format(main.label), main)
    return Judgement(
        "unverified", "no fixed version of {} is known for the branch of {}".format(package, kernel.version), main
    )


def _undecided_fix(cells: List[Cell]) -> bool:
    return any(cell.fixed and cell.disposition != "pending" for cell in cells)


def _other_stream(cell: Cell, kernel: Origin) -> bool:
    """Whether the cell is of a stream with another series, such as uek6 for a kernel of uek7."""
    series_of = {"uek4": "4.1", "uek5": "4.14", "uek6": "5.4", "uek7": "5.15", "uek8": "6.12"}
    wanted = series_of.get((cell.stream or "").lower())
    return wanted is not None and wanted != series(kernel.version)


def _compared(release: Release, kernel: Origin, cells: List[Cell]) -> Optional[Judgement]:
    """The answer by comparing versions; None when no fixed version is of this kernel's branch."""
    below: Optional[Judgement] = None
    for cell in cells:
        for entry in cell.fixed:
            if not _comparable(release, kernel, cell, entry):
                continue
            judgement = _by_version(release, kernel, cell, entry)
            if judgement.word in ("fixed", "unverified"):
                return judgement
            below = below or judgement
    return below


def _by_version(release: Release, kernel: Origin, cell: Cell, entry: FixedIn) -> Judgement:
    try:
        reached = compare(release.distro, *_aligned(kernel, entry.version)) >= 0
    except ValueError as failure:
        return Judgement("unverified", str(failure), cell)
    erratum = " ({})".format(entry.erratum) if entry.erratum else ""
    if cell.status == "not_affected" and reached:
        return Judgement(
            "not affected", "{} is not affected since {}".format(cell.label, entry.version), cell, entry.version
        )
    if cell.status == "affected" and cell.disposition == "pending" and reached:
        return Judgement(
            "unverified", "{} is announced as the fix and not published".format(entry.version), cell, entry.version
        )
    if cell.status == "under_investigation":
        return Judgement("unverified", "{} is under investigation".format(cell.label), cell)
    if reached and _hides_rebuild(kernel, entry.version):
        reason = "{} does not tell which rebuild it is, and {} is the first fixed one".format(
            kernel.release, entry.version
        )
        return Judgement("unverified", reason, cell, entry.version)
    if reached:
        reason = "{} has the fix of {}: {} is at or past {}{}"
        return Judgement(
            "fixed",
            reason.format(kernel.release, cell.label, kernel.version, entry.version, erratum),
            cell,
            entry.version,
        )
    reason = "{} of {} is before the first fixed {}{}"
    return Judgement("affected", reason.format(kernel.version, cell.label, entry.version, erratum), cell, entry.version)


def _aligned(kernel: Origin, fixed: str) -> Tuple[str, str]:
    """Both versions with the same parts: a uname has no epoch, and SUSE's lacks the count of rebuilds."""
    version = kernel.version
    if ":" not in version and ":" in fixed:
        fixed = split_epoch(fixed)[1]
    if kernel.partial and fixed.count(".") > version.count("."):
        fixed = ".".join(fixed.split(".")[: version.count(".") + 1])
    return version, fixed


def _hides_rebuild(kernel: Origin, fixed: str) -> bool:
    """Whether a uname equal to the fixed version may be of an earlier rebuild: SUSE's counts from 1."""
    version, cut = _aligned(kernel, fixed)
    return kernel.partial and version == cut != fixed and fixed[len(cut) :] != ".1"


def _comparable(release: Release, kernel: Origin, cell: Cell, entry: FixedIn) -> bool:
    """Whether the order of versions says anything: same dist tag in the rpm families, else the same series."""
    ours, theirs = dist_tag(kernel.version), dist_tag(entry.version)
    if entry.branch is not None and entry.branch != ours and not _names_series(entry.branch, kernel):
        return False
    if ours != theirs:
        return False
    if entry.branch is None and cell.stream is not None and not (ours or _linear(cell.stream)):
        return False
    if release.distro in EL_DISTROS:
        return bool(ours) and (not ours.endswith("uek") or series(kernel.version) == series(entry.version))
    rolling = release.distro in ROLLING or (release.distro == "debian" and release.release is None)
    return rolling or series(kernel.version) == series(entry.version)


def _names_series(branch: str, kernel: Origin) -> bool:
    return branch == series(kernel.version)


def _linear(stream: str) -> bool:
    return stream.lower().startswith(LINEAR_STREAMS) or stream[:1].isdigit()


def _trusted(release: Release, judgement: Judgement) -> Judgement:
    """A green answer only when more than the shipped baseline or an upstream version stands behind it."""
    cell = judgement.cell
    if judgement.word not in ("fixed", "not affected") or cell is None:
        return judgement
    if cell.baseline:
        return judgement._replace(word="unverified", reason="only the shipped baseline says: " + judgement.reason)
    if cell.inferred and release.distro not in UNPATCHED:
        return judgement._replace(word="unverified", reason="only inferred from upstream: " + judgement.reason)
    return judgement
