"""All current claims about one matter to its state: pure, in a fixed order, no last writer wins (DESIGN rule 11)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from advisories import upstream as upstream_fold
from advisories.cells import merge_cell
from advisories.establish import (
    CellClaim,
    cell_key,
    establish_cells,
    establish_cve,
    establish_exploitation,
    establish_fixes,
    group_versions,
)
from advisories.inference import infer_cells
from advisories.model import (
    Advisory,
    Carrier,
    Cell,
    CellKey,
    Erratum,
    Evidence,
    Exploitation,
    Identity,
    RecordVersion,
    SourcedCwe,
    SourcedSeverity,
    Upstream,
)
from advisories.observation import (
    CveObservation,
    ErratumObservation,
    ExploitationObservation,
    LinkObservation,
    MitigationObservation,
    Reference,
)
from advisories.severity import rank
from advisories.words import EVIDENCE_ORDER, AdvisoryKind, EvidenceClass

MAX_DESCRIPTION_CHARS = 4000
MAX_REFERENCES = 200

CveClaim = tuple[CveObservation, RecordVersion]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What holds for every advisory: versions of records that say which kernel a distribution ships now."""

    package_versions: tuple[RecordVersion, ...] = ()


def fold_advisory(identity: Identity, versions: Iterable[RecordVersion], facts: Facts) -> Advisory:
    """The state that these versions make. `versions` may come in any order and hold other CVEs' observations too."""
    cves = frozenset(alias for alias in identity.aliases if alias.startswith("CVE-"))
    groups = group_versions(versions)
    claims = [claim for group in groups for claim in establish_cve(group, cves)]
    claims.sort(key=_strongest_first)
    upstream = upstream_fold.merge_upstream(
        [(claim, version.evidence) for claim, version in claims],
        [fix for group in groups for fix in establish_fixes(group, cves)],
    )
    cells = _cells(groups, cves, upstream, facts)
    severities = _severities(claims)
    speaking = [claim for claim in claims if claim[1].evidence.evidence_class is not EvidenceClass.BASELINE] or claims
    return Advisory(
        id=identity.id,
        kind=identity.kind,
        title=_title(identity, speaking),
        description=_text(observation.description for observation, _ in speaking)[:MAX_DESCRIPTION_CHARS],
        aliases=identity.aliases,
        topics=identity.topics,
        severity=severities[0] if severities else None,
        severities=severities,
        cwe=_cwe(claims),
        exploited=_exploitation(groups, cves),
        published=_earliest(speaking),
        modified=max((one.modified for one, _ in speaking if one.modified), default=None),
        withdrawn=_withdrawn(speaking),
        upstream=upstream_fold.with_vendor_conflicts(upstream, cells),
        cells=cells,
        carriers=_carriers(groups, cves),
        errata=_errata(groups, cves),
        references=_references(speaking),
        links=_links(groups),
        files=tuple(sorted({file for observation, _ in claims for file in observation.files})),
        evidence=_evidence(claims),
    )


def _strongest_first(claim: CveClaim) -> tuple[int, float, str, str]:
    _, version = claim
    evidence = version.evidence
    order = _SPEAKS_FOR_THE_MATTER.index(evidence.evidence_class)
    return order, -version.at.timestamp(), evidence.source, version.key


# For the matter itself the CNA speaks before a vendor; for a vendor's own package it is the other way round.
_SPEAKS_FOR_THE_MATTER = (
    EvidenceClass.CNA,
    EvidenceClass.GIT,
    EvidenceClass.VENDOR,
    *(one for one in EVIDENCE_ORDER if one not in (EvidenceClass.CNA, EvidenceClass.GIT, EvidenceClass.VENDOR)),
)


def _cells(
    groups: Sequence[Sequence[RecordVersion]], cves: frozenset[str], upstream: Upstream, facts: Facts
) -> tuple[Cell, ...]:
    by_key: dict[CellKey, list[CellClaim]] = {}
    for group in groups:
        for claim in establish_cells(group, cves):
            by_key.setdefault(cell_key(claim.cell), []).append(claim)
    if cves:
        for claim in infer_cells(sorted(cves)[0], upstream, facts.package_versions):
            key = cell_key(claim.cell)
            said = [one for one in by_key.get(key, []) if one.evidence.evidence_class is not EvidenceClass.BASELINE]
            if all(one.cell.inferred for one in said):
                by_key.setdefault(key, []).append(claim)
    return upstream_fold.explain_backports([merge_cell(by_key[key]) for key in sorted(by_key)], upstream)


def _severities(claims: Sequence[CveClaim]) -> tuple[SourcedSeverity, ...]:
    """The matter's severity first: the CNA's, else a vendor's, else a catalogue's; within one document the highest."""
    found: dict[tuple[str, str | None, str | None], SourcedSeverity] = {}
    for observation, version in claims:
        ordered = sorted(
            observation.severity, key=lambda one: (one.vector is None, -(one.score or 0), -rank(one.level))
        )
        for claim in ordered:
            identity = (version.evidence.source, claim.vector, claim.level if claim.vector is None else None)
            found.setdefault(identity, SourcedSeverity(claim=claim, evidence=version.evidence))
    return tuple(found.values())


