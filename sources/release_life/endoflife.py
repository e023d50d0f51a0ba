"""endoflife.date: dates of the releases of many products, in its two forms.

    /api/{product}.json            [{"cycle": "6.12", "releaseDate": "2024-11-17", "eol": "2026-12-31" | true | false,
                                     "latest": "6.12.85", "lts": true, "support": …, "extendedSupport": …}]
    /api/v1/products/{product}     {"schema_version": "1.2.0", "result": {"name": "linux", "releases": [{"name": "6.12",
                                     "codename", "releaseDate", "isLts", "isEol", "eolFrom", "eoesFrom",
                                     "latest": {"name": "6.12.85"}}]}}

The old form does not name its product: the address does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

import msgspec

from advisories.observation import ParsedDocument, Record, Rejected, ReleaseObservation
from sources.errors import ParseError
from sources.formats.json_document import decode_json
from sources.formats.text import clean_line

MOST_RELEASES: Final = 500
WHAT: Final = "the document of endoflife.date"
# product -> distro as os-release names it; the kernel's own branches are "kernel"
DISTROS: Final = {
    "almalinux": "almalinux",
    "alpine": "alpine",
    "alpine-linux": "alpine",
    "amazon-linux": "amzn",
    "azure-linux": "azurelinux",
    "centos-stream": "centos-stream",
    "debian": "debian",
    "fedora": "fedora",
    "linux": "kernel",
    "nixos": "nixos",
    "opensuse": "opensuse-leap",
    "oracle-linux": "ol",
    "photon": "photon",
    "rhel": "rhel",
    "rocky-linux": "rocky",
    "sles": "sles",
    "ubuntu": "ubuntu",
}
_PRODUCT = re.compile(r"/([a-z0-9.-]{1,60}?)(?:\.json)?/?(?:[?#].*)?$")
_RELEASE = re.compile(r"[0-9][0-9A-Za-z.-]{0,19}")

DayOrFlag = str | bool | None
_Read = Callable[[str, msgspec.Raw], ReleaseObservation]


class _Cycle(msgspec.Struct):
    cycle: str | int | float
    releaseDate: str | None = None  # noqa: N815  # the names are the document's
    eol: DayOrFlag = None
    latest: str | None = None
    lts: DayOrFlag = None
    extendedSupport: DayOrFlag = None  # noqa: N815
    codename: str | None = None


class _Latest(msgspec.Struct):
    name: str


class _Release(msgspec.Struct, rename="camel"):
    name: str
    codename: str | None = None
    release_date: str | None = None
    is_lts: bool | None = None
    is_eol: bool | None = None
    eol_from: str | None = None
    eoes_from: str | None = None
    latest: _Latest | None = None


class _Product(msgspec.Struct):
    name: str
    releases: list[msgspec.Raw]


class _Answer(msgspec.Struct):
    result: _Product


def read_endoflife(body: bytes, url: str) -> ParsedDocument:
    """One record per release, in either form. Raises ParseError."""
    if body.lstrip().startswith(b"["):
        found = _PRODUCT.search(url)
        return _records(found[1] if found else "", decode_json(body, list[msgspec.Raw], WHAT), _of_cycle)
    answer = decode_json(body, _Answer, WHAT).result
    return _records(answer.name, answer.releases, _of_release)


def _records(product: str, items: Iterable[msgspec.Raw], read: _Read) -> ParsedDocument:
    distro = DISTROS.get(product)
    if distro is None:
        raise ParseError(f"the product {clean_line(product, 60)!r} is none that is followed")
    records: dict[str, Record] = {}
    rejected: list[Rejected] = []
    for number, raw in enumerate(list(items)[:MOST_RELEASES]):
        try:
            release = read(distro, raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
            rejected.append(Rejected(key=f"release/{distro}/#{number}", what=clean_line(str(error), 200)))
            continue
        key = f"release/{distro}/{release.release}"
        records.setdefault(key, Record(key=key, observations=(release,)))
    if not records:
        raise ParseError(f"{WHAT} lists no release of {product}")
    return ParsedDocument(records=tuple(records.values()), rejected=tuple(rejected), complete=True)


def _of_cycle(distro: str, raw: msgspec.Raw) -> ReleaseObservation:
    cycle = msgspec.json.decode(raw, type=_Cycle)
    return _observation(
        distro,
        str(cycle.cycle),
        latest=cycle.latest,
        released=cycle.releaseDate,
        ends=cycle.eol if isinstance(cycle.eol, str) else None,
        extended=cycle.extendedSupport if isinstance(cycle.extendedSupport, str) else None,
        eol=cycle.eol if isinstance(cycle.eol, bool) else None,
        lts=cycle.lts is True or isinstance(cycle.lts, str),
        codename=cycle.codename,
    )


def _of_release(distro: str, raw: msgspec.Raw) -> ReleaseObservation:
    release = msgspec.json.decode(raw, type=_Release)
    return _observation(
        distro,
        release.name,
        latest=release.latest.name if release.latest else None,
        released=release.release_date,
        ends=release.eol_from,
        extended=release.eoes_from,
        eol=release.is_eol,
        lts=bool(release.is_lts),
        codename=release.codename,
    )


def _observation(
    distro: str,
    name: str,
    *,
    latest: str | None,
    released: str | None,
    ends: str | None,
    extended: str | None,
    eol: bool | None,
    lts: bool,
    codename: str | None,
) -> ReleaseObservation:
    """Raises ValueError. What comes after the regular end is volunteers' LTS with Debian, and paid with the others."""
    if _RELEASE.fullmatch(name) is None:
        raise ValueError(f"no release: {name[:40]}")
    further = _day(extended)
    return ReleaseObservation(
        distro=distro,
        release=name,
        latest=(clean_line(latest, 60) or None) if latest else None,
        released=_day(released),
        support_ends=_day(ends),
        lts_ends=further if distro == "debian" else None,
        paid_ends=None if distro == "debian" else further,
        eol=eol,
        codename=(clean_line(codename, 40).lower() or None) if codename else None,
        moniker=("longterm" if lts else "stable") if distro == "kernel" else None,
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
