"""The keys by which records of one life find each other, and which mails and commits may belong to one.

A record owns keys (stored beside it) and wants keys (asked for): A owns what B wants exactly when B owns what A wants,
so it does not matter which of the two came first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from hashlib import blake2b

from advisories.mail import MailRole, PatchMail
from advisories.mail_values import POSTING_ROLES
from advisories.matching import commit_topics, mail_topics
from advisories.observation import CommitObservation, Observation, PackageChangelogObservation, RefsObservation
from advisories.patches_titles import bare_title, changelog_title
from advisories.topics import Topic

KEY_LIMIT = 150
LISTED_TITLES = 1_500
REFERENCES = 30
SHORT_ID = 12

# "Herbert Xu (3):" and the indented titles below it, as git shortlog writes them
_SHORTLOG_AUTHOR = re.compile(r"^(?P<name>\S[^\n()]{0,80}?) \([0-9]{1,4}\):$")
_SHORTLOG_TITLE = re.compile(r"^ {6}(?P<title>\S[^\n]{2,300})$")

GITOLITE = "devnull@kernel.org"
STABLE_TEAM = frozenset({"gregkh@linuxfoundation.org", "sashal@kernel.org", "gregkh@kernel.org"})
THREAD_ROLES = frozenset({MailRole.REPLY, MailRole.REVIEW, MailRole.APPLIED, MailRole.DISCUSSION, MailRole.COVER})
_ANSWERS = frozenset({MailRole.PULL_MERGED, MailRole.STABLE_FAILED})


def is_posting(mail: PatchMail) -> bool:
    """Whether the mail carries a patch (and not the cover of a stable review)."""
    return mail.role in POSTING_ROLES and mail.part != 0


def listed_titles(mail: PatchMail) -> tuple[tuple[str, str], ...]:
    """(author, title) of each patch that a pull request or announcement names; ("", title) of a push."""
    if not _is_trusted_list(mail):
        return ()
    if mail.role is MailRole.GITOLITE_PUSH:
        return tuple(("", title) for push in mail.pushes for _, title in push.commits)[:LISTED_TITLES]
    return tuple(_shortlog(mail.text))[:LISTED_TITLES]


def _is_trusted_list(mail: PatchMail) -> bool:
    """A pull request counts by pr-tracker's answer alone; pushes and announcements by who sends them."""
    if mail.role is MailRole.GITOLITE_PUSH:
        return mail.from_addr == GITOLITE
    if mail.role is MailRole.STABLE_ANNOUNCE:
        return mail.from_addr in STABLE_TEAM
    return mail.role is MailRole.PULL_REQUEST


def _shortlog(text: str) -> Iterator[tuple[str, str]]:
    author = ""
    for line in text.split("\n"):
        if found := _SHORTLOG_AUTHOR.match(line):
            author = found["name"]
        elif author and (named := _SHORTLOG_TITLE.match(line)):
            yield author, named["title"].strip()


def _key(kind: str, value: str) -> str:
    key = f"{kind}:{value}"
    if len(key) <= KEY_LIMIT and key.isascii():
        return key
    return f"{kind}:#{blake2b(value.encode(), digest_size=20).hexdigest()}"


def message_key(msgid: str) -> str:
    return _key("message", msgid)


def commit_key(commit: str) -> str:
    return _key("commit", commit[:SHORT_ID])


def title_key(title: str) -> str:
    return _key("title", bare_title(title))


def _keys(kind: str, values: Iterable[str]) -> list[str]:
    return [_key(kind, one) for one in values if one]


def _ids(kind: str, commits: Iterable[str | None]) -> list[str]:
    return [_key(kind, one[:SHORT_ID]) for one in commits if one and len(one) >= SHORT_ID]


def _parents(mail: PatchMail) -> tuple[str, ...]:
    found = ((mail.in_reply_to,) if mail.in_reply_to else ()) + mail.references[-REFERENCES:]
    return tuple(dict.fromkeys(found))


