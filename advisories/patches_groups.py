"""Which postings and commits are one patch. Rules from strong to weak; a weak one never overrules a strong one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import timedelta

from advisories.mail import MailRole, PatchMail
from advisories.mail_subject import normalise_title
from advisories.observation import CommitObservation
from advisories.patches_keys import SHORT_ID
from advisories.patches_seen import QUEUE, Seen, SeenCommit, SeenMail
from advisories.patches_titles import alike, author_key, bare_title, overlap, same_person
from advisories.words import MatchedBy

Node = tuple[str, ...]  # ("mail", msgid, content key) or ("commit", first 12 digits)

SAME_FILES = 0.5
SAME_TITLE = 0.6
NEARLY_SAME_TITLE = 0.8  # where nothing but author and files stands beside it
REROLLED_WITHIN = timedelta(days=120)
CANDIDATES = 400  # postings of one person that a later revision is compared with, the newest
_STRENGTH = tuple(MatchedBy)


def mail_node(mail: PatchMail) -> Node:
    return ("mail", mail.msgid, mail.content_key)


def commit_node(commit: str) -> Node:
    return ("commit", commit[:SHORT_ID])


def node_of(one: CommitObservation) -> Node:
    """A patch of the stable queue is told by its branch and title: the commit is the queue's own."""
    if one.tree == QUEUE:
        return ("queued", one.branch, normalise_title(one.subject))
    return commit_node(one.commit)


class Groups:
    """Union-find over nodes; the representative does not depend on the order of joining."""

    def __init__(self) -> None:
        self._parent: dict[Node, Node] = {}

    def find(self, node: Node) -> Node:
        parent = self._parent.setdefault(node, node)
        while parent != node:
            self._parent[node] = self._parent.setdefault(parent, parent)
            node, parent = parent, self._parent[parent]
        return node

    def join(self, one: Node, other: Node) -> None:
        first, second = sorted((self.find(one), self.find(other)))
        self._parent[second] = first

    def joined(self, one: Node, other: Node) -> bool:
        return self.find(one) == self.find(other)


def group(seen: Seen) -> Groups:
    """Joins the postings and commits of each patch."""
    groups = Groups()
    postings = seen.postings
    _join_same_postings(groups, postings)
    _join_rerolls(groups, seen, postings)
    _join_commits(groups, seen)
    _join_backports(groups, postings)
    return groups


def _join_same(groups: Groups, pairs: Iterable[tuple[Hashable, Node]]) -> None:
    first: dict[Hashable, Node] = {}
    for key, node in pairs:
        groups.join(first.setdefault(key, node), node)


def _author(mail: PatchMail) -> str:
    return author_key(mail.author_name, mail.author_addr)


def _join_same_postings(groups: Groups, postings: tuple[SeenMail, ...]) -> None:
    mails = [one.mail for one in postings]
    _join_same(groups, (((mail.patch_id, _author(mail)), mail_node(mail)) for mail in mails if mail.patch_id))
    _join_backports_by_title(groups, mails)
    titled: dict[tuple[str, str], list[PatchMail]] = defaultdict(list)
    for mail in mails:
        key = (normalise_title(mail.title), _author(mail))
        twin = next((one for one in titled[key] if not _parts_of_one_series(one, mail)), None)
        if twin is not None:
            groups.join(mail_node(twin), mail_node(mail))
        titled[key].append(mail)


def _join_backports_by_title(groups: Groups, mails: list[PatchMail]) -> None:
    """A backport carries the title under which it was applied, which may differ in its area alone."""
    postings: dict[tuple[str, str], list[PatchMail]] = defaultdict(list)
    for mail in mails:
        if mail.role is MailRole.PATCH:
            postings[bare_title(mail.title), _author(mail)].append(mail)
    for mail in mails:
        if mail.role is not MailRole.PATCH:
            key = (bare_title(mail.title), _author(mail))
            same = [one for one in postings.get(key, ()) if overlap(one.files, mail.files)]
            if same:
                groups.join(mail_node(same[0]), mail_node(mail))


def _parts_of_one_series(one: PatchMail, other: PatchMail) -> bool:
    """Two parts of the same posting of a series are two patches, whatever their titles."""
    return (
        one.part is not None
        and other.part is not None
        and one.part != other.part
        and one.in_reply_to is not None
        and one.in_reply_to == other.in_reply_to
    )


