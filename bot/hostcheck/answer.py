"""What the commands `check` and `users` print and the status they end with, and the answer to a version in a chat."""

import json
import re
from datetime import datetime
from typing import List, Optional, Tuple

from bot.hostcheck.judge import Judgement
from bot.hostcheck.lift import GREEN
from bot.hostcheck.matrix import Advisory, Matrix
from bot.hostcheck.origin import Origin
from bot.hostcheck.osrelease import ROLLING, UNKNOWN, Release, parse_distro
from bot.hostcheck.programs import Progress
from bot.hostcheck.report import exit_code, plain, render
from bot.hostcheck.users import read_users, users_document, users_text
from bot.hostcheck.verdict import check_host, judged
from bot.hostcheck.written import LINE, has_flavour, send_instead, written_kernel

SAY_DISTRO = "say the distribution too: check 6.1.164-1 debian/12, or send the line of: cat /proc/version"
TEXT_LIMIT = 1024
WORD_LIMIT = 100
_ID = re.compile(r"^(?:CVE-[0-9]{4}-[0-9]{4,19}|PW-[0-9]{4}-[0-9]{1,9})\Z", re.IGNORECASE)
_PLACE = re.compile(r"^[a-zA-Z][a-zA-Z0-9-]*/[a-z0-9.]+\Z")


def answer_check(ids: List[str], root: Optional[str], matrix: Matrix, form: str, now: datetime) -> Tuple[str, int]:
    """The report in a form (text | json | nagios | prometheus) and its exit status."""
    report = check_host(root, matrix, ids, now)
    return render(report, form), exit_code(report, form)


def answer_users(
    root: Optional[str], source: Optional[str], form: str, programs: bool = False, progress: Optional[Progress] = None
) -> str:  # fmt: skip
    """The users of AF_ALG in a form (text | json); programs asks for the ELF files, progress is told of each file."""
    users = read_users(root, source, programs, progress)
    if form == "json":
        return json.dumps(users_document(users), indent=2, sort_keys=True) + "\n"
    return users_text(users)


def split_request(words: str) -> Tuple[str, Optional[str], List[str]]:
    """(version or line, distribution, ids) of what follows `check` in a chat.

    `6.1.164-1 debian/12 CVE-2026-31431`; of a line of /proc/version the distribution may stand behind it.
    """
    parts = words.split()[:WORD_LIMIT]
    ids = [part for part in parts if _ID.match(part)]
    parts = [part for part in parts if not _ID.match(part)]
    if " ".join(parts[:2]) == LINE.strip():
        distro = parts.pop() if _PLACE.match(parts[-1]) else None
        return " ".join(parts), distro, ids
    return " ".join(parts[:1]), " ".join(parts[1:]) or None, ids


def answer_version(text: str, distro: Optional[str], matrix: Matrix, ids: List[str], now: datetime) -> str:
    """A line per advisory for "6.1.164-1" with "debian/12", or for the line of /proc/version with or without one.

    Never raises; what is no version is answered with what to send instead.
    """
    release = parse_distro(distro) if distro and distro.strip() else UNKNOWN
    words = text.strip()[:TEXT_LIMIT]
    if distro and distro.strip() and not release.distro:
        return release.reason + "\n"
    kernel = written_kernel(words, release)
    if kernel is None:
        enough = release.distro or has_flavour(words) or not words[:1].isdigit()
        return (send_instead(words) if enough else SAY_DISTRO) + "\n"
    rows = [(wanted, *_judged_by(matrix, wanted, release, kernel, now)) for wanted in ids]
    return "".join("{}: {}. {}\n".format(plain(name), word.upper(), plain(reason)) for name, word, reason in rows)


def judge_version(text: str, distro: str, matrix: Matrix, ids: List[str], now: datetime) -> List[Judgement]:
    """The same as values: one judgement per advisory."""
    release = parse_distro(distro)
    kernel = written_kernel(text.strip()[:TEXT_LIMIT], release)
    if kernel is None:
        return [Judgement("unverified", send_instead(text.strip())) for _ in ids]
    found = [_judged_by(matrix, wanted, release, kernel, now) for wanted in ids]
    return [Judgement(word, reason) for word, reason in found]


def _judged_by(
    matrix: Matrix, wanted: str, release: Release, kernel: Origin, now: datetime
) -> Tuple[str, str]:  # fmt: skip
    """The word and its reason; without a release, by every release that the kernel's package is of."""
    advisory = matrix.find(wanted)
    if release.release is not None or release.codename or release.distro in ROLLING or advisory is None:
        found = judged(advisory, matrix, release, kernel, now)
        return found.word, found.reason
    if not kernel.known:
        return "unverified", "{} is {}".format(kernel.release or "the kernel", kernel.reason)
    judgements = [judged(advisory, matrix, each, kernel, now) for each in _releases(advisory, release, kernel)]
    decided = [one for one in judgements if one.word != "unverified"]
    words = {"fixed" if one.word in GREEN else one.word for one in decided}
    reasons = "; ".join(sorted({one.reason for one in decided}))
    if len(words) == 1:
        return decided[0].word, reasons
    if words:
        return "unverified", "it depends on the release, so say which: " + reasons
    return "unverified", "no release is known whose kernel this is; " + SAY_DISTRO


def _releases(advisory: Advisory, release: Release, kernel: Origin) -> List[Release]:
    wanted = (release.distro,) if release.distro else kernel.distros
    keys = {
        (cell.distro, cell.release, cell.codename)
        for cell in advisory.cells
        if cell.kind == "package" and cell.distro in wanted and cell.package in kernel.packages
    }
    ordered = sorted(keys, key=lambda key: (key[0], key[1] or "", key[2]))
    return [Release(distro, number, codename, "", False, "") for distro, number, codename in ordered]
