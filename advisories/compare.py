"""Two states of an advisory to the typed changes between them: all that may ever be told (DESIGN rule 5).

An edit that changes no status, version, severity or exploitation gives at most `text_changed`, which is never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from advisories import wording
from advisories.model import Advisory, Cell, ChangeDraft, Evidence
from advisories.words import AdvisoryKind, CellKind, ChangeType, Disposition, Status

Draft = Callable[..., ChangeDraft]


def compare_advisories(old: Advisory | None, new: Advisory, *, at: datetime, because: Evidence) -> list[ChangeDraft]:
    """The changes from `old` (None: first sight) to `new`, in the order in which they should be read.

    because: evidence of the document that led here, for changes whose own evidence is not better known.
    """
    draft = _drafter(new, at, because)
    if old is None:
        return [_first_sight(new, draft)]
    changes = [
        *_withdrawn(old, new, draft),
        *_upstream(old, new, draft),
        *_exploitation(old, new, draft),
        *_severity(old, new, draft),
        *_carriers(old, new, draft),
        *_cells(old, new, draft),
        *_text(old, new, draft),
    ]
    return [replace(one, at=at) for one in changes]


def _drafter(new: Advisory, at: datetime, because: Evidence) -> Draft:
    level = new.severity.claim.level if new.severity else None

    def draft(
        change: ChangeType, field: str, old: str | None, new_value: str | None, text: str, **more: object
    ) -> ChangeDraft:
        evidence = more.pop("evidence", None) or because
        assert isinstance(evidence, Evidence)  # noqa: S101  # narrows the keyword for the type checker
        values: dict[str, object] = {
            "at": at,
            "advisory": new.id,
            "aliases": new.aliases,
            "topics": new.topics,
            "change": change,
            "field": field,
            "old": old,
            "new": new_value,
            "text": text,
            "source": evidence.source,
            "evidence": evidence,
            "severity": level.value if level else None,
            **more,
        }
        return ChangeDraft(**values)  # type: ignore[arg-type]  # the names are checked by the dataclass itself

    return draft


def _first_sight(new: Advisory, draft: Draft) -> ChangeDraft:
    evidence = new.evidence[0] if new.evidence else None
    return draft(
        ChangeType.ADVISORY_NEW,
        "advisory",
        None,
        new.title,
        wording.first_sight(new),
        version=", ".join(one.fix.version for one in new.upstream.fixed) or None,
        evidence=evidence,
    )


def _withdrawn(old: Advisory, new: Advisory, draft: Draft) -> Iterator[ChangeDraft]:
    if old.withdrawn is None and new.withdrawn is not None:
        yield draft(
            ChangeType.CORRECTION, "withdrawn", None, new.withdrawn.isoformat(), wording.withdrawn(new), urgent=True
        )
    elif old.withdrawn is not None and new.withdrawn is None:
        yield draft(
            ChangeType.CORRECTION, "withdrawn", old.withdrawn.isoformat(), None, wording.restored(new), urgent=True
        )


def _upstream(old: Advisory, new: Advisory, draft: Draft) -> Iterator[ChangeDraft]:
    before = {one.fix.branch: one for one in old.upstream.fixed}
    after = {one.fix.branch: one for one in new.upstream.fixed}
    for branch, sourced in after.items():
        known = before.get(branch)
        if known is not None and known.fix.version == sourced.fix.version:
            continue
        change = ChangeType.FIXED_IN if known is None else ChangeType.CORRECTION
        previous = known.fix.version if known else None
        yield draft(
            change,
            "upstream.fixed",
            previous,
            sourced.fix.version,
            wording.upstream_fix(sourced.fix, previous),
            branch=branch,
            version=sourced.fix.version,
            evidence=sourced.evidence,
            urgent=known is not None,
        )
    for branch in before.keys() - after.keys():
        gone = before[branch].fix
        yield draft(
            ChangeType.CORRECTION,
            "upstream.fixed",
            gone.version,
            None,
            wording.upstream_fix_gone(gone),
            branch=branch,
            version=gone.version,
            urgent=True,
        )


def _exploitation(old: Advisory, new: Advisory, draft: Draft) -> Iterator[ChangeDraft]:
    evidence = new.exploited.evidence[0] if new.exploited.evidence else None
    if old.exploited.kev != new.exploited.kev:
        change = ChangeType.EXPLOITATION_CHANGED if new.exploited.kev else ChangeType.CORRECTION
        yield draft(
            change,
            "exploited.kev",
            str(old.exploited.kev).lower(),
            str(new.exploited.kev).lower(),
            wording.exploited(new.exploited),
            urgent=True,
            evidence=evidence,
        )
    if old.exploited.ssvc != new.exploited.ssvc and new.exploited.ssvc is not None:
        yield draft(
            ChangeType.EXPLOITATION_CHANGED,
            "exploited.ssvc",
            old.exploited.ssvc,
            new.exploited.ssvc,
            f"SSVC exploitation: {new.exploited.ssvc}",
            urgent=new.exploited.ssvc == "active",
            evidence=evidence,
        )


def _severity(old: Advisory, new: Advisory, draft: Draft) -> Iterator[ChangeDraft]:
    before = old.severity.claim if old.severity else None
    after = new.severity.claim if new.severity else None
    if after is None or new.severity is None:
        return
    if before is not None and (before.vector, before.level) == (after.vector, after.level):
        return
    yield draft(
        ChangeType.SEVERITY_CHANGED,
        "severity",
        (before.vector or before.word) if before else None,
        after.vector or after.word or (after.level.value if after.level else None),
        wording.severity(before, after),
        evidence=new.severity.evidence,
    )


def _carriers(old: Advisory, new: Advisory, draft: Draft) -> Iterator[ChangeDraft]:
    before = {(one.mitigation, one.distro, one.release, one.package): one for one in old.carriers}
    for one in new.carriers:
        known = before.get((one.mitigation, one.distro, one.release, one.package))
        if known is not None and known.version == one.version:
            continue
        yield draft(
            ChangeType.MITIGATION_CHANGED,
            "mitigations",
            known.version if known else None,
            one.version or one.title,
            wording.carrier(one),
            distro=one.distro,
            release=one.release,
            package=one.package,
            version=one.version,
            evidence=one.evidence,
        )


def _cells(old: Advisory, new: Advisory, draft: Draft) -> Iterator[ChangeDraft]:
    before = {one.key: one for one in old.cells}
    for cell in new.cells:
        yield from _cell(before.get(cell.key), cell, draft)


def _cell(old: Cell | None, new: Cell, draft: Draft) -> Iterator[ChangeDraft]:
    if new.shipped_only:
        return
    if old is not None and old.shipped_only and _same_claim(old, new):
        return
    place: dict[str, object] = {
        "distro": new.distro,
        "release": new.release,
        "stream": new.stream,
        "package": new.package,
        "evidence": new.evidence[0] if new.evidence else None,
    }
    if new.kind is not CellKind.PACKAGE:
        yield from _companion(old, new, draft, place)
        return
    if old is not None and old.status is Status.FIXED and new.status is not Status.FIXED:
        text = wording.cell_correction(old, new)
        yield draft(
            ChangeType.CORRECTION,
            "cells.status",
            wording.state_word(old),
            wording.state_word(new),
            text,
            urgent=True,
            **place,
        )
    elif new.status is Status.FIXED:
        yield from _fixed_cell(old, new, draft, place)
    elif old is None or (old.status, old.disposition) != (new.status, new.disposition):
        yield draft(
            ChangeType.STATUS_CHANGED,
            "cells.status",
            wording.state_word(old) if old else None,
            wording.state_word(new),
            wording.cell_status(old, new),
            **place,
        )


def _same_claim(old: Cell, new: Cell) -> bool:
    return (old.status, old.disposition, old.fixed_version) == (new.status, new.disposition, new.fixed_version)


def _fixed_cell(old: Cell | None, new: Cell, draft: Draft, place: dict[str, object]) -> Iterator[ChangeDraft]:
    """One `fixed_in` per branch; an erratum that brings nothing new for a fixed cell is `erratum_added` alone."""
    before = {one.branch: one for one in old.fixed} if old is not None and old.status is Status.FIXED else {}
    told: set[str] = set()
    for entry in new.fixed:
        known = before.get(entry.branch)
        if known is not None and known.version == entry.version:
            continue
        if entry.erratum:
            told.add(entry.erratum)
        yield draft(
            ChangeType.FIXED_IN,
            "cells.fixed",
            known.version if known else (wording.state_word(old) if old and not before else None),
            entry.version,
            wording.cell_fixed(new, entry),
            version=entry.version,
            branch=entry.branch,
            **place,
        )
    if not new.fixed and not before and (old is None or old.status is not Status.FIXED):
        yield draft(
            ChangeType.FIXED_IN,
            "cells.fixed",
            wording.state_word(old) if old else None,
            None,
            wording.cell_fixed(new, None),
            **place,
        )
    if old is None or old.status is not Status.FIXED:
        return
    for erratum in sorted(set(new.errata) - set(old.errata) - told):
        yield draft(
            ChangeType.ERRATUM_ADDED, "cells.errata", None, erratum, wording.cell_erratum(new, erratum), **place
        )


def _companion(old: Cell | None, new: Cell, draft: Draft, place: dict[str, object]) -> Iterator[ChangeDraft]:
    """Live patches and related packages never turn a kernel's cell: their errata are told as what they are."""
    if new.disposition is Disposition.MITIGATED:
        return  # told as mitigation_changed
    known = set(old.errata) if old else set()
    for erratum in sorted(set(new.errata) - known):
        yield draft(ChangeType.ERRATUM_ADDED, "cells.errata", None, erratum, wording.companion(new, erratum), **place)


def _text(old: Advisory, new: Advisory, draft: Draft) -> Iterator[ChangeDraft]:
    """What changed in words only; kept in the ledger, never sent nor fed."""
    if new.kind is AdvisoryKind.VULNERABILITY and (old.title, old.description) != (new.title, new.description):
        field = "title" if old.title != new.title else "description"
        yield draft(
            ChangeType.TEXT_CHANGED,
            field,
            old.title if field == "title" else None,
            new.title if field == "title" else None,
            f"The {field} was edited",
        )
