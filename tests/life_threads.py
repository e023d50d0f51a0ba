"""Threads that no list ever saw, from a seed: series, rerolls, resends, reviews, applied, stable mails, talk and spam.

Each comes with its truth: the role of every mail, and of every patch its revisions, stages and reviewers.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from advisories.mail import MailRole
from advisories.patches import Patch
from advisories.words import Stage
from tests.servers.inbox import Received

HERBERT = "Herbert Xu <herbert@gondor.apana.org.au>"
GREG = "Greg Kroah-Hartman <gregkh@linuxfoundation.org>"
TALK = frozenset({MailRole.REPLY, MailRole.DISCUSSION})
BEGIN = 1_780_000_000  # 2026-05-28
_VERBS = ("Bound", "Count", "Drop", "Check", "Split", "Free", "Copy", "Refuse", "Keep", "Name", "Sort", "Lock")
_WHAT = (
    "the pages", "every key", "an empty request", "stale tags", "the receive list", "odd lengths",
    "one control message", "the parent socket", "short reads", "its scatter list", "a second bind", "nested callers",
)  # fmt: skip
_WHERE = (
    "before the copy", "while it is locked", "in sendmsg", "after an error", "on release", "for large buffers",
    "when nothing waits", "at setkey", "without a child", "once a request", "behind the check", "in recvmsg",
)  # fmt: skip
_FILES = ("crypto/af_alg.c", "crypto/algif_aead.c", "crypto/algif_hash.c", "crypto/algif_skcipher.c")
_AREAS = ("crypto: af_alg", "crypto: algif_aead", "crypto: algif_hash", "crypto: algif_skcipher")
_PEOPLE = tuple(
    f"{first} {last} <{first.lower()}.{last.lower()}@example.org>"
    for first in ("Ada", "Berit", "Chidi", "Dana", "Emre", "Femi")
    for last in ("Olsen", "Okafor", "Petrov", "Quist", "Rossi")
)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A mail, the lists that carry it, and the roles it may be read as."""

    raw: bytes
    at: int
    msgid: str
    roles: frozenset[MailRole]
    lists: tuple[str, ...] = ("linux-crypto",)


@dataclass(kw_only=True)
class Truth:
    """What must be said of one patch. stages: (stage, branch or revision)."""

    title: str
    author: str
    file: str
    stages: set[tuple[str, str]] = field(default_factory=set)
    reviewers: set[tuple[str, str]] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    last: str = field(default="", compare=False)  # Message-ID of its newest posting


