"""The exported fix matrix: what each distribution said of its kernel, as `status --format json` documents in one file.

    {"patchwatch_matrix": 1, "as_of": "2026-05-20T00:00:00Z", "advisories": [<status document>, ...]}

A single status document and a list of them are read too. Everything in it is foreign until parsed: a row that is not as
promised is left out and counted, a file that is no matrix raises MatrixError.
"""

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

MATRIX_LIMIT = 32 * 1024 * 1024
AGE_LIMIT = timedelta(days=7)
CLOCK_SLACK = timedelta(hours=26)
STATUSES = ("affected", "not_affected", "fixed", "under_investigation")
_TIME = re.compile(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]{1,9})?(?:Z|\+00:00))?$")
_WORD = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+~:/-]{0,127}$")


class MatrixError(ValueError):
    """The matrix cannot be used: unreadable, not a matrix, or not signed by the key that was asked for."""


class FixedIn(NamedTuple):
    """The smallest fixed version of one branch; branch None where all versions of the package compare."""

    branch: Optional[str]
    version: str
    erratum: str


class Cell(NamedTuple):
    """One cell of the matrix. baseline: only the shipped baseline says it. conflicts: how many sources disagree."""

    kind: str
    distro: str
    release: Optional[str]
    codename: str
    stream: Optional[str]
    package: str
    status: str
    disposition: str
    fixed: Tuple[FixedIn, ...]
    errata: Tuple[str, ...]
    needs_subscription: bool
    inferred: bool
    baseline: bool
    conflicts: int
    urls: Tuple[str, ...]

    @property
    def label(self) -> str:
        """How the cell is named in the chain of evidence."""
        parts = [self.distro, self.release or self.codename, self.stream or "", self.package]
        return " ".join(part for part in parts if part)


class Advisory(NamedTuple):
    """One advisory with its cells."""

    id: str
    aliases: Tuple[str, ...]
    title: str
    topics: Tuple[str, ...]
    cells: Tuple[Cell, ...]
    withdrawn: bool
    as_of: Optional[datetime]

    @property
    def shown(self) -> str:
        """The CVE id when there is one."""
        return next((alias for alias in self.aliases if alias.startswith("CVE-")), self.id)


class Matrix(NamedTuple):
    """All advisories of one export. origin: where it came from; signature: "not asked" or who signed it."""

    as_of: Optional[datetime]
    advisories: Tuple[Advisory, ...]
    origin: str
    signature: str = "not asked"
    rejected: int = 0
    age_limit: timedelta = AGE_LIMIT

    def find(self, wanted: str) -> Optional[Advisory]:
        """The advisory of a PW id or alias, whatever its case."""
        name = wanted.strip().upper()
        for advisory in self.advisories:
            if name == advisory.id.upper() or name in (alias.upper() for alias in advisory.aliases):
                return advisory
        return None

    def stale(self, advisory: Advisory, now: datetime) -> str:
        """Why what it says is too old (or from the future) to be believed; "" when it is not."""
        times = [moment for moment in (self.as_of, advisory.as_of) if moment is not None]
        if not times:
            return "the matrix does not say of when it is"
        if max(times) > now + CLOCK_SLACK:
            return "the matrix is of {:%Y-%m-%d}, later than this clock".format(max(times))
        if now - min(times) > self.age_limit:
            days = (now - min(times)).days
            return "the matrix is {} days old, more than {}".format(days, self.age_limit.days)
        return ""


EMPTY = Matrix(None, (), "no matrix was given")


def parse_matrix(content: bytes, origin: str) -> Matrix:
    """A matrix of its JSON. Raises MatrixError."""
    if len(content) > MATRIX_LIMIT:
        raise MatrixError("{} is longer than {} bytes".format(origin, MATRIX_LIMIT))
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as failure:
        raise MatrixError("{} is not JSON: {}".format(origin, str(failure)[:100])) from failure
    if isinstance(document, list):
        return matrix_of_documents(document, origin=origin, as_of=None)
    if isinstance(document, dict) and document.get("patchwatch_matrix") == 1:
        advisories = document.get("advisories")
        if isinstance(advisories, list):
            return matrix_of_documents(advisories, origin=origin, as_of=_time(document.get("as_of")))
    if isinstance(document, dict) and "cells" in document and "advisory" in document:
        return matrix_of_documents([document], origin=origin, as_of=None)
    raise MatrixError("{} is no exported matrix (patchwatch export matrix writes one)".format(origin))


