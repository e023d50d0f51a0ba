"""The life of a change as `path --format json` (CONTRACT): by advisory, commit, Message-ID or patch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from advisories.landings import release_order
from advisories.landings_missing import live_branches, missing_branches
from advisories.model import Advisory
from advisories.observation import ReleaseObservation
from advisories.patches import Landing, Patch
from advisories.words import AdvisoryKind, Stage
from bot.ingest.patch_joins import fixing_commits
from bot.ingest.patches import carried_by
from bot.ingest.relevance import SUBJECT_RELEASES
from bot.views.path_alarms import alarm_views
from bot.views.path_claims import claimed_landings, dated, without_said
from bot.views.path_revisions import range_diff_views
from bot.views.status import Json, evidence_view, when
from storage import advisories as advisory_store
from storage import identity
from storage import patches as patch_store
from storage.blobs import BlobStore

_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_EVER = datetime.max.replace(tzinfo=UTC)
_STAGES = tuple(Stage)


def path_document(connection: Connection, name: str, *, compared_by: BlobStore | None = None) -> Json | None:
    """The whole document for an ID, an alias, a commit id (7 digits at least), a Message-ID or a patch id; None when
    nothing by that name is known. compared_by: where the mails are kept, when revisions are to be compared."""
    found = find_paths(connection, name)
    if found is None:
        return None
    known = patch_store.observations_about(connection, SUBJECT_RELEASES)
    live = live_branches((one for one in known if isinstance(one, ReleaseObservation)), datetime.now(UTC))
    views = [_patch_view(connection, one, live) for one in found]
    if compared_by is not None:
        for view, patch in zip(views, found, strict=True):
            view["range_diff"] = range_diff_views(connection, compared_by, patch)
    return {"patches": views}


def find_paths(connection: Connection, name: str) -> list[Patch] | None:
    """The patches behind a name, the main one first."""
    wanted = name.strip().strip("<>")
    pw_id = identity.resolve(connection, wanted)
    if pw_id is not None:
        advisory = advisory_store.load_advisory(connection, pw_id)
        patches = patch_store.load_patches(connection, patch_store.patches_of(connection, pw_id))
        return sorted(patches, key=lambda one: _main_first(one, advisory))
    ids = patch_store.find_patches(connection, [f"message:{wanted}"[:300], f"id:{wanted}"])
    if not ids and _COMMIT.fullmatch(wanted.lower()):
        ids = patch_store.find_by_prefix(connection, f"commit:{wanted.lower()}")
    return patch_store.load_patches(connection, ids) if ids else None


def _main_first(patch: Patch, advisory: Advisory | None) -> tuple[bool, int, datetime, str]:
    """The patch that is the mainline fix, then the one that got furthest."""
    fixes = advisory is not None and any(commit in patch.commits for commit in fixing_commits(advisory))
    return (not fixes, -len(patch.landed(Stage.MAINLINE, Stage.STABLE)), patch.first_at or _EVER, patch.id)


def _patch_view(connection: Connection, patch: Patch, live: Sequence[str]) -> Json:
    ids = patch_store.advisories_of(connection, patch.id)
    advisories = [one for pw_id in ids if (one := advisory_store.load_advisory(connection, pw_id)) is not None]
    carried = carried_by(connection, patch.id)
    return {
        "id": patch.id,
        "subject": patch.title,
        "author": patch.author_name or patch.author_addr,
        "message_ids": list(patch.message_ids),
        "patch_ids": list(patch.patch_ids),
        "commits": list(patch.commits),
        "revisions": patch.revision_count,
        "history": [
            {
                "ref": one.ref,
                "at": when(one.at),
                "subject": one.title,
                "message_id": one.msgid,
                "notes": one.notes,
            }
            for one in patch.revisions
        ],
        "trailers": dict(sorted(Counter(one.name for one in patch.reviews).items())),
        "topics": list(patch.topics),
        "advisories": ids,
        "landings": [_landing_view(one) for one in all_landings(patch, advisories)],
        "missing": list(missing_branches(patch, live, carried)),
        "failed": [
            {"branch": one.branch, "at": when(one.at), "evidence": evidence_view(one.evidence)} for one in patch.failed
        ],
        "alarms": alarm_views(connection, patch),
    }


def all_landings(patch: Patch, advisories: Sequence[Advisory]) -> list[Landing]:
    """The patch's landings and those its vulnerabilities tell, by date; undated ones where their stage belongs."""
    claimed = claimed_landings(patch, [one for one in advisories if one.kind is AdvisoryKind.VULNERABILITY])
    found = [*without_said(patch.landings, claimed), *dated(claimed, patch.landings)]
    return sorted(
        found, key=lambda one: (_STAGES.index(one.stage), one.at or _EVER, one.tree, release_order(one.branch or ""))
    )


def _landing_view(one: Landing) -> Json:
    return {
        "stage": one.stage.value,
        "tree": one.tree,
        "branch": one.branch,
        "package": one.package,
        "ref": one.ref,
        "commit": one.commit,
        "version": one.version,
        "at": when(one.at),
        "matched_by": one.matched_by.value if one.matched_by else None,
        "guess": one.guessed,
        "evidence": evidence_view(one.evidence),
    }
