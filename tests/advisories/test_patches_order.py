"""The state of a patch is a function of its records: order, repeats and cross-posts change nothing."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from advisories.model import RecordVersion
from advisories.observation import RefsObservation
from advisories.patches_fold import fold_patches
from advisories.patches_keys import own_keys, wanted_keys
from tests.advisories.lives import (
    ERIC,
    GREG,
    HERBERT,
    TITLE,
    TOPIC,
    changelog,
    commit,
    commit_id,
    mail,
    patch_mail,
    restated,
    seen,
    stable,
)

OLD = "crypto: af_alg - Remove zero-copy support from AF_ALG"
REVERT = commit(14, f'Revert "{TITLE}"', author=HERBERT, hours=900, reverts=commit_id(11))
LIFE = seen(
    patch_mail("v1@x", f"[PATCH] {OLD}"),
    patch_mail("v2@x", f"[PATCH v2] {OLD}", hours=1, reply_to="v1@x"),
    mail(
        "a@x", f"Re: [PATCH v2] {OLD}", "Reviewed-by: A B <a@b.org>\n", sender="A B <a@b.org>", hours=3, reply_to="v2@x"
    ),
    patch_mail("v3@x", f"[PATCH v3] {TITLE}", hours=16, reply_to="a@x"),
    mail("ap@x", f"Re: [PATCH v3] {TITLE}", "Patch applied.\n", sender=HERBERT, hours=200, reply_to="v3@x"),
    patch_mail("b@x", f"[PATCH 6.12] {TITLE}", hours=500, author=ERIC, sender=GREG, change="other"),
    patch_mail("f@x", f"[PATCH v4] {TITLE}", hours=30, sender="Mallory Example <m@example.org>", change="evil"),
    commit(10, tree="cryptodev", hours=210),
    commit(11, tree="cryptodev", hours=211),
    RefsObservation(tree="cryptodev", rewritten=(commit_id(10),)),
    commit(11, tag="v7.2-rc1"),
    stable(12, 11, "v6.12.96"),
    stable(13, 11, "v6.12.100", subject="Another name"),
    REVERT,
    commit(15, "crypto: algif_hash - Repair", author=HERBERT, hours=901, fixes=(commit_id(11)[:12],)),
    changelog("6.12.97-1", TITLE, release="13"),
)
TAGGED = replace(REVERT, first_tag="v7.3-rc1")
LATER = [restated(one, TAGGED, 999) for one in LIFE if one.observations == (REVERT,)]
EVERYTHING = [*LIFE, *LATER]
WHOLE = fold_patches(EVERYTHING, (TOPIC,))


@settings(max_examples=60, deadline=None)
@given(st.permutations(EVERYTHING), st.lists(st.sampled_from(EVERYTHING), max_size=6))
def test_order_and_repeats_change_nothing(order: list[RecordVersion], again: list[RecordVersion]) -> None:
    """Any order, and some of the records twice."""
    assert fold_patches([*order, *again], (TOPIC,)) == WHOLE


def test_the_life_that_is_shuffled_is_rich() -> None:
    """What the property speaks of: three revisions, every kind of stage, two alarms, a stranger apart."""
    patch = next(one for one in WHOLE.patches if one.revision_count == 3)
    assert sorted({one.stage.value for one in patch.landings}) == [
        "applied", "mainline", "packaged", "posted", "reverted", "stable",
    ]  # fmt: skip
    assert [one.alarm.value for one in patch.alarms] == ["reverted", "fixes_the_fix"]
    assert "f@x" not in patch.message_ids


def test_what_one_looks_for_the_other_owns() -> None:
    """Of two records one finds the other exactly when the other finds the one: the first to come need not be known."""
    found = [(set(own_keys(one)), set(wanted_keys(one))) for each in LIFE for one in each.observations]
    for own, wanted in found[:-1]:
        for other_own, other_wanted in found[:-1]:
            assert bool(own & other_wanted) == bool(other_own & wanted)
