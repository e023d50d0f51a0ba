"""Cells that follow from the upstream version, for distributions that ship unpatched series (DESIGN rule 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisories.establish import CellClaim
from advisories.model import RecordVersion, Upstream
from advisories.observation import CellObservation, FixedVersion, PackageVersionObservation
from advisories.versions import branch_of, kernel_series, upstream_compare
from advisories.words import Status

UNPATCHED_SERIES = frozenset({"arch", "nixos", "flatcar", "alpine", "fedora"})


def infer_cells(cve: str, upstream: Upstream, package_versions: Sequence[RecordVersion]) -> Iterator[CellClaim]:
    """One inferred claim per shipped package version whose state the upstream record decides; none where it does not."""
    if not upstream.fixed:
        return
    for version in package_versions:
        for one in version.observations:
            if not isinstance(one, PackageVersionObservation) or one.distro not in UNPATCHED_SERIES:
                continue
            status, why = judge_upstream(upstream, one.upstream)
            if status is None:
                continue
            fixed = (FixedVersion(version=one.version, branch=branch_of(one.distro, one.version)),)
            cell = CellObservation(
                cve=cve,
                distro=one.distro,
                release=one.release,
                package=one.package,
                kind=one.kind,
                status=status,
                justification="vulnerable_code_not_present" if status is Status.NOT_AFFECTED else None,
                fixed=fixed if status is Status.FIXED else (),
                inferred=True,
                note=f"{one.version} is built on {one.upstream}: {why}",
            )
            yield CellClaim(cell=cell, evidence=version.evidence, at=version.at, first_seen=version.at)


def judge_upstream(upstream: Upstream, release: str) -> tuple[Status | None, str]:
    """What the upstream record says of an unpatched kernel release, with the reason in words."""
    series = kernel_series(release)
    if series is None:
        return None, "the version names no kernel series"
    before = [point.version for point in upstream.introduced if point.version]
    orders = [upstream_compare(release, version) for version in before]
    if before and len(before) == len(upstream.introduced) and all(order is not None and order < 0 for order in orders):
        return Status.NOT_AFFECTED, f"the flaw came in with {before[0]}"
    for sourced in upstream.fixed:
        if sourced.fix.branch == series:
            order = upstream_compare(release, sourced.fix.version)
            if order is None:
                return None, "the versions cannot be ordered"
            word = "at or past" if order >= 0 else "below"
            return (Status.FIXED if order >= 0 else Status.AFFECTED), f"{word} the fix in {sourced.fix.version}"
    newest = upstream.fixed[-1].fix
    order = upstream_compare(release, newest.version)
    if order is None:
        return None, "the versions cannot be ordered"
    if order >= 0:
        return Status.FIXED, f"past the fix in {newest.version}"
    return Status.AFFECTED, f"no release of {series} has the fix"
