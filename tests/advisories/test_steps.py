"""A plan advances by its landings, and says when the next release is due only as an estimate."""

from __future__ import annotations

from datetime import date

from advisories.observation import ReleaseObservation
from advisories.patches import Patch
from advisories.steps import Estimate, Standing, estimate, is_out, stand
from advisories.topics import parse_topic
from tests.advisories.lives import HERBERT, TITLE, commit, commit_id, fold, mail, patch_mail, stable

TODAY = date(2026, 7, 1)
PLAN = parse_topic(
    f"""
slug = "af-alg"
title = "AF_ALG"
subjects = ["crypto: af_alg*"]
[[matters]]
slug = "zero-copy"
title = "Removal of zero-copy"
commits = ["{commit_id(1)}"]
message_ids = ["v1@x"]
[[steps]]
slug = "zero-copy"
title = "Zero-copy is removed"
state = "shipped"
release = "9.9"
matter = "zero-copy"
""",
    name="test",
)
POSTED = patch_mail("v1@x", f"[PATCH] {TITLE}")
APPLIED = mail("ap@x", f"Re: [PATCH] {TITLE}", "Patch applied.  Thanks.\n", sender=HERBERT, hours=20, reply_to="v1@x")
OUT = ReleaseObservation(distro="kernel", release="7.2", latest="7.2", released=date(2026, 8, 16), moniker="mainline")


def candidate(number: int, released: date) -> ReleaseObservation:
    return ReleaseObservation(
        distro="kernel", release="7.2", latest=f"7.2-rc{number}", released=released, moniker="mainline"
    )


def standing(patches: tuple[Patch, ...], *releases: ReleaseObservation) -> Standing:
    (found,) = stand(PLAN, patches, releases, today=TODAY)
    return found


def test_a_step_of_which_nothing_was_seen_stands_as_the_file_says() -> None:
    """And says so."""
    found = standing(())
    assert (found.state, found.release, found.by_landings) == ("shipped", "9.9", False)


def test_a_step_advances_by_its_landings() -> None:
    """Proposed, queued, merged, shipped; the file's own word counts no longer."""
    merged = commit(1, tag="v7.2-rc1")
    steps = [
        (fold(POSTED), (), "proposed", "9.9"),
        (fold(POSTED, APPLIED), (), "queued", "9.9"),
        (fold(POSTED, APPLIED, merged), (candidate(1, date(2026, 6, 28)),), "merged", "7.2"),
        (fold(POSTED, APPLIED, merged), (candidate(1, date(2026, 6, 28)), OUT), "shipped", "7.2"),
        (fold(POSTED, merged, stable(2, 1, "v6.12.96")), (), "shipped", "7.2"),
    ]
    for patches, releases, state, release in steps:
        found = standing(patches, *releases)
        assert (found.state, found.release, found.by_landings) == (state, release, True)


def test_a_reverted_step_says_so() -> None:
    """The alarm of its patch."""
    revert = commit(9, f'Revert "{TITLE}"', author=HERBERT, reverts=commit_id(1), hours=900)
    assert standing(fold(POSTED, commit(1, tag="v7.2-rc1"), revert)).reverted


def test_the_next_release_is_estimated_by_the_pace_of_candidates() -> None:
    """After rc7 or rc8, a week after the last candidate; the release after that nine to ten weeks later."""
    known = [candidate(6, date(2026, 8, 2))]
    first = Estimate(release="7.2", earliest=date(2026, 8, 16), latest=date(2026, 8, 23))
    assert estimate("7.2", known, today=TODAY) == first
    second = Estimate(release="7.3", earliest=date(2026, 10, 18), latest=date(2026, 11, 1))
    assert estimate("7.3", known, today=TODAY) == second
    assert estimate("7.3", [OUT], today=TODAY) == Estimate(
        release="7.3", earliest=date(2026, 10, 18), latest=date(2026, 10, 25)
    )


def test_nothing_is_estimated_without_ground() -> None:
    """Out already; nothing known; another major number; and never a day that is past."""
    assert estimate("7.2", [OUT], today=TODAY) is None
    assert estimate("7.3", [], today=TODAY) is None
    assert estimate("8.0", [OUT], today=TODAY) is None
    late = estimate("7.3", [OUT], today=date(2026, 12, 24))
    assert late == Estimate(release="7.3", earliest=date(2026, 12, 24), latest=date(2026, 12, 24))


def test_a_candidate_is_not_out() -> None:
    """A point release of the same or a later branch proves it."""
    assert not is_out("7.2", [candidate(7, date(2026, 8, 9))])
    assert is_out("7.2", [OUT])
    assert is_out("7.1", [ReleaseObservation(distro="kernel", release="7.2", latest="7.2.3")])
    assert not is_out("7.2", [ReleaseObservation(distro="kernel", release="6.12", latest="6.12.99")])
