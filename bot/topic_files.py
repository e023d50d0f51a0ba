"""Loading topic files: the folders of `[topics] paths`, or the built-in ones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from advisories.topic_tables import TopicError
from advisories.topics import Topic, parse_topic
from sources.base import Watch

BUILT_IN = Path(__file__).with_name("topics")


def load_topics(paths: Iterable[str]) -> tuple[Topic, ...]:
    """Every topic of the folders (or single files), by slug. Raises TopicError naming the file."""
    places = [Path(one) for one in paths] or [BUILT_IN]
    topics: dict[str, Topic] = {}
    for file in _files(places):
        try:
            source = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TopicError(f"{file}: cannot be read: {error}") from None
        topic = parse_topic(source, name=str(file))
        if topic.slug in topics:
            raise TopicError(f"{file}: topic {topic.slug!r} is defined twice")
        topics[topic.slug] = topic
    if not topics:
        raise TopicError(f"no topic file (*.toml) in {', '.join(str(one) for one in places)}")
    return tuple(sorted(topics.values(), key=lambda one: (one.slug != "copy-fail", one.slug)))


def _files(places: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for place in places:
        if place.is_file():
            found.append(place)
        elif place.is_dir():
            found += sorted(place.glob("*.toml"))
        else:
            raise TopicError(f"[topics] paths: {place} is not there")
    return found


def watch_of(topics: Iterable[Topic]) -> Watch:
    """What the sources look for on behalf of all topics together."""
    loaded = tuple(topics)
    matters = [matter for topic in loaded for matter in topic.matters]
    return Watch(
        cves=frozenset(cve for topic in loaded for cve in topic.cves),
        every_kernel_cve=any(topic.every_cve for topic in loaded),
        commits=frozenset(
            [one for topic in loaded for one in topic.commits] + [one for matter in matters for one in matter.commits]
        ),
        paths=_joined(topic.paths for topic in loaded),
        subjects=_joined(topic.subjects for topic in loaded),
        words=_joined(topic.words for topic in loaded),
        kconfig=_joined(topic.kconfig for topic in loaded),
        lists=_joined(topic.lists for topic in loaded),
        since=min((topic.since for topic in loaded), default=datetime(2026, 1, 1, tzinfo=UTC)),
    )


def _joined(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for part in parts for word in part))
