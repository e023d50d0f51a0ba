"""Rolls the JSON reports of many hosts up into one table."""

import json
from collections import Counter
from typing import Any, List, NamedTuple, Optional, Set, Tuple

from bot.hostcheck.files import HostFiles
from bot.hostcheck.report import plain
from bot.hostcheck.verdict import EXITS, WORST

REPORT_LIMIT = 1024 * 1024


class HostReport(NamedTuple):
    """One host of a fleet: its file's name, release label, and (advisory, verdict) pairs."""

    host: str
    release: str
    verdicts: Tuple[Tuple[str, str], ...]


def read_fleet(folder: str) -> Tuple[List[HostReport], List[str]]:
    """The reports of a folder, and the names of files that are none."""
    files = HostFiles(folder)
    hosts, rejected = [], []
    for name in files.names("/"):
        if name.endswith(".json"):
            host = _host_report(name[:-5], files.read("/" + name, REPORT_LIMIT).text)
            if host is None:
                rejected.append(name)
            else:
                hosts.append(host)
    return hosts, rejected


def _host_report(host: str, text: str) -> Optional[HostReport]:
    try:
        report: Any = json.loads(text)  # Any: foreign JSON
    except (ValueError, RecursionError):
        return None
    if (
        not isinstance(report, dict)
        or report.get("patchwatch_check") != 1
        or not isinstance(report.get("advisories"), list)
    ):
        return None
    release, verdicts = report.get("release"), []
    for row in report["advisories"]:
        if not isinstance(row, dict) or not isinstance(row.get("advisory"), str) or row.get("verdict") not in EXITS:
            return None
        verdicts.append((row["advisory"], row["verdict"]))
    release = release if isinstance(release, dict) else {}
    parts = [part for part in (release.get("distro"), release.get("release")) if isinstance(part, str) and part]
    return HostReport(host, "/".join(parts) or "unknown", tuple(verdicts))


def fleet_releases(hosts: List[HostReport]) -> List[str]:
    """The releases that the fleet runs, as filter words (debian/12)."""
    found: Set[str] = {host.release for host in hosts if host.release != "unknown"}
    return sorted(found)


def fleet_table(folder: str) -> Tuple[str, int]:
    """The table and the exit status of the worst host (6 for an empty folder or a file that is no report)."""
    hosts, rejected = read_fleet(folder)
    counts = Counter((name, host.release, word) for host in hosts for name, word in host.verdicts)
    lines = ["{:<18} {:<24} {:<13} {}".format("advisory", "release", "verdict", "hosts")]
    lines += [
        "{:<18} {:<24} {:<13} {}".format(plain(name), plain(release), word, count)
        for (name, release, word), count in sorted(counts.items())
    ]
    lines += ["not a report: " + plain(name) for name in rejected]
    words = {word for _, _, word in counts} | ({"unverified"} if rejected or not counts else set())
    return "\n".join(lines) + "\n", EXITS[next(word for word in WORST if word in words)]
