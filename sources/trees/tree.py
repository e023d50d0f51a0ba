"""What a git tree is to us: where it is, what is left out of its mirror, which branches and tags count."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

DEFAULT_BRANCHES: Final = ("master",)
NEXT_TAGS_LOOKED_AT: Final = 45  # a commit in the oldest of them may have been there before

_RELEASE = re.compile(r"v([0-9]{1,4})\.([0-9]{1,4})(?:\.([0-9]{1,5}))?(?:-rc([0-9]{1,3}))?")
_NEXT = re.compile(r"next-([0-9]{4})([0-9]{2})([0-9]{2})")
_STABLE_BRANCH = re.compile(r"linux-([0-9]{1,4}\.[0-9]{1,4})\.y")
_FINAL = 1_000  # a release comes after its candidates

TagRule = Literal["none", "mainline", "stable", "next"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree by its registry name.

    filter: what its mirror leaves out. per_branch: every live branch is followed and is a baseline of its own.
    rebuilt: its branch is made anew every day, so that a forced push of it says nothing.
    """

    name: str
    filter: Literal["blob:none", "tree:0"]
    tags: TagRule = "none"
    branch_prefix: str = ""  # "linux-" for stable: the branches looked through when none are configured
    per_branch: bool = False
    rebuilt: bool = False

    def counts(self, branch: str) -> bool:
        """Whether a branch of that name may be followed without being configured."""
        if self.branch_prefix == "linux-":
            return _STABLE_BRANCH.fullmatch(branch) is not None
        return branch.startswith(self.branch_prefix)

    def tags_of(self, branch: str, names: Iterable[str], since: date) -> list[str]:
        """The tags that say when a commit of `branch` was released, oldest first; of `names` alone."""
        if self.tags == "next":
            return sorted(name for name in names if _next_day(name, since))
        wanted = self._release_form(branch)
        return sorted((name for name in names if wanted and wanted.fullmatch(name)), key=_release_order)

    def base_tag(self, branch: str) -> str | None:
        """The release a stable branch begins at ("v6.12"): what is in it came by mainline."""
        series = _STABLE_BRANCH.fullmatch(branch) if self.tags == "stable" else None
        return f"v{series[1]}" if series else None

    def tag_glob(self) -> str:
        """A glob over all tags that can count."""
        return "next-*" if self.tags == "next" else "v*"

    def _release_form(self, branch: str) -> re.Pattern[str] | None:
        if self.tags == "mainline":
            return re.compile(r"v[0-9]{1,4}\.[0-9]{1,4}(?:-rc[0-9]{1,3})?")
        series = _STABLE_BRANCH.fullmatch(branch) if self.tags == "stable" else None
        return re.compile(rf"v{re.escape(series[1])}\.[0-9]{{1,5}}") if series else None


def _release_order(tag: str) -> tuple[int, int, int, int]:
    found = _RELEASE.fullmatch(tag)
    if found is None:
        return 0, 0, 0, 0
    major, minor, patch, candidate = found.groups()
    return int(major), int(minor), int(patch or 0), int(candidate) if candidate else _FINAL


def _next_day(tag: str, since: date) -> bool:
    found = _NEXT.fullmatch(tag)
    return found is not None and "".join(found.groups()) >= f"{since:%Y%m%d}"
