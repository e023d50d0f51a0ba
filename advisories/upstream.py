"""What mainline and the stable branches carry, joined from the CNA's files and checked against what vendors ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from advisories.establish import FixClaim
from advisories.model import Cell, Evidence, SourcedFix, Upstream, UpstreamConflict
from advisories.observation import CveObservation, UpstreamFix, UpstreamPoint
from advisories.versions import kernel_series, upstream_compare
from advisories.words import EVIDENCE_ORDER, CellKind, EvidenceClass, Status

# Vendors whose package version begins with the stable release it is built on: theirs can show a fix the CNA misses.
STABLE_BASED = frozenset({"debian", "alpine", "arch", "fedora", "nixos", "photon", "flatcar"})


def merge_upstream(claims: Sequence[tuple[CveObservation, Evidence]], fixes: Sequence[FixClaim]) -> Upstream:
    """Introduced and fixed per branch. The strongest class names the version; another version for the same branch is
    a conflict; a document that knows the commit completes one that does not."""
    live = [one for one in fixes if one.evidence.evidence_class is not EvidenceClass.BASELINE] or list(fixes)
    ordered = sorted(
        live,
        key=lambda one: (
            EVIDENCE_ORDER.index(one.evidence.evidence_class),
            -one.at.timestamp(),
            one.fix.commit is None,
            one.evidence.url,
        ),
    )
    chosen: dict[str, SourcedFix] = {}
    conflicts: list[UpstreamConflict] = []
    for claim in ordered:
        before = chosen.get(claim.fix.branch)
        if before is None:
            chosen[claim.fix.branch] = SourcedFix(fix=claim.fix, evidence=claim.evidence)
        elif before.fix.version == claim.fix.version:
            if before.fix.commit is None and claim.fix.commit is not None:
                completed = UpstreamFix(branch=before.fix.branch, version=before.fix.version, commit=claim.fix.commit)
                chosen[claim.fix.branch] = SourcedFix(fix=completed, evidence=before.evidence)
        elif claim.evidence.source != before.evidence.source:
            conflicts.append(
                UpstreamConflict(
                    branch=claim.fix.branch,
                    version=claim.fix.version,
                    says=_says(claim.evidence.source, claim.fix, before),
                    evidence=claim.evidence,
                )
            )
    return Upstream(
        introduced=_introduced(claims),
        fixed=tuple(sorted(chosen.values(), key=lambda one: _branch_order(one.fix.branch))),
        conflicts=tuple(conflicts),
    )


def _says(source: str, fix: UpstreamFix, other: SourcedFix) -> str:
    return f"{source}: {fix.version}, {other.evidence.source}: {other.fix.version}"


def _introduced(claims: Sequence[tuple[CveObservation, Evidence]]) -> tuple[UpstreamPoint, ...]:
    found: dict[str, UpstreamPoint] = {}
    for observation, _ in claims:
        for point in observation.introduced:
            key = point.commit or point.version or ""
            before = found.get(key)
            if before is None or before.version is None:
                found[key] = point
    commits = [one for one in found.values() if one.commit]
    return tuple(
        sorted(commits or found.values(), key=lambda one: (_branch_order(one.version or "0"), one.commit or ""))
    )


def _branch_order(branch: str) -> tuple[int, ...]:
    parts = branch.split("-", maxsplit=1)[0].split(".")
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in parts)


def with_vendor_conflicts(upstream: Upstream, cells: Sequence[Cell]) -> Upstream:
    """Adds what vendors ship as fixed on a branch for which the CNA names no release, or an earlier one than it names.

    Only for packages built on stable releases, and only where the vendor's word is its own and not an inference. An
    earlier base than the named release proves a vendor's own backport and is no conflict.
    """
    named = {one.fix.branch for one in upstream.fixed}
    if not named:
        return upstream
    conflicts = list(upstream.conflicts)
    for cell in cells:
        if cell.kind is not CellKind.PACKAGE or cell.status is not Status.FIXED or cell.inferred:
            continue
        if cell.distro not in STABLE_BASED or cell.fixed_version is None or not cell.evidence:
            continue
        branch = kernel_series(cell.fixed_version)
        base = upstream_base(cell.fixed_version)
        if branch is None or branch in named or _mainline_has(upstream, base):
            continue
        conflicts.append(
            UpstreamConflict(
                branch=branch,
                version=base,
                says=f"{cell.distro} {cell.release or ''} has {cell.fixed_version}; no {branch} release is named",
                evidence=cell.evidence[0],
            )
        )
    return Upstream(introduced=upstream.introduced, fixed=upstream.fixed, conflicts=tuple(conflicts))


def upstream_base(version: str) -> str:
    """The kernel release a package version is built on: "6.1.168" of "1:6.1.168-203.330.amzn2023"."""
    return version.rpartition(":")[2].partition("-")[0].partition("~")[0]


def explain_backports(cells: Sequence[Cell], upstream: Upstream) -> tuple[Cell, ...]:
    """Says of each cell that its vendor fixed below the upstream release of its branch why it is fixed nevertheless."""
    named = {one.fix.branch: one.fix.version for one in upstream.fixed}
    return tuple(_explained(cell, named) for cell in cells)


def _explained(cell: Cell, named: Mapping[str, str]) -> Cell:
    if cell.status is not Status.FIXED or cell.inferred or cell.note or not cell.fixed_version or not cell.evidence:
        return cell
    base = upstream_base(cell.fixed_version)
    release = named.get(kernel_series(cell.fixed_version) or "")
    order = upstream_compare(base, release) if release else None
    if order is None or order >= 0:
        return cell
    who = cell.evidence[0].source
    note = f"built on {base}, older than the upstream {release}: {who} names it as fixed, by the vendor's own backport"
    return replace(cell, note=note)


def _mainline_has(upstream: Upstream, base: str) -> bool:
    """Whether a release is at or past the newest named fix, so that no branch entry is needed for it."""
    order = upstream_compare(base, upstream.fixed[-1].fix.version)
    return order is not None and order >= 0
