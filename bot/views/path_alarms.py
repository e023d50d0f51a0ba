"""The alarms of a patch: what turned against it by git, and what a topic asked for, as the ledger has it."""

from __future__ import annotations

from sqlalchemy import Connection

from advisories.model import Change
from advisories.patches import Patch
from advisories.patches_compare import turned_words
from advisories.patches_stalled import still_stalls
from advisories.words import ASKED_ALARMS, Alarm, Stage
from bot.views.status import Json, evidence_view, when
from storage import changes as change_store
from storage import patches as patch_store


def alarm_views(connection: Connection, patch: Patch) -> list[Json]:
    """In order of time; those asked for as long as they hold."""
    against = [
        {
            "alarm": one.alarm.value,
            "text": turned_words(one),
            "commit": one.commit,
            "subject": one.title,
            "tree": one.tree,
            "at": when(one.at),
            "evidence": evidence_view(one.evidence),
        }
        for one in patch.alarms
    ]
    ids = patch_store.advisories_of(connection, patch.id)
    told = change_store.list_alarms(connection, patch=patch.id, advisories=ids)
    asked = [_asked(one) for one in told if _holds(connection, patch, one)]
    return sorted([*against, *asked], key=lambda one: str(one["at"]))


def _asked(one: Change) -> Json:
    draft = one.draft
    return {
        "alarm": str(draft.alarm),
        "text": draft.text,
        "commit": None,
        "subject": None,
        "tree": draft.tree,
        "at": when(draft.at),
        "evidence": evidence_view(draft.evidence),
    }


def _holds(connection: Connection, patch: Patch, one: Change) -> bool:
    draft = one.draft
    if draft.alarm is Alarm.STALLED:
        return still_stalls(patch, patch_store.list_patches(connection), cause=draft.new or "")
    if draft.alarm is Alarm.EARLY_PICKUP:
        return not patch.landed(Stage.MAINLINE, Stage.STABLE)
    return draft.alarm in ASKED_ALARMS
