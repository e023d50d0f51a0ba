"""Which topics an observation belongs to. Globs and whole words only; no expression of a user is ever compiled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from advisories.mail import PatchMail
from advisories.observation import (
    CellObservation,
    CommitObservation,
    CveObservation,
    ErratumObservation,
    ExploitationObservation,
    LinkObservation,
    MitigationObservation,
    Observation,
)
from advisories.topics import Matter, Topic


def cve_topics(topics: Iterable[Topic], cve: str) -> set[str]:
    """Topics that watch this CVE by its id."""
    return {topic.slug for topic in topics if topic.every_cve or cve in topic.cves}


def named_cves(observation: Observation) -> tuple[str, ...]:
    """The CVE ids an observation is about."""
    if isinstance(observation, CveObservation | CellObservation | ExploitationObservation | MitigationObservation):
        return (observation.cve,)
    if isinstance(observation, ErratumObservation):
        return observation.cves
    return ()


def opening_topics(topics: Sequence[Topic], observation: CveObservation) -> set[str]:
    """Topics into which a CNA or vendor record falls: by the id, the commits it names or the files it changes."""
    found = cve_topics(topics, observation.cve)
    commits = [one.commit for one in observation.fixed if one.commit]
    for topic in topics:
        if any(same_commit(wanted, commit) for wanted in topic.commits for commit in commits) or _paths(
            topic, observation.files
        ):
            found.add(topic.slug)
    return found


def same_commit(wanted: str, commit: str) -> bool:
    """Whether an abbreviated id (12 digits at least) names this commit."""
    return len(wanted) >= 12 and commit.startswith(wanted)


def _paths(topic: Topic, files: Iterable[str]) -> bool:
    return any(fnmatchcase(file, pattern) for file in files for pattern in topic.paths)


def _subject(topic: Topic, title: str) -> bool:
    return any(fnmatchcase(title.lower(), pattern.lower()) for pattern in topic.subjects)


def _words(topic: Topic, text: str) -> bool:
    lowered = text.lower()
    return any(_whole_word(word, lowered) for word in topic.words)


def _whole_word(word: str, text: str) -> bool:
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        before = text[start - 1] if start else " "
        after = text[end] if end < len(text) else " "
        if not (before.isalnum() or before == "_") and not (after.isalnum() or after == "_"):
            return True
        start = text.find(word, start + 1)
    return False


def commit_topics(topics: Iterable[Topic], commit: CommitObservation) -> set[str]:
    """Topics a commit falls into: by id, upstream id, subject, files, or a whole word of its message."""
    found = set()
    ids = [one for one in (commit.commit, commit.upstream_commit, *commit.fixes) if one]
    for topic in topics:
        wanted = (*topic.commits, *(one for matter in topic.matters for one in matter.commits))
        if (
            any(same_commit(one, each) for one in wanted for each in ids)
            or any(one in commit.link_msgids for matter in topic.matters for one in matter.message_ids)
            or _subject(topic, commit.subject)
            or _paths(topic, commit.files)
            or _words(topic, f"{commit.subject}\n{commit.message}")
        ):
            found.add(topic.slug)
    return found


def mail_topics(topics: Iterable[Topic], mail: PatchMail) -> set[str]:
    """Topics a mail falls into by itself; a reply follows its patch besides."""
    found = set()
    ids = [one for one in (mail.upstream_commit, *mail.fixes) if one]
    for topic in topics:
        matters = topic.matters
        wanted = (*topic.commits, *(one for matter in matters for one in matter.commits))
        if (
            any(mail.msgid in matter.message_ids for matter in matters)
            or any(cve in topic.cves for cve in mail.cves)
            or any(same_commit(one, each) for one in wanted for each in ids)
            or _subject(topic, mail.title)
            or _paths(topic, mail.files)
            or _words(topic, f"{mail.title}\n{mail.text}")
        ):
            found.add(topic.slug)
    return found


def link_topics(topics: Iterable[Topic], link: LinkObservation) -> set[str]:
    """Topics a news entry or release note belongs on: by a CVE id or a whole word in title or summary."""
    text = f"{link.title}\n{link.summary}"
    return {
        topic.slug
        for topic in topics
        if _words(topic, text) or any(_whole_word(cve.lower(), text.lower()) for cve in topic.cves)
    }


def matters_of(
    topics: Iterable[Topic], *, commits: Iterable[str], message_ids: Iterable[str]
) -> list[tuple[Topic, Matter]]:
    """The `[[matters]]` that these commits or Message-IDs belong to."""
    ids, mails = tuple(commits), frozenset(message_ids)
    return [
        (topic, matter)
        for topic in topics
        for matter in topic.matters
        if mails.intersection(matter.message_ids)
        or any(same_commit(one, each) for one in matter.commits for each in ids)
    ]
