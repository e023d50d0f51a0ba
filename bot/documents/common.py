"""What the three kinds of document share: who publishes, names of products, package URLs, references, licences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from advisories import wording
from advisories.model import Advisory, Cell, Evidence
from advisories.words import CellKind, EvidenceClass, Status
from sources.registry import MODULES, find_source

LINUX_REPOSITORY = "https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux.git"
MAX_REFERENCES = 100
VEX_JUSTIFICATIONS = frozenset(
    {
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    }
)
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
_VERSION = re.compile(r"(?=.*[0-9])[0-9A-Za-z][0-9A-Za-z.+:~^_-]{0,127}", re.ASCII)
_DEB = {"debian": "debian", "ubuntu": "ubuntu"}
_RPM = {
    "rhel": "redhat",
    "centos-stream": "centos",
    "almalinux": "almalinux",
    "rocky": "rocky-linux",
    "ol": "oracle",
    "amzn": "amzn",
    "sles": "suse",
    "opensuse-leap": "opensuse",
    "opensuse-tumbleweed": "opensuse",
    "fedora": "fedora",
    "photon": "photon",
    "azurelinux": "azurelinux",
    "openEuler": "openeuler",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Who publishes here: this instance. base_url is the namespace of every document."""

    base_url: str
    name: str = "patchwatch"

    def page(self, advisory: Advisory) -> str:
        return f"{self.base_url}/advisories/{advisory.id}"


def cve_of(advisory: Advisory) -> str | None:
    return next((alias for alias in advisory.aliases if _CVE.fullmatch(alias)), None)


def is_commit(text: str | None) -> bool:
    return text is not None and _COMMIT.fullmatch(text) is not None


def is_version(text: str) -> bool:
    return _VERSION.fullmatch(text) is not None


def fixed_versions(cell: Cell) -> list[str]:
    """The versions with the fix that are versions as package managers write them, each once."""
    if cell.status is not Status.FIXED:
        return []
    return [one for one in dict.fromkeys(each.version for each in cell.fixed) if is_version(one)]


def derived_note(publisher: Publisher, advisory: Advisory) -> str:
    """What every document says of itself."""
    return (
        f"Derived by {publisher.name} from the documents that are referenced, the vendors' own first; where they"
        f" differ, the vendor's document counts. Kept as {advisory.id}."
    )


def package_cells(advisory: Advisory) -> list[Cell]:
    """The cells that a document states: packages, without what is derived from an incomplete document."""
    return [cell for cell in advisory.cells if cell.kind is CellKind.PACKAGE and not cell.partial]


def product_name(cell: Cell) -> str:
    """ "linux in Debian 12"."""
    return f"{cell.package} in {wording.place(cell.distro, cell.release, cell.stream)}"


def purl(cell: Cell, version: str | None) -> str | None:
    """The package URL of a cell's package, where its type is defined; version None for any."""
    if cell.distro in _DEB:
        kind = f"deb/{_DEB[cell.distro]}"
    elif cell.distro in _RPM:
        kind = f"rpm/{_RPM[cell.distro]}"
    elif cell.distro == "alpine":
        kind = "apk/alpine"
    elif cell.distro == "arch":
        kind = "alpm/arch"
    else:
        return None
    epoch, colon, rest = (version or "").partition(":")
    at = rest if colon and kind.startswith("rpm") else version or ""
    text = f"pkg:{kind}/{quote(cell.package, safe='.+-_~')}"
    text += f"@{quote(at, safe='.+-_~:')}" if at else ""
    qualifiers = [f"distro={quote(_distro_qualifier(cell), safe='.-_')}"] if cell.release else []
    qualifiers += [f"epoch={epoch}"] if colon and kind.startswith("rpm") and epoch.isascii() and epoch.isdigit() else []
    return f"{text}?{'&'.join(qualifiers)}" if qualifiers else text


def _distro_qualifier(cell: Cell) -> str:
    return f"{cell.distro}-{cell.codename if cell.distro in _DEB and cell.codename else cell.stream or cell.release}"


def justification(cell: Cell) -> str | None:
    """The cell's VEX justification when it is one of the five words."""
    return cell.justification if cell.justification in VEX_JUSTIFICATIONS else None


def impact_statement(cell: Cell) -> str:
    """Why a package is not affected, in the vendor's words where there are some."""
    said = f" ({cell.vendor_status})" if cell.vendor_status else ""
    return f"The vendor states that it is not affected{said}."


def action_statement(cell: Cell) -> str:
    found = wording.action(cell)
    return found[1] if found else "See the vendor's document."


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """kind: "vendor" (the vendor's own document), "fix" (a commit), "self" (our page) or "other"."""

    url: str
    summary: str
    kind: str


def links(publisher: Publisher, advisory: Advisory) -> list[Link]:
    """References in order: errata, vendor documents, upstream commits, other evidence, the record's own, our page."""
    found: list[Link] = [
        Link(url=one.url, summary=f"{one.erratum}: {one.title}", kind="vendor")
        for one in advisory.errata
        if one.url and not one.withdrawn
    ]
    found += [_of_evidence(one) for one in _evidence(advisory)]
    for fix in advisory.upstream.fixed:
        if is_commit(fix.fix.commit):
            url = f"https://git.kernel.org/stable/c/{fix.fix.commit}"
            found.append(Link(url=url, summary=f"Fix in {fix.fix.version}", kind="fix"))
    found += [Link(url=one.url, summary="Named by the record", kind="other") for one in advisory.references]
    order = ("vendor", "fix", "other")
    found.sort(key=lambda one: order.index(one.kind))
    unique = {one.url: one for one in reversed(found) if is_address(one.url)}
    kept = [one for one in dict.fromkeys(found) if unique.get(one.url) is one][: MAX_REFERENCES - 1]
    return [*kept, Link(url=publisher.page(advisory), summary=f"{advisory.id} at {publisher.name}", kind="self")]


def _evidence(advisory: Advisory) -> Iterable[Evidence]:
    yield from advisory.evidence
    for cell in advisory.cells:
        yield from cell.evidence


def _of_evidence(one: Evidence) -> Link:
    kind = "vendor" if one.evidence_class in (EvidenceClass.VENDOR, EvidenceClass.CNA) else "other"
    return Link(url=one.url, summary=f"{one.source}, fetched {one.fetched_at:%Y-%m-%d}", kind=kind)


def is_address(url: str) -> bool:
    """Whether a document may name it: http(s), ASCII, no user part, no character that a URI cannot hold."""
    if len(url) > 2000 or not url.isascii() or not url.isprintable() or any(char in url for char in ' "<>\\^`{|}'):
        return False
    try:
        split = urlsplit(url)
        host = split.hostname or ""
    except ValueError:
        return False
    return split.scheme in ("http", "https") and bool(host) and "@" not in split.netloc and "[" not in split.netloc


def licences(advisory: Advisory) -> list[str]:
    """ "debian: MIT (…)" for each source that a document is made of."""
    names = sorted({one.source for one in _evidence(advisory)})
    return [f"{name}: {find_source(name).licence}" for name in names if name in MODULES]


def by_status(cells: Sequence[Cell]) -> dict[Status, list[Cell]]:
    found: dict[Status, list[Cell]] = {status: [] for status in Status}
    for cell in cells:
        found[cell.status].append(cell)
    return found
