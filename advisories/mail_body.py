"""The parts of a body: in-body headers, the message, the notes below `---`, the diff; quotes and signature apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from advisories.mail_prerequisites import read_prerequisites

MESSAGE_LIMIT = 200_000
NOTES_LIMIT = 8_000
FILE_LIMIT = 1_000
_ARMOUR = "-----BEGIN PGP SIGNED MESSAGE-----"
_SCISSORS = re.compile(r"(?=.*(?:>8|8<|>%|%<))[-\s]*(?:(?:>8|8<|>%|%<)[-\s]*|cut here[-\s]*){1,4}$")
_IN_BODY = re.compile(r"(From|Date|Subject|Message-ID)[ \t]*:[ \t]*(.*)", re.IGNORECASE)
_DIFF_START = re.compile(r"^(?:diff --git |Index: \S|--- (?:a/|/dev/null)[^\n]*\n\+\+\+ )", re.MULTILINE)
_DIFF_FILE = re.compile(r"^diff --git ([^\n]{5,1600})$", re.MULTILINE)
_NEW_FILE = re.compile(r"^(?:\+\+\+ (?:b/)|rename to |--- a/)([^\t\n]{1,400})", re.MULTILINE)
_STAT = re.compile(r"[ ]*(?:[0-9]{1,9}[ ]*[+-]*|Bin\b.*)[ ]*$")
_RENAME = re.compile(r"\{([^{}]*) => ([^{}]*)\}")
_ORIGINAL = re.compile(
    r"^-{2,}\s*(?:Original Message|Forwarded message|Ursprüngliche Nachricht)\s*-{2,}", re.IGNORECASE
)
# git's line above a patch (git-format-patch(1)), and the rule below "6.12-stable review patch."
_CARRIED = re.compile(r"(?:From [0-9a-f]{40} Mon Sep 17 00:00:00 2001|-{18})\s*$")
_CARRIED_WITHIN = 60
_TOOL_LINE = re.compile(r"^(change-id|base-commit): (\S{7,200})[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """own: every line before the diff that is no quote; message: these up to `---`, in-body headers and quotes taken
    out; notes: from `---` to the diffstat; diff: from its first line."""

    own: tuple[str, ...]
    message: tuple[str, ...]
    notes: str
    diff: str
    diffstat: str
    author: str | None = None  # raw value of an in-body From
    subject: str | None = None
    change_id: str | None = None
    base_commit: str | None = None
    prerequisites: tuple[str, ...] = ()  # as `read_prerequisites` gives them

    @property
    def text(self) -> str:
        """The message as one text."""
        return "\n".join(self.message)


def read_body(text: str) -> Body:
    """Take decoded text apart. Never raises; text before a scissors line that opens a patch is dropped as git does."""
    text = _unarmoured(text)
    start = _DIFF_START.search(text)
    diff = text[start.start() :] if start else ""
    before = text[: start.start()] if start else text
    lines = before[:MESSAGE_LIMIT].split("\n")
    if diff:
        lines = _after_scissors(lines)
    else:
        lines = _without_signature(lines)
    headers, lines = _in_body_headers(lines)
    headers = headers or (_carried_headers(lines) if diff else {})
    lines = _own_lines(lines)
    cut = next((number for number, line in enumerate(lines) if line.rstrip() == "---"), len(lines))
    below = "\n".join(lines[cut + 1 :])
    marked = "change-id: " in text or "base-commit: " in text
    tools = dict(_TOOL_LINE.findall(below + "\n" + _tail(diff))) if marked else {}
    notes, diffstat = _split_stat(below)
    return Body(
        own=tuple(lines),
        message=tuple(lines[:cut]),
        notes=_notes(notes),
        diff=diff,
        diffstat=diffstat,
        author=headers.get("from"),
        subject=headers.get("subject"),
        change_id=tools.get("change-id"),
        base_commit=tools.get("base-commit"),
        prerequisites=read_prerequisites(text) if marked else (),
    )


def _unarmoured(text: str) -> str:
    if not text.lstrip().startswith(_ARMOUR):
        return text
    inner = text.lstrip()[len(_ARMOUR) :].partition("\n\n")[2].partition("\n-----BEGIN PGP SIGNATURE-----")[0]
    return inner.replace("\n- -", "\n-")


def _tail(diff: str) -> str:
    return diff[-2_000:]


def _after_scissors(lines: list[str]) -> list[str]:
    cut = 0
    for number, line in enumerate(lines):
        if ("8<" in line or ">8" in line) and len(line) < 200 and _SCISSORS.match(line):
            cut = number + 1
    return lines[cut:]


def _without_signature(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if line in {"-- ", "--"} or (line.startswith("--") and _ORIGINAL.match(line)):
            return lines[:number]
    return lines


def _in_body_headers(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """From, Subject and Date lines that open the body, when a From is among them."""
    start = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    found: dict[str, str] = {}
    for number in range(start, min(start + 8, len(lines))):
        line = lines[number]
        match = _IN_BODY.match(line)
        if match is None:
            if line[:1] in {" ", "\t"} and line.strip() and found:
                last = next(reversed(found))
                found[last] = f"{found[last]} {line.strip()}"
                continue
            return (found, lines[number:]) if found and not line.strip() else ({}, lines)
        found[match[1].lower()] = match[2].strip()
    return {}, lines


def _carried_headers(lines: list[str]) -> dict[str, str]:
    """The From of a patch that the stable team's mails carry below a note of their own."""
    for number, line in enumerate(lines[:_CARRIED_WITHIN]):
        if _CARRIED.match(line) and (found := _in_body_headers(lines[number + 1 :])[0]):
            return found
    return {}


