"""The kept records to patches: a pure fold, the same whatever order the records came in (DESIGN rule 11)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b

from advisories import landings_mail as by_mail
from advisories.landings import MAINLINE, git_landings, packaged_landings, titles_of
from advisories.landings_mail import Naming
from advisories.mail import MailRole
from advisories.model import RecordVersion
from advisories.patches import Landing, Patch, PatchAlarm, Review
from advisories.patches_groups import Node, group, mail_node, members, node_of
from advisories.patches_keys import SHORT_ID, own_topics
from advisories.patches_seen import QUEUE, RecordName, Seen, SeenCommit, SeenMail, gather
from advisories.patches_series import read_series, with_threads
from advisories.patches_titles import author_key, bare_title
from advisories.topics import Topic
from advisories.words import Alarm, Stage

_EVER = datetime.max.replace(tzinfo=UTC)
_STAGES = tuple(Stage)
FILE_LIMIT = 200
_UNCOUNTED = frozenset({"Signed-off-by", "Co-developed-by"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """The patches of a topic, in order of their first sight, and the records that speak of them."""

    patches: tuple[Patch, ...]
    records: frozenset[RecordName]


def fold_patches(versions: Iterable[RecordVersion], topics: Sequence[Topic]) -> Folded:
    """Every patch among these records that a topic watches."""
    return _Fold(gather(versions), topics).run()


class _Fold:
    def __init__(self, seen: Seen, topics: Sequence[Topic]) -> None:
        self._seen = seen
        self._topics = topics
        self._groups = group(seen)
        self._records: set[RecordName] = set()
        self._replies = self._thread()

    def run(self) -> Folded:
        kept = members(self._groups, self._seen, lambda one: bool(self._topics_of(one)))
        patches = [self._patch(node, *kept[node]) for node in sorted(kept)]
        patches.sort(key=lambda one: (one.first_at or _EVER, one.id))
        return Folded(patches=tuple(patches), records=frozenset(self._records))

    def _topics_of(self, one: SeenMail | SeenCommit) -> frozenset[str]:
        return own_topics(self._topics, one.mail if isinstance(one, SeenMail) else one.commit)

    def _thread(self) -> dict[Node, list[SeenMail]]:
        """Replies by patch: to the nearest posting above, or to the cover of its series."""
        parts: dict[str, set[Node]] = {}
        for posting in self._seen.postings:
            for above in self._seen.ancestors(posting.mail):
                if above.mail.role is MailRole.COVER:
                    parts.setdefault(above.mail.msgid, set()).add(self._groups.find(mail_node(posting.mail)))
                    break
        postings = {one.mail.msgid: self._groups.find(mail_node(one.mail)) for one in self._seen.postings}
        replies: dict[Node, list[SeenMail]] = {}
        for one in self._seen.mails:
            if not one.mail.is_reply:
                continue
            for above in self._seen.ancestors(one.mail):
                if above.mail.msgid in postings:
                    replies.setdefault(postings[above.mail.msgid], []).append(one)
                    break
                if above.mail.role is MailRole.COVER:
                    for node in sorted(parts.get(above.mail.msgid, ())):
                        replies.setdefault(node, []).append(one)
                    break
        return replies

    def _patch(self, node: Node, postings: list[SeenMail], commits: list[SeenCommit]) -> Patch:
        replies = self._replies.get(node, [])
        revisions = with_threads(self._seen, by_mail.revisions(postings), postings)
        series = read_series(self._seen, postings, commits, replies)
        title, name, addr = _headline(postings, commits)
        naming = _naming(postings, commits)
        proven = git_landings(self._seen, postings, commits)
        landings = [*by_mail.posted(revisions), *proven]
        landings += by_mail.until_proven(self._said(postings, replies, naming, (name, addr)), proven)
        landings = [*_with_pushes(landings, by_mail.pushed(self._seen, naming))]
        landings += packaged_landings(
            self._seen.changelogs, naming.titles, frozenset(one[:SHORT_ID] for one in naming.commits), landings
        )
        reverts, alarms = self._against(node, commits)
        self._use(node, postings, commits, replies, naming)
        topics = frozenset().union(*map(self._topics_of, postings), *map(self._topics_of, commits))
        return Patch(
            id=_identity(postings, commits),
            title=title,
            author_name=name,
            author_addr=addr,
            topics=tuple(one.slug for one in self._topics if one.slug in topics),
            message_ids=tuple(dict.fromkeys(one.mail.msgid for one in postings)),
            patch_ids=_patch_ids(postings, commits),
            commits=_commit_ids(commits, landings),
            opening_commits=tuple(dict.fromkeys(one.commit.commit for one in _own(commits) if self._topics_of(one))),
            revisions=revisions,
            reviews=_reviews(postings, replies),
            landings=tuple(sorted([*landings, *reverts], key=_in_time)),
            files=_files(postings, commits),
            alarms=alarms,
            failed=by_mail.failed_backports(self._seen, naming),
            needs=series.needs,
            needed_by=series.needed_by,
            covers=series.covers,
            change_ids=series.change_ids,
            spoken_at=series.spoken_at,
        )

    def _said(
        self, postings: list[SeenMail], replies: list[SeenMail], naming: Naming, author: tuple[str, str]
    ) -> list[Landing]:
        pushed = by_mail.pushed(self._seen, naming)
        return [
            *(pushed or by_mail.applied(replies, naming, author)),
            *by_mail.queued(postings),
            *by_mail.pulled(self._seen, naming),
            *by_mail.announced(self._seen, naming),
        ]

    def _against(self, node: Node, commits: list[SeenCommit]) -> tuple[list[Landing], tuple[PatchAlarm, ...]]:
        """Commits that revert this patch, or name it in a Fixes: line."""
        ids = {one.commit.commit for one in _own(commits)} | {
            one.commit.upstream_commit for one in commits if one.commit.upstream_commit
        }
        reverts: dict[tuple[Stage, str, str, str], Landing] = {}
        alarms: dict[tuple[Alarm, Node], PatchAlarm] = {}
        for one in self._seen.commits:
            other = self._groups.find(node_of(one.commit))
            if other == node:
                continue
            alarm = _turns_against(one, ids)
            if alarm is None:
                continue
            self._records |= one.records
            alarms.setdefault((alarm, other), _alarm(alarm, one))
            if alarm is Alarm.REVERTED:
                landing = _reverted(one)
                reverts.setdefault(landing.place, landing)
        return list(reverts.values()), tuple(sorted(alarms.values(), key=lambda one: (one.at, one.cause)))

    def _use(
        self, node: Node, postings: list[SeenMail], commits: list[SeenCommit], replies: list[SeenMail], naming: Naming
    ) -> None:
        """Notes which records speak of this patch: they are kept for good."""
        used: list[SeenMail] = [*postings, *replies]
        for posting in postings:
            used += [one for one in self._seen.ancestors(posting.mail) if one.mail.role is MailRole.COVER]
        for title in naming.bare:
            used += [line.seen for line in self._seen.listed.get(title, ())]
        pulls = {one.mail.msgid for one in used if one.mail.role is MailRole.PULL_REQUEST}
        for one in self._seen.mails:
            merged = one.mail.role is MailRole.PULL_MERGED and one.mail.in_reply_to in pulls
            failed = one.mail.role is MailRole.STABLE_FAILED and bare_title(one.mail.title) in naming.bare
            if merged or failed:
                used.append(one)
        for mail in used:
            self._records |= mail.records
        ids = {one.commit.commit for one in commits}
        for commit in commits:
            self._records |= commit.records
        self._records |= {refs.record for (_, gone), refs in self._seen.rewritten.items() if gone in ids}


def _own(commits: list[SeenCommit]) -> list[SeenCommit]:
    """The commits whose id is the patch's: not those of the stable queue."""
    return [one for one in commits if one.commit.tree != QUEUE]


