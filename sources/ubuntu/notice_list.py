"""The notices API (notices.json?limit=20&offset=N, newest first): how new notices are found.

    {"notices": [{"id", "title", "published", "cves_ids", "release_packages": {codename: [{"name", "is_source"}]}}],
     "limit", "offset", "total_results"}

A notice is an erratum here and nothing more: which of its packages fixes which CVE is said by its OSV record alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import msgspec

from advisories.observation import ErratumObservation, Record, Rejected
from sources.errors import ParseError
from sources.formats.osv import cve_ids
from sources.formats.text import clean_line
from sources.formats.times import read_time
from sources.ubuntu.kernels import kernel_package
from sources.ubuntu.places import DISTRO

MOST_NOTICES = 1_000

NOTICE_ID = re.compile(r"(?:USN|LSN|SSN)-[0-9]{1,5}-[0-9]{1,3}")


class _NoticePackage(msgspec.Struct):
    name: str


class _Notice(msgspec.Struct):
    id: str
    published: str
    release_packages: dict[str, tuple[_NoticePackage, ...]]
    title: str | None = None
    cves_ids: tuple[str, ...] | None = None


class _Page(msgspec.Struct):
    notices: tuple[msgspec.Raw, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedNotice:
    """concerns_kernel: one of its packages is a kernel, or it is a live patch of one."""

    notice: str
    title: str
    published: datetime
    cves: tuple[str, ...]
    concerns_kernel: bool
    slice: bytes  # a page with this notice alone


def read_page(body: bytes) -> tuple[tuple[ListedNotice, ...], tuple[Rejected, ...]]:
    """The notices of a page in its order. Raises ParseError when it is no page of notices."""
    try:
        page = msgspec.json.decode(body, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"no page of notices: {error}") from None
    if len(page.notices) > MOST_NOTICES:
        raise ParseError(f"more than {MOST_NOTICES} notices")
    listed: list[ListedNotice] = []
    rejected: list[Rejected] = []
    for number, raw in enumerate(page.notices):
        one = _read_notice(raw)
        if one is None:
            rejected.append(Rejected(key=f"notice {number}", what="a notice that cannot be read"))
        else:
            listed.append(one)
    return tuple(listed), tuple(rejected)


def _read_notice(raw: msgspec.Raw) -> ListedNotice | None:
    try:
        notice = msgspec.json.decode(raw, type=_Notice)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    published = read_time(notice.published)
    if published is None or NOTICE_ID.fullmatch(notice.id) is None:
        return None
    names = {package.name for packages in notice.release_packages.values() for package in packages}
    return ListedNotice(
        notice=notice.id,
        title=clean_line(notice.title or "") or notice.id,
        published=published,
        cves=cve_ids(notice.cves_ids),
        concerns_kernel=notice.id.startswith("LSN-") or any(kernel_package(name) for name in names),
        slice=b'{"notices": [' + bytes(raw) + b"]}",
    )


def read_errata(body: bytes) -> tuple[tuple[Record, ...], tuple[Rejected, ...]]:
    """One erratum per notice about a kernel; of other packages the list says nothing we keep. Raises ParseError."""
    listed, rejected = read_page(body)
    return tuple(_erratum(one) for one in listed if one.concerns_kernel), rejected


def _erratum(one: ListedNotice) -> Record:
    erratum = ErratumObservation(
        erratum=one.notice,
        distro=DISTRO,
        title=one.title,
        cves=one.cves,
        issued=one.published,
        url=f"https://ubuntu.com/security/notices/{one.notice}",
    )
    return Record(key=f"notices/{one.notice}", observations=(erratum,), slice=one.slice)
