"""Which records are kept, and which advisories they open or touch."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from advisories.mail import PatchMail
from advisories.matching import cve_topics, link_topics, named_cves, opening_topics
from advisories.model import RecordVersion
from advisories.observation import (
    CellObservation,
    CommitObservation,
    ConfigObservation,
    CveObservation,
    ErratumObservation,
    ExploitationObservation,
    LinkObservation,
    Observation,
    PackageChangelogObservation,
    PackageVersionObservation,
    RefsObservation,
    ReleaseObservation,
)
from advisories.topics import Topic
from advisories.words import EvidenceClass

SUBJECT_PACKAGES = "packages"
SUBJECT_RELEASES = "releases"
SUBJECT_CONFIG = "config"
SUBJECT_CHANGELOGS = "changelogs"
SUBJECT_LINKS = "links/"  # + topic slug
SUBJECT_PATCHES = "patches"  # commits and mails: found through the patch tables

OPENING_CLASSES = frozenset({EvidenceClass.VENDOR, EvidenceClass.CNA, EvidenceClass.BASELINE})


def record_subjects(topics: Sequence[Topic], observations: Iterable[Observation], known: Container[str]) -> set[str]:
    """The subjects a record is found by; empty when it has nothing to do with any topic or stored advisory.

    Records about kernel packages are kept for every CVE they name: a CVE may turn out to matter later. Catalogues speak
    of everything there is, so of theirs only what is watched is kept. known: CVE ids of stored advisories.
    """
    subjects: set[str] = set()
    for one in observations:
        if isinstance(one, ExploitationObservation) or (isinstance(one, CveObservation) and not one.opens):
            if one.cve in known or cve_topics(topics, one.cve):
                subjects.add(one.cve)
        elif isinstance(one, PackageVersionObservation):
            subjects.add(SUBJECT_PACKAGES)
        elif isinstance(one, ReleaseObservation):
            subjects.add(SUBJECT_RELEASES)
        elif isinstance(one, ConfigObservation):
            subjects.add(SUBJECT_CONFIG)
        elif isinstance(one, PackageChangelogObservation):
            subjects.add(SUBJECT_CHANGELOGS)
        elif isinstance(one, LinkObservation):
            subjects.update(SUBJECT_LINKS + slug for slug in link_topics(topics, one))
        elif not isinstance(one, CommitObservation | PatchMail | RefsObservation):
            subjects.update(named_cves(one))
    return subjects


def may_open(topics: Sequence[Topic], version: RecordVersion) -> set[str]:
    """CVE ids for which this record may open an advisory: of a CNA or vendor, watched by a topic (DESIGN rule 4)."""
    if version.evidence.evidence_class not in OPENING_CLASSES:
        return set()
    opened: set[str] = set()
    for one in version.observations:
        if isinstance(one, CveObservation):
            if one.opens and opening_topics(topics, one):
                opened.add(one.cve)
        elif isinstance(one, CellObservation | ErratumObservation):
            opened.update(cve for cve in named_cves(one) if cve_topics(topics, cve))
    return opened


def topics_of(topics: Sequence[Topic], aliases: Iterable[str], versions: Iterable[RecordVersion]) -> tuple[str, ...]:
    """The topics an advisory belongs to, in the order in which the topics are loaded."""
    wanted = set(aliases)
    found: set[str] = set()
    for cve in wanted:
        found |= cve_topics(topics, cve)
    for version in versions:
        for one in version.observations:
            if isinstance(one, CveObservation) and one.opens and one.cve in wanted:
                found |= opening_topics(topics, one)
    return tuple(topic.slug for topic in topics if topic.slug in found)
