"""A topic as JSON."""

from __future__ import annotations

from dataclasses import asdict

from advisories.topics import Topic
from bot.views.status import Json, when


def topic_view(topic: Topic) -> Json:
    """What the topic watches and its plan; sets become sorted lists."""
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
        "matters": [asdict(one) for one in topic.matters],
        "steps": [asdict(one) for one in topic.steps],
        "mitigations": [asdict(one) for one in topic.mitigations],
        "users": [asdict(one) for one in topic.users],
        "statements": [{**asdict(one), "date": one.date.isoformat()} for one in topic.statements],
    }
