"""Which stored and new records must be folded together: the closure of a batch over the keys of its records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from advisories.mail import PatchMail
from advisories.model import RecordVersion
from advisories.observation import (
    CommitObservation,
    Observation,
    PackageChangelogObservation,
    RefsObservation,
)
from advisories.patches import Patch
from advisories.patches_keys import (
    commit_key,
    may_belong,
    named_keys,
    own_keys,
    own_topics,
    title_key,
    wanted_keys,
)
from advisories.topics import Topic
from bot.ingest.relevance import SUBJECT_CHANGELOGS
from storage import patches as patch_store
from storage import records
from storage.records import NewVersion

CLOSURE_LIMIT = 20_000  # records; a thread or a series is hundreds
RecordName = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A mail, commit or forced push of this batch."""

    version: NewVersion
    owned: tuple[str, ...]
    wanted: tuple[str, ...]
    topical: bool

    @property
    def name(self) -> RecordName:
        return (self.version.evidence.source, self.version.key)


def incoming_of(versions: Iterable[NewVersion], topics: Sequence[Topic]) -> list[Incoming]:
    """The batch's records that are, or may turn out to be, part of a patch's life."""
    found = []
    for version in versions:
        concerned = [
            one for one in version.observations if isinstance(one, PatchMail | CommitObservation | RefsObservation)
        ]
        topical = any(own_topics(topics, one) for one in concerned)
        if concerned and (topical or any(may_belong(one) for one in concerned)):
            owned, wanted = _keys(concerned)
            found.append(Incoming(version=version, owned=owned, wanted=wanted, topical=topical))
    return found


def keep_changelogs(connection: Connection, topics: Sequence[Topic], versions: Iterable[NewVersion]) -> set[str]:
    """Notes under which keys the package changelogs of a batch speak of a patch; a changelog names thousands of
    others. Returns those keys."""
    found: set[str] = set()
    for version in versions:
        for one in version.observations:
            if isinstance(one, PackageChangelogObservation):
                keys = patch_store.known_keys(connection, wanted_keys(one)) | set(named_keys(topics, one))
                patch_store.add_keys(connection, (version.evidence.source, version.key), keys)
                found |= keys
    return found


def find_in_changelogs(connection: Connection, patches: Sequence[Patch]) -> bool:
    """Looks through the stored changelogs for patches that they may have named before; True when one is found."""
    wanted = {title_key(title) for patch in patches for title in (patch.title, *(one.title for one in patch.revisions))}
    wanted |= {commit_key(commit) for patch in patches for commit in patch.commits}
    found = False
    for version in records.versions_about(connection, [SUBJECT_CHANGELOGS]) if wanted else ():
        for one in version.observations:
            if isinstance(one, PackageChangelogObservation) and (keys := wanted.intersection(wanted_keys(one))):
                found |= patch_store.add_keys(connection, (version.evidence.source, version.key), keys)
    return found


def _keys(observations: Iterable[Observation]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    owned: dict[str, None] = {}
    wanted: dict[str, None] = {}
    for one in observations:
        owned.update(dict.fromkeys(own_keys(one)))
        wanted.update(dict.fromkeys(wanted_keys(one)))
    return tuple(owned), tuple(wanted)


def _follow(observations: Iterable[Observation]) -> tuple[str, ...]:
    """What to look for next. A changelog names thousands of patches: it ends the search."""
    return _keys(one for one in observations if not isinstance(one, PackageChangelogObservation))[1]


def as_record(version: NewVersion) -> RecordVersion:
    return RecordVersion(
        key=version.key,
        at=version.at,
        modified=version.modified,
        evidence=version.evidence,
        observations=version.observations,
    )


class Closure:
    """Loads, from this batch and the store, all records that the batch's patches may consist of."""

    def __init__(self, connection: Connection, incoming: Sequence[Incoming]) -> None:
        self._connection = connection
        self._incoming = incoming
        self._owners: dict[str, list[Incoming]] = defaultdict(list)
        for one in incoming:
            for key in one.owned:
                self._owners[key].append(one)
        self._taken: set[int] = set()
        self._names: set[RecordName] = set()
        self.versions: list[RecordVersion] = []

    def start(self, changelogs: Iterable[str]) -> set[str]:
        """The keys to begin with: of records that a topic names, and those under which something is kept already."""
        wanted = {key for one in self._incoming for key in one.wanted} | set(changelogs)
        known = patch_store.known_keys(self._connection, wanted)
        frontier = set(known)
        for one in self._incoming:
            if one.topical or not known.isdisjoint(one.wanted):
                frontier |= self._take(one)
        return frontier

    def load(self, frontier: set[str]) -> list[RecordVersion]:
        """Follows the keys until nothing new is found."""
        asked: set[str] = set()
        while frontier and len(self.versions) < CLOSURE_LIMIT:
            asked |= frontier
            found: set[str] = set()
            for key in sorted(frontier):
                for one in self._owners.get(key, ()):
                    found |= self._take(one)
            names = patch_store.names_owning(self._connection, frontier) - self._names
            self._names |= names
            for version in patch_store.versions_named(self._connection, names):
                self.versions.append(version)
                found.update(_follow(version.observations))
            frontier = found - asked
        return self.versions

    def _take(self, one: Incoming) -> set[str]:
        if id(one) in self._taken:
            return set()
        self._taken.add(id(one))
        self.versions.append(as_record(one.version))
        # its own record may be stored already in an older version, and others may look for what it owns
        self._names |= (mine := {one.name} - self._names)
        found = set(one.wanted)
        for version in patch_store.versions_named(self._connection, mine):
            self.versions.append(version)
            found.update(_follow(version.observations))
        return found
