"""What only list mail says of a patch: postings, "applied", pushes, queues, pulls and announcements.

Such a landing stands until git proves the stage, and never wakes anyone. Whose word counts: the lists' maintainers and
bots by their address, and any other than the author who names the commit or the tree as b4 does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from advisories.landings import MAINLINE, STABLE, branch_of_version
from advisories.landings_maintainers import EVERYWHERE, MAINTAINERS, TREES
from advisories.mail import MailRole, PatchMail
from advisories.mail_subject import normalise_title
from advisories.model import Evidence
from advisories.patches import FailedBackport, Landing, Revision
from advisories.patches_groups import strongest
from advisories.patches_keys import STABLE_TEAM
from advisories.patches_seen import QUEUE, ListedLine, Seen, SeenMail
from advisories.patches_titles import bare_title, same_person
from advisories.words import EvidenceClass, MatchedBy, Stage

_APPLYING_BOT = re.compile(r"patchwork-bot\+[a-z0-9._-]{1,40}@kernel\.org")
_QUEUED_FOR = re.compile(r"^[0-9]{1,2}\.[0-9]{1,3}-stable review patch\.")
_NOTES = 1_000
_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """By what a list of titles may name this patch: normalised titles, titles without area, authors, commit ids."""

    titles: frozenset[str]
    bare: frozenset[str]
    authors: frozenset[str]
    commits: frozenset[str]

    def lines(self, seen: Seen, role: MailRole) -> Iterator[tuple[ListedLine, MatchedBy]]:
        """The lines of such mails that name the patch, in order of time, and how. Title and author are a guess."""
        found = [line for title in sorted(self.bare) for line in seen.listed.get(title, ())]
        for line in sorted(found, key=lambda one: one.seen.order):
            if line.seen.mail.role is not role:
                continue
            if line.commit and line.commit in self.commits:
                yield line, MatchedBy.LINK
            elif not line.author or line.author in self.authors:
                yield line, MatchedBy.AUTHOR_SUBJECT


def list_of(mail: PatchMail, evidence: Evidence) -> str:
    """The list that carried it, by its List-Id; else the archive's name for it."""
    if mail.list_ids:
        return mail.list_ids[0]
    parts = evidence.url.split("/")
    return parts[3] if len(parts) > 4 and parts[3] else "mail"


def revisions(postings: Iterable[SeenMail]) -> tuple[Revision, ...]:
    """The revisions in order, each by its first posting; a resend counts only when nothing else shows its revision."""
    found: dict[str, SeenMail] = {}
    for posting in postings:
        mail = posting.mail
        if mail.role is not MailRole.PATCH:
            continue
        before = found.get(mail.ref)
        if before is None or ("RESEND" in before.mail.flags and "RESEND" not in mail.flags):
            found[mail.ref] = posting
    ordered = sorted(found.values(), key=lambda one: (one.mail.revision, one.mail.revision_point))
    return tuple(
        Revision(
            ref=one.mail.ref,
            title=one.mail.title,
            msgid=one.mail.msgid,
            at=one.mail.at,
            tree=list_of(one.mail, one.evidence),
            notes=one.mail.notes[:_NOTES],
            evidence=_said(one.evidence, EvidenceClass.LIST_MAIL),
        )
        for one in ordered
    )


def _said(evidence: Evidence, word: EvidenceClass) -> Evidence:
    return replace(evidence, evidence_class=word)


def posted(found: Sequence[Revision]) -> list[Landing]:
    return [
        Landing(
            stage=Stage.POSTED,
            tree=one.tree,
            ref=one.ref,
            at=one.at,
            matched_by=MatchedBy.MESSAGE_ID,
            evidence=one.evidence,
        )
        for one in found
    ]


def applied_by(mail: PatchMail, author_name: str, author_addr: str) -> EvidenceClass | None:
    """Whose word an "applied" reply is; None when it proves nothing."""
    believed = EVERYWHERE.union(*(MAINTAINERS.get(one, ()) for one in mail.list_ids))
    if mail.from_addr in believed or _APPLYING_BOT.fullmatch(mail.from_addr):
        return EvidenceClass.LIST_MAIL_MAINTAINER
    names = mail.applied_to is not None or any(one.commit for one in mail.applied_commits)
    if names and not same_person(mail.from_name, mail.from_addr, author_name, author_addr):
        return EvidenceClass.LIST_MAIL
    return None


def applied(replies: Iterable[SeenMail], naming: Naming, author: tuple[str, str]) -> list[Landing]:
    """ "Patch applied" replies to the patch or its cover. One that lists its patches speaks for those alone."""
    found: dict[tuple[Stage, str, str, str], Landing] = {}
    for reply in replies:
        mail = reply.mail
        word = applied_by(mail, *author) if mail.role is MailRole.APPLIED else None
        listed = [one for one in mail.applied_commits if bare_title(one.title) in naming.bare]
        if word is None or (mail.applied_commits and not listed):
            continue
        landing = Landing(
            stage=Stage.APPLIED,
            tree=tree_of(mail.applied_to) if mail.applied_to else list_of(mail, reply.evidence),
            ref=mail.applied_to,
            commit=_whole(listed[0].commit) if listed else None,
            at=mail.at,
            matched_by=MatchedBy.MESSAGE_ID,
            evidence=_said(reply.evidence, word),
        )
        found.setdefault(landing.place, landing)
    return list(found.values())


def _whole(commit: str | None) -> str | None:
    return commit if commit and len(commit) == 40 else None