def own_keys(one: Observation) -> tuple[str, ...]:
    """What this observation is found by."""
    if isinstance(one, PatchMail):
        keys = [message_key(one.msgid), *_keys("answers", _parents(one))]
        if is_posting(one) or one.role is MailRole.STABLE_FAILED:
            keys += [title_key(one.title), *_keys("diff", (one.patch_id or "",)), *_ids("of", (one.upstream_commit,))]
            keys += _keys("linked", one.links)
        keys += [title_key(title) for _, title in listed_titles(one)]
        return tuple(dict.fromkeys(keys))
    if isinstance(one, CommitObservation):
        keys = [
            commit_key(one.commit),
            title_key(one.subject),
            *_keys("diff", (one.patch_id or "",)),
            *_keys("linked", one.link_msgids),
            *_ids("of", (one.upstream_commit,)),
            *_ids("against", (one.reverts, *one.fixes)),
        ]
        return tuple(dict.fromkeys(keys))
    if isinstance(one, RefsObservation):
        return tuple(dict.fromkeys(_ids("gone", one.rewritten)))
    return ()


def wanted_keys(one: Observation) -> tuple[str, ...]:
    """What this observation looks for."""
    if isinstance(one, PatchMail):
        keys = [*_keys("answers", (one.msgid,)), *_keys("message", _parents(one)), *_keys("linked", (one.msgid,))]
        if is_posting(one) or one.role is MailRole.STABLE_FAILED:
            of = (one.upstream_commit,)
            keys += [title_key(one.title), *_keys("diff", (one.patch_id or "",)), *_ids("of", of), *_ids("commit", of)]
            keys += [*_keys("message", one.links), *_ids("against", of)]
        keys += [title_key(title) for _, title in listed_titles(one)]
        return tuple(dict.fromkeys(keys))
    if isinstance(one, CommitObservation):
        named = (one.upstream_commit, one.reverts, *one.fixes)
        keys = [
            *_ids("of", (one.commit, *named)),
            *_ids("commit", (one.commit, *named)),
            *_ids("against", (one.commit, one.upstream_commit)),
            *_ids("gone", (one.commit,)),
            title_key(one.subject),
            *_keys("diff", (one.patch_id or "",)),
            *_keys("message", one.link_msgids),
        ]
        return tuple(dict.fromkeys(keys))
    if isinstance(one, RefsObservation):
        return tuple(dict.fromkeys(_ids("commit", one.rewritten)))
    if isinstance(one, PackageChangelogObservation):
        titles = [_key("title", bare_title(changelog_title(title))) for title in one.titles]
        return tuple(dict.fromkeys([*titles, *_ids("commit", one.commits), *_ids("of", one.commits)]))
    return ()


def own_topics(topics: Sequence[Topic], one: Observation) -> frozenset[str]:
    """The topics an observation falls into by itself; a list of titles by the titles it names."""
    if isinstance(one, CommitObservation):
        return frozenset(commit_topics(topics, one))
    if isinstance(one, PatchMail):
        return frozenset(mail_topics(topics, one)) | _listed_topics(topics, one)
    return frozenset()


def _listed_topics(topics: Sequence[Topic], mail: PatchMail) -> frozenset[str]:
    titles = [title.lower() for _, title in listed_titles(mail)]
    if not titles:
        return frozenset()
    return frozenset(
        topic.slug
        for topic in topics
        for pattern in topic.subjects
        if any(fnmatchcase(title, pattern.lower()) for title in titles)
    )


def named_keys(topics: Sequence[Topic], changelog: PackageChangelogObservation) -> tuple[str, ...]:
    """The titles of a changelog that a topic names by subject: under these it is kept, whichever comes first."""
    patterns = [pattern.lower() for topic in topics for pattern in topic.subjects]
    titles = (changelog_title(title) for title in changelog.titles)
    named = [title for title in titles if any(fnmatchcase(title, pattern) for pattern in patterns)]
    return tuple(dict.fromkeys(title_key(title) for title in named))


def may_belong(one: Observation) -> bool:
    """Whether an observation that no topic names may still turn out to belong to a patch that one does."""
    if isinstance(one, PatchMail):
        replies = one.role in THREAD_ROLES and (one.is_reply or one.role is MailRole.COVER)
        return is_posting(one) or replies or _is_trusted_list(one) or one.role in _ANSWERS
    if isinstance(one, CommitObservation):
        return bool(one.link_msgids or one.upstream_commit or one.reverts or one.fixes or one.patch_id)
    return isinstance(one, RefsObservation)
