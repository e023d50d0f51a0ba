"""Mails, commits and changelogs of a batch into patches, and the changes that follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from advisories.landings_missing import Carried, live_branches, missing_branches, overdue_since
from advisories.mail_subject import normalise_title
from advisories.model import ChangeDraft, Evidence
from advisories.observation import ReleaseObservation
from advisories.patches import Patch
from advisories.patches_compare import Under, branch_missing, compare_patches
from advisories.patches_fold import Folded, fold_patches
from advisories.topics import Topic
from bot.ingest.patch_closure import Closure, Incoming, find_in_changelogs, incoming_of, keep_changelogs
from bot.ingest.patch_joins import Joins, join_touched
from bot.ingest.relevance import SUBJECT_RELEASES
from storage import advisories as advisory_store
from storage import changes as change_store
from storage import patches as patch_store
from storage.records import NewVersion

KeepSlice = Callable[[NewVersion], None]


def apply_patches(
    connection: Connection,
    topics: Sequence[Topic],
    versions: Sequence[NewVersion],
    *,
    at: datetime,
    touched: Iterable[str],
    keep_slice: KeepSlice,
) -> list[ChangeDraft]:
    """Takes the batch's mails and commits into patches; the changes that follow.

    touched: advisories that this batch changed. keep_slice: keeps the document of a record that is stored here.
    """
    batch = _Batch(connection, topics, at, keep_slice)
    drafts = batch.take(versions)
    join_touched(connection, touched)
    return drafts + batch.overdue(versions)


class _Batch:
    def __init__(self, connection: Connection, topics: Sequence[Topic], at: datetime, keep_slice: KeepSlice) -> None:
        self._connection = connection
        self._topics = topics
        self._at = at
        self._keep_slice = keep_slice
        self._joins = Joins(connection, topics, at=at)

    def take(self, versions: Sequence[NewVersion]) -> list[ChangeDraft]:
        incoming = incoming_of(versions, self._topics)
        changelogs = keep_changelogs(self._connection, self._topics, versions)
        if not incoming and not changelogs:
            return []
        folded = self._fold(incoming, changelogs)
        if folded is None:
            self._wait(incoming)
            return []
        if find_in_changelogs(self._connection, self._new(folded.patches)):
            folded = self._fold(incoming, changelogs) or folded
        self._keep(incoming, folded)
        return self._store(folded.patches)

    def _fold(self, incoming: Sequence[Incoming], changelogs: set[str]) -> Folded | None:
        """None when nothing here has to do with any patch of a topic."""
        closure = Closure(self._connection, incoming)
        frontier = closure.start(changelogs)
        return fold_patches(closure.load(frontier), self._topics) if frontier else None

    def _new(self, patches: Sequence[Patch]) -> list[Patch]:
        """Patches with a revision or commit that was not known: a changelog that came before may name it."""
        found = []
        for patch in patches:
            keys = set(_identifying(patch_keys(patch)))
            if keys - patch_store.known_patch_keys(self._connection, keys):
                found.append(patch)
        return found

    def _keep(self, incoming: Sequence[Incoming], folded: Folded) -> None:
        kept = [one for one in incoming if one.name in folded.records or one.topical]
        for version in patch_store.keep(self._connection, [(one.version, one.owned) for one in kept]):
            self._keep_slice(version)
        patch_store.adopt(self._connection, folded.records)
        chosen = {id(one) for one in kept}
        self._wait([one for one in incoming if id(one) not in chosen])

    def _wait(self, incoming: Sequence[Incoming]) -> None:
        patch_store.add_orphans(self._connection, [(one.version, one.owned) for one in incoming])
        for one in incoming:
            self._keep_slice(one.version)

    def _store(self, patches: Sequence[Patch]) -> list[ChangeDraft]:
        """Replaces what these patches continue, joins them to their advisories and compares."""
        keys = {patch.id: patch_keys(patch) for patch in patches}
        old = {
            patch.id: patch_store.load_patches(
                self._connection, patch_store.find_patches(self._connection, _identifying(keys[patch.id]))
            )
            for patch in patches
        }
        gone = {one.id for found in old.values() for one in found}
        same = [patch for patch in patches if [patch] == old[patch.id]]
        kept = {patch.id for patch in same}
        changed = [patch for patch in patches if patch.id not in kept]
        patch_store.replace_patches(
            self._connection, gone - kept, [(patch, keys[patch.id]) for patch in changed], at=self._at
        )
        drafts: list[ChangeDraft] = []
        for patch in changed:
            self._joins.join(patch)
        for patch in changed:
            drafts += compare_patches(old[patch.id], patch, at=self._at, under=self._joins.under(patch))
        return [*self._joins.opened, *drafts]

    def overdue(self, versions: Sequence[NewVersion]) -> list[ChangeDraft]:
        """Looks, when the list of maintained branches was read, for branches that still lack a patch; the ledger
        knows those that were told."""
        because = _releases_read(versions)
        if because is None:
            return []
        known = patch_store.observations_about(self._connection, SUBJECT_RELEASES)
        live = live_branches((one for one in known if isinstance(one, ReleaseObservation)), self._at)
        drafts: list[ChangeDraft] = []
        for patch in patch_store.list_patches(self._connection):
            since = overdue_since(patch)
            if since is None or since > self._at or not missing_branches(patch, live):
                continue
            missing = missing_branches(patch, live, carried_by(self._connection, patch.id))
            under = self._joins.under(patch) if missing else Under()
            found = [branch_missing(patch, one, at=self._at, under=under, because=because) for one in missing]
            drafts += [one for one in found if not is_told(self._connection, one, patch.id)]
        return drafts


def is_told(connection: Connection, draft: ChangeDraft, patch: str) -> bool:
    """Whether the ledger has it, under whatever advisory: a patch may have joined one since."""
    advisories = (None, *patch_store.advisories_of(connection, patch))
    return bool(change_store.known_keys(connection, [replace(draft, advisory=each).key for each in advisories]))


def carried_by(connection: Connection, patch: str) -> Carried:
    """What the patch's advisories say of branches: the fixed ones, and where the flaw came in."""
    fixed: dict[str, str] = {}
    introduced: str | None = None
    for pw_id in patch_store.advisories_of(connection, patch):
        advisory = advisory_store.load_advisory(connection, pw_id)
        if advisory is not None:
            fixed.update({one.fix.branch: one.fix.version for one in advisory.upstream.fixed})
            introduced = introduced or next((one.version for one in advisory.upstream.introduced if one.version), None)
    return Carried(fixed=fixed, introduced=introduced)


def _releases_read(versions: Iterable[NewVersion]) -> Evidence | None:
    for version in versions:
        if any(isinstance(one, ReleaseObservation) and one.distro == "kernel" for one in version.observations):
            return version.evidence
    return None


def patch_keys(patch: Patch) -> tuple[str, ...]:
    """The keys by which a patch is found: whole ids, so that people can ask by any of them."""
    keys = [f"message:{one}"[:300] for one in patch.message_ids]
    keys += [f"commit:{one}" for one in patch.commits]
    keys += [f"diff:{one}" for one in patch.patch_ids]
    keys += [f"title:{title}"[:300] for title in _titles(patch)]
    keys.append(f"id:{patch.id}")
    return tuple(dict.fromkeys(keys))


def _titles(patch: Patch) -> list[str]:
    return [normalise_title(one) for one in (patch.title, *(one.title for one in patch.revisions))]


def _identifying(keys: Iterable[str]) -> list[str]:
    """The keys that only one patch can have."""
    return [one for one in keys if one.startswith(("message:", "commit:"))]
