"""Releases and commits of the kernel as its CNA writes them: branches, and the ranges of a CVE record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from advisories.observation import UpstreamFix, UpstreamPoint
from advisories.versions import upstream_compare
from sources.errors import ParseError
from sources.formats.text import is_commit_id

MOST_RANGES: Final = 2_000
_STATES: Final = frozenset({"affected", "unaffected", "unknown"})
_RELEASE = re.compile(r"([1-9][0-9]{0,2}\.[0-9]{1,4})(\.[0-9]{1,5}){0,2}(-rc[0-9]{1,3})?")


class VersionRange(msgspec.Struct, rename="camel"):
    """One entry of `versions`."""

    version: str
    status: str
    less_than: str | None = None
    less_than_or_equal: str | None = None

    @property
    def is_commits(self) -> bool:
        return is_commit_id(self.version) or (self.less_than is not None and is_commit_id(self.less_than))


class AffectedProduct(msgspec.Struct, rename="camel"):
    """One entry of `affected`; only those of the kernel itself are read."""

    vendor: str
    product: str
    versions: list[VersionRange]
    program_files: list[str] = []

    @property
    def is_kernel(self) -> bool:
        return self.vendor.strip().lower() == "linux" and self.product.strip().lower() in ("linux", "linux kernel")


def branch_of_release(version: str) -> str | None:
    """ "6.12" of "6.12.85", "7.0" of "7.0" and "7.0-rc7", "2.6.38" of "2.6.38.3"; None for what is no release."""
    found = _RELEASE.fullmatch(version)
    if found is None:
        return None
    if found.group(1) == "2.6":
        return ".".join(version.partition("-")[0].split(".")[:3])
    return found.group(1)


def make_fix(version: str, commit: str | None) -> UpstreamFix | None:
    branch = branch_of_release(version)
    return None if branch is None else UpstreamFix(branch=branch, version=version, commit=commit)


def one_per_branch(fixes: Iterable[UpstreamFix]) -> tuple[UpstreamFix, ...]:
    """Where a branch is named twice (the flaw was brought in or fixed in steps), the release that has it all."""
    chosen: dict[str, UpstreamFix] = {}
    for fix in fixes:
        before = chosen.get(fix.branch)
        if before is None or upstream_compare(fix.version, before.version) == 1:
            chosen[fix.branch] = fix
    return tuple(chosen.values())


def fixes_of(affected: Sequence[AffectedProduct]) -> tuple[UpstreamFix, ...]:
    """The first fixed release of each branch, with its commit where the record's order tells it. Raises ParseError."""
    ranges = _ranges(affected)
    versions = list(dict.fromkeys(_fixed_versions(one for one in ranges if not one.is_commits)))
    commit_ranges = [one for one in ranges if one.is_commits and one.status == "affected"]
    ends = [one.less_than for one in commit_ranges if one.less_than is not None]
    commits = list(dict.fromkeys(end for end in ends if is_commit_id(end)))
    if commit_ranges and bool(versions) != bool(commits):
        raise ParseError("fixed releases and commits that fix are not both named", "containers.cna.affected")
    paired: Sequence[str | None] = commits if _same_order(versions, commits) else [None] * len(versions)
    made = [make_fix(version, commit) for version, commit in zip(versions, paired, strict=True)]
    return one_per_branch(fix for fix in made if fix is not None)


def introduced_of(affected: Sequence[AffectedProduct]) -> tuple[UpstreamPoint, ...]:
    """Where the flaw came in. Joined only when there is one release and one commit: order says nothing."""
    ranges = [one for one in _ranges(affected) if one.status == "affected"]
    commits = list(dict.fromkeys(one.version for one in ranges if is_commit_id(one.version)))
    versions = list(dict.fromkeys(one.version for one in ranges if branch_of_release(one.version) is not None))
    if len(commits) == 1 and len(versions) == 1:
        return (UpstreamPoint(version=versions[0], commit=commits[0]),)
    return (
        *(UpstreamPoint(version=None, commit=commit) for commit in commits),
        *(UpstreamPoint(version=version, commit=None) for version in versions),
    )


def _ranges(affected: Sequence[AffectedProduct]) -> list[VersionRange]:
    ranges = [one for product in affected if product.is_kernel for one in product.versions]
    if len(ranges) > MOST_RANGES:
        raise ParseError(f"more than {MOST_RANGES} version ranges", "containers.cna.affected")
    for one in ranges:
        if one.status not in _STATES:
            raise ParseError(f"the status of a version is {one.status[:40]!r}", "containers.cna.affected")
    return ranges


def _fixed_versions(ranges: Iterable[VersionRange]) -> Iterable[str]:
    for one in ranges:
        if one.status == "unaffected" and one.less_than_or_equal is not None:
            fixed = one.version
        elif one.status == "affected" and one.less_than is not None:
            fixed = one.less_than
        else:
            continue
        if branch_of_release(fixed) is not None:
            yield fixed


def _same_order(versions: Sequence[str], commits: Sequence[str]) -> bool:
    """Whether the n-th version belongs to the n-th commit: as many of each, in the CNA's ascending order."""
    ascending = all(upstream_compare(a, b) == -1 for a, b in pairwise(versions))
    return len(versions) == len(commits) and ascending
