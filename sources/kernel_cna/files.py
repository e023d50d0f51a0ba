"""Where the CNA's repository keeps its files (vulns.git: cve/published/2026/CVE-2026-31431.json and its companions)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from sources.formats.text import is_cve_id

KINDS = ("json", "dyad", "cvss", "sha1", "mbox")

_TREE_PATH = re.compile(r"cve/(published|rejected)/([0-9]{4})/(CVE-[0-9]{4}-[0-9]{4,19})\.(json|dyad|cvss|sha1|mbox)")
_NAME = re.compile(r"(CVE-[0-9]{4}-[0-9]{4,19})(?:\.(json|dyad|cvss|sha1|mbox))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CnaFile:
    """One file of the repository. folder: "published" or "rejected"; kind: one of KINDS."""

    path: str
    folder: str
    year: int
    cve: str
    kind: str


def read_tree_path(path: str) -> CnaFile | None:
    """The file at a path of the repository; None for everything that is no record of a CVE."""
    found = _TREE_PATH.fullmatch(path)
    if found is None or not is_cve_id(found.group(3)) or found.group(3)[4:8] != found.group(2):
        return None
    folder, year, cve, kind = found.groups()
    return CnaFile(path=path, folder=folder, year=int(year), cve=cve, kind=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What an address says of its document: the CVE ("" when it names none), the kind, and whether it was rejected."""

    cve: str = ""
    kind: str = ""
    rejected: bool = False


def read_address(url: str) -> Address:
    """git's paths below `plain/`, and the CVE services' `api/cve/CVE-2026-31431` without an ending."""
    try:
        path = unquote(urlsplit(url).path)
    except ValueError:
        return Address()
    found = _NAME.fullmatch(path.rpartition("/")[2])
    if found is None or not is_cve_id(found.group(1)):
        return Address()
    return Address(cve=found.group(1), kind=found.group(2) or "", rejected="/cve/rejected/" in path)
