"""A small store with true facts of CVE-2026-31431, taken in the way every document is, and one for hostile text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from advisories.observation import (
    CellObservation,
    CveObservation,
    ErratumObservation,
    ExploitationObservation,
    FixedVersion,
    MitigationObservation,
    Observation,
    ParsedDocument,
    Record,
    Reference,
    UpstreamFix,
    UpstreamPoint,
)
from advisories.severity import claim_from_vector
from advisories.topics import parse_topic
from advisories.words import CellKind, Disposition, EvidenceClass, Status
from bot.app import App
from bot.config import load_config
from bot.ingest.baseline import load_baseline
from bot.ingest.cycle import Mode, ingest
from bot.ingest.parsing import Parsed
from bot.topic_files import load_topics
from sources.base import Batch, FetchContext, RawDocument, SourceSpec
from storage.migrate import upgrade
from storage.store import open_store

CVE = "CVE-2026-31431"
START = datetime(2026, 4, 22, 10, 17, tzinfo=UTC)
FIX = "a664bf3d603dc3bdcf9ae47cc21e0daec706d7a5"
VECTOR = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"
CLASSES = {
    "kernel-cna": EvidenceClass.CNA,
    "kev": EvidenceClass.CATALOGUE,
    "baseline": EvidenceClass.BASELINE,
}


def spec_of(name: str) -> SourceSpec:
    """A source by name that is never fetched: documents are handed over."""

    def fetch(context: FetchContext) -> Iterator[Batch]:
        yield from ()

    return SourceSpec(
        name=name,
        title=name,
        gives="what the test says",
        evidence_class=CLASSES.get(name, EvidenceClass.VENDOR),
        fetch=fetch,
        parse=lambda raw: ParsedDocument(records=()),
        settings={},
        interval_seconds=60,
        stale_after_seconds=3600,
        max_bytes=1024,
        licence="test",
        home="https://www.kernel.org/",
    )


def take(
    app: App, source: str, at: datetime, key: str, said: Sequence[Observation], *, quiet: bool = False, url: str = ""
) -> int:
    """One document of one record into the store; returns how many changes that made."""
    address = url or f"https://www.kernel.org/{source}/{key}"
    raw = RawDocument(source=source, url=address, at=at, body=repr((key, said)).encode("utf-8", "replace"))
    document = ParsedDocument(records=(Record(key=key, observations=tuple(said)),))
    parsed = [Parsed(raw=raw, document=document)]
    return len(ingest(app.intake, spec_of(source), parsed, now=at, mode=Mode(quiet=quiet)).changes)


def cell(
    distro: str, release: str | None, package: str, status: Status, version: str | None = None, **more: object
) -> CellObservation:
    """A cell of CVE-2026-31431; `erratum` and `day` belong to the version."""
    erratum, day = more.pop("erratum", None), more.pop("day", None)
    assert erratum is None or isinstance(erratum, str)
    assert day is None or isinstance(day, date)
    fixed = (FixedVersion(version=version, erratum=erratum, date=day),) if version else ()
    values: dict[str, object] = {"cve": CVE, "distro": distro, "release": release, "package": package}
    values |= {"status": status, "fixed": fixed, "errata": (erratum,) if erratum else (), "since": day, **more}
    return CellObservation(**values)  # type: ignore[arg-type]  # the keywords are those of the class


COPY_FAIL = f"""
slug = "copy-fail"
title = "Copy Fail"
summary = "A flaw of algif_aead since Linux 4.14."
cves = ["{CVE}"]
commits = ["{FIX}"]
"""
AF_ALG = """
slug = "af-alg"
title = "AF_ALG"
summary = "What is restricted or removed of AF_ALG."
cves = ["*"]
[[steps]]
title = "Zero-copy is removed"
kind = "removed"
state = "shipped"
release = "7.2"
effect = "splice() copies"
source = "https://git.kernel.org/linus/ffdd2bc378953b525aca61902534e753f1f8e734"
[[mitigations]]
id = "install-line"
title = "Refuse to load algif_aead"
applies_when = "algif_aead is a module and not loaded"
inert_when = "algif_aead is built in or loaded"
breaks = "programs that use AEAD through AF_ALG"
lift_when = "the running kernel is fixed"
source = "https://ubuntu.com/security/notices/USN-8226-1"
[[users]]
program = "iwd"
packages = ["iwd"]
uses = "ecb(aes)"
breaks = "no network"
source = "https://git.kernel.org/pub/scm/network/wireless/iwd.git/"
"""
TOPICS = (parse_topic(COPY_FAIL, name="copy-fail.toml"), parse_topic(AF_ALG, name="af-alg.toml"))
UPSTREAM = CveObservation(
    cve=CVE,
    opens=True,
    title="crypto: algif_aead - Revert to operating out-of-place",
    description="A local user can change files that may only be read.",
    published=START,
    severity=tuple(one for one in (claim_from_vector(VECTOR),) if one),
    cwe=("CWE-669",),
    introduced=(UpstreamPoint(version="4.14", commit="72548b093ee38a6d4f2a19e6ef1948ae05c181f7"),),
    fixed=(
        UpstreamFix(branch="6.12", version="6.12.85", commit="8b88d99341f139e23bdeb1027a2a3ae10d341d82"),
        UpstreamFix(branch="7.0", version="7.0", commit=FIX),
    ),
    files=("crypto/algif_aead.c",),
    references=(Reference(url=f"https://git.kernel.org/stable/c/{FIX}"),),
)
DEBIAN = (
    cell(
        "debian", "12", "linux", Status.FIXED, "6.1.170-1", codename="bookworm", erratum="DSA-6243-1",
        day=date(2026, 5, 1), vendor_status="resolved",
    ),
    cell("debian", "11", "linux", Status.AFFECTED, codename="bullseye", disposition=Disposition.PENDING),
    ErratumObservation(
        erratum="DSA-6243-1",
        distro="debian",
        title="linux security update",
        cves=(CVE,),
        issued=datetime(2026, 5, 1, tzinfo=UTC),
        url="https://lists.debian.org/debian-security-announce/2026/msg00150.html",
    ),
)  # fmt: skip
UBUNTU = (
    cell("ubuntu", "24.04", "linux", Status.FIXED, "6.8.0-117.117", codename="noble", day=date(2026, 5, 19)),
    cell(
        "ubuntu",
        "26.04",
        "linux",
        Status.NOT_AFFECTED,
        codename="resolute",
        justification="vulnerable_code_not_present",
    ),
    MitigationObservation(
        cve=CVE,
        mitigation="kmod-blocks-algif_aead",
        title="kmod blocks algif_aead",
        distro="ubuntu",
        release="24.04",
        package="kmod",
        version="31+20240202-2ubuntu7.2",
        erratum="USN-8226-1",
        date=date(2026, 4, 30),
    ),
)
REDHAT = (
    cell("rhel", "9", "kernel", Status.FIXED, "5.14.0-611.54.1.el9_7", erratum="RHSA-2026:13565", day=date(2026, 5, 4)),
    cell(
        "rhel", "9", "kernel", Status.FIXED, "5.14.0-570.112.1.el9_6", erratum="RHSA-2026:14339", day=date(2026, 5, 6),
        stream="9.6", programmes=("eus",),
    ),
    cell("rhel", "9", "kpatch-patch", Status.FIXED, kind=CellKind.LIVEPATCH, erratum="RHSA-2026:15976"),
    cell("rhel", "7", "kernel", Status.NOT_AFFECTED),
)  # fmt: skip
KEV = ExploitationObservation(cve=CVE, kev=True, since=date(2026, 5, 1), due=date(2026, 5, 15))


def make_app(folder: Path, **environment: str) -> App:
    """An application over an empty SQLite store in `folder`."""
    config = load_config(data=folder, environment=environment)
    store = open_store(None, folder)
    upgrade(store)
    return App(config=config, topics=TOPICS, store=store)


@contextmanager
def open_filled(folder: Path, **environment: str) -> Iterator[App]:
    """The application with the facts above, as they became known from 22 April to 19 May."""
    app = make_app(folder, **environment)
    try:
        fill(app)
        yield app
    finally:
        app.store.close()


@contextmanager
def open_shipped(folder: Path, **environment: str) -> Iterator[App]:
    """The application as it starts: the shipped topics and facts, and nothing read yet."""
    app = replace(make_app(folder, **environment), topics=load_topics(()))
    try:
        assert load_baseline(app, now=datetime(2026, 11, 24, tzinfo=UTC))
        yield app
    finally:
        app.store.close()


def fill(app: App) -> None:
    take(app, "kernel-cna", START, CVE, [UPSTREAM])
    shipped = cell("almalinux", "9", "kernel", Status.FIXED, "5.14.0-611.49.2.el9_7", note="shipped, as of 2026-04-20")
    take(
        app, "baseline", datetime(2026, 4, 20, tzinfo=UTC), "shipped", [shipped], quiet=True, url="patchwatch:baseline"
    )
    take(app, "debian", datetime(2026, 5, 1, 9, tzinfo=UTC), CVE, DEBIAN)
    take(app, "kev", datetime(2026, 5, 1, 20, tzinfo=UTC), CVE, [KEV])
    take(app, "redhat", datetime(2026, 5, 6, 8, tzinfo=UTC), CVE, REDHAT)
    take(app, "ubuntu", datetime(2026, 5, 19, 23, tzinfo=UTC), CVE, UBUNTU)
