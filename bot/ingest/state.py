"""Refolding what a batch touched: load, fold, compare, save."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from advisories.compare import compare_advisories
from advisories.fold import Facts, fold_advisory
from advisories.matching import named_cves
from advisories.model import Advisory, ChangeDraft, Evidence, Identity, RecordVersion
from advisories.topics import Topic
from advisories.words import AdvisoryKind, ChangeType
from bot.ingest.relevance import SUBJECT_PACKAGES, may_open, topics_of
from bot.ingest.statements import statement_versions
from storage import advisories as advisory_store
from storage import changes as change_store
from storage import identity, records


class Refold:
    """Collects what a batch touched and folds it once, in a fixed order."""

    def __init__(self, connection: Connection, topics: tuple[Topic, ...]) -> None:
        self._connection = connection
        self._topics = topics
        self._because: dict[str, Evidence] = {}  # CVE -> the document that touched it
        self._opening: dict[str, RecordVersion] = {}
        self._every: Evidence | None = None
        self._facts: Facts | None = None

    def known_aliases(self) -> set[str]:
        return identity.all_aliases(self._connection)

    def touch(self, version: RecordVersion) -> None:
        """A record with new content: its CVEs' advisories are to be folded again, and opened where it may open them."""
        for one in version.observations:
            for cve in named_cves(one):
                self._because[cve] = version.evidence
        for cve in may_open(self._topics, version):
            self._opening.setdefault(cve, version)

    def touch_all(self, because: Evidence) -> None:
        """A distribution ships another kernel: every advisory with an upstream fix may have another inferred cell."""
        self._every = because
        self._facts = None

    def run(self, *, at: datetime) -> list[ChangeDraft]:
        """The changes that follow, stored states included; at: when the facts became known."""
        touched = self._open_and_resolve(at)
        if self._every is not None:
            for pw_id in advisory_store.known_ids(self._connection):
                touched.setdefault(pw_id, self._every)
        drafts: list[ChangeDraft] = []
        for pw_id in sorted(touched, key=_id_order):
            drafts += self.refold(pw_id, because=touched[pw_id], at=at)
        return drafts

    def _open_and_resolve(self, at: datetime) -> dict[str, Evidence]:
        known = identity.resolve_many(self._connection, self._because)
        for cve in sorted(self._opening.keys() - known.keys()):
            known[cve] = identity.open_advisory(
                self._connection,
                aliases=[cve],
                kind=AdvisoryKind.VULNERABILITY.value,
                year=at.year,
                at=at,
            )
        touched: dict[str, Evidence] = {}
        for cve, pw_id in known.items():
            touched[pw_id] = self._because[cve]
        return touched

    def refold(self, pw_id: str, *, because: Evidence, at: datetime) -> list[ChangeDraft]:
        """Folds one advisory and stores it when it differs; returns its changes."""
        aliases = identity.aliases_of(self._connection, pw_id)
        versions = records.versions_about(self._connection, aliases)
        versions += statement_versions(self._topics, aliases)
        topics = topics_of(self._topics, aliases, versions)
        old = advisory_store.load_advisory(self._connection, pw_id)
        if not topics and old is not None:
            topics = old.topics
        folded = fold_advisory(
            Identity(
                id=pw_id,
                kind=AdvisoryKind(identity.kind_of(self._connection, pw_id)),
                aliases=aliases,
                topics=topics,
                title=old.title if old is not None and old.kind is AdvisoryKind.CHANGE else None,
            ),
            versions,
            self._load_facts(),
        )
        if old == folded:
            return []
        advisory_store.save_advisory(self._connection, folded, at=at)
        drafts = compare_advisories(old, folded, at=at, because=because)
        return [self._with_claim(draft, old) for draft in drafts]

    def _with_claim(self, draft: ChangeDraft, old: Advisory | None) -> ChangeDraft:
        """A correction names the claim it takes back, so that it reaches exactly those who were told."""
        if draft.change is not ChangeType.CORRECTION or old is None:
            return draft
        kind = ChangeType.EXPLOITATION_CHANGED if draft.field == "exploited.kev" else ChangeType.FIXED_IN
        if draft.field == "withdrawn":
            kind = ChangeType.ADVISORY_NEW
        claim = change_store.key_of_newest(
            self._connection,
            advisory=old.id,
            change=kind.value,
            distro=draft.distro,
            release=draft.release,
            version=draft.old if kind is ChangeType.FIXED_IN and draft.distro is None else None,
        )
        return replace(draft, corrects=claim)

    def _load_facts(self) -> Facts:
        if self._facts is None:
            shipped = records.has_subject(self._connection, SUBJECT_PACKAGES)
            versions = records.versions_about(self._connection, [SUBJECT_PACKAGES]) if shipped else []
            self._facts = Facts(package_versions=tuple(versions))
        return self._facts


def _id_order(pw_id: str) -> tuple[int, int]:
    year, number = pw_id.split("-")[1:3]
    return int(year), int(number)
