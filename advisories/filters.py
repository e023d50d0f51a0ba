"""A subscription's filter: words, not a language (CONTRACT "Chat").

Terms of one kind are alternatives and kinds must all hold; distro and package terms bind only changes that have a
distribution, stage and branch terms only changes that have a stage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from difflib import get_close_matches

from advisories.model import ChangeDraft
from advisories.wording import DISTRO_NAMES
from advisories.words import SEVERITY_ORDER, Alarm, ChangeType, SeverityLevel, Stage

MAX_TERM_CHARS = 64
MAX_FILTER_CHARS = 512
MAX_FILTERS_PER_CHAT = 20

_ADVISORY = re.compile(r"(?:CVE-[0-9]{4}-[0-9]{4,19}|PW-[0-9]{4}-[0-9]{1,9})")
_DISTRO = re.compile(r"[a-z][a-z0-9_.+-]*(?:/[a-z0-9][a-z0-9_.+:-]*){0,2}")
_BRANCH = re.compile(r"[a-z0-9][a-z0-9_./+-]*")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9_.+:-]*")
_TERM = re.compile(r'text:"([^"]*)"|([^\s"]+)')
# os-release's IDs, as the matrix spells them, and the names by which people call some of them
_DISTROS = frozenset(name.lower() for name in DISTRO_NAMES)
_CALLED = {"oracle": "ol", "amazon": "amzn", "azure": "azurelinux", "suse": "sles", "centos": "centos-stream"}
# what `change:` takes: the types that are ever told, and each alarm by its own name
CHANGE_WORDS: tuple[str, ...] = (*(one for one in ChangeType if one is not ChangeType.TEXT_CHANGED), *Alarm)
_KINDS = ("stage", "branch", "change", "severity", "package", "text")


class FilterError(Exception):
    """A filter that cannot be read; the text names the word and the nearest one that can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a subscriber asks for. An empty kind binds nothing; `severity` is a least level, a rank 0 to 4."""

    topics: frozenset[str] = frozenset()
    advisories: frozenset[str] = frozenset()
    distros: frozenset[str] = frozenset()
    packages: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    branches: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    severity: int | None = None

    def __str__(self) -> str:
        """The canonical text: kinds in fixed order, terms sorted; parses back to an equal filter."""
        words = [*sorted(self.topics), *sorted(self.advisories), *sorted(self.distros)]
        words += [f"package:{one}" for one in sorted(self.packages)]
        words += [f"stage:{one}" for one in sorted(self.stages)]
        words += [f"branch:{one}" for one in sorted(self.branches)]
        words += [f"change:{one}" for one in sorted(self.changes)]
        if self.severity is not None:
            words.append(f"severity:{SEVERITY_ORDER[self.severity].value}")
        return " ".join(words + [f'text:"{one}"' for one in sorted(self.texts)])


def parse_filter(words: str, *, known_topics: frozenset[str]) -> Filter:
    """The filter a person wrote. Raises FilterError with a text fit to be sent back."""
    if len(words) > MAX_FILTER_CHARS:
        raise FilterError(f"a filter has at most {MAX_FILTER_CHARS} characters; this one has {len(words)}")
    for term in _split(words):
        if len(term) > MAX_TERM_CHARS:
            raise FilterError(f"a term has at most {MAX_TERM_CHARS} characters: {term[:20]}…")
    wanted = _read(words, known_topics)
    if len(str(wanted)) > MAX_FILTER_CHARS:
        raise FilterError(
            f"a filter has at most {MAX_FILTER_CHARS} characters when it is written out; leave words away"
        )
    return wanted


def _read(words: str, known_topics: frozenset[str]) -> Filter:
    found: dict[str, set[str]] = {one.name: set() for one in fields(Filter)}
    for term in _split(words):
        kind, value = _read_term(term, known_topics)
        found[kind].add(value)
    ranks = [int(one) for one in found.pop("severity")]
    if not ranks and not any(found.values()):
        raise FilterError("a filter needs a word, for example: copy-fail debian/12")
    return Filter(**{kind: frozenset(terms) for kind, terms in found.items()}, severity=min(ranks, default=None))


def parse_stored(words: str) -> Filter:
    """The filter of a canonical text we stored; a plain word is a topic even if its file is gone."""
    plain = (one for one in _split(words) if ":" not in one and not _ADVISORY.fullmatch(one))
    topics = frozenset(one for one in plain if one.partition("/")[0] not in _DISTROS)
    return _read(words, topics)


def matches(wanted: Filter, draft: ChangeDraft) -> bool:
    """Whether the change is one the filter asks for; what is never told never is."""
    if not draft.told:
        return False
    return (
        _holds(wanted.topics, draft.topics)
        and _holds(wanted.advisories, advisory_terms(draft))
        and (draft.distro is None or _holds(wanted.distros, distro_terms(draft)))
        and (draft.distro is None or _holds(wanted.packages, _one(draft.package)))
        and (draft.stage is None or _holds(wanted.stages, _one(draft.stage)))
        and (draft.stage is None or _holds(wanted.branches, _one(draft.branch)))
        and _holds(wanted.changes, change_terms(draft))
        and (wanted.severity is None or severity_rank(draft.severity) >= wanted.severity)
        and (not wanted.texts or any(one in draft.text.casefold() for one in wanted.texts))
    )


def advisory_terms(draft: ChangeDraft) -> tuple[str, ...]:
    return (*_one(draft.advisory), *draft.aliases)


def change_terms(draft: ChangeDraft) -> tuple[str, ...]:
    """The kind of change; of an alarm also which one."""
    return (draft.change.value, *_one(draft.alarm))


def distro_terms(draft: ChangeDraft) -> tuple[str, ...]:
    """The terms that name this change's release: `rhel`, `rhel/9` and `rhel/9/9.6`."""
    parts = [draft.distro, draft.release, draft.stream]
    known = parts[: parts.index(None)] if None in parts else parts
    return tuple("/".join(one or "" for one in known[:size]).lower() for size in range(1, len(known) + 1))


