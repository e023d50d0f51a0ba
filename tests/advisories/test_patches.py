"""What is one patch: revisions, series, rerolls, backports and commits, by strong rules before weak ones."""

from __future__ import annotations

from advisories.patches import Patch
from advisories.words import MatchedBy, Stage
from tests.advisories.lives import (
    ERIC,
    GREG,
    HERBERT,
    TITLE,
    at,
    commit,
    commit_id,
    fold,
    mail,
    patch_mail,
    stable,
    the_landing,
    the_patch,
    told,
)

OLD_TITLE = "crypto: af_alg - Remove zero-copy support from AF_ALG"
V1 = patch_mail("v1@x", f"[PATCH] {OLD_TITLE}")
V2 = patch_mail("v2@x", f"[PATCH v2] {OLD_TITLE}", hours=1, reply_to="v1@x", notes="v2: fixed a leak\n")
ANSWER = mail("a@x", f"Re: [PATCH v2] {OLD_TITLE}", "I will resend.\n", hours=3, reply_to="v2@x")
V3 = patch_mail("v3@x", f"[PATCH v3] {TITLE}", hours=16, reply_to="a@x")


def refs(patch: Patch) -> list[tuple[str, str]]:
    return [(one.ref, one.msgid) for one in patch.revisions]


def test_revisions_are_one_patch_also_where_the_title_changed() -> None:
    """The third revision answers a reply to the second and has another title: three revisions, three postings."""
    patch = the_patch(V1, V2, ANSWER, V3)
    assert refs(patch) == [("v1", "v1@x"), ("v2", "v2@x"), ("v3", "v3@x")]
    assert (patch.title, patch.author_name, patch.revision_count) == (TITLE, "Eric Biggers", 3)
    assert [(one.stage, one.ref, one.at) for one in patch.landings] == [
        (Stage.POSTED, "v1", at(0)),
        (Stage.POSTED, "v2", at(1)),
        (Stage.POSTED, "v3", at(16)),
    ]
    assert patch.revisions[1].notes == "v2: fixed a leak"


def test_a_reroll_without_a_thread_is_found_by_author_files_and_wording() -> None:
    """No In-Reply-To at all; a patch of another file or of another person stays its own."""
    alone = patch_mail("v3b@x", f"[PATCH v3] {TITLE}", hours=16)
    assert refs(the_patch(V1, V2, alone)) == [("v1", "v1@x"), ("v2", "v2@x"), ("v3", "v3b@x")]
    other_file = patch_mail("v3c@x", f"[PATCH v3] {TITLE}", "crypto/algif_rng.c", hours=16)
    assert len(fold(V1, V2, other_file)) == 2
    other_person = patch_mail("v3d@x", f"[PATCH v3] {TITLE}", hours=16, sender="Mallory Example <m@example.org>")
    assert len(fold(V1, V2, other_person)) == 2


def test_a_link_to_the_earlier_revision_joins_and_a_split_patch_goes_on_once() -> None:
    """ "v1 Link:" in both halves of a patch that was split: one is its second revision, the other is new."""
    whole = patch_mail("w1@x", "[PATCH] crypto: algif_aead, ccm - stabilize IVs", "crypto/algif_aead.c", "crypto/ccm.c")
    link = "v1 Link: https://lore.kernel.org/all/w1@x\n"
    first = patch_mail(
        "w2a@x", "[PATCH v2 1/2] crypto: algif_aead - snapshot IV", "crypto/algif_aead.c", hours=24, notes=link
    )
    second = patch_mail("w2b@x", "[PATCH v2 2/2] crypto: ccm - keep IV", "crypto/ccm.c", hours=25, notes=link)
    assert [refs(one) for one in fold(whole, first, second)] == [[("v1", "w1@x"), ("v2", "w2a@x")]]


def test_a_resend_is_no_revision() -> None:
    """[PATCH RESEND] shows the same revision again; alone it stands for the first."""
    resend = patch_mail("r@x", f"[PATCH RESEND] {OLD_TITLE}", hours=200)
    assert refs(the_patch(V1, resend)) == [("v1", "v1@x")]
    assert refs(the_patch(resend)) == [("v1", "r@x")]


def test_points_of_a_revision_count() -> None:
    """[PATCH v2.1] is a revision of its own, after v2."""
    point = patch_mail("v21@x", f"[PATCH v2.1] {OLD_TITLE}", hours=2, reply_to="v2@x")
    assert [one.ref for one in the_patch(point, V1, V2).revisions] == ["v1", "v2", "v2.1"]


COVER = mail("c1@x", "[PATCH 0/2] AF_ALG: Harden", "Why.\n\nA (2):\n", hours=0)
PART_1 = patch_mail("p1@x", "[PATCH 1/2] AF_ALG: Drop support for accelerators", reply_to="c1@x", change="one")
PART_2 = patch_mail("p2@x", "[PATCH 2/2] AF_ALG: Say that it is slow", reply_to="c1@x", change="two")


def test_parts_of_a_series_are_patches_and_answers_to_the_cover_count_for_all() -> None:
    """An Acked-by below the cover letter is each part's; one below a part is that part's alone."""
    to_all = mail("ca@x", "Re: [PATCH 0/2] AF_ALG: Harden", "Acked-by: A B <a@b.org>\n", sender="A B <a@b.org>",
                  hours=2, reply_to="c1@x")  # fmt: skip
    to_one = mail("cb@x", "Re: [PATCH 2/2] AF_ALG: Say that it is slow", "Reviewed-by: C D <c@d.org>\n",
                  sender="C D <c@d.org>", hours=3, reply_to="p2@x")  # fmt: skip
    first, second = sorted(fold(COVER, PART_1, PART_2, to_all, to_one), key=lambda one: one.title)
    assert [(one.name, one.person) for one in first.reviews] == [("Acked-by", "a@b.org")]
    assert [(one.name, one.person) for one in second.reviews] == [("Acked-by", "a@b.org"), ("Reviewed-by", "c@d.org")]


