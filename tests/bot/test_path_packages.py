"""In which package a patch arrived: the vendor's word on the CVE, else its changelog, and the shipped facts last."""

from __future__ import annotations

import pytest

from advisories.fold import Facts, fold_advisory
from advisories.model import Advisory
from advisories.words import EvidenceClass, Stage
from bot.views.path import all_landings
from tests.advisories.lives import TITLE, changelog, commit, commit_id, patch_mail, the_patch
from tests.build import cell, cve, identity, upstream_fix, version

POSTED = patch_mail("v1@x", f"[PATCH] {TITLE}", "crypto/af_alg.c")
NAMED = changelog("5.10.251-2", TITLE, release="11")


def advisory(fixed: str, kind: EvidenceClass) -> Advisory:
    """The CNA names the commit; somebody says that Debian 11's linux has the fix."""
    fix = cve(fixed=(upstream_fix("7.2", commit_id(1)),))
    said = cell(fixed=fixed, release="11")
    versions = (version(fix, source="kernel-cna", kind=EvidenceClass.CNA, key="cve"), version(said, kind=kind))
    return fold_advisory(identity(), versions, Facts())


@pytest.mark.parametrize(
    ("kind", "shown"), [(EvidenceClass.VENDOR, "5.10.251-3"), (EvidenceClass.BASELINE, "5.10.251-2")]
)
def test_the_word_on_the_cve_counts_before_the_changelog(kind: EvidenceClass, shown: str) -> None:
    """A changelog names versions that were never published: one package, the version the vendor says."""
    patch = the_patch(POSTED, commit(1, tag="v7.2-rc1"), NAMED)
    landings = all_landings(patch, [advisory("5.10.251-3", kind)])
    assert [(one.tree, one.version) for one in landings if one.stage is Stage.PACKAGED] == [("debian/11", shown)]


def test_without_a_cve_the_changelog_tells() -> None:
    """No advisory, and still a package."""
    landings = all_landings(the_patch(POSTED, commit(1, tag="v7.2-rc1"), NAMED), [])
    assert [(one.tree, one.version) for one in landings if one.stage is Stage.PACKAGED] == [("debian/11", "5.10.251-2")]
