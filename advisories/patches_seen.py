"""The kept records of one load as mails and commits, each once, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from advisories.mail import MailRole, PatchMail, Push
from advisories.mail_subject import normalise_title
from advisories.model import Evidence, RecordVersion
from advisories.observation import CommitObservation, PackageChangelogObservation, RefsObservation
from advisories.patches_keys import LISTED_TITLES, is_posting, listed_titles
from advisories.patches_titles import author_key, bare_title, changelog_title

RecordName = tuple[str, str]  # (source, key)
QUEUE = "stable-queue"
_NEVER = datetime.max.replace(tzinfo=UTC)
_WALK_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMail:
    """One mail however many lists carried it; `records` are those that it came in."""

    mail: PatchMail
    evidence: Evidence
    records: frozenset[RecordName]

    @property
    def order(self) -> tuple[datetime, str, str]:
        return (self.mail.at or _NEVER, self.mail.msgid, self.mail.content_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCommit:
    """One commit in one branch of one tree, as the newest document states it."""

    commit: CommitObservation
    evidence: Evidence
    records: frozenset[RecordName]

    @property
    def order(self) -> tuple[datetime, str, str, str, str]:
        one = self.commit
        return (one.committed_at, one.commit, one.tree, one.branch, one.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLine:
    """A line of a pull request, announcement or push. author: as `author_key` has it, "" where none is named."""

    seen: SeenMail
    author: str
    title: str  # normalised
    commit: str = ""
    push: Push | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenChangelog:
    changelog: PackageChangelogObservation
    titles: frozenset[str]  # as upstream writes them, normalised
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything one fold looks at. `rewritten`: (tree, commit) that a forced push dropped, with the document."""

    mails: tuple[SeenMail, ...]
    commits: tuple[SeenCommit, ...]
    rewritten: dict[tuple[str, str], SeenRefs]
    changelogs: tuple[SeenChangelog, ...]
    by_msgid: dict[str, SeenMail]
    listed: dict[str, list[ListedLine]]  # by title without its area

    @property
    def postings(self) -> tuple[SeenMail, ...]:
        return tuple(one for one in self.mails if is_posting(one.mail))

    def ancestors(self, mail: PatchMail) -> Iterator[SeenMail]:
        """The mails it answers, nearest first, as far as they are kept; bounded, and safe in a circle of forged ids."""
        visited = {mail.msgid}
        ahead = _answered(mail)
        while ahead and len(visited) < _WALK_LIMIT:
            msgid = ahead.pop(0)
            if msgid in visited:
                continue
            visited.add(msgid)
            found = self.by_msgid.get(msgid)
            if found is not None:
                yield found
                ahead = _answered(found.mail) + ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRefs:
    at: datetime
    evidence: Evidence
    record: RecordName


def _answered(mail: PatchMail) -> list[str]:
    return ([mail.in_reply_to] if mail.in_reply_to else []) + list(reversed(mail.references[-30:]))


def gather(versions: Iterable[RecordVersion]) -> Seen:
    """Sorts the records' observations out. The order of `versions` does not matter."""
    mails: dict[tuple[str, str], SeenMail] = {}
    commits: dict[tuple[str, ...], SeenCommit] = {}
    changelogs: list[SeenChangelog] = []
    rewritten: dict[tuple[str, str], SeenRefs] = {}
    for version in sorted(versions, key=_fixed):
        name = (version.evidence.source, version.key)
        for one in version.observations:
            if isinstance(one, PatchMail):
                key = (one.msgid, one.content_key)
                mails[key] = _joined(mails.get(key), one, version.evidence, name)
            elif isinstance(one, CommitObservation):
                # a commit of the stable queue adds many patches: there the title tells them apart
                where = (one.tree, one.branch, one.commit, one.subject if one.tree == QUEUE else "")
                commits[where] = _restated(commits.get(where), one, version.evidence, name)
            elif isinstance(one, PackageChangelogObservation):
                titles = frozenset(map(changelog_title, one.titles))
                changelogs.append(SeenChangelog(changelog=one, titles=titles, evidence=version.evidence))
            elif isinstance(one, RefsObservation):
                for commit in one.rewritten:
                    refs = SeenRefs(at=version.at, evidence=version.evidence, record=name)
                    rewritten.setdefault((one.tree, commit), refs)
    ordered = sorted(mails.values(), key=lambda one: one.order)
    by_msgid: dict[str, SeenMail] = {}
    for each in ordered:
        by_msgid.setdefault(each.mail.msgid, each)
    return Seen(
        mails=tuple(ordered),
        commits=tuple(sorted(commits.values(), key=lambda one: one.order)),
        rewritten=rewritten,
        changelogs=tuple(changelogs),
        by_msgid=by_msgid,
        listed=_listed(ordered),
    )


def _listed(mails: Iterable[SeenMail]) -> dict[str, list[ListedLine]]:
    found: dict[str, list[ListedLine]] = {}
    for one in mails:
        for line in _lines(one):
            found.setdefault(bare_title(line.title), []).append(line)
    return found


def _lines(one: SeenMail) -> Iterator[ListedLine]:
    titles = listed_titles(one.mail)
    if one.mail.role is not MailRole.GITOLITE_PUSH:
        for author, title in titles:
            yield ListedLine(seen=one, author=author_key(author, ""), title=normalise_title(title))
    elif titles:
        for push in one.mail.pushes:
            for commit, title in push.commits[:LISTED_TITLES]:
                yield ListedLine(seen=one, author="", title=normalise_title(title), commit=commit, push=push)


def _fixed(version: RecordVersion) -> tuple[datetime, str, str, str, str]:
    evidence = version.evidence
    return (version.at, evidence.source, version.key, evidence.url, evidence.sha256)


def _joined(before: SeenMail | None, mail: PatchMail, evidence: Evidence, name: RecordName) -> SeenMail:
    """The first copy counts; further lists that carried it are added."""
    if before is None:
        return SeenMail(mail=mail, evidence=evidence, records=frozenset({name}))
    lists = tuple(dict.fromkeys((*before.mail.list_ids, *mail.list_ids)))
    return replace(before, mail=replace(before.mail, list_ids=lists), records=before.records | {name})


def _restated(before: SeenCommit | None, one: CommitObservation, evidence: Evidence, name: RecordName) -> SeenCommit:
    """The newest word on a commit; a first tag once known stays, as do files and patch-id."""
    if before is None:
        return SeenCommit(commit=one, evidence=evidence, records=frozenset({name}))
    old = before.commit
    tagged = one.first_tag is not None
    kept = replace(
        one,
        first_tag=one.first_tag if tagged else old.first_tag,
        first_tag_at=one.first_tag_at if tagged else old.first_tag_at,
        files=one.files or old.files,
        patch_id=one.patch_id or old.patch_id,
    )
    return SeenCommit(commit=kept, evidence=evidence, records=before.records | {name})
