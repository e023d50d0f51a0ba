"""Whether a source still reads as it did: what a record said before against what it says now, by field (TRUST S28).

A field that was given and is empty now is *lost*: so a renamed field looks. A claim with another word or version is
*turned*: so a correction looks, one of them at a time. What is new is neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass

from advisories.mail import PatchMail
from advisories.observation import (
    CellObservation,
    CommitObservation,
    ConfigObservation,
    CveObservation,
    ErratumObservation,
    ExploitationObservation,
    LinkObservation,
    MitigationObservation,
    Observation,
    PackageChangelogObservation,
    PackageVersionObservation,
    RefsObservation,
    ReleaseObservation,
)
from advisories.words import Disposition, Status

# What makes two claims of one record the same claim; everything else about them may be lost or turned.
IDENTITY: dict[type, tuple[str, ...]] = {
    CveObservation: ("cve",),
    CellObservation: ("cve", "distro", "release", "stream", "package", "kind"),
    ErratumObservation: ("erratum",),
    ExploitationObservation: ("cve",),
    MitigationObservation: ("cve", "mitigation", "distro", "release", "package"),
    CommitObservation: ("tree", "branch", "commit"),
    RefsObservation: ("tree",),
    ReleaseObservation: ("distro", "release"),
    PackageVersionObservation: ("distro", "release", "package"),
    PackageChangelogObservation: ("distro", "release", "package", "version"),
    ConfigObservation: ("distro", "release", "package", "arch"),
    LinkObservation: (),
    PatchMail: (),
}
NAMES: dict[type, str] = {
    CveObservation: "cve",
    CellObservation: "cell",
    ErratumObservation: "erratum",
    ExploitationObservation: "exploitation",
    MitigationObservation: "mitigation",
    CommitObservation: "commit",
    RefsObservation: "refs",
    ReleaseObservation: "release",
    PackageVersionObservation: "package",
    PackageChangelogObservation: "changelog",
    ConfigObservation: "config",
    LinkObservation: "link",
    PatchMail: "mail",
}
REASON = "canary "  # what every reason begins with
RECORD = "record"
STATUS = "cell.status"
# Lost, these make somebody act wrongly: one record without them is enough when no other shows that they still exist.
DECISIVE = frozenset(
    {
        "cell",
        "cve",
        "mitigation",
        STATUS,
        "cell.fixed",
        "cve.fixed",
        "cve.introduced",
        "erratum.cves",
        "exploitation.kev",
    }
)
FINAL = frozenset({Status.FIXED, Status.NOT_AFFECTED})
ENOUGH_FOR_A_FIELD = 3
ENOUGH_FIXES = 3
ENOUGH_FOR_A_TURN = 5

Identity = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """One observation as the fields that it fills: path -> value ("cell.fixed", "cell.fixed.erratum")."""

    kind: str
    status: Status | None
    void: bool  # withdrawn: what it leaves out then is no loss
    filled: dict[str, object]


def claims_of(observations: Iterable[Observation]) -> dict[Identity, Claim]:
    """The claims of a record by what makes each the same again."""
    found: dict[Identity, Claim] = {}
    for one in observations:
        own = IDENTITY[type(one)]
        identity = (NAMES[type(one)], *(getattr(one, name) for name in own))
        found.setdefault(identity, _claim(one, own))
    return found


def _claim(one: Observation, own: tuple[str, ...]) -> Claim:
    kind = NAMES[type(one)]
    filled: dict[str, object] = {}
    for each in fields(one):
        value = getattr(one, each.name)
        if each.name in own or _is_empty(value):
            continue
        path = f"{kind}.{each.name}"
        if value is Disposition.NONE or (path == STATUS and value not in FINAL):
            continue
        filled[path] = value
        if isinstance(value, tuple) and is_dataclass(value[0]):
            filled |= _parts(path, value)
    return Claim(kind=kind, status=getattr(one, "status", None), void=getattr(one, "withdrawn", False), filled=filled)


def _is_empty(value: object) -> bool:
    return value is None or value is False or value in ("", ())


def _parts(path: str, values: tuple[object, ...]) -> dict[str, object]:
    """The fields that any of several like values fills: every fix of a record may lose its erratum."""
    found: dict[str, object] = {}
    for each in fields(values[0]):  # type: ignore[arg-type]  # a dataclass: the caller looked
        given = tuple(one for one in (getattr(value, each.name) for value in values) if not _is_empty(one))
        if given:
            found[f"{path}.{each.name}"] = given
    return found


def paths_of(observations: Iterable[Observation]) -> frozenset[str]:
    """The kinds of claims of a record and the fields they fill."""
    claims = claims_of(observations).values()
    return frozenset({one.kind for one in claims} | {path for one in claims for path in one.filled})


def is_settled(observations: Iterable[Observation]) -> bool:
    """Whether nothing is open any more: each cell is fixed or not affected."""
    return all(one.status in FINAL for one in observations if isinstance(one, CellObservation))


@dataclass(slots=True)
class Comparison:
    """One record then and now. had, lost: paths; lost with the words for it. turned: words for each claim that says
    something else."""

    had: set[str] = field(default_factory=set)
    lost: dict[str, str] = field(default_factory=dict)
    turned: list[str] = field(default_factory=list)
    fixes: int = 0  # claims that were fixed
    unfixed: int = 0  # of these, how many are not there: what is said in so many words is a vendor's to take back

    @property
    def equal(self) -> bool:
        return not self.lost and not self.turned


def compare(old: Iterable[Observation], new: Iterable[Observation]) -> Comparison:
    """What a record lost and how it turned. A claim that went while others of its kind stayed is no loss: a release
    that a vendor drops is absence, and that is judged elsewhere."""
    before, now = claims_of(old), claims_of(new)
    found = Comparison(had={RECORD})
    had: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    if any(now[key].void and not before[key].void for key in before.keys() & now.keys()):
        return found
    for kind in sorted({one.kind for one in before.values()}):
        had[kind] = 1
        own = [key for key in before if before[key].kind == kind]
        kept = [key for key in own if key in now]
        gone = sum(before[key].status is Status.FIXED for key in own if key not in now)
        found.fixes += gone
        found.unfixed += gone
        if not kept:
            lost[kind] = 1
            found.lost[kind] = f"each {kind} is now absent"
        for key in kept:
            _compare_claims(before[key], now[key], had, lost, found)
    found.had |= set(had)
    found.lost = {path: words for path, words in found.lost.items() if lost[path] * 2 > had[path]}
    return found


def _compare_claims(old: Claim, new: Claim, had: Counter[str], lost: Counter[str], found: Comparison) -> None:
    if old.status is not new.status:
        path = STATUS if old.status in FINAL else "cell.word"
        had[path] += 1
        found.fixes += old.status is Status.FIXED
        if new.status is Status.UNDER_INVESTIGATION and not _is_new_word(old, new):
            lost[path] += 1
            found.lost.setdefault(path, f"{old.status} is now an unknown word")
        elif old.status in FINAL:
            found.turned.append(f"{old.status} is now {new.status}")
        return  # what goes with a status goes with its change, too
    if old.status is not None and old.status not in FINAL:
        had["cell.word"] += 1
    found.fixes += old.status is Status.FIXED
    for path, value in old.filled.items():
        had[path] += 1
        if path not in new.filled:
            lost[path] += 1
            found.lost.setdefault(path, f"{path.partition('.')[2]} {_short(value)} is now absent")
    fixes = f"{old.kind}.fixed.version"
    if fixes in old.filled and fixes in new.filled and old.filled[fixes] != new.filled[fixes]:
        found.turned.append(f"fixed {_short(old.filled[fixes])} is now {_short(new.filled[fixes])}")


def _is_new_word(old: Claim, new: Claim) -> bool:
    """Whether the vendor says something else; the same word, or none, that means nothing any more has lost a field."""
    return new.filled.get("cell.vendor_status") not in (None, old.filled.get("cell.vendor_status"))


def _short(value: object) -> str:
    """A value in a few words: the versions of fixes, else its text."""
    many = value if isinstance(value, tuple) else (value,)
    return ", ".join(str(getattr(one, "version", one)) for one in many)[:60]


@dataclass(slots=True)
class Tally:
    """What several records came to together. records: how many were compared; canaries, turned: how many of the
    source's chosen ones there were, and how many of these say something else now; fixes, unfixed: how many had a fix,
    and how many of these leave one out; of one record that is the vendor's word, whatever its number of releases."""

    records: int = 0
    canaries: int = 0
    turned: int = 0
    had: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    words: dict[str, str] = field(default_factory=dict)
    turn: str = ""
    fixes: int = 0
    unfixed: int = 0

    def add(self, key: str, found: Comparison, *, chosen: bool) -> None:
        self.records += 1
        self.had.update(found.had)
        self.lost.update(found.lost.keys())
        for path, words in found.lost.items():
            self.words.setdefault(path, f"{key}: {words}")
        self.canaries += chosen
        self.turned += chosen and bool(found.turned)
        self.fixes += bool(found.fixes)
        self.unfixed += bool(found.unfixed)
        if found.turned or found.unfixed:
            words = found.turned[0] if found.turned else "fixed cells are now absent"
            self.turn = self.turn or f"{key}: {words}"

    def add_lost(self, key: str, old: Iterable[Observation]) -> None:
        """A record that the document should hold and does not, or that can no longer be read."""
        fixed = any(one.status is Status.FIXED for one in claims_of(old).values())
        self.fixes += fixed
        self.unfixed += fixed
        self.turn = self.turn or f"{key}: it is now absent"
        self.records += 1
        self.had[RECORD] += 1
        self.lost[RECORD] += 1
        self.words.setdefault(RECORD, f"{key}: it is now absent or cannot be read")

    def suspects(self) -> list[str]:
        """Paths that more records lost than kept."""
        return sorted(path for path, count in self.lost.items() if count * 2 > self.had[path])

    def drift(self, shown: frozenset[str], *, unreadable: bool = False) -> str | None:
        """Why the format is no longer the one that was read before; None when it is, or when this is a correction.

        shown: paths that any other record of the same documents fills now. unreadable: none of their records can be
        read.
        """
        for path in sorted(self.suspects(), key=lambda one: (one not in DECISIVE, one)):
            decisive = path in DECISIVE or (path == RECORD and unreadable)
            lone = self.had[path] == 1 and path in shown
            if (decisive and not lone) or self.had[path] >= ENOUGH_FOR_A_FIELD:
                return f"{REASON}{self.words[path]} (in {self.lost[path]} of {self.had[path]} records read again)"
        if self.unfixed >= ENOUGH_FIXES and self.unfixed * 2 > self.fixes:
            many = f"{self.unfixed} of the {self.fixes} records with fixes"
            return f"{REASON}{self.turn} ({many} leave them out)"
        if self.canaries >= ENOUGH_FOR_A_TURN and self.turned * 2 > self.canaries:
            return f"{REASON}{self.turn} ({self.turned} of {self.canaries} canaries say something else)"
        return None
