"""The closed vocabularies of the domain (DESIGN section 3, CONTRACT): each word is written the same way everywhere."""

from __future__ import annotations

from enum import StrEnum


class EvidenceClass(StrEnum):
    """Where a claim comes from, strongest first; the order is that of precedence."""

    VENDOR = "vendor"
    CNA = "cna"
    GIT = "git"
    CATALOGUE = "catalogue"
    LIST_MAIL_MAINTAINER = "list_mail_maintainer"
    LIST_MAIL = "list_mail"
    NEWS = "news"
    BASELINE = "baseline"


class Status(StrEnum):
    """VEX status of one cell."""

    AFFECTED = "affected"
    NOT_AFFECTED = "not_affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"


class Disposition(StrEnum):
    """What the vendor means to do about an unfixed cell."""

    NONE = "none"
    PENDING = "pending"
    DEFERRED = "deferred"
    WONT_FIX = "wont_fix"
    EOL = "eol"
    MITIGATED = "mitigated"


class CellKind(StrEnum):
    """`package` sets the colour; the others are shown when asked for."""

    PACKAGE = "package"
    LIVEPATCH = "livepatch"
    RELATED = "related"


class AdvisoryKind(StrEnum):
    VULNERABILITY = "vulnerability"
    CHANGE = "change"


class ChangeType(StrEnum):
    """A typed difference; `text_changed` stays in the ledger and is never sent nor fed."""

    ADVISORY_NEW = "advisory_new"
    STAGE_REACHED = "stage_reached"
    FIXED_IN = "fixed_in"
    STATUS_CHANGED = "status_changed"
    SEVERITY_CHANGED = "severity_changed"
    EXPLOITATION_CHANGED = "exploitation_changed"
    MITIGATION_CHANGED = "mitigation_changed"
    CONFIG_CHANGED = "config_changed"
    ERRATUM_ADDED = "erratum_added"
    ALARM = "alarm"
    CORRECTION = "correction"
    TEXT_CHANGED = "text_changed"


class Stage(StrEnum):
    """A set, not a ladder: fixes go by crypto-2.6 and never see cryptodev."""

    POSTED = "posted"
    APPLIED = "applied"
    NEXT = "next"
    MAINLINE = "mainline"
    STABLE_QUEUE = "stable-queue"
    STABLE = "stable"
    PACKAGED = "packaged"
    SUPERSEDED = "superseded"
    REVERTED = "reverted"
    DROPPED = "dropped"


class Alarm(StrEnum):
    REVERTED = "reverted"
    FIXES_THE_FIX = "fixes_the_fix"
    BRANCH_MISSING = "branch_missing"
    STALLED = "stalled"
    PREREQUISITE_LOST = "prerequisite_lost"
    EARLY_PICKUP = "early_pickup"


# Those that a topic turns on; the others are always on.
ASKED_ALARMS: frozenset[Alarm] = frozenset({Alarm.STALLED, Alarm.PREREQUISITE_LOST, Alarm.EARLY_PICKUP})


class MatchedBy(StrEnum):
    """How a posting met its commit, strongest first; the last one is a guess and never wakes anyone."""

    MESSAGE_ID = "message-id"
    LINK = "link"
    PATCH_ID = "patch-id"
    AUTHOR_SUBJECT_FILES = "author-subject-files"
    AUTHOR_SUBJECT = "author-subject"


class SeverityLevel(StrEnum):
    """Ordered by `SEVERITY_ORDER`, not by name."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


SEVERITY_ORDER: tuple[SeverityLevel, ...] = (
    SeverityLevel.NONE,
    SeverityLevel.LOW,
    SeverityLevel.MEDIUM,
    SeverityLevel.HIGH,
    SeverityLevel.CRITICAL,
)
EVIDENCE_ORDER: tuple[EvidenceClass, ...] = tuple(EvidenceClass)
