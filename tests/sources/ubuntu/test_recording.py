"""What the recording of Copy Fail holds of Ubuntu and AlmaLinux, told in order: parse, fold, compare."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

from advisories.compare import compare_advisories
from advisories.fold import Facts, fold_advisory
from advisories.model import Advisory, Evidence, Identity, RecordVersion
from advisories.words import AdvisoryKind, CellKind, EvidenceClass, Status
from sources.base import RawDocument
from sources.registry import find_source

IDENTITY = Identity(id="PW-2026-1", kind=AdvisoryKind.VULNERABILITY, aliases=("CVE-2026-31431",), topics=("copy-fail",))
Told = tuple[str, str, str | None, str | None, str | None, str | None]


def entries(shared_data: Path) -> list[RawDocument]:
    folder = shared_data / "recording-copy-fail"
    lines = [json.loads(line) for line in (folder / "recording.jsonl").read_text("utf-8").splitlines()]
    return [
        RawDocument(
            source=line["source"],
            url=line["url"],
            at=datetime.fromisoformat(line["at"]),
            body=(folder / line["file"]).read_bytes(),
        )
        for line in lines
        if line["source"] in ("ubuntu", "almalinux")
    ]


def versions_of(raw: RawDocument) -> list[RecordVersion]:
    evidence = Evidence(
        source=raw.source,
        evidence_class=EvidenceClass.VENDOR,
        url=raw.url,
        fetched_at=raw.at,
        sha256=hashlib.sha256(raw.body).hexdigest(),
    )
    return [
        RecordVersion(key=one.key, at=raw.at, modified=one.modified, evidence=evidence, observations=one.observations)
        for one in find_source(raw.source).parse(raw).records
    ]


def replay(shared_data: Path) -> tuple[list[Told], Advisory]:
    """Every change after the first sight: (day, change, distro, release, package, new)."""
    versions: list[RecordVersion] = []
    state: Advisory = fold_advisory(IDENTITY, [], Facts())
    told: list[Told] = []
    for raw in entries(shared_data):
        versions += versions_of(raw)
        new = fold_advisory(IDENTITY, versions, Facts())
        for one in compare_advisories(state, new, at=raw.at, because=versions[-1].evidence):
            told.append((f"{one.at:%m-%d}", one.change, one.distro, one.release, one.package, one.new))
        state = new
    return told, state


def test_the_recording_tells_these_changes(shared_data: Path) -> None:
    """kmod mitigates on 30 April; AlmaLinux fixes on 1 May, three days before RHEL; later errata follow."""
    told, _ = replay(shared_data)
    assert [one for one in told if one[2] != "ubuntu"][:-1] == [
        ("05-01", "fixed_in", "almalinux", "8", "kernel", "4.18.0-553.121.1.el8_10"),
        ("05-01", "fixed_in", "almalinux", "9", "kernel", "5.14.0-611.49.2.el9_7"),
        ("05-01", "fixed_in", "almalinux", "10", "kernel", "6.12.0-124.52.2.el10_1"),
        ("05-04", "erratum_added", "almalinux", "9", "kernel", "ALSA-2026:13565"),
        ("05-04", "erratum_added", "almalinux", "10", "kernel", "ALSA-2026:13566"),
        ("05-05", "erratum_added", "almalinux", "8", "kernel", "ALSA-2026:13577"),
        ("05-19", "fixed_in", "almalinux", "10", "kernel", "6.12.0-211.7.3.el10_2"),
        ("09-17", "severity_changed", None, None, None, "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"),
    ]
    assert [one for one in told if one[2] == "ubuntu"] == [
        ("04-30", "mitigation_changed", "ubuntu", "22.04", "kmod", "29-1ubuntu1.1"),
        ("04-30", "mitigation_changed", "ubuntu", "24.04", "kmod", "31+20240202-2ubuntu7.2"),
        ("04-30", "mitigation_changed", "ubuntu", "25.10", "kmod", "34.2-2ubuntu1.1"),
        ("09-17", "fixed_in", "ubuntu", "14.04", "linux-azure", "4.15.0-1201.216~14.04.1"),
        ("09-17", "fixed_in", "ubuntu", "16.04", "linux-aws-hwe", "4.15.0-1192.205~16.04.1"),
        ("09-17", "fixed_in", "ubuntu", "16.04", "linux-gcp", "4.15.0-1185.202~16.04.1"),
    ]


def test_no_kernel_turns_green_by_kmod(shared_data: Path) -> None:
    """After the whole recording the kernel cells of 22.04, 24.04 and 25.10 are still unknown; kmod's are related."""
    _, state = replay(shared_data)
    ours = [cell for cell in state.cells if cell.distro == "ubuntu" and cell.release in ("22.04", "24.04", "25.10")]
    assert [(cell.release, cell.package, cell.kind, cell.status) for cell in ours] == [
        (release, "kmod", CellKind.RELATED, Status.AFFECTED) for release in ("22.04", "24.04", "25.10")
    ]


def test_almalinux_10_is_fixed_per_branch(shared_data: Path) -> None:
    """One entry per dist tag with the smallest version of each; the partial erratum only adds its name."""
    _, state = replay(shared_data)
    (cell,) = [one for one in state.cells if (one.distro, one.release) == ("almalinux", "10")]
    assert [(one.branch, one.version, one.erratum) for one in cell.fixed] == [
        ("el10_1", "6.12.0-124.52.2.el10_1", "ALSA-2026:A003"),
        ("el10_2", "6.12.0-211.7.3.el10_2", "ALSA-2026:19074"),
    ]
    assert (cell.errata, cell.partial) == (("ALSA-2026:13566", "ALSA-2026:19074", "ALSA-2026:A003"), False)