def matrix_of_documents(documents: List[Any], origin: str, as_of: Optional[datetime]) -> Matrix:  # Any: foreign JSON
    """A matrix of status documents; what is none is left out and counted."""
    advisories, rejected = [], 0
    for document in documents:
        advisory, bad = _advisory(document)
        rejected += bad
        if advisory is not None:
            advisories.append(advisory)
    return Matrix(as_of, tuple(advisories), origin, rejected=rejected)


def _advisory(document: Any) -> Tuple[Optional[Advisory], int]:  # Any: foreign JSON
    if not isinstance(document, dict) or not isinstance(document.get("advisory"), dict):
        return None, 1
    head = document["advisory"]
    rows = document.get("cells")
    if not _is_word(head.get("id")) or not isinstance(rows, list):
        return None, 1
    cells = [_cell(row) for row in rows]
    good = tuple(cell for cell in cells if cell is not None)
    advisory = Advisory(
        id=head["id"],
        aliases=_words(head.get("aliases")),
        title=_text(head.get("title")),
        topics=_words(head.get("topics")),
        cells=good,
        withdrawn=head.get("withdrawn") is not None,
        as_of=_time(document.get("as_of")),
    )
    return advisory, len(cells) - len(good)


def _cell(row: Any) -> Optional[Cell]:  # Any: foreign JSON
    if not isinstance(row, dict):
        return None
    release, stream = row.get("release"), row.get("stream")
    named = all(_is_word(row.get(key)) for key in ("distro", "package"))
    keyed = all(value is None or _is_word(value) for value in (release, stream))
    if not named or not keyed or row.get("status") not in STATUSES:
        return None
    fixed = _fixed(row.get("fixed"))
    if fixed is None:
        return None
    evidence = [claim for claim in _list(row.get("evidence")) if isinstance(claim, dict)]
    return Cell(
        kind=_text(row.get("kind")) or "package",
        distro=row["distro"],
        release=release,
        codename=_text(row.get("codename")),
        stream=stream,
        package=row["package"],
        status=row["status"],
        disposition=_text(row.get("disposition")) or "none",
        fixed=fixed or _earliest(row),
        errata=_words(row.get("errata")),
        needs_subscription=row.get("needs_subscription") is True,
        inferred=row.get("inferred") is True,
        baseline=not any(isinstance(claim.get("class"), str) and claim["class"] != "baseline" for claim in evidence),
        conflicts=len(_list(row.get("conflicts"))),
        urls=tuple(_text(claim.get("url")) for claim in evidence if claim.get("url")),
    )


def _fixed(rows: Any) -> Optional[Tuple[FixedIn, ...]]:  # Any: foreign JSON
    """None when one of the entries cannot be read: half a list would give wrong branches."""
    entries = []
    for row in _list(rows):
        if not isinstance(row, dict) or not _is_word(row.get("version")):
            return None
        branch = row.get("branch")
        if branch is not None and not _is_word(branch):
            return None
        entries.append(FixedIn(branch, row["version"], _text(row.get("erratum"))))
    return tuple(entries)


def _earliest(row: Dict[str, Any]) -> Tuple[FixedIn, ...]:  # Any: foreign JSON
    version = row.get("fixed_version")
    return (FixedIn(None, str(version), ""),) if _is_word(version) else ()


def _list(value: Any) -> List[Any]:  # Any: foreign JSON
    return value if isinstance(value, list) else []


def _words(value: Any) -> Tuple[str, ...]:  # Any: foreign JSON
    return tuple(word for word in _list(value) if _is_word(word))


def _is_word(value: Any) -> bool:  # Any: foreign JSON
    return isinstance(value, str) and _WORD.match(value) is not None and "\n" not in value


def _text(value: Any) -> str:  # Any: foreign JSON
    if not isinstance(value, str):
        return ""
    return "".join(letter for letter in value[:300] if letter.isprintable())


def _time(value: Any) -> Optional[datetime]:  # Any: foreign JSON
    """An aware time; Python 3.6 cannot read ISO times itself, hence strptime."""
    found = _TIME.match(value) if isinstance(value, str) else None
    if found is None:
        return None
    written = "{} {}".format(found.group(1), found.group(2) or "00:00:00")
    try:
        return datetime.strptime(written, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
