"""Debian's words to status and disposition.

The words of `data/CVE/list` are those of the tracker's `doc/security-team.d.o/security_tracker`; the tracker's JSON
says `open`, `resolved` and `undetermined` besides `urgency`, `nodsa`, `nodsa_reason` and `next_point_update`.
An unknown word is `under_investigation` and kept as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from advisories.words import Disposition, Status
from sources.debian.names import VERSION

_REASONS: Final = {"ignored": Disposition.WONT_FIX, "postponed": Disposition.DEFERRED}
_KINDS: Final = {
    "unfixed": (Status.AFFECTED, Disposition.NONE),
    "no-dsa": (Status.AFFECTED, Disposition.NONE),
    "ignored": (Status.AFFECTED, Disposition.WONT_FIX),
    "postponed": (Status.AFFECTED, Disposition.DEFERRED),
    "end-of-life": (Status.AFFECTED, Disposition.EOL),
    "not-affected": (Status.NOT_AFFECTED, Disposition.NONE),
    "undetermined": (Status.UNDER_INVESTIGATION, Disposition.NONE),
}
DROPPED_KINDS: Final = frozenset({"removed", "itp"})  # no such package: nothing to say about a kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What Debian says of one package in one release; `word` is its own, `version` only with `fixed`."""

    status: Status
    word: str
    disposition: Disposition = Disposition.NONE
    version: str | None = None
    justification: str | None = None
    note: str | None = None


def of_list(kind: str, remark: str) -> Verdict:
    """The verdict of `<kind> (remark)`."""
    status, disposition = _KINDS.get(kind, (Status.UNDER_INVESTIGATION, Disposition.NONE))
    absent = status is Status.NOT_AFFECTED and remark.lower().startswith("vulnerable code")
    return Verdict(
        status=status,
        word=kind,
        disposition=disposition,
        justification="vulnerable_code_not_present" if absent else None,
        note=remark or None,
    )


def of_version(version: str, word: str) -> Verdict:
    """The verdict of a fixed version; "0" means that this release never had the flaw."""
    if version == "0":
        return Verdict(status=Status.NOT_AFFECTED, word=word, note="never had the flaw (fixed version 0)")
    if VERSION.fullmatch(version) is None:
        return Verdict(
            status=Status.UNDER_INVESTIGATION, word=word, note="said to be resolved, without a version to tell by"
        )
    return Verdict(status=Status.FIXED, word=word, version=version)


def of_open(*, urgency: str, nodsa: str | None, reason: str | None, next_point_update: bool) -> Verdict:
    """The verdict of the tracker's `open`: what is planned, in the order in which the words outweigh each other."""
    words = ["open"]
    disposition = Disposition.NONE
    if reason:
        words.append(reason)
        disposition = _REASONS.get(reason, Disposition.NONE)
    elif nodsa is not None:
        words.append("no-dsa")
    if next_point_update:
        words.append("next point update")
        disposition = Disposition.PENDING
    if urgency in ("end-of-life", "unimportant"):
        words.append(urgency)
    if urgency == "end-of-life":
        disposition = Disposition.EOL
    return Verdict(status=Status.AFFECTED, word=", ".join(words), disposition=disposition, note=nodsa or None)
