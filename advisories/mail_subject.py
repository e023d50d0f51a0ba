"""Subjects of the kernel's lists: reply marks, [PATCH …] prefixes in all their forms, and the title that remains."""

from __future__ import annotations

import re
from dataclasses import dataclass

_REPLY = re.compile(r"(?:re|aw|sv|antw|回复|答复)(?:\[[0-9]{1,3}\])?\s?[:：]\s*", re.IGNORECASE)
_FORWARD = re.compile(r"(?:fwd?|wg)\s?:\s*", re.IGNORECASE)
_RESENT = re.compile(r"(?:resend|repost)\s?:\s*(?=\[)", re.IGNORECASE)
_GROUP = re.compile(r"\[([^\[\]]{0,120})\]\s*")
_PATCH = re.compile(
    r"(?P<lead>rfc|rft|resend)?[-_/]?patch(?:es|set)?[-_]?(?P<rev>v[0-9]{1,3}(?:\.[0-9]{1,2})?)?", re.IGNORECASE
)
_REVISION = re.compile(r"(?:rfc|patch)?[-_]?[vV](?:er(?:sion)?)?\.?([0-9]{1,3})(?:\.([0-9]{1,2}))?")
_PART = re.compile(r"(?:v([0-9]{1,3})-)?#?([0-9]{1,4})/([0-9]{1,4})", re.IGNORECASE)
_BRANCH = re.compile(
    r"(?:linux-|stable[-/]|v(?=[0-9.]+(?:\.y|-stable)))?([0-9]{1,2}\.[0-9]{1,3}(?:\.[0-9]{1,3})?)(?:\.y|-stable|-lts|\.y-stable)?",
    re.IGNORECASE,
)
_FLAGS = {"RFC": "RFC", "RFT": "RFT", "RESEND": "RESEND", "REPOST": "RESEND", "RESENT": "RESEND", "AUTOSEL": "AUTOSEL"}
_GROUP_LIMIT = 8
_WORD_LIMIT = 24
SUBJECT_LIMIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A subject taken apart. is_patch: it carries a patch prefix; is_pull: [GIT PULL] or [PULL …]."""

    text: str
    title: str
    is_reply: bool = False
    is_patch: bool = False
    is_pull: bool = False
    revision: int = 1
    revision_point: int = 0
    part: int | None = None
    parts: int | None = None
    branches: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()


class _Prefix:
    """Collects the words of the bracketed groups of one subject."""

    def __init__(self) -> None:
        self.is_patch = False
        self.is_pull = False
        self.revision = (1, 0)
        self.part: tuple[int, int] | None = None
        self.branches: list[str] = []
        self.flags: list[str] = []
        self.words: list[str] = []

    def take(self, group: str) -> bool:
        """Read one group. Returns False, with nothing taken, when it is no prefix at all ("[media]")."""
        words = group.replace(",", " ").replace(";", " ").split()
        if not words or len(words) > _WORD_LIMIT:
            return False
        known = [self._read(word) for word in words]
        if not any(known):
            return False
        self.words += [word for word, seen in zip(words, known, strict=True) if not seen]
        return True

    def _read(self, word: str) -> bool:
        return self._read_word(word) or self._read_number(word)

    def _read_word(self, word: str) -> bool:
        upper = word.upper()
        if upper in _FLAGS:
            self._flag(_FLAGS[upper])
            return True
        if upper in {"PULL", "GIT-PULL"}:
            self.is_pull = True
            return True
        if upper in {"GIT", "RFC/RFT", "RFC/PATCH", "PATCH/RFC"}:
            if "PATCH" in upper:
                self.is_patch = True
            if "RFC" in upper:
                self._flag("RFC")
            return upper != "GIT"
        found = _PATCH.fullmatch(word)
        if found is None:
            return False
        self.is_patch = True
        if found["lead"]:
            self._flag(found["lead"].upper())
        if found["rev"]:
            self._read_number(found["rev"])
        return True

    def _read_number(self, word: str) -> bool:
        if found := _PART.fullmatch(word):
            if found[1]:
                self.revision = (int(found[1]), 0)
            self.part = (int(found[2]), int(found[3]))
            return True
        if found := _REVISION.fullmatch(word):
            self.revision = (max(int(found[1]), 1), int(found[2] or 0))
            return True
        branches = [_BRANCH.fullmatch(one) for one in word.split("/")]
        if word and all(branches):
            self.branches += [one[1] for one in branches if one and one[1] not in self.branches]
            return True
        return False

    def _flag(self, flag: str) -> None:
        if flag not in self.flags:
            self.flags.append(flag)


def parse_subject(text: str) -> Subject:
    """Take a decoded, unfolded subject apart; text beyond SUBJECT_LIMIT characters is cut."""
    text = text[:SUBJECT_LIMIT].strip()
    prefix, rest, is_reply, groups = _Prefix(), text, False, 0
    skipped: list[str] = []
    while rest and groups < _GROUP_LIMIT:
        if not rest.startswith("["):
            mark = _REPLY.match(rest)
            other = mark or _FORWARD.match(rest) or _RESENT.match(rest)
            if other is None:
                break
            is_reply = is_reply or mark is not None
            rest = rest[other.end() :]
            groups += 1
            continue
        group = _GROUP.match(rest)
        if group is None:
            break
        if not prefix.take(group[1]):
            if prefix.is_patch or not _GROUP.match(rest[group.end() :]):
                break  # "[PATCH] [media] x": the tag belongs to the title
            skipped.append(group[1])  # "[list name] [PATCH] …"
        rest = rest[group.end() :]
        groups += 1
    return _subject(text, rest, is_reply, prefix, skipped)


def _subject(text: str, rest: str, is_reply: bool, prefix: _Prefix, skipped: list[str]) -> Subject:
    if not (prefix.is_patch or prefix.is_pull) and "RFC" not in prefix.flags and prefix.part is None:
        # "[RESEND] x", "[v2] x", "[6.12] x": worth nothing without a patch; the subject stays as it is
        prefix.revision = (1, 0)
    if skipped and not (prefix.is_patch or prefix.is_pull):
        rest = f"{''.join(f'[{one}] ' for one in skipped)}{rest}"
        skipped = []
    return Subject(
        text=text,
        title=rest.strip() or text,
        is_reply=is_reply,
        is_patch=prefix.is_patch or ("RFC" in prefix.flags and prefix.part is not None),
        is_pull=prefix.is_pull,
        revision=prefix.revision[0],
        revision_point=prefix.revision[1],
        part=prefix.part[0] if prefix.part else None,
        parts=prefix.part[1] if prefix.part else None,
        branches=tuple(prefix.branches),
        flags=tuple(prefix.flags),
        prefixes=(*skipped, *prefix.words),
    )


def normalise_title(title: str) -> str:
    """A title for comparing: lower case, single spaces, no closing full stop."""
    return " ".join(title.lower().split()).rstrip(".")