def test_a_reviewer_counts_once_over_all_revisions() -> None:
    """The same Reviewed-by below v1 and carried in v2's message is one person."""
    review = mail("rv@x", f"Re: [PATCH] {OLD_TITLE}", "Reviewed-by: C D <c@d.org>\n", sender="C D <c@d.org>",
                  hours=1, reply_to="v1@x")  # fmt: skip
    carried = patch_mail("v2r@x", f"[PATCH v2] {OLD_TITLE}", hours=5, trailers="Reviewed-by: C D <c@d.org>\n")
    assert [(one.name, one.person) for one in the_patch(V1, review, carried).reviews] == [("Reviewed-by", "c@d.org")]


def test_a_series_rerolled_without_a_thread_keeps_its_parts() -> None:
    """Joined by the cover's title; part 1 was retitled, both keep their files."""
    cover = mail("c2@x", "[PATCH v2 0/2] AF_ALG: Harden", "Why.\n", hours=48)
    part_1 = patch_mail("q1@x", "[PATCH v2 1/2] AF_ALG: Drop accelerators", reply_to="c2@x", hours=48, change="three")
    part_2 = patch_mail("q2@x", "[PATCH v2 2/2] AF_ALG: Say that it is slow", reply_to="c2@x", hours=48, change="four")
    found = fold(COVER, PART_1, PART_2, cover, part_1, part_2)
    assert sorted(refs(one) for one in found) == [
        [("v1", "p1@x"), ("v2", "q1@x")],
        [("v1", "p2@x"), ("v2", "q2@x")],
    ]


def test_backports_and_autosel_are_the_same_patch_but_no_revisions() -> None:
    """They carry the author in the body and name the upstream commit."""
    upstream = commit(7, OLD_TITLE, tag="v7.2-rc1")
    backport = patch_mail("b@x", f"[PATCH 6.12] {OLD_TITLE}", hours=500, author=ERIC, change="other",
                          trailers=f"commit {commit_id(7)} upstream.\n", sender=GREG)  # fmt: skip
    autosel = patch_mail("s@x", f"[PATCH AUTOSEL 6.18] {OLD_TITLE}", hours=501, author=ERIC, sender=GREG, change="x")
    patch = the_patch(V1, upstream, backport, autosel)
    assert refs(patch) == [("v1", "v1@x")]
    assert patch.message_ids == ("v1@x", "b@x", "s@x")


def test_a_commit_meets_its_posting_by_the_strongest_rule() -> None:
    """Link before patch-id before author, title and files before author and title."""
    linked = commit(1, "crypto: af_alg - Another name altogether", link_msgids=("v1@x",))
    same_diff = commit(2, "crypto: af_alg - Another name altogether", author=HERBERT, patch_id=V1.patch_id)
    titled = commit(3, OLD_TITLE)
    without_files = commit(4, OLD_TITLE, files=())
    expected = [
        (linked, MatchedBy.LINK),
        (same_diff, MatchedBy.PATCH_ID),
        (titled, MatchedBy.AUTHOR_SUBJECT_FILES),
        (without_files, MatchedBy.AUTHOR_SUBJECT),
    ]
    for one, matched in expected:
        landing = the_landing(the_patch(V1, one), Stage.MAINLINE)
        assert (landing.commit, landing.matched_by, landing.guessed) == (
            one.commit,
            matched,
            matched is MatchedBy.AUTHOR_SUBJECT,
        )


def test_a_retitled_commit_is_matched_without_its_area_by_author_and_files() -> None:
    """ "AF_ALG: x" was applied as "crypto: af_alg - x"."""
    applied = commit(5, "crypto: af_alg - Drop support for accelerators", tree="cryptodev")
    patch = the_patch(PART_1, applied)
    assert told(patch, Stage.APPLIED) == [("applied", "cryptodev", None, None)]
    assert the_landing(patch, Stage.APPLIED).matched_by is MatchedBy.AUTHOR_SUBJECT_FILES


def test_a_link_alone_does_not_join_strangers() -> None:
    """A fix by somebody else that links to the posting it repairs is another patch."""
    repair = commit(6, "crypto: af_alg - Repair the removal", author=HERBERT, link_msgids=("v1@x",))
    assert len(fold(V1, repair)) == 2


def test_a_posting_and_a_commit_of_the_same_title_by_two_people_stay_apart() -> None:
    """Who posts a stranger's title does not get the commit."""
    forged = patch_mail("f@x", f"[PATCH v9] {OLD_TITLE}", sender="Mallory Example <m@example.org>", hours=30)
    genuine = next(one for one in fold(V1, forged, commit(7, OLD_TITLE)) if one.author_name == "Eric Biggers")
    assert refs(genuine) == [("v1", "v1@x")]
    assert genuine.commits == (commit_id(7),)


def test_a_backport_joins_through_the_commit_it_names() -> None:
    """Stable renamed it, yet it names its upstream: the same patch, matched as well as upstream was."""
    patch = the_patch(V1, commit(7, OLD_TITLE, tag="v7.2-rc1"), stable(8, 7, "v6.12.96", subject="other words"))
    assert told(patch, Stage.STABLE) == [("stable", "stable", "6.12", "6.12.96")]
    assert the_landing(patch, Stage.STABLE).matched_by is MatchedBy.AUTHOR_SUBJECT_FILES


def test_a_patch_of_no_topic_is_none() -> None:
    """Whatever is linked to it."""
    assert fold(patch_mail("n@x", "[PATCH] drm: Another thing", "drivers/gpu/x.c")) == ()
