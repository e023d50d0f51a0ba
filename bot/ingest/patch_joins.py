"""Which advisories a patch belongs to, and those that commits and `[[matters]]` open (DESIGN rule 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from advisories.compare import compare_advisories
from advisories.fold import Facts, fold_advisory
from advisories.mail_subject import normalise_title
from advisories.matching import matters_of
from advisories.model import Advisory, ChangeDraft, Evidence, Identity
from advisories.patches import Patch
from advisories.patches_compare import Under
from advisories.topics import Topic
from advisories.words import AdvisoryKind
from storage import advisories as advisory_store
from storage import identity
from storage import patches as patch_store

TELLING_WORDS = 4  # a title of fewer words names nothing on its own


class Joins:
    """Joins the patches of one batch to advisories; opens those that are to be opened."""

    def __init__(self, connection: Connection, topics: Sequence[Topic], *, at: datetime) -> None:
        self._connection = connection
        self._topics = topics
        self._at = at
        self._by_key: dict[str, list[str]] | None = None
        self.opened: list[ChangeDraft] = []

    def join(self, patch: Patch) -> None:
        """Finds and opens the patch's advisories."""
        for pw_id in self._named_by_advisories(patch):
            patch_store.join_advisory(self._connection, patch.id, pw_id)
        for topic, matter in matters_of(self._topics, commits=patch.commits, message_ids=patch.message_ids):
            slugs = tuple(one.slug for one in self._topics if one.slug == topic.slug or one.slug in patch.topics)
            self._open(patch, [f"MATTER:{matter.slug.upper()}"], matter.title, slugs)
        aliases = [commit_alias(commit) for commit in patch.commits]
        known = identity.resolve_many(self._connection, aliases)
        for pw_id in sorted(set(known.values())):
            patch_store.join_advisory(self._connection, patch.id, pw_id)
        if patch.opening_commits and not patch_store.advisories_of(self._connection, patch.id):
            self._open(patch, [commit_alias(patch.opening_commits[0])], patch.title, patch.topics)

    def _named_by_advisories(self, patch: Patch) -> list[str]:
        """The CVE advisories whose upstream fix is one of the patch's commits."""
        if self._by_key is None:
            self._by_key = {}
            for _, _, advisory in advisory_store.list_advisories(self._connection):
                for key in naming_keys(advisory):
                    self._by_key.setdefault(key, []).append(advisory.id)
        keys = [f"commit:{commit}" for commit in patch.commits]
        keys += [title_key(title) for title in (patch.title, *(one.title for one in patch.revisions))]
        return sorted({pw_id for key in keys for pw_id in self._by_key.get(key, ())})

    def _open(self, patch: Patch, aliases: list[str], title: str, topics: tuple[str, ...]) -> None:
        known = identity.resolve_many(self._connection, aliases)
        pw_id = next(iter(known.values()), None) or identity.open_advisory(
            self._connection, aliases=aliases, kind=AdvisoryKind.CHANGE.value, year=self._at.year, at=self._at
        )
        patch_store.join_advisory(self._connection, patch.id, pw_id)
        if advisory_store.load_advisory(self._connection, pw_id) is not None:
            return
        folded = fold_advisory(
            Identity(
                id=pw_id,
                kind=AdvisoryKind.CHANGE,
                aliases=identity.aliases_of(self._connection, pw_id),
                topics=topics,
                title=title,
            ),
            (),
            Facts(),
        )
        advisory_store.save_advisory(self._connection, folded, at=self._at)
        self.opened += compare_advisories(None, folded, at=self._at, because=_evidence(patch))

    def under(self, patch: Patch) -> Under:
        """The advisory under which the patch's changes are told: a vulnerability before a change, the older first."""
        found = [
            advisory
            for pw_id in patch_store.advisories_of(self._connection, patch.id)
            if (advisory := advisory_store.load_advisory(self._connection, pw_id)) is not None
        ]
        if not found:
            return Under(topics=patch.topics)
        chosen = next((one for one in found if one.kind is AdvisoryKind.VULNERABILITY), found[0])
        topics = tuple(dict.fromkeys((*chosen.topics, *patch.topics)))
        return Under(advisory=chosen.id, aliases=chosen.aliases, topics=topics)


def commit_alias(commit: str) -> str:
    return f"COMMIT-{commit[:12].upper()}"


def title_key(title: str) -> str:
    return f"title:{normalise_title(title)}"[:300]


def naming_keys(advisory: Advisory) -> list[str]:
    """The keys of the patches that fix it: the commits it names, and the title that a CNA record takes from its fix."""
    keys = [f"commit:{commit}" for commit in fixing_commits(advisory)]
    if advisory.kind is AdvisoryKind.VULNERABILITY and keys and len(advisory.title.split()) >= TELLING_WORDS:
        keys.append(title_key(advisory.title))
    return keys


def fixing_commits(advisory: Advisory) -> tuple[str, ...]:
    return tuple(one.fix.commit for one in advisory.upstream.fixed if one.fix.commit)


def _evidence(patch: Patch) -> Evidence:
    proven = [one.evidence for one in patch.landings if not one.said_only]
    return (proven or [one.evidence for one in patch.landings] or [one.evidence for one in patch.revisions])[0]


def join_touched(connection: Connection, touched: Iterable[str]) -> None:
    """Advisories that this batch changed may now name the commits of patches that were there before."""
    for pw_id in sorted(set(touched)):
        advisory = advisory_store.load_advisory(connection, pw_id)
        if advisory is None:
            continue
        for patch in patch_store.find_patches(connection, naming_keys(advisory)):
            patch_store.join_advisory(connection, patch, pw_id)
