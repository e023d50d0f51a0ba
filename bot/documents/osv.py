"""OSV (schema 1.6): one document per CVE, ecosystems that the schema defines alone.

Upstream is given as git commits and as versions of the Linux ecosystem; each vendor's package under the vendor's own
versions. Only what a vendor calls affected or fixed is listed: OSV has no word for the rest.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime

from advisories.model import Advisory, Cell
from advisories.words import Status
from bot.documents.common import (
    LINUX_REPOSITORY,
    Publisher,
    cve_of,
    derived_note,
    is_commit,
    is_version,
    licences,
    links,
    package_cells,
    purl,
)
from bot.feeds.writers import clean
from bot.views.status import Json, when

SCHEMA_VERSION = "1.6.0"
_UBUNTU_LTS_YEARS_EVEN = 2
_CPE = {"eus": "rhel_eus", "aus": "rhel_aus", "e4s": "rhel_e4s", "tus": "rhel_tus", "eus-long-life": "rhel_els"}
_TYPES = {"vendor": "ADVISORY", "fix": "FIX", "self": "WEB", "other": "WEB"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip files know no earlier time; a fixed one makes equal input equal bytes


def osv_document(publisher: Publisher, advisory: Advisory, *, changed: datetime) -> Json | None:
    """The document, or None where OSV has no form for it (no CVE id). changed: when our state last changed."""
    cve = cve_of(advisory)
    if cve is None:
        return None
    document: Json = {
        "schema_version": SCHEMA_VERSION,
        "id": cve,
        "modified": when(changed),
        "summary": clean(advisory.title)[:500],
        "details": f"{clean(advisory.description)}\n\n{derived_note(publisher, advisory)}".strip(),
        "affected": affected(advisory),
        "references": [{"type": _TYPES[one.kind], "url": one.url} for one in links(publisher, advisory)],
        "database_specific": {
            "id": advisory.id,
            "derived": True,
            "publisher": publisher.base_url,
            "topics": list(advisory.topics),
            "licences": licences(advisory),
        },
    }
    if advisory.published:
        document["published"] = when(advisory.published)
    if advisory.withdrawn:
        document["withdrawn"] = when(advisory.withdrawn)
    severity = _severity(advisory)
    if severity:
        document["severity"] = severity
    return document


def _severity(advisory: Advisory) -> list[Json]:
    found: dict[str, Json] = {}
    for one in advisory.severities:
        vector = one.claim.vector or ""
        kind = "CVSS_V4" if vector.startswith("CVSS:4.") else "CVSS_V3" if vector.startswith("CVSS:3.") else ""
        if kind and vector.isascii() and vector.isprintable():
            found.setdefault(kind, {"type": kind, "score": vector})
    return [found[kind] for kind in sorted(found)]


def affected(advisory: Advisory) -> list[Json]:
    """Upstream first, then each vendor's package that is affected or fixed and has an ecosystem."""
    found = _upstream(advisory)
    for cell in package_cells(advisory):
        name = ecosystem(cell)
        if name is not None and cell.status in (Status.AFFECTED, Status.FIXED):
            entry = _package(cell, name)
            if entry is not None:
                found.append(entry)
    return found


def _package(cell: Cell, name: str) -> Json | None:
    events: list[Json] = [{"introduced": "0"}]
    if cell.status is Status.FIXED:
        if not cell.fixed_version or not is_version(cell.fixed_version):
            return None  # fixed, but nobody says in which version: OSV cannot say that
        events.append({"fixed": cell.fixed_version})
    package: Json = {"ecosystem": name, "name": clean(cell.package)}
    url = purl(cell, None)
    if url:
        package["purl"] = url
    specific: Json = {"status": cell.status.value, "disposition": cell.disposition.value, "inferred": cell.inferred}
    if cell.vendor_status:
        specific["vendor_status"] = clean(cell.vendor_status)
    if cell.errata:
        specific["errata"] = [clean(one) for one in cell.errata]
    if len(cell.fixed) > 1:
        specific["fixed"] = [{"version": clean(one.version), "branch": one.branch} for one in cell.fixed]
    return {
        "package": package,
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
        "database_specific": specific,
    }


