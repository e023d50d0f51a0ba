"""A topic as JSON, with its plan: where each step stands by the landings of its patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import Connection

from advisories.observation import ReleaseObservation
from advisories.patches import Landing
from advisories.steps import Estimate, Standing, stand
from advisories.topics import Topic
from advisories.words import Stage
from bot.ingest.relevance import SUBJECT_RELEASES
from bot.views.status import Json, evidence_view, when
from storage import patches as patch_store

_PLAN_STAGES = (Stage.POSTED, Stage.APPLIED, Stage.NEXT, Stage.MAINLINE, Stage.STABLE, Stage.PACKAGED, Stage.REVERTED)


def load_plan(connection: Connection, topic: Topic) -> tuple[Standing, ...]:
    """The steps of a topic with what is known of them now."""
    if not topic.steps:
        return ()
    patches = [one for one in patch_store.list_patches(connection) if topic.slug in one.topics]
    known = patch_store.observations_about(connection, SUBJECT_RELEASES)
    releases = [one for one in known if isinstance(one, ReleaseObservation)]
    return stand(topic, patches, releases, today=datetime.now(UTC).date())


def topic_view(topic: Topic, plan: Sequence[Standing] | None = None) -> Json:
    """What the topic watches and its plan; sets become sorted lists. Without `plan`, steps stand as the file says."""
    steps = [asdict(one) for one in topic.steps] if plan is None else [step_view(one) for one in plan]
    return {
        "slug": topic.slug,
        "title": topic.title,
        "summary": topic.summary,
        "since": when(topic.since),
        "cves": ["*"] if topic.every_cve else sorted(topic.cves),
        "commits": list(topic.commits),
        "paths": list(topic.paths),
        "subjects": list(topic.subjects),
        "words": list(topic.words),
        "kconfig": list(topic.kconfig),
        "lists": list(topic.lists),
        "alarms": sorted(topic.alarms),
        "stalled_after_days": topic.stalled_after.days,
        "matters": [asdict(one) for one in topic.matters],
        "steps": steps,
        "mitigations": [asdict(one) for one in topic.mitigations],
        "users": [asdict(one) for one in topic.users],
        "statements": [{**asdict(one), "date": one.date.isoformat()} for one in topic.statements],
    }


def step_view(one: Standing) -> Json:
    """A step: what it is by the topic file, and where it stands. `by_landings` false: nothing of it was seen here."""
    due = one.estimate
    return {
        **asdict(one.step),
        "state": one.state,
        "release": one.release,
        "by_landings": one.by_landings,
        "reverted": one.reverted,
        "patches": list(one.patches),
        "landings": [_landing_view(each) for each in one.landings if each.stage in _PLAN_STAGES],
        "estimate": None
        if due is None
        else {
            "release": due.release,
            "earliest": due.earliest.isoformat(),
            "latest": due.latest.isoformat(),
            "estimate": True,
        },
    }


def _landing_view(one: Landing) -> Json:
    return {
        "stage": one.stage.value,
        "tree": one.tree,
        "branch": one.branch,
        "version": one.version,
        "ref": one.ref,
        "at": when(one.at),
        "evidence": evidence_view(one.evidence),
    }


def due_words(due: Estimate) -> str:
    """ "2026-10-18 to 2026-10-25"; "any day" when that window has passed without the release."""
    return "any day" if due.earliest == due.latest else f"{due.earliest} to {due.latest}"


def standing_line(one: Standing) -> str:
    """The state in a few words: "shipped 7.2 (also 6.1.178)", "merged 7.3, due 2026-10-18 to 2026-10-25 (estimate)"."""
    words = [one.state, *([one.release] if one.release else [])]
    stable = list(dict.fromkeys(each.version for each in one.landings if each.stage is Stage.STABLE and each.version))
    text = " ".join(words)
    if stable:
        text += f" (also {', '.join(stable)})"
    if one.estimate is not None:
        text += f", due {due_words(one.estimate)} (estimate)"
    if one.reverted:
        text += ", REVERTED"
    return text if one.by_landings else f"{text} (by the topic file)"
