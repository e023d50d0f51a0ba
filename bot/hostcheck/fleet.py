"""Rolls the JSON reports of many hosts up into one table."""

import json
import re
from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from bot.hostcheck.files import HostFiles
from bot.hostcheck.report import plain
from bot.hostcheck.verdict import EXITS, WORST

REPORT_LIMIT = 1024 * 1024
_PLACE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,40}(?:/[A-Za-z0-9._-]{1,40})?\Z")
_PACKAGE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.+_-]{0,80}\Z")


class HostReport(NamedTuple):
    """One host of a fleet: its file's name, release label, kernel package ("" unknown), (advisory, verdict) pairs."""

    host: str
    release: str
    package: str
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
    kernel = report.get("kernel")
    package = kernel.get("package") if isinstance(kernel, dict) else None
    return HostReport(host, _label(release), package if isinstance(package, str) else "", tuple(verdicts))


def _label(release: Any) -> str:  # Any: foreign JSON
    release = release if isinstance(release, dict) else {}
    parts = [part for part in (release.get("distro"), release.get("release")) if isinstance(part, str) and part]
    return "/".join(parts) or "unknown"


def fleet_filters(folder: str) -> List[str]:
    """A filter per release that the fleet runs, with its kernel packages: `debian/12 package:linux`.

    A release of which a host's package is not known is followed whole. Names that no filter can hold are left out.
    """
    packages: Dict[str, Set[str]] = {}
    for host in read_fleet(folder)[0]:
        if _PLACE.match(host.release) and host.release != "unknown":
            packages.setdefault(host.release, set()).add(host.package if _PACKAGE.match(host.package) else "")
    filters = []
    for release in sorted(packages):
        names = [] if "" in packages[release] else sorted(packages[release])
        filters.append(" ".join([_followed(release), *("package:" + name for name in names)]))
    return filters


def _followed(release: str) -> str:
    """CentOS is centos-stream in the matrix."""
    distro, slash, number = release.partition("/")
    return "centos-stream" + slash + number if distro == "centos" else release


def fleet_releases(hosts: List[HostReport]) -> List[str]:
    """The releases that the fleet runs, as filter words (debian/12)."""
    found: Set[str] = {host.release for host in hosts if host.release != "unknown"}
    return sorted(found)


def fleet_table(folder: str, form: str = "text") -> Tuple[str, int]:
    """The table (form json: every host) and the exit status of the worst host.

    6 at best for an empty folder or a file that is no report.
    """
    hosts, rejected = read_fleet(folder)
    counts = Counter((name, host.release, word) for host in hosts for name, word in host.verdicts)
    words = {word for _, _, word in counts} | ({"unverified"} if rejected or not counts else set())
    text = _document(hosts, rejected) if form == "json" else _table(counts, rejected)
    return text, EXITS[next(word for word in WORST if word in words)]


def _table(counts: "Counter[Tuple[str, str, str]]", rejected: List[str]) -> str:
    lines = ["{:<18} {:<24} {:<13} {}".format("advisory", "release", "verdict", "hosts")]
    lines += [
        "{:<18} {:<24} {:<13} {}".format(plain(name), plain(release), word, count)
        for (name, release, word), count in sorted(counts.items())
    ]
    return "\n".join([*lines, *("not a report: " + plain(name) for name in rejected)]) + "\n"


def _document(hosts: List[HostReport], rejected: List[str]) -> str:
    rows = [dict(host._asdict(), verdicts=dict(host.verdicts)) for host in hosts]
    return json.dumps({"patchwatch_fleet": 1, "hosts": rows, "rejected": rejected}, indent=2, sort_keys=True) + "\n"
