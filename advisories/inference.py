"""Cells that follow from the upstream version, for distributions that ship unpatched series (DESIGN rule 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from advisories.establish import CellClaim, group_versions
from advisories.model import RecordVersion, Upstream
from advisories.observation import CellObservation, FixedVersion, PackageVersionObservation
from advisories.versions import branch_of, kernel_series, upstream_compare
from advisories.words import Status

UNPATCHED_SERIES = frozenset({"arch", "nixos", "flatcar", "alpine", "fedora"})


def infer_cells(cve: str, upstream: Upstream, package_versions: Sequence[RecordVersion]) -> Iterator[CellClaim]:
    """One inferred claim per shipped package whose state the upstream record decides; none where it does not.

    The newest version decides; the version that is named as fixed is the earliest one we saw since when it has held.
    """
    if not upstream.fixed:
        return
    for group in group_versions(package_versions):
        shipped: dict[tuple[str, str, str], list[Shipped]] = {}
        for version in group:
            for one in version.observations:
                if isinstance(one, PackageVersionObservation) and one.distro in UNPATCHED_SERIES:
                    shipped.setdefault((one.distro, one.release or "", one.package), []).append((one, version))
        for key in sorted(shipped):
            claim = _infer(cve, upstream, shipped[key])
            if claim is not None:
                yield claim


Shipped = tuple[PackageVersionObservation, RecordVersion]


def _infer(cve: str, upstream: Upstream, history: Sequence[Shipped]) -> CellClaim | None:
    newest, _ = history[-1]
    status, why = judge_upstream(upstream, newest.upstream)
    if status is None:
        return None
    first, since = history[-1]
    for one, version in reversed(history):
        if judge_upstream(upstream, one.upstream)[0] is not status:
            break
        first, since = one, version
    fixed = FixedVersion(version=first.version, branch=branch_of(first.distro, first.version))
    cell = CellObservation(
        cve=cve,
        distro=newest.distro,
        release=newest.release,
        package=newest.package,
        kind=newest.kind,
        status=status,
        justification="vulnerable_code_not_present" if status is Status.NOT_AFFECTED else None,
        fixed=(fixed,) if status is Status.FIXED else (),
        inferred=True,
        note=f"{first.version} is built on {first.upstream}: {judge_upstream(upstream, first.upstream)[1] or why}",
    )
    return CellClaim(cell=cell, evidence=since.evidence, at=since.at, first_seen=since.at)


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
