"""Mails, commits and changelogs for the tests of a patch's life: own words in the true wire format, true facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from advisories.mail import PatchMail, parse_mail
from advisories.model import Evidence, RecordVersion
from advisories.observation import CommitObservation, Observation, PackageChangelogObservation
from advisories.patches import Landing, Patch
from advisories.patches_fold import fold_patches
from advisories.topics import Topic, parse_topic
from advisories.words import EvidenceClass, Stage

LIST = "linux-crypto.vger.kernel.org"
START = datetime(2026, 5, 4, 6, tzinfo=UTC)
ERIC = "Eric Biggers <ebiggers@kernel.org>"
HERBERT = "Herbert Xu <herbert@gondor.apana.org.au>"
GREG = "Greg Kroah-Hartman <gregkh@linuxfoundation.org>"
TITLE = "crypto: af_alg - Remove zero-copy support from skcipher and aead"

TOPIC = parse_topic(
    """
slug = "af-alg"
title = "AF_ALG"
paths = ["crypto/af_alg.c", "crypto/algif_*.c"]
subjects = ["crypto: af_alg*", "crypto: algif_*", "AF_ALG:*", "net: Remove support for AIO on sockets*"]
words = ["af_alg"]
""",
    name="test",
)


def commit_id(number: int) -> str:
    return f"{number:02x}" * 20


def diff(*files: str, change: str = "new") -> str:
    """A whole diff that changes these files."""
    return "".join(
        f"diff --git a/{one} b/{one}\nindex 1111111..2222222 100644\n--- a/{one}\n+++ b/{one}\n"
        f"@@ -1,2 +1,2 @@\n context\n-old\n+{change}\n"
        for one in files
    )


def mail(
    msgid: str,
    subject: str,
    body: str = "Words.\n",
    *,
    sender: str = ERIC,
    hours: float = 0,
    reply_to: str | None = None,
    list_id: str = LIST,
) -> PatchMail:
    """A mail as a list delivers it, `hours` after the first."""
    at = START + timedelta(hours=hours)
    fields = [
        f"From: {sender}",
        f"Subject: {subject}",
        f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000",
        f"Message-ID: <{msgid}>",
        f"List-Id: <{list_id}>",
    ]
    if reply_to:
        fields += [f"In-Reply-To: <{reply_to}>", f"References: <{reply_to}>"]
    return parse_mail("\n".join([*fields, "", body]).encode(), received_at=None)


def patch_mail(
    msgid: str,
    subject: str,
    *files: str,
    change: str = "new",
    notes: str = "",
    trailers: str = "",
    author: str = "",
    **more: Any,  # Any: keywords of mail()
) -> PatchMail:
    """A posting of a patch that changes these files."""
    opening = f"From: {author}\n\n" if author else ""
    body = (
        f"{opening}Why.\n\n{trailers}---\n{notes}\n{diff(*(files or ('crypto/af_alg.c',)), change=change)}-- \n2.54\n"
    )
    return mail(msgid, subject, body, **more)


def commit(
    number: int,
    subject: str = TITLE,
    *,
    tree: str = "mainline",
    branch: str = "master",
    author: str = ERIC,
    hours: float = 240,
    tag: str | None = None,
    tag_hours: float = 480,
    files: Sequence[str] = ("crypto/af_alg.c",),
    **more: Any,  # Any: further fields of CommitObservation
) -> CommitObservation:
    name, _, addr = author.partition(" <")
    at = START + timedelta(hours=hours)
    return CommitObservation(
        tree=tree,
        branch=branch,
        commit=commit_id(number),
        subject=subject,
        author_name=name,
        author_email=addr.rstrip(">"),
        author_at=at,
        committed_at=at,
        message=str(more.pop("message", "")),
        first_tag=tag,
        first_tag_at=START + timedelta(hours=tag_hours) if tag else None,
        files=tuple(files),
        **more,
    )


def stable(number: int, upstream: int, tag: str, **more: Any) -> CommitObservation:  # Any: keywords of commit()
    """A backport as the stable tree has it: it names the commit it takes."""
    branch = ".".join(tag.removeprefix("v").split(".")[:2])
    return commit(
        number, tree="stable", branch=f"linux-{branch}.y", tag=tag, upstream_commit=commit_id(upstream), **more
    )


def changelog(version: str, *titles: str, release: str = "12", days: float = 70) -> PackageChangelogObservation:
    return PackageChangelogObservation(
        distro="debian",
        release=release,
        package="linux",
        version=version,
        at=START + timedelta(days=days),
        titles=titles,
        commits=(),
        cves=(),
    )


def seen(*observations: Observation, hours: float = 0) -> list[RecordVersion]:
    """Each as the only content of its own record, as its source would state it."""
    return [_version(one, START + timedelta(hours=hours)) for one in observations]


def _version(one: Observation, at: datetime) -> RecordVersion:
    if isinstance(one, PatchMail):
        source, key, kind = "lore", f"mail/{one.content_key}", EvidenceClass.LIST_MAIL
        url = f"https://lore.kernel.org/linux-crypto/{one.msgid}/raw"
    elif isinstance(one, CommitObservation):
        source, key, kind = one.tree, f"commit/{one.branch}/{one.commit}/{one.subject}", EvidenceClass.GIT
        url = f"https://git.example/{one.tree}/commit/?id={one.commit}"
    else:
        source, key, kind = "debian", repr(one)[:200], EvidenceClass.VENDOR
        url = "https://changelogs.example/linux"
    evidence = Evidence(
        source=source, evidence_class=kind, url=url, fetched_at=at, sha256=sha256(repr(one).encode()).hexdigest()
    )
    return RecordVersion(key=key, at=at, modified=None, evidence=evidence, observations=(one,))


def fold(*observations: Observation, topics: Iterable[Topic] = (TOPIC,)) -> tuple[Patch, ...]:
    return fold_patches(seen(*observations), tuple(topics)).patches


def the_patch(*observations: Observation) -> Patch:
    """The one patch that these make."""
    (patch,) = fold(*observations)
    return patch


def told(patch: Patch, *stages: Stage) -> list[tuple[str, str, str | None, str | None]]:
    """(stage, tree, branch or package or revision, version) of its landings, of these stages only when given."""
    return [
        (
            one.stage.value,
            one.tree,
            one.branch or one.package or (one.ref if one.version is None else None),
            one.version,
        )
        for one in patch.landings
        if not stages or one.stage in stages
    ]


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def the_landing(patch: Patch, stage: Stage, branch: str | None = None) -> Landing:
    (landing,) = [one for one in patch.landed(stage) if branch is None or one.branch == branch]
    return landing


def restated(version: RecordVersion, one: Observation, hours: float) -> RecordVersion:
    """The same record as a later document states it."""
    return replace(version, at=START + timedelta(hours=hours), observations=(one,))


def real_mails(folder: Path) -> list[PatchMail]:
    """Every mail of the folder of real documents, in order of time."""
    mails = [parse_mail(one.read_bytes(), received_at=None) for one in sorted(folder.rglob("*.eml"))]
    return sorted(mails, key=lambda one: (one.at or START, one.msgid))
