"""Where a patch landed by git and by packages: one landing per stage, tree and branch, by the earliest evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from advisories.landings_maintainers import FEATURES_OF
from advisories.mail_subject import normalise_title
from advisories.model import Evidence
from advisories.patches import Landing
from advisories.patches_groups import meets, strongest, weaker
from advisories.patches_keys import SHORT_ID
from advisories.patches_seen import QUEUE, Seen, SeenChangelog, SeenCommit, SeenMail
from advisories.words import EvidenceClass, MatchedBy, Stage

MAINLINE = "mainline"
NEXT = "linux-next"
STABLE = "stable"
_BRANCH = re.compile(r"(?:^|[^0-9.])([0-9]{1,2}\.[0-9]{1,3})(?=$|[^0-9])")
_RELEASE = re.compile(r"v?([0-9]{1,2}\.[0-9]{1,3})(?:\.[0-9]{1,4})?(?:-rc[0-9]{1,2})?$")
_NUMBERS = re.compile(r"[0-9]{1,9}")
_EVER = datetime.max.replace(tzinfo=UTC)
_MIN_TITLE_WORDS = 4
_SAME_CHANGE = MatchedBy.AUTHOR_SUBJECT_FILES  # how commits of one patch in several trees belong together


def branch_of_version(version: str) -> str | None:
    """ "6.12" of "v6.12.85", "7.0-rc7" or "6.12"."""
    found = _RELEASE.match(version)
    return found[1] if found else None


def branch_named(name: str) -> str | None:
    """ "6.12" of "linux-6.12.y", "queue-6.12", "6.12"."""
    found = _BRANCH.search(name)
    return found[1] if found else None


def release_order(version: str) -> tuple[int, ...]:
    """Kernel versions in order of release: 6.12.9 before 6.12.85, 7.2-rc1 before 7.2."""
    base, _, candidate = version.removeprefix("v").partition("-rc")
    numbers = [int(one) for one in _NUMBERS.findall(base)[:4]]
    numbers += [0] * (4 - len(numbers))
    return (*numbers, int(candidate) if candidate.isascii() and candidate.isdigit() else 10_000)


def match_commits(postings: Sequence[SeenMail], commits: Sequence[SeenCommit]) -> list[MatchedBy | None]:
    """How each commit met a posting of its patch: by itself, or through the commit that it names (a backport)."""
    direct = [strongest(meets(posting.mail, one.commit) for posting in postings) for one in commits]
    upstream = strongest(direct)
    return [
        strongest((found, weaker(MatchedBy.LINK if one.commit.upstream_commit else _SAME_CHANGE, upstream)))
        for one, found in zip(commits, direct, strict=True)
    ]


def git_landings(seen: Seen, postings: Sequence[SeenMail], commits: Sequence[SeenCommit]) -> list[Landing]:
    """The landings that the commits of one patch prove."""
    matched = match_commits(postings, commits)
    found: dict[tuple[Stage, str, str, str], Landing] = {}
    for one, how in zip(commits, matched, strict=True):
        landing = _landing(one, how)
        if landing is None:
            continue
        before = found.get(landing.place)
        found[landing.place] = landing if before is None else _both(before, landing, seen)
    return [*_applied_in_one(list(found.values())), *_dropped(seen, commits)]


def _applied_in_one(found: list[Landing]) -> list[Landing]:
    """Without the tree that has the patch by mainline alone: features come into -rc1, fixes into what follows."""
    applied = {one.tree: one for one in found if one.stage is Stage.APPLIED}
    tag = next((one.ref for one in found if one.stage is Stage.MAINLINE and one.ref), None)
    if tag is None:
        return found
    for fixes, features in FEATURES_OF.items():
        if fixes in applied and features in applied and applied[fixes].commit == applied[features].commit:
            by_mainline = applied[fixes if tag.endswith("-rc1") else features]
            return [one for one in found if one is not by_mainline]
    return found


def _landing(one: SeenCommit, matched: MatchedBy | None) -> Landing | None:
    commit = one.commit
    tag = commit.first_tag
    evidence = _as_git(one.evidence)
    plain = Landing(
        stage=Stage.APPLIED,
        tree=commit.tree,
        commit=commit.commit,
        at=commit.committed_at,
        matched_by=matched,
        evidence=evidence,
    )
    if commit.tree == MAINLINE:
        version = branch_of_version(tag) if tag else None
        at = commit.first_tag_at if tag else evidence.fetched_at
        return replace(plain, stage=Stage.MAINLINE, ref=tag, version=version, at=at)
    if commit.tree == NEXT:
        return replace(plain, stage=Stage.NEXT, ref=tag, version=tag, at=commit.first_tag_at) if tag else None
    if commit.tree == STABLE:
        branch = branch_named(commit.branch) or (branch_of_version(tag) if tag else None)
        if tag is None or branch is None:
            return None
        version = tag.removeprefix("v")
        return replace(plain, stage=Stage.STABLE, branch=branch, ref=tag, version=version, at=commit.first_tag_at)
    if commit.tree == QUEUE:
        # the commit is the queue's own, not the patch's
        return replace(plain, stage=Stage.STABLE_QUEUE, branch=branch_named(commit.branch), commit=None)
    return plain


def _as_git(evidence: Evidence) -> Evidence:
    if evidence.evidence_class in (EvidenceClass.LIST_MAIL, EvidenceClass.LIST_MAIL_MAINTAINER):
        return replace(evidence, evidence_class=EvidenceClass.GIT)
    return evidence


def _both(one: Landing, other: Landing, seen: Seen) -> Landing:
    """Two commits of one patch in one place: a release names the smallest, a rebased tree the id that stands."""
    if one.stage in (Stage.STABLE, Stage.MAINLINE, Stage.NEXT):
        return min(one, other, key=_first_release)
    stands, gone = (other, one) if (one.tree, one.commit) in seen.rewritten else (one, other)
    if (stands.tree, stands.commit) not in seen.rewritten and (gone.tree, gone.commit) not in seen.rewritten:
        stands = max(one, other, key=lambda each: (each.at or _EVER, each.commit or ""))
    return replace(
        stands,
        at=min((each.at for each in (one, other) if each.at), default=None),
        matched_by=strongest((one.matched_by, other.matched_by)),
    )


def _first_release(one: Landing) -> tuple[bool, tuple[int, ...], datetime, str]:
    order = release_order(one.ref) if one.ref and one.stage is not Stage.NEXT else ()
    return (one.ref is None, order, one.at or _EVER, one.commit or "")


def _dropped(seen: Seen, commits: Sequence[SeenCommit]) -> Iterator[Landing]:
    """A tree that a forced push took the patch out of, with no other commit of it there and none further on."""
    trees = {one.commit.tree for one in commits}
    if MAINLINE in trees or STABLE in trees:
        return
    for tree in sorted(trees - {NEXT, QUEUE}):
        ids = [one.commit.commit for one in commits if one.commit.tree == tree]
        gone = [seen.rewritten[tree, one] for one in ids if (tree, one) in seen.rewritten]
        if gone and len(gone) == len(ids):
            last = max(gone, key=lambda one: (one.at, one.record))
            yield Landing(stage=Stage.DROPPED, tree=tree, commit=ids[-1], at=last.at, evidence=_as_git(last.evidence))


def packaged_landings(
    changelogs: Iterable[SeenChangelog], titles: frozenset[str], commits: frozenset[str], landings: Sequence[Landing]
) -> list[Landing]:
    """First package version per distribution release whose changelog names an upstream id or the title.

    titles: normalised; commits: first 12 digits. A title alone is a guess, unless the patch is known to be in a stable
    release that the package contains.
    """
    found: dict[tuple[Stage, str, str, str], Landing] = {}
    for one in changelogs:
        changelog = one.changelog
        matched = _names(one, titles, commits)
        if matched is None:
            continue
        if matched is MatchedBy.AUTHOR_SUBJECT and _carries(changelog.version, landings):
            matched = MatchedBy.AUTHOR_SUBJECT_FILES
        tree = changelog.distro if changelog.release is None else f"{changelog.distro}/{changelog.release}"
        landing = Landing(
            stage=Stage.PACKAGED,
            tree=tree,
            package=changelog.package,
            version=changelog.version,
            at=changelog.at,
            matched_by=matched,
            evidence=one.evidence,
        )
        before = found.get(landing.place)
        found[landing.place] = landing if before is None else min(before, landing, key=_first_package)
    return list(found.values())


def _first_package(one: Landing) -> tuple[datetime, tuple[int, ...], str]:
    version = one.version or ""
    return (one.at or _EVER, tuple(int(number) for number in _NUMBERS.findall(version)[:8]), version)


def _names(one: SeenChangelog, titles: frozenset[str], commits: frozenset[str]) -> MatchedBy | None:
    if any(len(named) >= SHORT_ID and named[:SHORT_ID] in commits for named in one.changelog.commits):
        return MatchedBy.LINK
    named_titles = titles & one.titles
    return MatchedBy.AUTHOR_SUBJECT if any(len(each.split()) >= _MIN_TITLE_WORDS for each in named_titles) else None


def _carries(version: str, landings: Sequence[Landing]) -> bool:
    """Whether the package's upstream version is at or past the patch's release of the same branch."""
    upstream = version.rpartition(":")[2].split("-", 1)[0].split("~", 1)[0]
    branch = branch_of_version(upstream)
    return any(
        one.stage is Stage.STABLE
        and one.branch == branch
        and one.version is not None
        and release_order(one.version) <= release_order(upstream)
        for one in landings
    )


def titles_of(postings: Iterable[SeenMail], commits: Iterable[SeenCommit]) -> frozenset[str]:
    """Every title the patch went by, normalised."""
    return frozenset(
        [normalise_title(one.mail.title) for one in postings] + [normalise_title(one.commit.subject) for one in commits]
    )
