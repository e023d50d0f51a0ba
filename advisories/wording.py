"""One plain sentence per change: facts and names only, in the same words everywhere. No markup, no links."""

from __future__ import annotations

from advisories.model import Advisory, Carrier, Cell, Exploitation
from advisories.observation import FixedVersion, SeverityClaim, UpstreamFix
from advisories.words import AdvisoryKind, CellKind, Disposition, EvidenceClass, Status

DISTRO_NAMES = {
    "debian": "Debian",
    "ubuntu": "Ubuntu",
    "rhel": "Red Hat Enterprise Linux",
    "centos-stream": "CentOS Stream",
    "rhcos": "Red Hat CoreOS",
    "almalinux": "AlmaLinux",
    "rocky": "Rocky Linux",
    "ol": "Oracle Linux",
    "amzn": "Amazon Linux",
    "sles": "SUSE Linux Enterprise Server",
    "sle-micro": "SUSE Linux Enterprise Micro",
    "sl-micro": "SUSE Linux Micro",
    "opensuse-leap": "openSUSE Leap",
    "opensuse-tumbleweed": "openSUSE Tumbleweed",
    "fedora": "Fedora",
    "arch": "Arch Linux",
    "alpine": "Alpine Linux",
    "gentoo": "Gentoo",
    "photon": "Photon OS",
    "azurelinux": "Azure Linux",
    "openEuler": "openEuler",
    "nixos": "NixOS",
    "flatcar": "Flatcar",
    "bottlerocket": "Bottlerocket",
}
_STATUS_WORDS = {
    Status.AFFECTED: "affected",
    Status.NOT_AFFECTED: "not affected",
    Status.FIXED: "fixed",
    Status.UNDER_INVESTIGATION: "under investigation",
}
_DISPOSITION_WORDS = {
    Disposition.PENDING: "a fix is pending",
    Disposition.DEFERRED: "the fix is deferred",
    Disposition.WONT_FIX: "will not be fixed",
    Disposition.EOL: "out of support",
    Disposition.MITIGATED: "mitigated",
}


def place(distro: str, release: str | None, stream: str | None = None) -> str:
    """ "Debian 12", "Red Hat Enterprise Linux 9 (9.6)", "Arch Linux"."""
    name = DISTRO_NAMES.get(distro, distro)
    text = f"{name} {release}" if release else name
    return f"{text} ({stream})" if stream else text


def state_word(cell: Cell) -> str:
    """The cell's state in the vocabulary of the matrix: "affected/eol", "fixed"."""
    if cell.disposition is Disposition.NONE:
        return cell.status.value
    return f"{cell.status.value}/{cell.disposition.value}"


def state_phrase(cell: Cell) -> str:
    """ "affected, will not be fixed"."""
    words = _STATUS_WORDS[cell.status]
    more = _DISPOSITION_WORDS.get(cell.disposition)
    return f"{words}, {more}" if more else words


def action(cell: Cell) -> tuple[str, str] | None:
    """For an affected cell: update | mitigate | wait | none, and the sentence that says what to do."""
    if cell.status is not Status.AFFECTED:
        return None
    if cell.disposition is Disposition.EOL:
        return "update", "Move to a supported release or stream; this one gets no fix."
    if cell.disposition is Disposition.WONT_FIX:
        return "mitigate", "The vendor will not fix this; mitigate or move to a fixed release."
    if cell.disposition is Disposition.PENDING:
        return "wait", "A fixed package is announced; mitigate until it is published."
    if cell.disposition is Disposition.MITIGATED:
        return "wait", "A mitigation is in place; keep it until a fixed package is published."
    return "mitigate", "No fixed package is published; mitigate until there is one."


def first_sight(new: Advisory) -> str:
    names = " ".join(alias for alias in new.aliases if alias.startswith("CVE-")) or new.id
    kind = "New advisory" if new.kind is AdvisoryKind.VULNERABILITY else "New matter"
    text = f"{kind} {names}: {new.title}" if new.title not in names else f"{kind} {names}"
    if new.upstream.fixed:
        return f"{text}. Fixed upstream in {', '.join(one.fix.version for one in new.upstream.fixed)}"
    fixed = [cell for cell in new.cells if cell.status is Status.FIXED and cell.kind is CellKind.PACKAGE]
    if fixed:
        listed = ", ".join(
            f"{place(one.distro, one.release, one.stream)} {one.fixed_version or ''}".strip() for one in fixed[:6]
        )
        return f"{text}. Fixed in {listed}"
    return text


