"""A source of a tree, polled again and again as the application does: its checkpoint moves with each batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from advisories.observation import CommitObservation, Observation
from sources.base import Batch, FetchContext, Watch
from sources.git import GitDoor
from sources.http import HttpDoor, HttpPolicy, Validators
from sources.registry import find_source

SINCE = datetime(2026, 4, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def watching(
    *, words: tuple[str, ...] = ("algif_aead",), commits: tuple[str, ...] = (), paths: tuple[str, ...] = ()
) -> Watch:
    return Watch(
        cves=frozenset({"CVE-2026-31431"}),
        every_kernel_cve=False,
        commits=frozenset(commits),
        paths=paths,
        subjects=(),
        words=words,
        kconfig=(),
        lists=("linux-crypto",),
        since=SINCE,
    )


@dataclass(frozen=True, slots=True)
class NothingHeld:
    def validators(self, url: str) -> Validators:
        return Validators()


@dataclass(slots=True, kw_only=True)
class Following:
    """`poll` is one cycle; what it gave is kept in `batches` and `notes`."""

    name: str
    settings: Mapping[str, str | tuple[str, ...]]
    folder: Path
    hosts: frozenset[str]
    watch: Watch = field(default_factory=watching)
    now: datetime = NOW
    checkpoint: Mapping[str, str] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    http: HttpDoor | None = None
    door: type[GitDoor] = GitDoor

    def context(self) -> FetchContext:
        policy = HttpPolicy(contact="x", version="1", allowed_hosts=self.hosts, min_interval_seconds=0)
        self.http = self.http or HttpDoor(policy)
        return FetchContext(
            source=self.name,
            settings={**find_source(self.name).settings, **self.settings},
            http=self.http,
            git=self.door(root=self.folder / "git", policy=policy, deadline_seconds=60),
            checkpoint=self.checkpoint,
            held=NothingHeld(),
            watch=self.watch,
            now=self.now,
        )

    def poll(self) -> list[Observation]:
        """What the documents of one cycle say, in order; a minute later than the one before."""
        source = find_source(self.name)
        self.batches, self.notes = [], []
        said: list[Observation] = []
        for batch in source.fetch(self.context()):
            self.batches.append(batch)
            self.notes += batch.notes
            for document in batch.documents:
                parsed = source.parse(document)
                assert parsed.rejected == ()
                said += [one for record in parsed.records for one in record.observations]
            self.checkpoint = dict(batch.checkpoint)
        self.now += timedelta(minutes=1)
        return said

    def commits(self) -> list[tuple[str, str | None]]:
        """(commit, first tag) of one more cycle."""
        return [(one.commit, one.first_tag) for one in self.poll() if isinstance(one, CommitObservation)]

    def close(self) -> None:
        if self.http is not None:
            self.http.close()
