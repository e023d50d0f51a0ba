"""What all claims about one matter come to (DESIGN section 4)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from advisories.fold import Facts, fold_advisory
from advisories.model import Advisory, RecordVersion
from advisories.observation import (
    CellObservation,
    ErratumObservation,
    ExploitationObservation,
    FixedVersion,
    PackageVersionObservation,
)
from advisories.words import CellKind, Disposition, EvidenceClass, SeverityLevel, Status
from tests.build import CVE, at, cell, cell_of, cve, day, identity, severity, upstream_fix, version

CNA: dict[str, Any] = {"source": "kernel-cna", "kind": EvidenceClass.CNA}
_MAY_1, _MAY_4, _MAY_19 = day("2026-05-01"), day("2026-05-04"), day("2026-05-19")
KEV: dict[str, Any] = {"source": "kev", "kind": EvidenceClass.CATALOGUE, "key": "kev"}


def fold(*versions: RecordVersion, packages: tuple[RecordVersion, ...] = ()) -> Advisory:
    return fold_advisory(identity(), versions, Facts(package_versions=packages))


def test_a_row_that_a_later_document_leaves_out_keeps_its_status() -> None:
    """Rule 1: absence is never news about a vulnerability."""
    affected = version(cell(), cell(release="11"), hours=0)
    without = version(cell(), hours=1)
    assert cell_of(fold(affected, without), release="11").status is Status.AFFECTED


def test_a_row_gone_from_three_good_fetches_over_a_day_is_no_longer_listed_and_not_fixed() -> None:
    """TRUST S4: the tombstone says so in words, and never "fixed" or "not affected"."""
    gone = fold(
        version(cell(), cell(release="11"), hours=0),
        version(cell(), hours=1, seen=2),
        version(cell(), cell(), hours=30),
    )
    found = cell_of(gone, release="11")
    assert (found.status, found.vendor_status) == (Status.UNDER_INVESTIGATION, "no longer listed")


def test_a_distribution_kernel_is_fixed_by_its_vendor_below_the_upstream_release() -> None:
    """Rule 2: Debian's 5.10.251-3 is fixed although upstream says 5.10.254, and that is no conflict."""
    folded = fold(version(cve("5.10.254", "7.0"), **CNA), version(cell(release="11", fixed="5.10.251-3")))
    assert (cell_of(folded, release="11").status, folded.upstream.conflicts) == (Status.FIXED, ())


def test_a_patched_kernel_below_the_upstream_fix_is_not_called_affected() -> None:
    """Rule 2: Amazon ships 6.1.168 with the fix; its version against upstream's says nothing."""
    shipped = PackageVersionObservation(
        distro="amzn", release="2023", package="kernel", version="6.1.168-203.330", upstream="6.1.168"
    )
    folded = fold(version(cve("6.1.170", "7.0"), **CNA), packages=(version(shipped, source="amazon"),))
    assert folded.cells == ()


def test_an_unpatched_series_is_judged_by_its_upstream_version_and_says_so() -> None:
    """Rule 2: Arch ships what upstream released, so the upstream record decides, marked as inferred."""
    for upstream, status in (("6.19.11", Status.AFFECTED), ("6.19.12", Status.FIXED), ("7.0.1", Status.FIXED)):
        shipped = PackageVersionObservation(
            distro="arch", release=None, package="linux", version=f"{upstream}.arch1-1", upstream=upstream
        )
        folded = fold(version(cve("6.19.12", "7.0"), **CNA), packages=(version(shipped, source="arch"),))
        found = cell_of(folded, "arch", None)
        assert (found.status, found.inferred) == (status, True)


def test_a_vendor_word_outweighs_an_inference() -> None:
    """Flatcar says that the option is off: the version of its kernel no longer matters."""
    shipped = PackageVersionObservation(
        distro="flatcar", release=None, package="linux", version="6.12.84", upstream="6.12.84"
    )
    said = cell(Status.NOT_AFFECTED, distro="flatcar", release=None, vendor_status="option is off")
    folded = fold(
        version(cve("6.12.85"), **CNA), version(said, source="flatcar"), packages=(version(shipped, source="flatcar"),)
    )
    found = cell_of(folded, "flatcar", None)
    assert (found.status, found.inferred) == (Status.NOT_AFFECTED, False)


def test_a_fixed_kmod_never_fixes_the_kernel() -> None:
    """Rule 3: another package that names the CVE is a cell of its own kind beside the kernel's."""
    kmod = cell(fixed="31-2ubuntu7.2", distro="ubuntu", release="24.04", package="kmod", kind=CellKind.RELATED)
    kernel = cell(distro="ubuntu", release="24.04")
    folded = fold(version(kmod, source="ubuntu", key="USN-8226-1"), version(kernel, source="ubuntu", key="cve"))
    assert cell_of(folded, "ubuntu", "24.04").status is Status.AFFECTED
    assert cell_of(folded, "ubuntu", "24.04", "kmod").kind is CellKind.RELATED