def _cwe(claims: Sequence[CveClaim]) -> tuple[SourcedCwe, ...]:
    pairs = {(cwe, version.evidence.source) for observation, version in claims for cwe in observation.cwe}
    return tuple(SourcedCwe(cwe=cwe, source=source) for cwe, source in sorted(pairs))


def _exploitation(groups: Sequence[Sequence[RecordVersion]], cves: frozenset[str]) -> Exploitation:
    found: list[tuple[ExploitationObservation, RecordVersion]] = []
    for group in groups:
        claim = establish_exploitation(group, cves)
        if claim is not None:
            found.append(claim)
    found.sort(
        key=lambda one: (EVIDENCE_ORDER.index(one[1].evidence.evidence_class), -one[1].at.timestamp(), one[1].key)
    )
    live = [one for one in found if one[1].evidence.evidence_class is not EvidenceClass.BASELINE]
    listed = (
        [one for one, _ in found if one.kev]
        if not any(one.kev is not None for one, _ in live)
        else [one for one, _ in live if one.kev]
    )
    return Exploitation(
        kev=bool(listed),
        since=next((one.since for one in listed if one.since), None),
        due=next((one.due for one in listed if one.due), None),
        ssvc=next((one.ssvc for one, _ in found if one.ssvc), None),
        epss=next((one.epss for one, _ in found if one.epss is not None), None),
        evidence=tuple(version.evidence for _, version in found),
    )


def _carriers(groups: Sequence[Sequence[RecordVersion]], cves: frozenset[str]) -> tuple[Carrier, ...]:
    found: dict[tuple[str, str, str, str], Carrier] = {}
    for group in groups:
        for version in group:
            for one in version.observations:
                if not isinstance(one, MitigationObservation) or one.cve not in cves:
                    continue
                key = (one.mitigation, one.distro, one.release or "", one.package)
                found[key] = Carrier(
                    mitigation=one.mitigation,
                    title=one.title,
                    distro=one.distro,
                    release=one.release,
                    package=one.package,
                    version=one.version,
                    erratum=one.erratum,
                    date=one.date,
                    evidence=version.evidence,
                )
    return tuple(found[key] for key in sorted(found))


def _errata(groups: Sequence[Sequence[RecordVersion]], cves: frozenset[str]) -> tuple[Erratum, ...]:
    found: dict[str, Erratum] = {}
    for group in groups:
        for version in group:
            for one in version.observations:
                if isinstance(one, ErratumObservation) and cves.intersection(one.cves):
                    found[one.erratum] = Erratum(
                        erratum=one.erratum,
                        distro=one.distro,
                        title=one.title,
                        issued=one.issued,
                        updated=one.updated,
                        url=one.url,
                        withdrawn=one.withdrawn,
                        evidence=version.evidence,
                    )
    return tuple(found[key] for key in sorted(found))


def _title(identity: Identity, claims: Sequence[CveClaim]) -> str:
    own = _text(observation.title for observation, _ in claims)
    if own or identity.title:
        return own or identity.title or ""
    if identity.kind is AdvisoryKind.VULNERABILITY and identity.aliases:
        return identity.aliases[0]
    return identity.id


def _text(values: Iterable[str | None]) -> str:
    return next((value for value in values if value), "")


def _earliest(claims: Sequence[CveClaim]) -> datetime | None:
    return next((one.published for one, _ in claims if one.published), None)


def _withdrawn(claims: Sequence[CveClaim]) -> datetime | None:
    """When the CNA rejected it: only the strongest class that speaks counts."""
    if not claims:
        return None
    best = claims[0][1].evidence.evidence_class
    newest = [claim for claim in claims if claim[1].evidence.evidence_class is best]
    observation, version = newest[0]
    return (observation.modified or version.at) if observation.withdrawn else None


def _references(claims: Sequence[CveClaim]) -> tuple[Reference, ...]:
    found: dict[str, Reference] = {}
    for observation, _ in claims:
        for reference in observation.references:
            found.setdefault(reference.url, reference)
    return tuple(found.values())[:MAX_REFERENCES]


def _links(groups: Sequence[Sequence[RecordVersion]]) -> tuple[LinkObservation, ...]:
    links = {
        one.url: one
        for group in groups
        for version in group
        for one in version.observations
        if isinstance(one, LinkObservation)
    }
    return tuple(links[url] for url in sorted(links))


def _evidence(claims: Sequence[CveClaim]) -> tuple[Evidence, ...]:
    found: dict[tuple[str, str], Evidence] = {}
    for _, version in claims:
        found.setdefault((version.evidence.source, version.evidence.url), version.evidence)
    return tuple(found.values())