def _join_rerolls(groups: Groups, seen: Seen, postings: tuple[SeenMail, ...]) -> None:
    """A later revision under another title: by thread, series, change-id, else by author, files and wording."""
    patches = [one.mail for one in postings if one.mail.role is MailRole.PATCH]
    by_person: dict[str, list[PatchMail]] = defaultdict(list)
    for mail in patches:
        for person in {_author(mail), mail.author_addr}:
            by_person[person].append(mail)
    for mail in patches:
        if mail.revision < 2:
            continue
        own = [*by_person[_author(mail)], *by_person[mail.author_addr]][-CANDIDATES:]
        earlier = [one for one in own if _may_precede(one, mail)]
        if any(groups.joined(mail_node(one), mail_node(mail)) for one in earlier):
            continue
        # of a split patch one part goes on, the rest is new: a patch has one revision of a number
        taken = {groups.find(mail_node(one)) for one in own if one.ref == mail.ref}
        earlier = [one for one in earlier if groups.find(mail_node(one)) not in taken]
        for choose in (_linked, _in_thread, _in_series, _unthreaded):
            before = choose(seen, earlier, mail) if earlier else None
            if before is not None:
                groups.join(mail_node(before), mail_node(mail))
                break


def _may_precede(one: PatchMail, mail: PatchMail) -> bool:
    return one.revision < mail.revision and same_person(
        one.author_name, one.author_addr, mail.author_name, mail.author_addr
    )


def _linked(seen: Seen, earlier: list[PatchMail], mail: PatchMail) -> PatchMail | None:
    """The earlier revision that its own text links to ("Link to v1: …")."""
    same = [one for one in earlier if one.msgid in mail.links and overlap(one.files, mail.files) != 0]
    return max(same, key=lambda one: _closeness(one, mail), default=None)


def _in_thread(seen: Seen, earlier: list[PatchMail], mail: PatchMail) -> PatchMail | None:
    """The nearest earlier revision above it in its thread that changes some of the same files."""
    nodes = {mail_node(one) for one in earlier}
    above = (one.mail for one in seen.ancestors(mail))
    return next((one for one in above if mail_node(one) in nodes and overlap(one.files, mail.files) != 0), None)


def _in_series(seen: Seen, earlier: list[PatchMail], mail: PatchMail) -> PatchMail | None:
    """The counterpart in an earlier posting of its series: joined by change-id, thread or title of the cover."""
    covers = {one.msgid for one in _earlier_covers(seen, mail)}
    same = [
        one
        for one in earlier
        if (one.in_reply_to in covers or (mail.change_id is not None and one.change_id == mail.change_id))
        and _counterpart(one, mail)
    ]
    return max(same, key=lambda one: _closeness(one, mail), default=None)


def _earlier_covers(seen: Seen, mail: PatchMail) -> Iterator[PatchMail]:
    own = [one.mail for one in seen.ancestors(mail) if one.mail.role is MailRole.COVER]
    for each in seen.mails:
        cover = each.mail
        if cover.role is not MailRole.COVER or cover.revision >= mail.revision:
            continue
        if any(
            cover.msgid == one.msgid
            or cover.msgid in (*one.links, *mail.links)
            or (cover.change_id is not None and cover.change_id == one.change_id)
            or (
                normalise_title(cover.title) == normalise_title(one.title)
                and same_person(cover.from_name, cover.from_addr, one.from_name, one.from_addr)
            )
            for one in own or [mail]
        ):
            yield cover


def _counterpart(one: PatchMail, mail: PatchMail) -> bool:
    shared = overlap(one.files, mail.files)
    close = alike(one.title, mail.title) >= SAME_TITLE
    if shared is None:
        return close
    return shared >= SAME_FILES and (close or (one.part, one.parts) == (mail.part, mail.parts))


def _closeness(one: PatchMail, mail: PatchMail) -> tuple[float, float, bool, int, str]:
    shared = overlap(one.files, mail.files) or 0.0
    return (alike(one.title, mail.title), shared, one.part == mail.part, one.revision, one.msgid)


def _unthreaded(seen: Seen, earlier: list[PatchMail], mail: PatchMail) -> PatchMail | None:
    """A single patch rerolled without a thread: the revision just before, the same files, nearly the same words."""
    near = [
        one
        for one in earlier
        if one.revision == mail.revision - 1
        and (mail.parts or 1) == 1 == (one.parts or 1)
        and (overlap(one.files, mail.files) or 0) >= SAME_FILES
        and alike(one.title, mail.title) >= NEARLY_SAME_TITLE
        and one.at is not None
        and mail.at is not None
        and one.at <= mail.at <= one.at + REROLLED_WITHIN
    ]
    return max(near, key=lambda one: _closeness(one, mail), default=None)


