"""The life of one change: its revisions, reviews, commit ids in each tree, and where it landed with what evidence.

A commit id is an attribute, never the identity: trees rebase. Everything here is a pure fold over the kept mails,
commits and changelogs (`patches_fold`), so ids and order never depend on which record came first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from advisories.model import Evidence
from advisories.words import Alarm, EvidenceClass, MatchedBy, Stage

SAID = frozenset({EvidenceClass.LIST_MAIL_MAINTAINER, EvidenceClass.LIST_MAIL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One vN of a patch, first posting first; `notes` is what its author wrote below `---`."""

    ref: str  # "v3"
    title: str
    msgid: str
    at: datetime | None
    tree: str  # List-Id
    notes: str
    evidence: Evidence
    thread: str = ""  # Message-ID of its cover letter or first part; of a single patch its own
    part: int = 1  # of its series


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Another patch that this one names. key: "commit:…" (12 to 40 digits), "diff:…" (patch-id), "message:…" or
    "change:…" (b4's change-id). said: the line that names it. branch: the stable branch for which it is said.
    """

    key: str
    said: str
    branch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A person's trailer: name as git spells it, person as the lower-case addr-spec."""

    name: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """A stage reached in one tree (and branch), with what proves it.

    at: when it got there by the document's own word (commit, tag, mail, package); None when it gives no date.
    ref: revision, tag or branch; version: "7.2", "6.12.96", "6.1.180-1"; tree: of a mail its list, of a package its
    release ("debian/12"). matched_by: how the posting met what landed, None when no posting is known.
    """

    stage: Stage
    tree: str
    branch: str | None = None
    ref: str | None = None
    commit: str | None = None
    version: str | None = None
    package: str | None = None
    at: datetime | None = None
    matched_by: MatchedBy | None = None
    evidence: Evidence

    @property
    def said_only(self) -> bool:
        """Whether nothing but list mail says so."""
        return self.evidence.evidence_class in SAID

    @property
    def guessed(self) -> bool:
        return self.matched_by is MatchedBy.AUTHOR_SUBJECT

    @property
    def place(self) -> tuple[Stage, str, str, str]:
        """What makes it one landing: the same place is reached once. A revision is posted once, on whatever lists."""
        if self.stage is Stage.POSTED:
            return (self.stage, "", "", self.ref or "")
        return (self.stage, self.tree, self.branch or "", self.package or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchAlarm:
    """Something in git that turns against the patch. `cause`: the upstream commit behind it, the same in every tree."""

    alarm: Alarm
    cause: str
    commit: str
    title: str
    tree: str
    at: datetime
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedBackport:
    """The stable team's "FAILED: patch …" mail for one branch."""

    branch: str
    at: datetime | None
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One change over all its revisions and trees. `opening_commits`: those that matched a topic by themselves.

    needs, needed_by, covers, change_ids, spoken_at: as `patches_series.SeriesWords` has them.
    """

    id: str
    title: str
    author_name: str
    author_addr: str
    topics: tuple[str, ...]
    message_ids: tuple[str, ...]
    patch_ids: tuple[str, ...]
    commits: tuple[str, ...]
    opening_commits: tuple[str, ...]
    revisions: tuple[Revision, ...]
    reviews: tuple[Review, ...]
    landings: tuple[Landing, ...]
    files: tuple[str, ...] = ()
    alarms: tuple[PatchAlarm, ...] = ()
    failed: tuple[FailedBackport, ...] = ()
    needs: tuple[Need, ...] = ()
    needed_by: tuple[Need, ...] = ()
    covers: tuple[str, ...] = ()
    change_ids: tuple[str, ...] = ()
    spoken_at: datetime | None = None

    @property
    def revision_count(self) -> int:
        return len({one.ref for one in self.revisions})

    @property
    def first_at(self) -> datetime | None:
        return min((one.at for one in self.landings if one.at), default=None)

    def landed(self, *stages: Stage) -> tuple[Landing, ...]:
        return tuple(one for one in self.landings if one.stage in stages)
