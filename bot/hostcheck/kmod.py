"""Asks kmod itself on the live host, by a dry run: `modprobe -n -v` loads nothing."""

import subprocess
from typing import Optional, Tuple

from bot.hostcheck.modprobe import Action

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
PLACES = ("/usr/sbin/modprobe", "/sbin/modprobe", "/usr/bin/modprobe")
TIMEOUT = 10.0


def ask_kmod(request: str) -> Optional[Tuple[Action, ...]]:
    """What kmod would do; None when there is no modprobe, it does not answer or finds nothing to do."""
    for place in PLACES:
        try:
            done = subprocess.run(
                [place, "-n", "-v", "--", request], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=False, env=ENVIRONMENT,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode != 0:
            return None
        return parse_dry_run(done.stdout.decode("utf-8", "replace"), request)
    return None


def parse_dry_run(text: str, request: str) -> Tuple[Action, ...]:
    """The actions of `modprobe -n -v`: insmod PATH options, install COMMAND, builtin NAME."""
    actions = []
    for line in text.split("\n"):
        kind, _, rest = line.partition(" ")
        if kind == "install":
            actions.append(Action(kind, rest.strip(), request.replace("-", "_")))
        elif kind in ("insmod", "builtin") and rest.strip():
            name = rest.split()[0].rpartition("/")[2].partition(".")[0].replace("-", "_")
            actions.append(Action(kind, name, name))
    return tuple(actions)


def agrees(ours: Tuple[Action, ...], theirs: Tuple[Action, ...]) -> bool:
    """Whether our reading of the rules gives the steps that kmod prints."""
    return _steps(ours) == _steps(theirs)


def _steps(actions: Tuple[Action, ...]) -> "list[Tuple[str, str]]":
    return [(one.kind, one.word.strip()) for one in actions if one.kind != "builtin"]
