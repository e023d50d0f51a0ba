"""What one list mail says: values only. The words are public-inbox's, b4's and git's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MailError(ValueError):
    """These bytes are no mail that can be kept: no header block opens them. Ask for the mail again by its id."""


class MailRole(StrEnum):
    """What a mail does in the life of a patch; whatever is not surely one of the others is `discussion`."""

    PATCH = "patch"
    COVER = "cover"
    BACKPORT = "backport"  # a patch for a stable branch
    AUTOSEL = "autosel"
    STABLE_QUEUE = "stable_queue"  # taken for the next point release of `queue_branches`
    STABLE_FAILED = "stable_failed"  # does not apply to `queue_branches`
    STABLE_ANNOUNCE = "stable_announce"  # "Linux 6.12.85"
    REPLY = "reply"
    REVIEW = "review"  # a reply with review trailers of its own
    APPLIED = "applied"
    PULL_REQUEST = "pull_request"
    PULL_MERGED = "pull_merged"
    CVE_ANNOUNCE = "cve_announce"
    CVE_REJECTED = "cve_rejected"
    GITOLITE_PUSH = "gitolite_push"
    DISCUSSION = "discussion"


POSTING_ROLES = frozenset({MailRole.PATCH, MailRole.BACKPORT, MailRole.AUTOSEL, MailRole.STABLE_QUEUE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailer:
    """One `Name: value` line of the message itself, never of quoted text.

    name: as git spells it ("Reviewed-by", "Nacked-by"). person: the lower-case addr-spec when the value names one,
    else the folded name, else None (`Fixes`, `Link`).
    """

    name: str
    value: str
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedCommit:
    """A line of an "applied" mail that names its patch: `part` of the series, commit id of 7 to 40 digits, or None."""

    part: int | None
    title: str
    commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One ref of a push: old and new id (None: ref created or deleted), commits as (id, title), oldest first."""

    repository: str
    ref: str
    old: str | None
    new: str | None
    commits: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchMail:
    """One mail. Ids without <>; times aware UTC; each text is decoded, bounded and free of control and bidi characters.

    from_*: who sent it. author_*: who wrote the patch (an in-body From wins, and a relay's or list's munged From is
    resolved); equal to from_* for all else. content_key: equal for the same mail on several lists, different for
    another body under the same Message-ID. sent_at is the mail's own Date when it is believable.
    """

    msgid: str
    content_key: str
    from_name: str
    from_addr: str
    author_name: str
    author_addr: str
    subject: str
    title: str  # subject without reply marks and prefixes
    sent_at: datetime | None
    received_at: datetime | None
    in_reply_to: str | None
    references: tuple[str, ...]  # oldest first, without the mail itself
    list_ids: tuple[str, ...]  # "linux-crypto.vger.kernel.org"
    role: MailRole
    revision: int  # v1 is implied
    revision_point: int  # 1 for "v5.1", else 0
    part: int | None
    parts: int | None
    branches: tuple[str, ...]  # "6.12"
    flags: tuple[str, ...]  # RFC, RFT, RESEND, AUTOSEL
    prefixes: tuple[str, ...]  # further words of the prefix: "net-next"
    is_reply: bool
    trailers: tuple[Trailer, ...]
    fixes: tuple[str, ...]  # commit ids as written, 7 to 40 digits
    fixes_titles: tuple[str, ...]  # one for each of `fixes`, "" when none is given
    links: tuple[str, ...]  # Message-IDs named by Link:, Closes: and archive addresses outside quotes
    upstream_commit: str | None
    reverts: str | None
    files: tuple[str, ...]
    patch_id: str | None  # as `git patch-id --stable`; None when the mail carries no whole diff
    cves: tuple[str, ...]  # named outside quoted text
    notes: str  # what stands between `---` and the diffstat: what changed since the last revision
    text: str  # the message outside quotes, signature and diff
    change_id: str | None
    base_commit: str | None
    applied_to: str | None  # the tree that an "applied" mail names
    applied_commits: tuple[AppliedCommit, ...]
    queue_branches: tuple[str, ...]
    pull_repository: str | None
    pull_tag: str | None
    merge_commit: str | None
    release: str | None  # "6.12.85"
    pushes: tuple[Push, ...]
    prerequisites: tuple[str, ...] = ()  # what it says it stands on: advisories.mail_prerequisites

    @property
    def at(self) -> datetime | None:
        """When it was posted: the sender's own time when believable, else the archive's."""
        return self.sent_at or self.received_at

    @property
    def ref(self) -> str:
        """The revision as people write it: "v3", "v5.1"."""
        return f"v{self.revision}.{self.revision_point}" if self.revision_point else f"v{self.revision}"