def _with_pushes(landings: list[Landing], pushes: list[Landing]) -> list[Landing]:
    """A push seen before git's own word keeps the date on which the patch got there."""
    dates = {one.place: one.at for one in pushes if one.at}
    kept = []
    for one in landings:
        pushed_at = dates.get(one.place)
        earlier = pushed_at is not None and one.at is not None and pushed_at < one.at
        kept.append(replace(one, at=pushed_at) if earlier and one.stage is Stage.APPLIED else one)
    return kept


def _headline(postings: list[SeenMail], commits: list[SeenCommit]) -> tuple[str, str, str]:
    """Title, author's name and address: of the newest revision, else of the first commit, else of the first mail."""
    patches = [one.mail for one in postings if one.mail.role is MailRole.PATCH]
    if patches:
        mail = max(patches, key=lambda one: (one.revision, one.revision_point, one.at or _EVER, one.msgid))
        return mail.title, mail.author_name, mail.author_addr
    if commits:
        commit = min(commits, key=lambda one: (one.commit.tree != MAINLINE, one.order)).commit
        return commit.subject, commit.author_name, commit.author_email
    mail = postings[0].mail
    return mail.title, mail.author_name, mail.author_addr


def _naming(postings: list[SeenMail], commits: list[SeenCommit]) -> Naming:
    titles = titles_of(postings, commits)
    people = [(one.mail.author_name, one.mail.author_addr) for one in postings]
    people += [(one.commit.author_name, one.commit.author_email) for one in commits]
    named = [one.commit.commit for one in _own(commits)]
    named += [one.commit.upstream_commit for one in commits if one.commit.upstream_commit]
    named += [one.mail.upstream_commit for one in postings if one.mail.upstream_commit]
    return Naming(
        titles=titles,
        bare=frozenset(bare_title(one) for one in titles),
        authors=frozenset(author_key(name, addr) for name, addr in people),
        commits=frozenset(named),
    )


