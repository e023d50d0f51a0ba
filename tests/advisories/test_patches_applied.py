"""Where a patch was applied when two trees hold it, and how a backport meets its posting."""

from __future__ import annotations

import pytest

from advisories.words import MatchedBy, Stage
from tests.advisories.lives import TITLE, commit, fold, mail, patch_mail, stable

POSTED = patch_mail("v1@x", f"[PATCH] {TITLE}", "crypto/af_alg.c")


@pytest.mark.parametrize(("tag", "tree"), [("v7.2-rc1", "cryptodev"), ("v7.0-rc7", "crypto"), ("v7.0", "crypto")])
def test_both_trees_hold_it_and_one_applied_it(tag: str, tree: str) -> None:
    """The same commit in both: a feature came into -rc1 by cryptodev, a fix into a later candidate by crypto."""
    both = [commit(1, tree=one) for one in ("crypto", "cryptodev")]
    (patch,) = fold(POSTED, *both, commit(1, tag=tag))
    assert [one.tree for one in patch.landed(Stage.APPLIED)] == [tree]


def test_two_commits_in_two_trees_were_applied_twice() -> None:
    """Picked into both with ids of their own: both landings stand."""
    (patch,) = fold(POSTED, commit(1, tree="crypto"), commit(2, tree="cryptodev"), commit(1, tag="v7.2-rc1"))
    assert [one.tree for one in patch.landed(Stage.APPLIED)] == ["crypto", "cryptodev"]


def test_a_backport_without_files_meets_the_posting_through_its_upstream() -> None:
    """It names the commit that is known by its files: no guess."""
    (patch,) = fold(POSTED, commit(1, tag="v7.2-rc1"), stable(9, 1, "v6.12.96", files=()))
    (landing,) = patch.landed(Stage.STABLE)
    assert landing.matched_by is MatchedBy.AUTHOR_SUBJECT_FILES


NETDEV, CRYPTO = "netdev.vger.kernel.org", "linux-crypto.vger.kernel.org"
JAKUB, STRANGER = "Jakub Kicinski <kuba@kernel.org>", "A B <a@b.example>"
WORDS = [
    (JAKUB, NETDEV, "Applied, thanks!", True),
    (JAKUB, CRYPTO, "Applied, thanks!", False),
    (STRANGER, NETDEV, "Applied, thanks!", False),
    ("Linus Torvalds <torvalds@linux-foundation.org>", CRYPTO, "Applied, thanks!", True),
]


@pytest.mark.parametrize(("sender", "list_id", "words", "applied"), WORDS)
def test_whose_applied_counts(sender: str, list_id: str, words: str, applied: bool) -> None:
    """The maintainers of that list, and the few who apply anywhere."""
    posted = patch_mail("v1@x", f"[PATCH] {TITLE}", "crypto/af_alg.c", list_id=list_id)
    answer = mail("a@x", f"Re: [PATCH] {TITLE}", f"{words}\n", sender=sender, reply_to="v1@x", list_id=list_id, hours=9)
    (patch,) = fold(posted, answer)
    assert [one.tree for one in patch.landed(Stage.APPLIED)] == ([list_id] if applied else [])
