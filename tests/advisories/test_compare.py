"""Which differences are told, and how (DESIGN rule 5; CONTRACT "changes")."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from advisories.compare import compare_advisories
from advisories.fold import Facts, fold_advisory
from advisories.model import Advisory, ChangeDraft, RecordVersion
from advisories.observation import CveObservation, ExploitationObservation, FixedVersion, MitigationObservation
from advisories.words import CellKind, ChangeType, Disposition, EvidenceClass, SeverityLevel, Status
from tests.build import CVE, at, cell, cve, day, evidence, identity, severity, version

CNA: dict[str, Any] = {"source": "kernel-cna", "kind": EvidenceClass.CNA}
FIRST = version(cve("6.18.22", "7.0"), **CNA)


def fold(*versions: RecordVersion) -> Advisory:
    return fold_advisory(identity(), versions, Facts())


def changes(old: list[RecordVersion], new: list[RecordVersion]) -> list[ChangeDraft]:
    return compare_advisories(fold(*old), fold(*old, *new), at=at(50), because=evidence("test"))


def told(old: list[RecordVersion], new: list[RecordVersion]) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.change.value, one.field, one.old, one.new) for one in changes(old, new)]


def test_the_first_sight_is_one_change_that_carries_the_versions() -> None:
    """CONTRACT: one `advisory_new`, cells and severity included in silence."""
    first = fold(version(cve("6.18.22", "6.19.12", "7.0", title="out of place"), **CNA), version(cell()))
    (only,) = compare_advisories(None, first, at=at(), because=evidence())
    assert (only.change, only.version, only.source) == (ChangeType.ADVISORY_NEW, "6.18.22, 6.19.12, 7.0", "kernel-cna")
    assert only.text == f"New advisory {CVE}: out of place. Fixed upstream in 6.18.22, 6.19.12, 7.0"


def test_each_further_branch_is_told_once() -> None:
    """What 30 April was: the older lines, one change each."""
    more = version(cve("6.1.170", "6.12.85", "6.18.22", "7.0"), **CNA, hours=9)
    assert told([FIRST], [more]) == [
        ("fixed_in", "upstream.fixed", None, "6.1.170"),
        ("fixed_in", "upstream.fixed", None, "6.12.85"),
    ]
    assert [one.text for one in changes([FIRST], [more])] == ["Fixed in 6.1.170 (6.1.y)", "Fixed in 6.12.85 (6.12.y)"]


def test_another_version_for_a_known_branch_is_an_urgent_correction() -> None:
    """Rule 9: the claim that was told is taken back by name."""
    other = version(cve("6.18.23", "7.0"), **CNA, hours=9)
    (only,) = changes([FIRST], [other])
    assert (only.change, only.old, only.new, only.urgent) == (ChangeType.CORRECTION, "6.18.22", "6.18.23", True)


def test_an_edit_of_words_sends_nothing() -> None:
    """Rule 5: at most `text_changed`, which stays in the ledger."""
    reworded = version(cve("6.18.22", "7.0", description="other words"), **CNA, hours=9)
    assert told([FIRST], [reworded]) == [("text_changed", "description", None, None)]
    same = version(cve("6.18.22", "7.0", files=("a.c",)), **CNA, hours=9)
    assert told([FIRST], [same]) == []


def test_the_same_vector_from_a_second_document_is_one_severity_change() -> None:
    """CONTRACT: the CNA's JSON and its .cvss file say it twice."""
    vector = severity(7.8, SeverityLevel.HIGH)
    one = version(cve("6.18.22", "7.0", severity=(vector,)), **CNA, hours=9)
    two = version(CveObservation(cve=CVE, opens=True, severity=(vector,)), **CNA, key="cvss", hours=10)
    assert told([FIRST], [one]) == [("severity_changed", "severity", None, "CVSS:3.1/7.8")]
    assert told([FIRST, one], [two]) == []


def test_the_first_sight_of_an_unfixed_cell_is_a_status_from_null() -> None:
    """CONTRACT: `status_changed` from null, with the place."""
    (only,) = changes([FIRST], [version(cell(disposition=Disposition.EOL), hours=1)])
    assert (only.change, only.old, only.new) == (ChangeType.STATUS_CHANGED, None, "affected/eol")
    assert (only.distro, only.release, only.package) == ("debian", "12", "linux")
    assert only.text == "Debian 12: linux is affected, out of support"