def ecosystem(cell: Cell) -> str | None:
    """The schema's name of the distribution and release; None where it defines none that we are sure of."""
    release = cell.release or ""
    if not release.isascii() or not release.replace(".", "").isdigit():
        return {"opensuse-tumbleweed": "openSUSE:Tumbleweed"}.get(cell.distro)
    if cell.stream is None:
        plain = {
            "debian": f"Debian:{release}",
            "ubuntu": f"Ubuntu:{release}{_lts(release)}",
            "almalinux": f"AlmaLinux:{release}",
            "rocky": f"Rocky Linux:{release}",
            "alpine": f"Alpine:v{release}",
            "photon": f"Photon OS:{release}",
            "rhel": f"Red Hat:enterprise_linux:{release}::baseos",
            "opensuse-leap": f"openSUSE:Leap {release}",
            "sles": f"SUSE:{_sles(release)}",
        }
        return plain.get(cell.distro)
    if cell.distro == "ubuntu" and cell.stream.startswith("esm"):
        return f"Ubuntu:Pro:{release}{_lts(release)}"
    if cell.distro == "rhel":
        product = next((_CPE[one] for one in cell.programmes if one in _CPE), None)
        return f"Red Hat:{product}:{cell.stream}::baseos" if product else None
    if cell.distro == "sles" and cell.stream == "ltss":
        return f"SUSE:{_sles(release)}-LTSS"
    return None


def _lts(release: str) -> str:
    year, _, month = release.partition(".")
    return ":LTS" if month == "04" and int(year) % _UBUNTU_LTS_YEARS_EVEN == 0 else ""


def _sles(release: str) -> str:
    """PRETTY_NAME of os-release: "SUSE Linux Enterprise Server 15 SP6"."""
    major, _, minor = release.partition(".")
    named = f"Linux Enterprise Server {major}"
    return f"{named} SP{minor}" if minor not in ("", "0") and int(major) < 16 else f"Linux Enterprise Server {release}"


def _upstream(advisory: Advisory) -> list[Json]:
    upstream = advisory.upstream
    introduced = [one.commit for one in upstream.introduced if is_commit(one.commit)]
    fixed = [one.fix.commit for one in upstream.fixed if is_commit(one.fix.commit)]
    ranges: list[Json] = []
    if fixed:
        events: list[Json] = [{"introduced": one} for one in dict.fromkeys(introduced)] or [{"introduced": "0"}]
        events += [{"fixed": one} for one in dict.fromkeys(fixed)]
        ranges.append({"type": "GIT", "repo": LINUX_REPOSITORY, "events": events})
    ranges += [{"type": "ECOSYSTEM", "events": events} for events in version_ranges(advisory)]
    return [{"package": {"ecosystem": "Linux", "name": "Kernel"}, "ranges": ranges}] if ranges else []


def version_ranges(advisory: Advisory) -> list[list[Json]]:
    """One range per fixed branch: from the series after the last one (or where the flaw came in) to the fix."""
    first = next((one.version for one in advisory.upstream.introduced if _numbers(one.version)), None)
    fixes = sorted({one.fix.version for one in advisory.upstream.fixed if _numbers(one.fix.version)}, key=_numbers)
    ranges: list[list[Json]] = []
    start = first or "0"
    for version in fixes:
        if _numbers(version) <= _numbers(start):
            continue
        ranges.append([{"introduced": start}, {"fixed": version}])
        start = _next_series(version)
    return ranges


def _next_series(version: str) -> str:
    """The series after that of a version: after 6.12.85 comes 6.13; "0" is never asked for."""
    numbers = _numbers(version)
    return f"{numbers[0]}.{numbers[1] + 1}" if len(numbers) > 1 else f"{numbers[0] + 1}.0"


def _numbers(version: str | None) -> tuple[int, ...]:
    """6.12.85 as (6, 12, 85); () for what is no plain version."""
    parts = (version or "").split(".")
    if len(parts) > 4 or not all(one.isascii() and one.isdigit() and len(one) < 6 for one in parts):
        return ()
    return tuple(int(one) for one in parts)


def all_zip(documents: Iterable[tuple[str, bytes]]) -> bytes:
    """Every document as NAME.json in one zip; equal documents give equal bytes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in documents:
            archive.writestr(zipfile.ZipInfo(f"{name}.json", date_time=_EPOCH), body, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def modified_list(rows: Sequence[tuple[str, datetime]]) -> bytes:
    """`modified_id.csv`: time and id, newest first."""
    ordered = sorted(rows, key=lambda row: (row[1], row[0]), reverse=True)
    return "".join(f"{when(changed)},{name}\n" for name, changed in ordered).encode()