def test_a_step_to_not_affected_counts_after_the_second_good_fetch() -> None:
    """Rule 10: at once a conflict, then the status."""
    first = version(cell(), hours=0)
    once = cell_of(fold(first, version(cell(Status.NOT_AFFECTED), hours=1)))
    assert once.status is Status.AFFECTED
    assert [(one.status, one.reason) for one in once.conflicts] == [(Status.NOT_AFFECTED, "weaker_unconfirmed")]
    twice = cell_of(fold(first, version(cell(Status.NOT_AFFECTED), hours=1, seen=2)))
    assert (twice.status, twice.conflicts) == (Status.NOT_AFFECTED, ())


def test_a_withdrawn_fix_counts_after_the_second_good_fetch() -> None:
    """Rule 10: "fixed" taken back is no less than "not affected"."""
    fixed = version(cell(fixed="6.1.170-1"), hours=0)
    assert cell_of(fold(fixed, version(cell(), hours=1))).status is Status.FIXED
    assert cell_of(fold(fixed, version(cell(), hours=1, seen=2))).status is Status.AFFECTED


def test_a_lower_severity_counts_after_the_second_good_fetch() -> None:
    """Rule 10 for severity; a higher one counts at once."""
    high, low = severity(7.8, SeverityLevel.HIGH), severity(5.5, SeverityLevel.MEDIUM)

    def level(*versions: RecordVersion) -> SeverityLevel | None:
        found = fold(*versions).severity
        return found.claim.level if found else None

    first = version(cve(severity=(high,)), **CNA)
    assert level(first, version(cve(severity=(low,)), **CNA, hours=1)) is SeverityLevel.HIGH
    assert level(first, version(cve(severity=(low,)), **CNA, hours=1, seen=2)) is SeverityLevel.MEDIUM
    raised = version(cve(severity=(high,)), **CNA, hours=1)
    assert level(version(cve(severity=(low,)), **CNA), raised) is SeverityLevel.HIGH


def test_an_upstream_fix_that_a_file_forgets_stays_until_that_is_said_twice() -> None:
    """Rule 10 for upstream.fixed."""
    full = version(cve("6.12.85", "7.0"), **CNA)

    def fixed(*versions: RecordVersion) -> list[str]:
        return [one.fix.version for one in fold(*versions).upstream.fixed]

    assert fixed(full, version(cve("7.0"), **CNA, hours=1)) == ["6.12.85", "7.0"]
    assert fixed(full, version(cve("7.0"), **CNA, hours=1, seen=2)) == ["7.0"]


def _alma(entry: FixedVersion) -> CellObservation:
    """One observation per erratum, as the source gives them."""
    return CellObservation(
        cve=CVE, distro="almalinux", release="9", package="kernel", status=Status.FIXED, fixed=(entry,)
    )


def test_one_fix_per_branch_the_smallest_version_and_the_earliest_published_first() -> None:
    """687.1.1.el9_8 sorts above 611.49.2.el9_7 and is another branch: both stand, each with its erratum."""
    entries = [
        FixedVersion(
            version="5.14.0-611.54.1.el9_7", branch="el9_7", erratum="ALSA-2026:13565", date=day("2026-05-04")
        ),
        FixedVersion(version="5.14.0-611.49.2.el9_7", branch="el9_7", erratum="ALSA-2026:A002", date=_MAY_1),
        FixedVersion(version="5.14.0-687.5.3.el9_8", branch="el9_8", erratum="ALSA-2026:19225", date=_MAY_19),
    ]
    claims = [version(_alma(entry), source="almalinux", key=entry.erratum or "") for entry in entries]
    found = cell_of(fold(*claims), "almalinux", "9", "kernel")
    assert found.fixed == (entries[1], entries[2])
    assert (found.fixed_version, found.since) == ("5.14.0-611.49.2.el9_7", day("2026-05-01"))
    assert found.errata == ("ALSA-2026:13565", "ALSA-2026:19225", "ALSA-2026:A002")


def test_a_word_per_major_release_never_takes_a_streams_fix() -> None:
    """Red Hat's old files list unfixed products per major version: no contradiction to a published fix."""
    fixed = cell(fixed="5.14.0-611.54.1.el9_7", distro="rhel", release="9", package="kernel")
    coarse = cell(distro="rhel", release="9", package="kernel", coarse=True, vendor_status="Affected")
    found = cell_of(fold(version(fixed, key="a"), version(coarse, key="b", hours=9)), "rhel", "9", "kernel")
    assert (found.status, found.conflicts) == (Status.FIXED, ())


def test_two_vendors_words_about_one_cell_are_both_kept() -> None:
    """Two documents of one class that disagree: one cell, the other word as a conflict with its evidence."""
    found = cell_of(fold(version(cell(), key="a"), version(cell(Status.NOT_AFFECTED), key="b", hours=2)))
    assert found.status is Status.NOT_AFFECTED
    assert [(one.source, one.status, one.reason) for one in found.conflicts] == [
        ("debian", Status.AFFECTED, "disagrees")
    ]


