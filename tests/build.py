"""Values for tests, with everything that a test does not speak of filled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

from advisories.model import Advisory, ChangeDraft, Evidence, Identity, RecordVersion
from advisories.observation import (
    CellObservation,
    CveObservation,
    FixedVersion,
    Observation,
    SeverityClaim,
    UpstreamFix,
)
from advisories.topics import Topic, parse_topic
from advisories.words import AdvisoryKind, ChangeType, EvidenceClass, SeverityLevel, Status

CVE = "CVE-2026-31431"
START = datetime(2026, 4, 22, 10, tzinfo=UTC)


def at(hours: float = 0) -> datetime:
    """A time that many hours after the first document."""
    return START + timedelta(hours=hours)


def evidence(source: str = "debian", kind: EvidenceClass = EvidenceClass.VENDOR, hours: float = 0) -> Evidence:
    return Evidence(
        source=source,
        evidence_class=kind,
        url=f"https://{source}.example/{source}",
        fetched_at=at(hours),
        sha256=sha256(f"{source} {hours}".encode()).hexdigest(),
    )


def version(
    *observations: Observation,
    source: str = "debian",
    kind: EvidenceClass = EvidenceClass.VENDOR,
    key: str = "record",
    hours: float = 0,
    seen: int = 1,
    **more: Any,  # Any: any further field of RecordVersion
) -> RecordVersion:
    return RecordVersion(
        key=key,
        at=at(hours),
        modified=None,
        evidence=evidence(source, kind, hours),
        observations=observations,
        seen=seen,
        last_seen_at=at(hours),
        **more,
    )


def cell(status: Status = Status.AFFECTED, fixed: str | None = None, **more: Any) -> CellObservation:
    """Debian 12's linux unless told otherwise; `fixed` is a version, which makes the status fixed."""
    values: dict[str, Any] = {"cve": CVE, "distro": "debian", "release": "12", "package": "linux", "status": status}
    if fixed is not None:
        values |= {"status": Status.FIXED, "fixed": (FixedVersion(version=fixed),)}
    return CellObservation(**(values | more))


def cve(*fixes: str, **more: Any) -> CveObservation:
    """A CNA's word: fixes as versions ("6.12.85", "7.0")."""
    values: dict[str, Any] = {"cve": CVE, "opens": True, "fixed": tuple(upstream_fix(one) for one in fixes)}
    return CveObservation(**(values | more))


def upstream_fix(text: str, commit: str | None = None) -> UpstreamFix:
    parts = text.split(".")
    return UpstreamFix(branch=".".join(parts[:2]), version=text, commit=commit)


def severity(score: float, level: SeverityLevel) -> SeverityClaim:
    return SeverityClaim(vector=f"CVSS:3.1/{score}", score=score, level=level)


def identity(*aliases: str, topics: tuple[str, ...] = ("copy-fail",)) -> Identity:
    return Identity(id="PW-2026-1", kind=AdvisoryKind.VULNERABILITY, aliases=aliases or (CVE,), topics=topics)


def draft(change: ChangeType = ChangeType.FIXED_IN, **more: Any) -> ChangeDraft:
    values: dict[str, Any] = {
        "at": at(),
        "advisory": "PW-2026-1",
        "aliases": (CVE,),
        "topics": ("copy-fail",),
        "change": change,
        "field": "cells.fixed",
        "old": None,
        "new": "6.1.170-1",
        "source": "debian",
        "evidence": evidence(),
        "text": "Fixed in Debian 12: linux 6.1.170-1",
    }
    return ChangeDraft(**(values | more))


def topic(**more: Any) -> Topic:
    """A topic that watches Copy Fail's CVE."""
    plain = parse_topic(f'slug = "copy-fail"\ntitle = "Copy Fail"\ncves = ["{CVE}"]\n', name="copy-fail.toml")
    return replace(plain, **more)


def cell_of(advisory: Advisory, distro: str = "debian", release: str | None = "12", package: str = "linux") -> Any:
    """The one cell of that place. Raises ValueError when there is none, or more than one."""
    (found,) = [one for one in advisory.cells if (one.distro, one.release, one.package) == (distro, release, package)]
    return found


def day(text: str) -> date:
    return date.fromisoformat(text)
