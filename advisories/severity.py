"""CVSS vectors to severity claims, by the `cvss` package (FIRST's specifications 2.0, 3.0, 3.1 and 4.0)."""

from __future__ import annotations

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

from advisories.observation import SeverityClaim
from advisories.words import SEVERITY_ORDER, SeverityLevel

_MAX_VECTOR_CHARS = 300
_WORDS = {
    "none": SeverityLevel.NONE,
    "negligible": SeverityLevel.LOW,
    "low": SeverityLevel.LOW,
    "medium": SeverityLevel.MEDIUM,
    "moderate": SeverityLevel.MEDIUM,
    "high": SeverityLevel.HIGH,
    "important": SeverityLevel.HIGH,
    "critical": SeverityLevel.CRITICAL,
}


def level_of_word(word: str) -> SeverityLevel | None:
    """A vendor's severity word as a level; None for a word that we do not know."""
    return _WORDS.get(word.strip().lower())


def level_of_score(score: float) -> SeverityLevel:
    """The qualitative scale of CVSS 3.1 section 5."""
    if score <= 0:
        return SeverityLevel.NONE
    if score < 4:
        return SeverityLevel.LOW
    if score < 7:
        return SeverityLevel.MEDIUM
    return SeverityLevel.HIGH if score < 9 else SeverityLevel.CRITICAL


def claim_from_vector(vector: str, word: str | None = None) -> SeverityClaim | None:
    """The claim a vector makes, its score computed from the vector itself; None when it is no valid vector."""
    text = vector.strip()
    if not text.isascii() or len(text) > _MAX_VECTOR_CHARS:
        return None
    try:
        if text.startswith("CVSS:4"):
            score = float(CVSS4(text).base_score)
        elif text.startswith("CVSS:3"):
            score = float(CVSS3(text).base_score)
        else:
            score = float(CVSS2(text).base_score)
    except CVSSError:
        return None
    return SeverityClaim(vector=text, score=score, level=level_of_score(score), word=word)


def rank(level: SeverityLevel | None) -> int:
    """Position on the scale; an unknown level ranks below all."""
    return -1 if level is None else SEVERITY_ORDER.index(level)
