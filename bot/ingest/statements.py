"""A topic file's `[[statements]]` as records: a vendor's word that no feed carries, with its address and date."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time

from advisories.model import Evidence, RecordVersion
from advisories.observation import CellObservation
from advisories.topics import Statement, Topic
from advisories.words import Disposition, EvidenceClass, Status

DEFAULT_PACKAGE = "linux"


def statement_versions(topics: Sequence[Topic], aliases: Iterable[str]) -> list[RecordVersion]:
    """The statements about these CVEs; a statement without a CVE is about every CVE that its topic names first."""
    wanted = set(aliases)
    return [
        _version(topic, statement, cve)
        for topic in topics
        for statement in topic.statements
        for cve in ([statement.cve] if statement.cve else sorted(topic.cves)[:1])
        if cve in wanted
    ]


def _version(topic: Topic, statement: Statement, cve: str) -> RecordVersion:
    at = datetime.combine(statement.date, time(), UTC)
    cell = CellObservation(
        cve=cve,
        distro=statement.distro,
        release=statement.release,
        package=statement.package or DEFAULT_PACKAGE,
        status=Status(statement.status),
        disposition=Disposition(statement.disposition),
        justification=statement.justification,
        vendor_status=statement.words or None,
        since=statement.date,
    )
    digest = hashlib.sha256(f"{statement.url}|{statement.words}|{statement.status}".encode()).hexdigest()
    return RecordVersion(
        key=f"statement/{topic.slug}/{statement.distro}/{statement.release or ''}/{cell.package}/{cve}",
        at=at,
        modified=None,
        evidence=Evidence(
            source=f"topic:{topic.slug}",
            evidence_class=EvidenceClass.VENDOR,
            url=statement.url,
            fetched_at=at,
            sha256=digest,
        ),
        observations=(cell,),
    )