def test_a_fixed_cell_is_told_with_its_version_and_erratum() -> None:
    """One `fixed_in` per cell and branch."""
    fix = FixedVersion(version="6.1.170-1", erratum="DSA-6243-1", date=day("2026-05-01"))
    (only,) = changes([FIRST, version(cell())], [version(replace(cell(Status.FIXED), fixed=(fix,)), hours=5)])
    assert (only.change, only.field, only.old, only.new) == (
        ChangeType.FIXED_IN,
        "cells.fixed",
        "affected",
        "6.1.170-1",
    )
    assert only.text == "Fixed in Debian 12: linux 6.1.170-1 (DSA-6243-1, 2026-05-01)"


def test_a_further_erratum_of_a_fixed_cell_is_told_alone() -> None:
    """CONTRACT: `erratum_added`, no second `fixed_in` for a later version."""
    first = version(cell(fixed="6.1.170-1"), hours=1)
    later = version(cell(fixed="6.1.172-1", errata=("DSA-6300-1",)), key="DSA-6300-1", hours=9)
    assert told([FIRST, first], [later]) == [("erratum_added", "cells.errata", None, "DSA-6300-1")]


def test_a_fix_taken_back_is_an_urgent_correction() -> None:
    """Rule 9, after the second good fetch said so."""
    fixed = version(cell(fixed="6.1.170-1"), hours=1)
    assert told([FIRST, fixed], [version(cell(), hours=2)]) == []
    (only,) = changes([FIRST, fixed], [version(cell(), hours=2, seen=2)])
    assert (only.change, only.old, only.new, only.urgent) == (ChangeType.CORRECTION, "fixed", "affected", True)


def test_a_listing_as_exploited_is_urgent_and_its_end_a_correction() -> None:
    """KEV, with the catalogue's own dates in the text."""
    listed = ExploitationObservation(cve=CVE, kev=True, since=day("2026-05-01"), due=day("2026-05-15"))
    kev = version(listed, source="kev", kind=EvidenceClass.CATALOGUE, hours=9)
    (only,) = changes([FIRST], [kev])
    assert (only.change, only.field, only.urgent) == (ChangeType.EXPLOITATION_CHANGED, "exploited.kev", True)
    assert only.text == "Known to be exploited (CISA KEV, listed 2026-05-01, due 2026-05-15)"
    gone = replace(kev, missing=3, missing_since=at(10), missing_last=at(40))
    back = compare_advisories(fold(FIRST, kev), fold(FIRST, gone), at=at(41), because=evidence("kev"))
    assert [one.change for one in back] == [ChangeType.CORRECTION]


def test_a_carrier_is_a_mitigation_and_turns_no_cell() -> None:
    """Rule 3: Ubuntu's kmod update of 30 April."""
    carried = MitigationObservation(
        cve=CVE,
        mitigation="kmod",
        title="kmod update",
        distro="ubuntu",
        release="24.04",
        package="kmod",
        version="31+20240202-2ubuntu7.2",
        erratum="USN-8226-1",
    )
    (only,) = changes([FIRST], [version(carried, source="ubuntu", key="USN-8226-1", hours=9)])
    assert (only.change, only.package, only.version) == (
        ChangeType.MITIGATION_CHANGED,
        "kmod",
        "31+20240202-2ubuntu7.2",
    )
    assert "The kernel itself is not fixed by it" in only.text


def test_a_live_patch_is_told_as_what_it_is() -> None:
    """Live patches fix a running kernel, not the package."""
    patch = cell(
        Status.FIXED,
        distro="rhel",
        release="9",
        package="kpatch-patch",
        kind=CellKind.LIVEPATCH,
        errata=("RHSA-2026:15976",),
    )
    (only,) = changes([FIRST], [version(patch, source="redhat", hours=9)])
    assert (only.change, only.new) == (ChangeType.ERRATUM_ADDED, "RHSA-2026:15976")
    assert only.text.startswith("Live patch for Red Hat Enterprise Linux 9: kpatch-patch")


def test_the_live_word_that_repeats_the_shipped_one_sends_nothing() -> None:
    """A baseline never sends, and its confirmation is no news."""
    shipped = version(cell(fixed="6.1.170-1"), source="baseline", kind=EvidenceClass.BASELINE)
    assert told([FIRST, shipped], [version(cell(fixed="6.1.170-1"), hours=9)]) == []
    assert told([FIRST], [shipped]) == []


def test_a_rejected_cve_is_an_urgent_correction_and_so_is_its_return() -> None:
    """TRUST B89: REJECTED, then published again."""
    rejected = version(cve("6.18.22", "7.0", withdrawn=True), **CNA, hours=9)
    (out,) = changes([FIRST], [rejected])
    assert (out.change, out.field, out.urgent) == (ChangeType.CORRECTION, "withdrawn", True)
    (back,) = changes([FIRST, rejected], [version(cve("6.18.22", "7.0"), **CNA, hours=10)])
    assert (back.change, back.new) == (ChangeType.CORRECTION, None)