def withdrawn(new: Advisory) -> str:
    return f"{' '.join(new.aliases)} was withdrawn (rejected) by its CNA"


def restored(new: Advisory) -> str:
    return f"{' '.join(new.aliases)} is no longer withdrawn"


def upstream_fix(fix: UpstreamFix, previous: str | None) -> str:
    line = f"Fixed in {fix.version}" + (f" ({fix.branch}.y)" if fix.branch != fix.version else " (mainline)")
    return f"Correction: {line[0].lower()}{line[1:]}, not {previous}" if previous else line


def upstream_fix_gone(fix: UpstreamFix) -> str:
    return f"Correction: {fix.version} is no longer named as fixed"


def exploited(found: Exploitation) -> str:
    if not found.kev:
        return "Correction: no longer listed by CISA as known to be exploited"
    text = "Known to be exploited (CISA KEV"
    text += f", listed {found.since.isoformat()}" if found.since else ""
    text += f", due {found.due.isoformat()}" if found.due else ""
    return text + ")"


def severity(before: SeverityClaim | None, after: SeverityClaim) -> str:
    now = _severity_words(after)
    return f"Severity {now}" if before is None else f"Severity {now}, was {_severity_words(before)}"


def _severity_words(claim: SeverityClaim) -> str:
    level = claim.level.value if claim.level else (claim.word or "unknown")
    text = f"{level} {claim.score:.1f}" if claim.score is not None else level
    return f"{text} ({claim.vector})" if claim.vector else text


def carrier(one: Carrier) -> str:
    if one.evidence.evidence_class is EvidenceClass.NEWS:
        return f"Mitigation? {one.title}. No kernel is fixed by it"
    version = f" {one.version}" if one.version else ""
    erratum = f" ({one.erratum})" if one.erratum else ""
    where = place(one.distro, one.release)
    return f"Mitigation in {where}: {one.package}{version}{erratum}. The kernel itself is not fixed by it"


def cell_fixed(cell: Cell, entry: FixedVersion | None) -> str:
    where = place(cell.distro, cell.release, cell.stream)
    if entry is None:
        return f"Fixed in {where}: {cell.package}, version not named" + _by(cell.errata[0] if cell.errata else None)
    marks = [
        word
        for flag, word in (
            (cell.inferred, "inferred"),
            (cell.needs_subscription, "subscription needed"),
            (cell.partial, "partial"),
        )
        if flag
    ]
    dated = f", {entry.date.isoformat()}" if entry.date else ""
    text = f"Fixed in {where}: {cell.package} {entry.version}{_by(entry.erratum, dated)}"
    return f"{text} [{', '.join(marks)}]" if marks else text


def _by(erratum: str | None, dated: str = "") -> str:
    return f" ({erratum}{dated})" if erratum else ""


def cell_erratum(cell: Cell, erratum: str) -> str:
    return f"{erratum} for {place(cell.distro, cell.release, cell.stream)}: {cell.package} was fixed before"


def companion(cell: Cell, erratum: str) -> str:
    where = place(cell.distro, cell.release, cell.stream)
    if cell.kind is CellKind.LIVEPATCH:
        return f"Live patch for {where}: {cell.package} ({erratum}). It fixes a running kernel, not the package"
    return f"{erratum} for {where}: related package {cell.package}"


def cell_status(old: Cell | None, new: Cell) -> str:
    text = f"{place(new.distro, new.release, new.stream)}: {new.package} is {state_phrase(new)}"
    return f"{text}, was {state_phrase(old)}" if old else text


def cell_correction(old: Cell, new: Cell) -> str:
    version = f" in {old.fixed_version}" if old.fixed_version else ""
    who = new.evidence[0].source if new.evidence else "its source"
    where = place(new.distro, new.release, new.stream)
    return f"Correction: {where} {new.package} is {state_phrase(new)}, not fixed{version}; {who} changed its record"
