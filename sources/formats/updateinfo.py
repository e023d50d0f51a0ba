"""updateinfo.xml of RPM repositories, and the repomd.xml that names it (createrepo_c's and yum's metadata).

    <updates><update type="security"><id>ALAS2023-2026-1651</id><title/><issued date=""/><updated date=""/>
      <severity/><release/><references><reference type="cve" id="CVE-…"/></references>
      <pkglist><collection short=""><name/><package name epoch version release src/></collection></pkglist></update>
    </updates>

Read update by update, so that memory holds one of them beside the document itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Final

from lxml import etree

from advisories.observation import Rejected
from sources.errors import ParseError
from sources.formats.inflate import inflate
from sources.formats.osv import cve_ids
from sources.formats.rpm_kernels import MOST_BINARIES, Binary, evr, source_name
from sources.formats.text import clean_line
from sources.formats.times import read_time
from sources.formats.xml_stream import Element, iterate_elements

MOST_UPDATES: Final = 200_000
LARGEST_XML: Final = 512 * 1024 * 1024
LONGEST_ID: Final = 100
_KERNEL: Final = "kernel"

_UPDATE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*")
_HREF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]*){0,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One erratum of a repository. collections: the short and long names under which its packages are listed."""

    id: str
    title: str
    kind: str  # "security", "bugfix", ...
    severity: str
    release: str
    issued: datetime | None
    updated: datetime | None
    cves: tuple[str, ...]
    collections: tuple[str, ...]
    packages: tuple[Binary, ...]
    slice: bytes = b""  # a document with this update alone, where one of its packages is called kernel-something


def read_updateinfo(body: bytes) -> tuple[tuple[Update, ...], tuple[Rejected, ...]]:
    """Every update of the document, plain or gzip, and those that could not be read. Raises ParseError."""
    updates: list[Update] = []
    rejected: list[Rejected] = []
    stream = BytesIO(inflate(body, LARGEST_XML))
    for number, element in enumerate(iterate_elements(stream, root="updates", tag="update")):
        if number >= MOST_UPDATES:
            raise ParseError(f"more than {MOST_UPDATES} updates")
        update = _read_update(element)
        if update is None:
            rejected.append(Rejected(key=f"update {number}", what="an update without an id"))
        else:
            updates.append(update)
    return tuple(updates), tuple(rejected)


def text_of(element: Element, path: str) -> str:
    """The text of the first element at `path`, or ""."""
    return clean_line(element.findtext(path) or "")


def _read_update(element: Element) -> Update | None:
    name = text_of(element, "id")
    if len(name) > LONGEST_ID or _UPDATE_ID.fullmatch(name) is None:
        return None
    collections = [
        clean_line(text)
        for one in element.iterfind("pkglist/collection")
        for text in (one.get("short") or "", one.findtext("name") or "")
        if text
    ]
    references = [one.get("id") or "" for one in element.iterfind("references/reference") if one.get("type") == "cve"]
    packages = tuple(_packages(element))
    return Update(
        id=name,
        title=text_of(element, "title") or name,
        kind=clean_line(element.get("type") or "", 40),
        severity=clean_line(element.findtext("severity") or "", 40),
        release=text_of(element, "release"),
        issued=_date_of(element, "issued"),
        updated=_date_of(element, "updated"),
        cves=cve_ids(tuple(references)),
        collections=tuple(dict.fromkeys(collections)),
        packages=packages,
        slice=_slice(element) if any(_KERNEL in one.name for one in packages) else b"",
    )


def _slice(element: Element) -> bytes:
    content: bytes = etree.tostring(element, encoding="us-ascii", with_tail=False)  # so that it needs no declaration
    return b"<updates>" + content + b"</updates>"


def _date_of(element: Element, name: str) -> datetime | None:
    found = element.find(name)
    return None if found is None else read_time(found.get("date"))


def _packages(element: Element) -> Iterator[Binary]:
    for number, one in enumerate(element.iterfind("pkglist/collection/package")):
        if number >= MOST_BINARIES:
            return
        version = evr(one.get("epoch"), one.get("version") or "", one.get("release") or "")
        name = one.get("name") or ""
        if one.get("epoch") is None:
            continue  # without it the version would be another: Amazon's kernel has epoch 1
        if version is not None and 0 < len(name) <= 200:
            yield Binary(name=name, version=version, source=source_name(one.get("src")))


# repomd.xml

_REPO = "{http://linux.duke.edu/metadata/repo}"


def updateinfo_href(body: bytes) -> str | None:
    """Where repomd.xml says that updateinfo is, below the repository; None when it lists none. Raises ParseError."""
    found = None
    for element in iterate_elements(BytesIO(body), root=f"{_REPO}repomd", tag=f"{_REPO}data"):
        location = element.find(f"{_REPO}location")
        if element.get("type") == "updateinfo" and location is not None:
            found = location.get("href") or ""
    if found is None:
        return None
    if len(found) > 500 or _HREF.fullmatch(found) is None or ".." in found:
        raise ParseError("the place of updateinfo is no path below the repository", found)
    return str(found)
