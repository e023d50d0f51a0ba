"""The eight states of the CNA's files on Copy Fail, from 22 April to 5 August 2026, as changes that are told."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from advisories.compare import compare_advisories
from advisories.fold import Facts, fold_advisory
from advisories.model import Advisory, ChangeDraft, Evidence, Identity, RecordVersion
from advisories.words import AdvisoryKind, ChangeType, EvidenceClass
from sources.kernel_cna.parse import parse
from tests.sources.kernel_cna.records import raw

CVE = "CVE-2026-31431"
IDENTITY = Identity(id="PW-2026-1", kind=AdvisoryKind.VULNERABILITY, aliases=(CVE,), topics=("copy-fail",), title=None)


def states(folder: Path) -> dict[datetime, list[Path]]:
    """Time of a state -> its files, from names like 2026-04-22T1017_33979039ea76_CVE-2026-31431.json."""
    found: dict[datetime, list[Path]] = {}
    for file in sorted(folder.glob("*_CVE-*.*")):
        at = datetime.strptime(file.name.partition("_")[0], "%Y-%m-%dT%H%M").replace(tzinfo=UTC)
        found.setdefault(at, []).append(file)
    return found


def add_state(versions: dict[str, list[RecordVersion]], at: datetime, files: list[Path]) -> None:
    """Takes in one state as the pipeline does: a document that says the same again is one more good fetch."""
    for file in files:
        body = file.read_bytes()
        document = raw(body, file.name.rpartition("_")[2], at=at)
        sha256 = hashlib.sha256(body).hexdigest()
        evidence = Evidence(
            source="kernel-cna", evidence_class=EvidenceClass.CNA, url=document.url, fetched_at=at, sha256=sha256
        )
        for one in parse(document).records:
            known = versions.setdefault(one.key, [])
            if known and known[-1].evidence.sha256 == sha256:
                known[-1] = replace(known[-1], seen=known[-1].seen + 1, last_seen_at=at)
            else:
                known.append(
                    RecordVersion(
                        key=one.key, at=at, modified=one.modified, evidence=evidence, observations=one.observations
                    )
                )


def told(folder: Path) -> dict[str, list[ChangeDraft]]:
    """Day and time -> changes, of every state."""
    versions: dict[str, list[RecordVersion]] = {}
    before: Advisory | None = None
    changes: dict[str, list[ChangeDraft]] = {}
    for at, files in sorted(states(folder).items()):
        add_state(versions, at, files)
        after = fold_advisory(IDENTITY, [one for known in versions.values() for one in known], Facts())
        because = max((one for known in versions.values() for one in known), key=lambda one: one.at).evidence
        changes[f"{at:%m-%d %H:%M}"] = compare_advisories(before, after, at=at, because=because)
        before = after
    return changes


def test_what_is_told_of_copy_fail(shared_data: Path) -> None:
    """A new advisory with three branches, one severity, five more branches on their day, and then nothing."""
    changes = told(shared_data / "kernel-cna" / "history")
    shown = {
        when: [(one.change, one.version or one.new) for one in drafts if one.change is not ChangeType.TEXT_CHANGED]
        for when, drafts in changes.items()
    }
    assert shown == {
        "04-22 10:17": [(ChangeType.ADVISORY_NEW, "6.18.22, 6.19.12, 7.0")],
        "04-22 10:18": [],
        "04-25 07:56": [(ChangeType.SEVERITY_CHANGED, "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H")],
        "04-27 08:59": [],
        "04-30 11:32": [
            (ChangeType.FIXED_IN, "5.10.254"),
            (ChangeType.FIXED_IN, "5.15.204"),
            (ChangeType.FIXED_IN, "6.1.170"),
            (ChangeType.FIXED_IN, "6.6.137"),
            (ChangeType.FIXED_IN, "6.12.85"),
        ],
        "05-12 06:54": [],
        "08-04 12:00": [],
        "08-05 15:16": [],
    }


def test_the_edits_after_april_leave_even_the_text(shared_data: Path) -> None:
    """Reasons for the vector and a tool's own fields are no change of any kind."""
    changes = told(shared_data / "kernel-cna" / "history")
    assert [changes[when] for when in ("04-22 10:18", "05-12 06:54", "08-04 12:00", "08-05 15:16")] == [[]] * 4


def test_every_branch_of_the_last_state_has_its_commit(shared_data: Path) -> None:
    """Folded from all eight states, introduced in 4.14 by the commit of 2017."""
    versions: dict[str, list[RecordVersion]] = {}
    for at, files in sorted(states(shared_data / "kernel-cna" / "history").items()):
        add_state(versions, at, files)
    folded = fold_advisory(IDENTITY, [one for known in versions.values() for one in known], Facts())
    assert [len(one.fix.commit or "") for one in folded.upstream.fixed] == [40] * 8
    assert [(one.version, one.commit) for one in folded.upstream.introduced] == [
        ("4.14", "72548b093ee38a6d4f2a19e6ef1948ae05c181f7")
    ]
    assert folded.upstream.conflicts == ()
    assert folded.withdrawn is None
