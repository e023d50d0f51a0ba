"""Which role a mail plays. A role other than reply or discussion needs its tool's form and, of bots, the sender."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from advisories.mail_applied import Applied, read_applied
from advisories.mail_subject import Subject
from advisories.mail_values import MailRole, Push, Trailer
from advisories.trailers import REVIEW_NAMES

_QUEUED = re.compile(
    r"^Patch \"(?P<title>.{1,300})\" has been added to the (?P<branch>[0-9]+\.[0-9]+)(?:\.y)?-stable tree$"
)
_FAILED = re.compile(
    r"^FAILED: patch \"\[PATCH\](?P<title>.{1,300})\" failed to apply to "
    r"(?P<branch>[0-9]+\.[0-9]+)(?:\.y)?-stable tree$"
)
_REVIEW_OF = re.compile(r"(?P<branch>[0-9]+\.[0-9]+)\.[0-9]+-rc[0-9]+ review$")
_RELEASE = re.compile(r"Linux (?P<release>[0-9]+\.[0-9]+(?:\.[0-9]+)?)$")
_CVE = re.compile(r"(?P<rejected>REJECTED: )?CVE-[0-9]{4}-[0-9]{4,7}: .", re.ASCII)
_PUSH = re.compile(r"post-receive: (?P<repository>[A-Za-z0-9._/+-]{1,200})$")
_REF = re.compile(
    r"^  - ref: (?P<ref>\S{1,200})\n    old: (?P<old>[0-9a-f]{40})\n    new: (?P<new>[0-9a-f]{40})"
    r"(?:\n    log: (?P<log>\S{1,200}))?",
    re.MULTILINE,
)
_COMMIT_LINE = re.compile(r"^[ ]{0,12}([0-9a-f]{40}) ([^\n]{1,500})$", re.MULTILINE)
_PULL = re.compile(
    r"(?P<repository>(?:git|https?|ssh)://[^\s]{1,300}|git@[^\s]{1,300})"
    r"(?:[ \t]*\\?\n?[ \t]+(?P<ref>(?:tags/|refs/tags/)?[A-Za-z0-9._/+-]{1,120}))?"
)
_PULL_AT = re.compile(r"are available in the (?:Git|git) repository at:?")
_MERGED = re.compile(
    r"has been merged into (?P<tree>\S{1,100}):[ \t]*\n+[ \t]*https?://\S{1,200}/c/(?P<commit>[0-9a-f]{12,40})"
)
_ZERO = "0" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What decided the role and what goes with it."""

    role: MailRole
    title: str | None = None
    queue_branches: tuple[str, ...] = ()
    applied: Applied | None = None
    pull_repository: str | None = None
    pull_tag: str | None = None
    merge_commit: str | None = None
    release: str | None = None
    pushes: tuple[Push, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the roles are decided from: own lines hold neither quotes nor signature nor diff."""

    subject: Subject
    from_addr: str  # "" when the sender is not sure
    own: Sequence[str]
    text: str  # whole decoded text, quotes included
    attachments: Sequence[str]
    trailers: Sequence[Trailer]
    has_diff: bool
    has_diffstat: bool


def decide_role(heard: Heard) -> Part:
    """The role of a mail. A mail whose sender is not sure proves nothing and is `discussion`."""
    subject = heard.subject
    if not heard.from_addr:
        return Part(role=MailRole.DISCUSSION)
    if subject.is_reply:
        return _role_of_reply(heard)
    return _role_of_tool(heard) or _role_of_patch(heard) or Part(role=MailRole.DISCUSSION)


def _role_of_reply(heard: Heard) -> Part:
    subject = heard.subject
    if merged := _pull_merged(heard):
        return merged
    if not subject.is_patch:
        return Part(role=MailRole.DISCUSSION)
    applied = read_applied(heard.own)
    if applied is not None:
        return Part(role=MailRole.APPLIED, applied=applied)
    if any(one.name in REVIEW_NAMES for one in heard.trailers):
        return Part(role=MailRole.REVIEW)
    return Part(role=MailRole.REPLY)


def _pull_merged(heard: Heard) -> Part | None:
    if not heard.from_addr.startswith("pr-tracker-bot@") or not heard.from_addr.endswith("kernel.org"):
        return None
    merged = _MERGED.search("\n".join(heard.own))
    if merged is None:
        return None
    pull = _PULL.search(heard.text)
    return Part(
        role=MailRole.PULL_MERGED,
        merge_commit=merged["commit"],
        pull_repository=pull["repository"] if pull else None,
        pull_tag=_tag(pull),
    )


def _tag(pull: re.Match[str] | None) -> str | None:
    return pull["ref"].removeprefix("refs/").removeprefix("tags/") if pull and pull["ref"] else None


def _role_of_tool(heard: Heard) -> Part | None:
    text = heard.subject.text
    if queued := _QUEUED.match(text):
        return Part(role=MailRole.STABLE_QUEUE, title=queued["title"], queue_branches=(queued["branch"],))
    if failed := _FAILED.match(text):
        return Part(role=MailRole.STABLE_FAILED, title=failed["title"].strip(), queue_branches=(failed["branch"],))
    if cve := _CVE.match(text):
        return Part(role=MailRole.CVE_REJECTED if cve["rejected"] else MailRole.CVE_ANNOUNCE)
    if (release := _RELEASE.match(text)) and any("announc" in line for line in heard.own[:40]):
        return Part(role=MailRole.STABLE_ANNOUNCE, release=release["release"])
    if push := _PUSH.match(text):
        pushes = _pushes(push["repository"], heard)
        return Part(role=MailRole.GITOLITE_PUSH, pushes=pushes) if pushes else None
    return _pull_request(heard) if heard.subject.is_pull else None


def _pushes(repository: str, heard: Heard) -> tuple[Push, ...]:
    """The refs of a push. The log of each is an attachment, or stands indented below its ref when it is short."""
    refs = list(islice(_REF.finditer(heard.text), 50))
    ends = [ref.start() for ref in refs[1:]] + [len(heard.text)]
    logs = list(heard.attachments)
    found = []
    for ref, end in zip(refs, ends, strict=True):
        inline = ref["log"] == "|"
        log = heard.text[ref.end() : end] if inline else (logs.pop(0) if logs and ref["log"] else "")
        found.append(
            Push(
                repository=repository,
                ref=ref["ref"],
                old=None if ref["old"] == _ZERO else ref["old"],
                new=None if ref["new"] == _ZERO else ref["new"],
                commits=tuple((one[1], one[2].strip()) for one in islice(_COMMIT_LINE.finditer(log), 5_000)),
            )
        )
    return tuple(found)


def _pull_request(heard: Heard) -> Part | None:
    at = _PULL_AT.search(heard.text)
    pull = _PULL.search(heard.text, at.end() if at else 0)
    if pull is None:
        return None
    return Part(role=MailRole.PULL_REQUEST, pull_repository=pull["repository"], pull_tag=_tag(pull))


def _role_of_patch(heard: Heard) -> Part | None:
    subject = heard.subject
    if not subject.is_patch:
        return None
    review = _REVIEW_OF.search(subject.title) if subject.part == 0 else None
    if review:
        return Part(role=MailRole.STABLE_QUEUE, queue_branches=(review["branch"],))
    if subject.part == 0:
        return Part(role=MailRole.COVER)
    if not heard.has_diff and not heard.has_diffstat:
        return None
    if "AUTOSEL" in subject.flags:
        return Part(role=MailRole.AUTOSEL)
    if subject.branches:
        return Part(role=MailRole.BACKPORT)
    return Part(role=MailRole.PATCH)
