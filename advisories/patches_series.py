"""What a patch's mails and commits say beyond the patch: its series, what it needs, and when it was last spoken of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from advisories.landings import STABLE, branch_named
from advisories.mail import MailRole, PatchMail
from advisories.mail_prerequisites import BASE_COMMIT, CHANGE_ID, MESSAGE_ID, PATCH_ID
from advisories.patches import Need, Revision
from advisories.patches_keys import SHORT_ID
from advisories.patches_seen import Seen, SeenCommit, SeenMail

NEED_LIMIT = 200
FIXES = "Fixes"
STABLE_DEP_OF = "Stable-dep-of"
_DEP_OF = re.compile(r"^[ \t]*Stable-dep-of:[ \t]*([0-9a-f]{12,40})\b", re.MULTILINE)
_KEYS = {BASE_COMMIT: "commit", PATCH_ID: "diff", MESSAGE_ID: "message", CHANGE_ID: "change"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesWords:
    """needs: what the newest revision names, and the `Fixes:` of its commits. needed_by: for whom it was taken into a
    branch. covers: Message-IDs of its cover letters. spoken_at: the last mail of its threads, by the archive's time."""

    needs: tuple[Need, ...]
    needed_by: tuple[Need, ...]
    covers: tuple[str, ...]
    change_ids: tuple[str, ...]
    spoken_at: datetime | None


def read_series(
    seen: Seen, postings: Sequence[SeenMail], commits: Sequence[SeenCommit], replies: Sequence[SeenMail]
) -> SeriesWords:
    """Everything that the threads and commits of one patch say of its series; the same for the same records."""
    heads = [head for one in postings for head in _heads(seen, one.mail)]
    covers = [one for one in heads if one.mail.role is MailRole.COVER]
    change_ids = (one.mail.change_id for one in (*postings, *covers))
    return SeriesWords(
        needs=_needs(seen, postings, commits),
        needed_by=_needed_by(postings, commits),
        covers=tuple(dict.fromkeys(one.mail.msgid for one in covers)),
        change_ids=tuple(dict.fromkeys(one for one in change_ids if one)),
        spoken_at=max((at for one in (*postings, *replies, *covers) if (at := _heard_at(one.mail))), default=None),
    )


def with_threads(seen: Seen, revisions: Iterable[Revision], postings: Iterable[SeenMail]) -> tuple[Revision, ...]:
    """The revisions, each with its place in its series: the Message-ID that the parts hang under, and which it is."""
    mails = {one.mail.msgid: one.mail for one in postings}
    return tuple(
        replace(one, thread=_thread_of(seen, mails[one.msgid]), part=mails[one.msgid].part or 1) for one in revisions
    )


def _heard_at(mail: PatchMail) -> datetime | None:
    """The later of the sender's time and the archive's: a date set back hides no word."""
    return max((one for one in (mail.at, mail.received_at) if one), default=None)


def _heads(seen: Seen, mail: PatchMail) -> Iterator[SeenMail]:
    """The mails above a posting that speak for its whole series: its cover letter, or its first part."""
    for above in seen.ancestors(mail):
        one = above.mail
        same = (one.revision, one.revision_point) == (mail.revision, mail.revision_point)
        if same and (
            one.role is MailRole.COVER or (one.part == 1 and one.parts == mail.parts and one.is_reply is False)
        ):
            yield above


def _thread_of(seen: Seen, mail: PatchMail) -> str:
    found = list(_heads(seen, mail))
    if found:
        covers = [one.mail.msgid for one in found if one.mail.role is MailRole.COVER]
        return covers[0] if covers else found[-1].mail.msgid
    lost_cover = mail.in_reply_to if (mail.parts or 1) > 1 else None
    return lost_cover if lost_cover and lost_cover not in seen.by_msgid else mail.msgid


def _needs(seen: Seen, postings: Sequence[SeenMail], commits: Sequence[SeenCommit]) -> tuple[Need, ...]:
    found: dict[Need, None] = {}
    patches = [one.mail for one in postings if one.mail.role is MailRole.PATCH]
    if patches:
        newest = max(patches, key=lambda one: (one.revision, one.revision_point, "RESEND" in one.flags, one.msgid))
        for mail in (newest, *(one.mail for one in _heads(seen, newest))):
            for line in mail.prerequisites:
                kind, _, value = line.partition(":")
                if kind in _KEYS:
                    said = kind if kind == BASE_COMMIT else f"prerequisite-{kind}"
                    found[Need(key=f"{_KEYS[kind]}:{value}", said=said)] = None
    for one in commits:
        for fixed in one.commit.fixes:
            if len(fixed) >= SHORT_ID:
                found[Need(key=f"commit:{fixed}", said=FIXES)] = None
    return tuple(found)[:NEED_LIMIT]


def _needed_by(postings: Sequence[SeenMail], commits: Sequence[SeenCommit]) -> tuple[Need, ...]:
    found: dict[Need, None] = {}
    texts: list[tuple[str, tuple[str | None, ...]]] = [
        (one.commit.message, (branch_named(one.commit.branch),)) for one in commits if one.commit.tree == STABLE
    ]
    texts += [(one.mail.text, (*one.mail.branches, *one.mail.queue_branches)) for one in postings]
    for text, branches in texts:
        for commit in _DEP_OF.findall(text) if "Stable-dep-of:" in text else ():
            for branch in branches:
                if branch:
                    found[Need(key=f"commit:{commit}", said=STABLE_DEP_OF, branch=branch)] = None
    return tuple(found)[:NEED_LIMIT]