def tree_of(repository: str) -> str:
    """The registry's name of a tree: "cryptodev" for pub/scm/linux/kernel/git/herbert/cryptodev-2.6(.git)."""
    name = repository.removesuffix(".git").rstrip("/").rsplit("/", 1)[-1]
    return TREES.get(name, name)


def pushed(seen: Seen, naming: Naming) -> list[Landing]:
    """Pushes to a maintainer's branch. A forced push of the same titles keeps the landing and takes the new ids."""
    found: dict[tuple[Stage, str, str, str], Landing] = {}
    for line, matched in naming.lines(seen, MailRole.GITOLITE_PUSH):
        push, mail = line.push, line.seen.mail
        if push is None or not push.ref.startswith("refs/heads/"):
            continue
        tree = tree_of(push.repository)
        if tree in (MAINLINE, "linux-next"):
            continue
        landing = Landing(
            stage=Stage.APPLIED,
            tree=tree,
            ref=push.ref.removeprefix("refs/heads/"),
            commit=line.commit,
            at=mail.at,
            matched_by=matched,
            evidence=_said(line.seen.evidence, EvidenceClass.LIST_MAIL_MAINTAINER),
        )
        found[landing.place] = _pushed_again(found.get(landing.place), landing)
    return list(found.values())


def _pushed_again(before: Landing | None, landing: Landing) -> Landing:
    if before is None:
        return landing
    return replace(landing, at=before.at, matched_by=strongest((before.matched_by, landing.matched_by)))


def pulled(seen: Seen, naming: Naming) -> list[Landing]:
    """A pull request that lists the patch, once pr-tracker says that mainline has it."""
    requests = {line.seen.mail.msgid: matched for line, matched in naming.lines(seen, MailRole.PULL_REQUEST)}
    for one in seen.mails if requests else ():
        if one.mail.role is not MailRole.PULL_MERGED:
            continue
        above = (each.mail for each in seen.ancestors(one.mail) if each.mail.role is MailRole.PULL_REQUEST)
        request = next(above, None)
        if request is not None and request.msgid in requests:
            landing = Landing(
                stage=Stage.MAINLINE,
                tree=MAINLINE,
                ref=one.mail.pull_tag or request.pull_tag,
                at=one.mail.at,
                matched_by=requests[request.msgid],
                evidence=_said(one.evidence, EvidenceClass.LIST_MAIL_MAINTAINER),
            )
            return [landing]
    return []


def announced(seen: Seen, naming: Naming) -> list[Landing]:
    """Stable releases whose announcement lists the patch under its author."""
    found: dict[tuple[Stage, str, str, str], Landing] = {}
    for line, matched in naming.lines(seen, MailRole.STABLE_ANNOUNCE):
        mail = line.seen.mail
        branch = branch_of_version(mail.release or "")
        if mail.release is None or branch in (None, mail.release):
            continue
        landing = Landing(
            stage=Stage.STABLE,
            tree=STABLE,
            branch=branch,
            ref=f"v{mail.release}",
            version=mail.release,
            at=mail.at,
            matched_by=matched,
            evidence=_said(line.seen.evidence, EvidenceClass.LIST_MAIL_MAINTAINER),
        )
        found.setdefault(landing.place, landing)
    return list(found.values())


def queued(postings: Iterable[SeenMail]) -> list[Landing]:
    """Mails of the stable team that a patch was taken for, or is under review in, the next point release."""
    found: dict[tuple[Stage, str, str, str], Landing] = {}
    for one in postings:
        mail = one.mail
        if mail.from_addr not in STABLE_TEAM:
            continue
        branches = mail.queue_branches if mail.role is MailRole.STABLE_QUEUE else ()
        if mail.role is MailRole.BACKPORT and _QUEUED_FOR.match(mail.text.lstrip()):
            branches = mail.branches
        for branch in branches:
            landing = Landing(
                stage=Stage.STABLE_QUEUE,
                tree=QUEUE,
                branch=branch,
                at=mail.at,
                matched_by=MatchedBy.LINK if mail.upstream_commit else MatchedBy.AUTHOR_SUBJECT_FILES,
                evidence=_said(one.evidence, EvidenceClass.LIST_MAIL_MAINTAINER),
            )
            found.setdefault(landing.place, landing)
    return list(found.values())


def failed_backports(seen: Seen, naming: Naming) -> tuple[FailedBackport, ...]:
    """The branches for which the stable team said that the patch does not apply."""
    found: dict[str, FailedBackport] = {}
    for one in seen.mails:
        mail = one.mail
        if mail.role is not MailRole.STABLE_FAILED or mail.from_addr not in STABLE_TEAM:
            continue
        if normalise_title(mail.title) in naming.titles:
            for branch in mail.queue_branches:
                word = _said(one.evidence, EvidenceClass.LIST_MAIL_MAINTAINER)
                found.setdefault(branch, FailedBackport(branch=branch, at=mail.at, evidence=word))
    return tuple(sorted(found.values(), key=lambda one: (one.at or _EVER, one.branch)))


def until_proven(said: Iterable[Landing], proven: Sequence[Landing]) -> Iterator[Landing]:
    """What mail says, without the stages that git proves: `applied` in any tree, the others by branch."""
    stages = {one.stage for one in proven}
    places = {(one.stage, one.branch) for one in proven}
    for one in said:
        if one.stage is Stage.APPLIED and one.stage in stages:
            continue
        if (one.stage, one.branch) not in places:
            yield one