def test_the_shipped_baseline_gives_way_to_any_live_word() -> None:
    """Its "fixed" is not even a conflict once the vendor itself speaks."""
    shipped = version(cell(fixed="6.1.170-1"), source="baseline", kind=EvidenceClass.BASELINE)
    assert cell_of(fold(shipped)).shipped_only
    found = cell_of(fold(shipped, version(cell(), hours=5)))
    assert (found.status, found.shipped_only, found.conflicts) == (Status.AFFECTED, False, ())


def test_the_more_specific_class_wins_the_colour() -> None:
    """A catalogue's opinion about a vendor's package never outweighs the vendor's."""
    nvd = version(cell(fixed="6.1.1-1"), source="nvd", kind=EvidenceClass.CATALOGUE, hours=9)
    found = cell_of(fold(version(cell()), nvd))
    assert found.status is Status.AFFECTED
    assert [one.source for one in found.conflicts] == ["nvd"]


def test_debian_shipping_a_fix_where_the_cna_names_no_release_is_an_upstream_conflict() -> None:
    """CVE-2026-31677: Debian has it since 6.1.191, the CNA names no 6.1 release."""
    folded = fold(version(cve("6.12.83", "7.0"), **CNA), version(cell(fixed="6.1.191-1")))
    assert [(one.branch, one.version) for one in folded.upstream.conflicts] == [("6.1", "6.1.191")]


def test_a_later_file_completes_a_fix_with_its_commit() -> None:
    """The dyad knows the commit of a version that the JSON names without one."""
    bare = version(cve("6.12.85"), **CNA, key="json")
    full = version(cve(fixed=(upstream_fix("6.12.85", "8b" * 20),)), **CNA, key="dyad", hours=1)
    (only,) = fold(bare, full).upstream.fixed
    assert only.fix == upstream_fix("6.12.85", "8b" * 20)


def test_a_catalogue_entry_is_withdrawn_only_after_three_full_reads_over_a_day() -> None:
    """KEV added and took back entries within hours (TRUST B93)."""
    listed = ExploitationObservation(cve=CVE, kev=True, since=day("2026-05-01"), due=day("2026-05-15"))
    first = version(cve(fixed=()), **CNA)
    twice = fold(first, version(listed, **KEV, missing=2, missing_since=at(1), missing_last=at(40)))
    assert (twice.exploited.kev, twice.exploited.since) == (True, day("2026-05-01"))
    hours = fold(first, version(listed, **KEV, missing=3, missing_since=at(1), missing_last=at(20)))
    assert hours.exploited.kev is True
    gone = fold(first, version(listed, **KEV, missing=3, missing_since=at(1), missing_last=at(26)))
    assert gone.exploited.kev is False


def test_a_withdrawn_cve_is_withdrawn_by_its_cna_alone() -> None:
    """A vendor's "rejected" does not withdraw what the CNA upholds."""
    upheld = fold(version(cve("7.0"), **CNA), version(cve(withdrawn=True), hours=3))
    assert upheld.withdrawn is None
    assert fold(version(cve("7.0"), **CNA), version(cve(withdrawn=True), **CNA, hours=3)).withdrawn == at(3)


def test_a_pending_fix_keeps_its_disposition() -> None:
    """Ubuntu's "pending" is affected with a fix announced, never fixed."""
    found = cell_of(fold(version(cell(disposition=Disposition.PENDING, vendor_status="pending"))))
    assert (found.status, found.disposition, found.fixed_version) == (Status.AFFECTED, Disposition.PENDING, None)


def _history() -> list[RecordVersion]:
    """Claims that compete in every way the fold decides about."""
    erratum = ErratumObservation(erratum="DSA-6243-1", distro="debian", title="linux", cves=(CVE,))
    kev = ExploitationObservation(cve=CVE, kev=True, since=day("2026-05-01"))
    return [
        version(cve("6.19.12", "7.0"), **CNA),
        version(cve("6.1.170", "6.19.12", "7.0", severity=(severity(7.8, SeverityLevel.HIGH),)), **CNA, hours=9),
        version(cve("6.1.170", "7.0"), **CNA, hours=12),
        version(cell(), hours=1),
        version(cell(fixed="6.1.170-1"), hours=8),
        version(cell(), hours=10),
        version(cell(fixed="6.1.170-1", errata=("DSA-6243-1",)), erratum, key="DSA-6243-1", hours=7),
        version(cell(Status.NOT_AFFECTED), source="other", hours=4),
        version(cell(fixed="6.1.169-1"), source="baseline", kind=EvidenceClass.BASELINE, hours=0),
        version(kev, **KEV, hours=30),
    ]


@given(st.permutations(_history()))
@settings(max_examples=60, deadline=None)
def test_the_order_of_arrival_does_not_matter(shuffled: list[RecordVersion]) -> None:
    """Rule 11: a document speaks by its time, so any order gives the same state."""
    assert fold(*shuffled) == fold(*_history())