def _join_commits(groups: Groups, seen: Seen) -> None:
    commits = [one.commit for one in seen.commits]
    for one in commits:
        groups.find(node_of(one))
        if one.upstream_commit and len(one.upstream_commit) >= SHORT_ID:
            groups.join(node_of(one), commit_node(one.upstream_commit))
    _join_same(groups, ((one.patch_id, node_of(one)) for one in commits if one.patch_id))
    _join_same(
        groups,
        (
            ((normalise_title(one.subject), author_key(one.author_name, one.author_email)), node_of(one))
            for one in commits
        ),
    )
    postings = [one.mail for one in seen.postings]
    _meet(groups, postings, commits)


def _meet(groups: Groups, postings: list[PatchMail], commits: list[CommitObservation]) -> None:
    """Each commit joins the posting that it meets by the strongest rule; of equals the first posting."""
    by_msgid: dict[str, list[PatchMail]] = defaultdict(list)
    by_diff: dict[str, list[PatchMail]] = defaultdict(list)
    by_title: dict[str, list[PatchMail]] = defaultdict(list)
    for mail in postings:
        by_msgid[mail.msgid].append(mail)
        by_title[bare_title(mail.title)].append(mail)
        if mail.patch_id:
            by_diff[mail.patch_id].append(mail)
    for commit in commits:
        near = [mail for msgid in commit.link_msgids for mail in by_msgid.get(msgid, ())]
        near += by_diff.get(commit.patch_id or "", ())
        near += by_title.get(bare_title(commit.subject), ())
        found = [(match, mail) for mail in near if (match := meets(mail, commit)) is not None]
        if found:
            best = min(found, key=lambda pair: (_STRENGTH.index(pair[0]), not _by_author(pair[1], commit)))
            groups.join(mail_node(best[1]), node_of(commit))


def meets(mail: PatchMail, commit: CommitObservation) -> MatchedBy | None:
    """How this posting meets this commit, by the strongest rule that holds.

    A link alone proves little (fixes link to what they fix): it counts with the same author or title beside it.
    """
    author = _by_author(mail, commit)
    titled = normalise_title(mail.title) == normalise_title(commit.subject)
    if mail.msgid in commit.link_msgids and (author or titled):
        return MatchedBy.LINK
    if mail.patch_id and mail.patch_id == commit.patch_id:
        return MatchedBy.PATCH_ID
    if not author or not (titled or bare_title(mail.title) == bare_title(commit.subject)):
        return None
    shared = overlap(mail.files, commit.files)
    if shared:
        return MatchedBy.AUTHOR_SUBJECT_FILES
    return MatchedBy.AUTHOR_SUBJECT if titled and (shared is None) else None


def _by_author(mail: PatchMail, commit: CommitObservation) -> bool:
    return same_person(mail.author_name, mail.author_addr, commit.author_name, commit.author_email)


def weaker(one: MatchedBy | None, other: MatchedBy | None) -> MatchedBy | None:
    """The weaker of two links of a chain; None when either is missing."""
    if one is None or other is None:
        return None
    return max(one, other, key=_STRENGTH.index)


def strongest(found: Iterable[MatchedBy | None]) -> MatchedBy | None:
    return min((one for one in found if one is not None), key=_STRENGTH.index, default=None)


def _join_backports(groups: Groups, postings: tuple[SeenMail, ...]) -> None:
    """Backports and queue mails name the commit they take; where two chains meet, it is one patch."""
    for posting in postings:
        mail = posting.mail
        if mail.upstream_commit and len(mail.upstream_commit) >= SHORT_ID:
            groups.join(mail_node(mail), commit_node(mail.upstream_commit))


def members(
    groups: Groups, seen: Seen, named: Callable[[SeenMail | SeenCommit], bool]
) -> dict[Node, tuple[list[SeenMail], list[SeenCommit]]]:
    """Postings and commits by patch, for the patches of which at least one member is `named`."""
    found: dict[Node, tuple[list[SeenMail], list[SeenCommit]]] = defaultdict(lambda: ([], []))
    for posting in seen.postings:
        found[groups.find(mail_node(posting.mail))][0].append(posting)
    for commit in seen.commits:
        found[groups.find(node_of(commit.commit))][1].append(commit)
    return {
        node: (postings, commits)
        for node, (postings, commits) in found.items()
        if any(map(named, postings)) or any(map(named, commits))
    }
