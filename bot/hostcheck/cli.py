"""The command line of the single file: patchwatch-check.pyz [ID...] --matrix FILE."""

import argparse
import sys
from datetime import datetime, timedelta, timezone
from typing import List, Optional

from bot.hostcheck.answer import answer_users
from bot.hostcheck.fleet import fleet_table
from bot.hostcheck.matrix import EMPTY, Matrix, MatrixError
from bot.hostcheck.report import exit_code, plain, render
from bot.hostcheck.signed import MatrixSource, load_matrix
from bot.hostcheck.verdict import check_host

FORMATS = ("text", "json", "nagios", "prometheus")
DEFAULT = "CVE-2026-31431"
USAGE = 2


def parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    asked = argparse.ArgumentParser(
        prog="patchwatch-check", description="Is this host affected, mitigated or fixed? Reads only."
    )
    asked.add_argument("ids", nargs="*", metavar="ID", help="a CVE or PW id (default {})".format(DEFAULT))
    asked.add_argument("--root", help="an image or a rescue mount; nothing of this host is read")
    asked.add_argument("--matrix", help="a matrix exported by patchwatch: a file or an https address")
    asked.add_argument("--allowed-signers", default="", help="check FILE.sig by ssh-keygen with these signers")
    asked.add_argument("--identity", default="patchwatch", help="the signer's name in the allowed signers")
    asked.add_argument("--keyring", default="", help="check FILE.asc by gpgv with this keyring")
    asked.add_argument("--signature", default="", help="the detached signature, when it is elsewhere")
    asked.add_argument(
        "--max-age", type=int, default=7, metavar="DAYS", help="the oldest matrix that is believed (default 7)"
    )
    asked.add_argument("--format", choices=FORMATS, default="text")
    asked.add_argument("--fleet", metavar="DIR", help="a table of the JSON reports in DIR")
    asked.add_argument("--users", action="store_true", help="who depends on AF_ALG here")
    asked.add_argument("--programs", action="store_true", help="with --users: look through the ELF files too")
    asked.add_argument("--source", metavar="DIR", help="with --users: look through this tree of source code too")
    return asked


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the check. 2 for wrong usage, else the exit status of the verdict."""
    asked = parser().parse_args(argv)
    if asked.fleet:
        text, code = fleet_table(asked.fleet, asked.format)
        sys.stdout.write(text)
        return code
    if asked.users:
        return _users(asked)
    try:
        matrix = _matrix(asked)
    except MatrixError as failure:
        sys.stderr.write("patchwatch-check: {}\n".format(failure))
        if asked.format == "nagios":
            sys.stdout.write("PATCHWATCH UNKNOWN: the matrix cannot be used\n")
        return 3 if asked.format == "nagios" else USAGE
    report = check_host(asked.root, matrix, asked.ids or [DEFAULT], datetime.now(timezone.utc))
    sys.stdout.write(render(report, asked.format))
    return exit_code(report, asked.format)


def _users(asked: argparse.Namespace) -> int:
    form = "json" if asked.format == "json" else "text"
    progress = show_progress if sys.stderr.isatty() else None
    sys.stdout.write(answer_users(asked.root, asked.source, form, asked.programs, progress))
    return 0


def show_progress(count: int, path: str) -> None:
    """One line on a terminal, written over; every 100th file."""
    if count % 100 == 0:
        sys.stderr.write("\r{:>7} files  {:<60}".format(count, plain(path)[-60:]))
        sys.stderr.flush()


def _matrix(asked: argparse.Namespace) -> Matrix:
    if not asked.matrix:
        return EMPTY
    age = timedelta(days=max(0, min(asked.max_age, 36500)))
    return load_matrix(
        MatrixSource(asked.matrix, asked.allowed_signers, asked.identity, asked.keyring, asked.signature, age)
    )