class Threads:
    """`mails` and `truths` grow thread by thread; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        titles = [f"{verb} {what} {where}" for verb in _VERBS for what in _WHAT for where in _WHERE]
        self._titles = self._random.sample(titles, len(titles))
        self._at = BEGIN
        self._number = 0
        self.mails: list[Made] = []
        self.truths: list[Truth] = []

    def grow(self, mails: int) -> None:
        """Whole threads until there are at least so many mails."""
        while len(self.mails) < mails:
            one = self._random.choice((self._single, self._series, self._single, self._noise))
            one()

    def truth(self) -> list[Truth]:
        return sorted(self.truths, key=lambda one: one.title)

    # Threads

    def _single(self) -> None:
        patch = self._truth(self._random.choice(_PEOPLE))
        threaded = self._random.random() < 0.5
        for revision in range(1, self._random.randint(1, 3) + 1):
            parent = patch.last if threaded else ""
            if parent and self._random.random() < 0.2:
                patch.title = f"{patch.title.partition(' - ')[0]} - {self._titles.pop()}"
            self._post(patch, _tag("PATCH", revision), revision, parent)
            if self._random.random() < 0.2:
                self._post(patch, _tag("PATCH RESEND", revision), revision, "")
            self._answers(patch)
        self._ending([patch], patch.last, _tag("PATCH", revision), patch.title)

    def _series(self) -> None:
        author = self._random.choice(_PEOPLE)
        patches = [self._truth(author) for _ in range(self._random.randint(2, 4))]
        about = f"crypto: {self._titles.pop()}"
        covered = self._random.random() < 0.8
        parts = len(patches)
        head = ""
        for revision in range(1, self._random.randint(1, 2) + 1):
            cover = _tag("PATCH", revision, f"0/{parts}")
            head = self._mail(author, f"{cover} {about}", _COVER, head, MailRole.COVER) if covered else ""
            for number, patch in enumerate(patches, start=1):
                first = self._post(patch, _tag("PATCH", revision, f"{number}/{parts}"), revision, head)
                head = head or first
                self._answers(patch)
        subject = (cover, about) if covered else (_tag("PATCH", revision, f"1/{parts}"), patches[0].title)
        self._ending(patches if covered else patches[:1], head, *subject)

    def _noise(self) -> None:
        """Talk, spam, and words of people who have no say."""
        who, title = self._random.choice(_PEOPLE), self._titles.pop()
        kind = self._random.randrange(5)
        if kind == 0:
            asked = self._mail(who, f"af_alg: may I {title.lower()}?", "Words.\n", "", MailRole.DISCUSSION)
            self._mail(HERBERT, f"Re: af_alg: may I {title.lower()}?", "Patch applied.  Thanks.\n", asked, *TALK)
        elif kind == 1:
            self._mail(who, f"[PATCH] crypto: af_alg - {title}", "The diff is attached.\n", "", MailRole.DISCUSSION)
        elif kind == 2:
            self._mail(who, "Linux 6.12.999", f"      crypto: af_alg - {title}\n", "", MailRole.DISCUSSION)
        elif kind == 3:
            self._mail(who, "=?utf-8?b?8J+SsA==?= af_alg", "\x00<html>\ud83d\n", "", MailRole.DISCUSSION)
        else:
            subject = f"Re: [PATCH] crypto: af_alg - {title}"
            self._mail(who, subject, "Patch applied.\n", "never@posted", MailRole.APPLIED)

    # What happens to a patch

    def _post(self, patch: Truth, tag: str, revision: int, parent: str) -> str:
        notes = f"v{revision}: as asked.\n\n" if revision > 1 else ""
        body = f"Why.\n\nSigned-off-by: {patch.author}\n---\n{notes}{_diff(patch, revision)}-- \n2.54\n"
        patch.stages.add(("posted", f"v{revision}"))
        patch.last = self._mail(patch.author, f"{tag} {patch.title}", body, parent, MailRole.PATCH)
        return patch.last

    def _answers(self, patch: Truth) -> None:
        """Reviews and words; a stranger's "applied" is none."""
        for _ in range(self._random.randint(0, 2)):
            who = self._random.choice([one for one in _PEOPLE if one != patch.author])
            subject = f"Re: [PATCH] {patch.title}"
            if self._random.random() < 0.5:
                name = self._random.choice(("Reviewed-by", "Acked-by", "Tested-by"))
                self._mail(who, subject, f"> Why.\n\n{name}: {who}\n", patch.last, MailRole.REVIEW)
                patch.reviewers.add((name, who.partition("<")[2].rstrip(">")))
            elif self._random.random() < 0.3:
                self._mail(who, subject, "Patch applied.  Thanks.\n", patch.last, MailRole.APPLIED)
            else:
                self._mail(who, subject, "> Why.\n\nWhy indeed?\n", patch.last, MailRole.REPLY)

    def _ending(self, patches: Sequence[Truth], parent: str, tag: str, title: str) -> None:
        """Applied by the maintainer or not; then perhaps taken or refused by the stable team."""
        if self._random.random() < 0.4:
            return
        words = "Patch applied.  Thanks.\n" if len(patches) == 1 else "All applied.  Thanks.\n"
        self._mail(HERBERT, f"Re: {tag} {title}", f"> Why.\n\n{words}", parent, MailRole.APPLIED)
        for patch in patches:
            patch.stages.add(("applied", ""))
        for patch in patches:
            self._stable(patch)

    def _stable(self, patch: Truth) -> None:
        for branch in ("6.12", "6.6"):
            chance = self._random.random()
            if chance < 0.15:
                body = _REVIEWED.format(patch=patch, branch=branch) + f"---\n{_diff(patch, 8)}"
                subject = f"[PATCH {branch} {self._random.randint(1, 210):03}/210] {patch.title}"
                self._mail(GREG, subject, body, "", MailRole.BACKPORT, lists=("stable",))
                patch.stages.add(("stable-queue", branch))
            elif chance < 0.3:
                subject = f'Patch "{patch.title}" has been added to the {branch}-stable tree'
                note = _QUEUED.format(patch=patch, branch=branch, commit=self._random.randbytes(20).hex())
                body = f"{note}\nWhy.\n\n---\n{_diff(patch, 9)}"
                self._mail(GREG, subject, body, "", MailRole.STABLE_QUEUE, lists=("stable",))
                patch.stages.add(("stable-queue", branch))
            elif chance < 0.45:
                subject = f'FAILED: patch "[PATCH] {patch.title}" failed to apply to {branch}-stable tree'
                self._mail(GREG, subject, "The patch does not apply.\n", "", MailRole.STABLE_FAILED, lists=("stable",))
                patch.failed.add(branch)

    # Mails

    def _truth(self, author: str) -> Truth:
        area = self._random.randrange(len(_AREAS))
        made = Truth(title=f"{_AREAS[area]} - {self._titles.pop()}", author=author, file=_FILES[area])
        self.truths.append(made)
        return made

    def _mail(
        self, sender: str, subject: str, body: str, parent: str, *roles: MailRole, lists: tuple[str, ...] = ()
    ) -> str:
        self._number += 1
        self._at += self._random.randint(60, 6_000)
        msgid = f"made-{self._number}@example.org"
        fields = [
            f"From: {sender}",
            f"Subject: {subject}",
            f"Date: {format_datetime(datetime.fromtimestamp(self._at, UTC))}",
            f"Message-ID: <{msgid}>",
        ]
        if parent:
            fields += [f"In-Reply-To: <{parent}>", f"References: <{parent}>"]
        crossed = ("linux-crypto", "stable") if self._random.random() < 0.1 else ("linux-crypto",)
        fields.append(f"List-Id: <{(lists or crossed)[0]}.vger.kernel.org>")
        raw = "\n".join([*fields, "", body]).encode("utf-8", "surrogatepass")
        made = Made(raw=raw, at=self._at, msgid=msgid, roles=frozenset(roles), lists=lists or crossed)
        self.mails.append(made)
        return msgid


