"""A fetch context on loopback: real doors, a fixed clock, and a watch that a test fills in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sources.base import Batch, FetchContext, SourceSpec, Watch
from sources.git import GitDoor
from sources.http import HttpDoor, HttpPolicy, Validators
from tests.sources.http_answers import FakeTime

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HeldValidators:
    """Validators by address."""

    by_url: Mapping[str, Validators] = field(default_factory=dict)

    def validators(self, url: str) -> Validators:
        return self.by_url.get(url, Validators())


def make_watch(
    *,
    cves: Iterable[str] = (),
    commits: Iterable[str] = (),
    paths: Iterable[str] = (),
    every_kernel_cve: bool = False,
    words: Iterable[str] = (),
    lists: Iterable[str] = (),
    since: datetime = SINCE,
) -> Watch:
    return Watch(
        cves=frozenset(cves),
        every_kernel_cve=every_kernel_cve,
        commits=frozenset(commits),
        paths=tuple(paths),
        subjects=(),
        words=tuple(words),
        kconfig=(),
        lists=tuple(lists),
        since=since,
    )


def make_context(
    spec: SourceSpec,
    folder: Path,
    settings: Mapping[str, str | tuple[str, ...]],
    *,
    hosts: Iterable[str],
    watch: Watch | None = None,
    checkpoint: Mapping[str, str] | None = None,
    held: Mapping[str, Validators] | None = None,
    known: Iterable[str] = (),
    now: datetime = NOW,
) -> FetchContext:
    """What the application hands to `spec.fetch`; git mirrors are below `folder`, pauses cost nothing."""
    policy = HttpPolicy(contact="ops@example.org", version="1.2", allowed_hosts=frozenset(hosts))
    time = FakeTime()
    return FetchContext(
        source=spec.name,
        settings={**spec.settings, **settings},
        http=HttpDoor(policy, clock=time.clock, sleep=time.sleep, now=lambda: now),
        git=GitDoor(root=folder / "git", policy=policy, deadline_seconds=60),
        checkpoint=checkpoint or {},
        held=HeldValidators(held or {}),
        watch=watch or make_watch(),
        now=now,
        known_advisories=frozenset(known),
    )


def all_batches(spec: SourceSpec, context: FetchContext) -> list[Batch]:
    return list(spec.fetch(context))