def _identity(postings: list[SeenMail], commits: list[SeenCommit]) -> str:
    """Made of the first posting, else of the commit that the others name: the same for the same records."""
    patches = [one for one in postings if one.mail.role is MailRole.PATCH] or postings
    if patches:
        first = min(patches, key=lambda one: one.order).mail.msgid
    else:
        upstream = sorted(one.commit.upstream_commit for one in commits if one.commit.upstream_commit)
        first = upstream[0] if upstream else min(commits, key=lambda one: one.order).commit.commit
    return f"patch-{blake2b(first.encode(), digest_size=8).hexdigest()}"


def _patch_ids(postings: list[SeenMail], commits: list[SeenCommit]) -> tuple[str, ...]:
    found = [one.mail.patch_id for one in postings] + [one.commit.patch_id for one in commits]
    return tuple(dict.fromkeys(one for one in found if one))


def _files(postings: list[SeenMail], commits: list[SeenCommit]) -> tuple[str, ...]:
    """Paths that any revision, backport or commit of it changes."""
    found = {path for one in postings for path in one.mail.files}
    found |= {path for one in commits for path in one.commit.files}
    return tuple(sorted(found)[:FILE_LIMIT])


def _commit_ids(commits: list[SeenCommit], landings: list[Landing]) -> tuple[str, ...]:
    """Every id it had, mainline first; ids that only a push names are among them."""
    found = sorted(_own(commits), key=lambda one: (one.commit.tree != MAINLINE, one.order))
    ids = [one.commit.commit for one in found] + [one.commit for one in landings if one.commit]
    return tuple(dict.fromkeys(ids))


def _reviews(postings: list[SeenMail], replies: list[SeenMail]) -> tuple[Review, ...]:
    """Each person once per trailer, over all revisions and the answers to them."""
    found = {
        (trailer.name, trailer.person)
        for one in (*postings, *replies)
        if one.mail.is_reply or one.mail.role is MailRole.PATCH
        for trailer in one.mail.trailers
        if trailer.person and trailer.name not in _UNCOUNTED
    }
    return tuple(Review(name=name, person=person) for name, person in sorted(found))


def _turns_against(one: SeenCommit, ids: set[str]) -> Alarm | None:
    commit = one.commit
    if commit.reverts and any(_names(commit.reverts, each) for each in ids):
        return Alarm.REVERTED
    if any(_names(fixed, each) for fixed in commit.fixes for each in ids):
        return Alarm.FIXES_THE_FIX
    return None


def _names(written: str, commit: str) -> bool:
    return len(written) >= SHORT_ID and commit.startswith(written)


def _alarm(alarm: Alarm, one: SeenCommit) -> PatchAlarm:
    commit = one.commit
    return PatchAlarm(
        alarm=alarm,
        cause=commit.upstream_commit or commit.commit,
        commit=commit.commit,
        title=commit.subject,
        tree=commit.tree,
        at=commit.committed_at,
        evidence=one.evidence,
    )


def _reverted(one: SeenCommit) -> Landing:
    commit = one.commit
    return Landing(
        stage=Stage.REVERTED,
        tree=commit.tree,
        branch=None if commit.tree == MAINLINE else commit.branch,
        ref=commit.first_tag,
        commit=commit.commit,
        version=commit.first_tag.removeprefix("v") if commit.first_tag else None,
        at=commit.committed_at,
        evidence=one.evidence,
    )


def _in_time(one: Landing) -> tuple[datetime, int, str, str, str]:
    return (one.at or _EVER, _STAGES.index(one.stage), one.tree, one.branch or "", one.ref or "")