def _own_lines(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.startswith((">", " >"))]


def _notes(below: str) -> str:
    kept = [line for line in below.split("\n") if not line.startswith(("base-commit: ", "change-id: ", "---"))]
    return "\n".join(kept).strip()[:NOTES_LIMIT]


def _split_stat(below: str) -> tuple[str, str]:
    lines = below.split("\n")
    for number, line in enumerate(lines):
        if _stat_path(line):
            return "\n".join(lines[:number]), "\n".join(lines[number:])
    return below, ""


def _stat_path(line: str) -> str:
    """The path of a line of a diffstat (" net/socket.c | 7 +--"), else ""."""
    path, bar, count = line.rpartition(" | ")
    return path.strip() if bar and line.startswith(" ") and line[1:2] != " " and _STAT.match(count) else ""


def files_of(body: Body) -> tuple[str, ...]:
    """Paths that the diff changes, else those of the diffstat that are written in full; in order, each once."""
    found: dict[str, None] = {}
    for match in islice(_DIFF_FILE.finditer(body.diff), FILE_LIMIT):
        old, new = _both_paths(match[1])
        found.update(dict.fromkeys(path for path in (new, old) if path))
    if not found and body.diff:
        found = dict.fromkeys(path.strip() for path in _NEW_FILE.findall(body.diff)[:FILE_LIMIT])
    if not found:
        found = dict.fromkeys(_stat_paths(body.diffstat))
    return tuple(found)


def _both_paths(written: str) -> tuple[str, str]:
    """Old and new path of `diff --git a/X b/Y`; paths with spaces are told apart by being the same."""
    written = written.replace('"', "")
    half = (len(written) - 1) // 2
    if written[:2] == "a/" and written[half + 1 : half + 3] == "b/" and written[2:half] == written[half + 3 :]:
        return written[2:half], written[2:half]
    old, _, new = written.partition(" b/")
    return old.removeprefix("a/"), new


def _stat_paths(diffstat: str) -> list[str]:
    paths = []
    for line in islice(diffstat.split("\n"), FILE_LIMIT):
        written = _stat_path(line)
        if written and not written.startswith("..."):
            path = _RENAME.sub(lambda match: match[2], written).replace("//", "/")
            paths.append(path.rpartition(" => ")[2].strip())
    return paths
