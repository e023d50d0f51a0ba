"""Installed programs that are known to depend on AF_ALG (users.json), and what breaks for them."""

import json
import pkgutil
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from bot.hostcheck.dpkg import Package, Packages
from bot.hostcheck.osrelease import Release
from bot.hostcheck.versions import compare


class Dependent(NamedTuple):
    """One program of the list with its package here; breaks are (cause, effect) pairs, only where something breaks."""

    program: str
    package: Package
    uses: Tuple[str, ...]
    breaks: Tuple[Tuple[str, str], ...]
    less_from: str
    migrate_to: str
    source: str


def known_users() -> List[Dict[str, Any]]:  # Any: our own JSON, its form is a test
    """The shipped list of programs."""
    content = pkgutil.get_data("bot.hostcheck", "users.json")
    rows: List[Dict[str, Any]] = json.loads((content or b"{}").decode("utf-8"))["users"]
    return rows


def read_dependents(release: Release, packages: Packages) -> List[Dependent]:
    """Those that are installed and still need it, one per program."""
    found = []
    for row in known_users():
        package = _installed(row, packages)
        if package is None or (row["gone_in"] and _at_least(release.distro, package.version, row["gone_in"])):
            continue
        less = row.get("needs_it_less_from") or ""
        reached = less if less and _at_least(release.distro, package.version, less) else ""
        breaks = tuple((cause, effect) for cause, effect in sorted(row["breaks"].items()) if effect)
        found.append(
            Dependent(row["program"], package, tuple(row["uses"]), breaks, reached, row["migrate_to"], row["source"])
        )
    return found


def broken_here(release: Release, packages: Packages) -> Tuple[Tuple[str, str, str], ...]:
    """(program, cause, effect) for all that is installed here."""
    dependents = read_dependents(release, packages)
    return tuple((one.program, cause, effect) for one in dependents for cause, effect in one.breaks)


def _installed(row: Dict[str, Any], packages: Packages) -> Optional[Package]:  # Any: our own JSON
    names = sorted({each for names in row["packages"].values() for each in names})
    return next((packages.installed[name] for name in names if name in packages.installed), None)


def _at_least(distro: str, version: str, wanted: str) -> bool:
    """By the upstream part of a package version, without epoch and release."""
    try:
        return compare(distro, version.rpartition(":")[2].partition("-")[0], wanted) >= 0
    except ValueError:
        return False