def severity_rank(level: str | None) -> int:
    """0 (none) to 4 (critical); -1 for a level we do not know."""
    return SEVERITY_ORDER.index(SeverityLevel(level)) if level in tuple(SEVERITY_ORDER) else -1


def _holds(wanted: frozenset[str], has: tuple[str, ...]) -> bool:
    return not wanted or any(one in wanted for one in has)


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (str(value),)


def _split(words: str) -> list[str]:
    terms, position = [], 0
    while position < len(words):
        if words[position].isspace():
            position += 1
            continue
        term = _TERM.match(words, position)
        end = len(words) if term is None else term.end()
        if term is None or (end < len(words) and not words[end].isspace()):
            raise FilterError('quotes belong to text alone: text:"zero-copy"')
        terms.append(term.group())
        position = end
    return terms


def _read_term(term: str, known_topics: frozenset[str]) -> tuple[str, str]:
    kind, colon, value = term.partition(":")
    if colon and kind.lower() in _KINDS:
        return _read_kind(kind.lower(), value)
    if _ADVISORY.fullmatch(term.upper()):
        return "advisories", term.upper()
    if term.lower() in known_topics:
        return "topics", term.lower()
    name, slash, rest = term.lower().partition("/")
    name = _CALLED.get(name, name)
    if _DISTRO.fullmatch(term.lower()) and name in _DISTROS:
        return "distros", name + slash + rest
    known = (*known_topics, *_DISTROS, *_CALLED, *(f"{one}:" for one in _KINDS))
    raise FilterError(f"{term} is no topic, advisory or distribution{_nearest(term.lower(), known)}")


def _read_kind(kind: str, value: str) -> tuple[str, str]:
    lowered = value.lower()
    match kind:
        case "stage":
            return "stages", _among(kind, lowered, tuple(Stage))
        case "change":
            return "changes", _among(kind, lowered, CHANGE_WORDS)
        case "severity":
            return "severity", str(severity_rank(_among(kind, lowered, SEVERITY_ORDER)))
        case "text":
            text = value.strip('"').casefold()
            if not text.strip() or not text.isprintable():
                raise FilterError('text: needs plain words, for example text:"zero-copy"')
            return "texts", text
        case "branch":
            return "branches", _shaped(kind, lowered, _BRANCH, "6.12")
        case _:
            return "packages", _shaped(kind, lowered, _PACKAGE, "linux")


def _among(kind: str, value: str, known: tuple[str, ...]) -> str:
    if value in known:
        return value
    raise FilterError(f"{kind}:{value} is unknown{_nearest(value, known)}. Known: {', '.join(sorted(map(str, known)))}")


def _shaped(kind: str, value: str, shape: re.Pattern[str], example: str) -> str:
    if shape.fullmatch(value):
        return value
    raise FilterError(f"{kind}: needs a name, for example {kind}:{example}")


def _nearest(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word.partition("/")[0], [str(one) for one in known], n=1)
    return f"; did you mean {near[0]}?" if near else ""