_COVER = "What this is about.\n\n crypto/af_alg.c | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n"


_QUEUED = """\
This is a note to let you know that the patch titled

    {patch.title}

was added to the {branch}-stable tree.

From {commit} Mon Sep 17 00:00:00 2001
From: {patch.author}
Date: Thu, 28 May 2026 10:00:00 +0000
Subject: {patch.title}
"""


_REVIEWED = """\
{branch}-stable review patch.  If anyone objects, please say so.

------------------

From: {patch.author}

Why.

"""


def _tag(words: str, revision: int, part: str = "") -> str:
    version = f" v{revision}" if revision > 1 else ""
    return f"[{words}{version}{f' {part}' if part else ''}]"


def _diff(patch: Truth, revision: int) -> str:
    return (
        f" {patch.file} | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n\n"
        f"diff --git a/{patch.file} b/{patch.file}\nindex 1111111..2222222 100644\n"
        f"--- a/{patch.file}\n+++ b/{patch.file}\n@@ -1,3 +1,3 @@\n context\n-old {patch.title}\n"
        f"+new {patch.title} {revision}\n context\n"
    )


def what_is_said(patches: Iterable[Patch]) -> list[Truth]:
    """The patches as `Threads.truth` tells them."""
    return sorted(map(_said, patches), key=lambda one: one.title)


def _said(patch: Patch) -> Truth:
    return Truth(
        title=patch.title,
        author=f"{patch.author_name} <{patch.author_addr}>",
        file=" ".join(patch.files),
        stages={
            (one.stage.value, (one.ref if one.stage is Stage.POSTED else one.branch) or "") for one in patch.landings
        },
        reviewers={(one.name, one.person) for one in patch.reviews},
        failed={one.branch for one in patch.failed},
    )


def on_lists(mails: Sequence[Made]) -> Iterator[tuple[str, Received]]:
    """Each mail as every list carries it."""
    for one in mails:
        for name in one.lists:
            raw = one.raw.replace(b"List-Id: <linux-crypto.", f"List-Id: <{name}.".encode())
            yield name, Received(raw=raw, at=one.at)
