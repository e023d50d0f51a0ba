"""A change as `changes --format json` (CONTRACT)."""

from __future__ import annotations

from advisories.model import Change
from bot.views.status import Json, evidence_view, when


def change_view(one: Change) -> Json:
    draft = one.draft
    return {
        "seq": one.seq,
        "uuid": one.uuid,
        "at": when(draft.at),
        "advisory": draft.advisory,
        "aliases": list(draft.aliases),
        "topics": list(draft.topics),
        "change": draft.change.value,
        "field": draft.field,
        "old": draft.old,
        "new": draft.new,
        "distro": draft.distro,
        "release": draft.release,
        "stream": draft.stream,
        "package": draft.package,
        "stage": draft.stage.value if draft.stage else None,
        "tree": draft.tree,
        "branch": draft.branch,
        "version": draft.version,
        "patch": draft.patch,
        "alarm": draft.alarm.value if draft.alarm else None,
        "severity": draft.severity,
        "source": draft.source,
        "evidence": evidence_view(draft.evidence),
        "text": draft.text,
    }
