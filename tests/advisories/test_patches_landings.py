"""Where a patch landed: each stage by its own evidence, mail until git proves it, and what turns against it."""

from __future__ import annotations

from datetime import UTC, datetime

from advisories.landings import branch_named, branch_of_version, release_order
from advisories.landings_missing import Carried, live_branches, missing_branches, overdue_since
from advisories.mail import PatchMail
from advisories.observation import RefsObservation, ReleaseObservation
from advisories.words import Alarm, EvidenceClass, MatchedBy, Stage
from tests.advisories.lives import (
    ERIC,
    GREG,
    HERBERT,
    TITLE,
    at,
    changelog,
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

POSTED = patch_mail("v1@x", f"[PATCH] {TITLE}")
APPLIED = mail("ap@x", f"Re: [PATCH] {TITLE}", "Patch applied.  Thanks.\n", sender=HERBERT, hours=20, reply_to="v1@x")


def test_a_maintainers_word_applies_it_until_git_is_seen() -> None:
    """By mail: the list's name and the maintainer's class. With the commit: the tree, the id and git's class."""
    said = the_landing(the_patch(POSTED, APPLIED), Stage.APPLIED)
    assert (said.tree, said.commit, said.at) == ("linux-crypto.vger.kernel.org", None, at(20))
    assert said.evidence.evidence_class is EvidenceClass.LIST_MAIL_MAINTAINER
    assert said.said_only
    proven = the_landing(the_patch(POSTED, APPLIED, commit(1, tree="cryptodev", hours=19)), Stage.APPLIED)
    assert (proven.tree, proven.commit, proven.at) == ("cryptodev", commit_id(1), at(19))
    assert proven.evidence.evidence_class is EvidenceClass.GIT


def test_anybody_elses_applied_proves_nothing() -> None:
    """A tester's "Applied, thanks", and the author's own."""
    tester = mail("t@x", f"Re: [PATCH] {TITLE}", "Applied, thanks!\n", sender="T <t@e.org>", hours=2, reply_to="v1@x")
    author = mail("e@x", f"Re: [PATCH] {TITLE}", "Applied to crypto/next, thanks!\n", hours=2, reply_to="v1@x")
    assert told(the_patch(POSTED, tester, author), Stage.APPLIED) == []


def test_another_lists_maintainer_who_names_the_tree_is_list_mail() -> None:
    """Not in our table of maintainers, and not the author: shown with the weaker class."""
    other = mail("o@x", f"Re: [PATCH] {TITLE}", "Applied to block/for-next, thanks!\n", sender="J <j@e.org>",
                 hours=2, reply_to="v1@x")  # fmt: skip
    landing = the_landing(the_patch(POSTED, other), Stage.APPLIED)
    assert (landing.tree, landing.evidence.evidence_class) == ("for-next", EvidenceClass.LIST_MAIL)


def test_applied_to_the_cover_holds_for_all_parts() -> None:
    """ "All applied." below the cover letter."""
    cover = mail("c@x", "[PATCH 0/2] AF_ALG: Harden", "Why.\n")
    parts = [patch_mail(f"p{n}@x", f"[PATCH {n}/2] AF_ALG: Take away thing {n}", change=str(n), reply_to="c@x")
             for n in (1, 2)]  # fmt: skip
    word = mail("ca@x", "Re: [PATCH 0/2] AF_ALG: Harden", "All applied.  Thanks.\n", sender=HERBERT, hours=9,
                reply_to="c@x")  # fmt: skip
    found = [told(one, Stage.APPLIED) for one in fold(cover, *parts, word)]
    assert found == [[("applied", "linux-crypto.vger.kernel.org", None, None)]] * 2


def push(
    msgid: str,
    hours: float,
    old: int,
    new: int,
    *commits: tuple[int, str],
    sender: str = "Gitolite <devnull@kernel.org>",
) -> PatchMail:
    lines = "".join(f"         {commit_id(number)} {title}\n" for number, title in commits)
    body = (
        "---\nservice: git-receive-pack\nrepo: pub/scm/linux/kernel/git/herbert/cryptodev-2.6\nuser: herbert\n"
        f"changes:\n  - ref: refs/heads/master\n    old: {commit_id(old)}\n    new: {commit_id(new)}\n"
        f"    log: |\n{lines}"
    )
    return mail(msgid, "post-receive: pub/scm/linux/kernel/git/herbert/cryptodev-2.6", body,
                sender=sender, hours=hours)  # fmt: skip


def test_a_forced_push_keeps_the_landing_and_takes_the_new_id() -> None:
    """Two pushes of one title with two ids: one landing, of the first time, with the second id."""
    first, second = push("g1@x", 30, 90, 10, (10, TITLE)), push("g2@x", 31, 10, 11, (11, TITLE))
    landing = the_landing(the_patch(POSTED, first, second), Stage.APPLIED)
    assert (landing.tree, landing.commit, landing.at) == ("cryptodev", commit_id(11), at(30))
    assert landing.matched_by is MatchedBy.AUTHOR_SUBJECT


def test_a_push_notice_of_anybody_else_proves_nothing() -> None:
    """The same form from another address."""
    forged = push("g@x", 30, 90, 10, (10, TITLE), sender="Gitolite <devnull@example.org>")
    assert told(the_patch(POSTED, forged), Stage.APPLIED) == []


def test_a_rewritten_tree_replaces_the_id_and_drops_nothing() -> None:
    """The same patch under a new id after a forced push: the date of the first, the id of the second."""
    old, new = commit(10, tree="cryptodev", hours=30), commit(11, tree="cryptodev", hours=31)
    refs = RefsObservation(tree="cryptodev", rewritten=(commit_id(10),))
    patch = the_patch(POSTED, old, refs, new)
    assert told(patch, Stage.APPLIED, Stage.DROPPED) == [("applied", "cryptodev", None, None)]
    landing = the_landing(patch, Stage.APPLIED)
    assert (landing.commit, landing.at) == (commit_id(11), at(30))


def test_a_patch_that_a_forced_push_took_out_is_dropped() -> None:
    """No other commit of it in the tree, none further on; once mainline has it, nothing was dropped."""
    refs = RefsObservation(tree="cryptodev", rewritten=(commit_id(10),))
    gone = (POSTED, commit(10, tree="cryptodev", hours=30), refs)
    assert told(the_patch(*gone), Stage.DROPPED) == [("dropped", "cryptodev", None, None)]
    assert told(the_patch(*gone, commit(12, tag="v7.2-rc1")), Stage.DROPPED) == []


def test_stages_by_tree() -> None:
    """next by its tag, mainline by the first tag, stable by branch, the queue by branch."""
    patch = the_patch(
        POSTED,
        commit(1, tree="cryptodev", hours=20),
        commit(1, tree="linux-next", tag="next-20260520", tag_hours=380),
        commit(1, tag="v7.2-rc1", tag_hours=1000),
        commit(50, tree="stable-queue", branch="6.12", hours=1100),
        stable(2, 1, "v6.12.96", tag_hours=1200),
        stable(3, 1, "v6.1.178", tag_hours=1190),
    )
    assert told(patch) == [
        ("posted", "linux-crypto.vger.kernel.org", "v1", None),
        ("applied", "cryptodev", None, None),
        ("next", "linux-next", None, "next-20260520"),
        ("mainline", "mainline", None, "7.2"),
        ("stable-queue", "stable-queue", "6.12", None),
        ("stable", "stable", "6.1", "6.1.178"),
        ("stable", "stable", "6.12", "6.12.96"),
    ]
    assert the_landing(patch, Stage.MAINLINE).ref == "v7.2-rc1"
    assert patch.commits == (commit_id(1), commit_id(2), commit_id(3))


def test_the_first_release_of_a_branch_counts_whatever_comes_first() -> None:
    """A patch that was applied, reverted and applied again in one branch names the earliest version, as numbers."""
    patch = the_patch(POSTED, commit(1, tag="v7.2-rc1"), stable(4, 1, "v6.12.100"), stable(2, 1, "v6.12.96"))
    assert told(patch, Stage.STABLE) == [("stable", "stable", "6.12", "6.12.96")]


def test_a_commit_without_a_release_is_in_mainline_and_in_no_stable() -> None:
    """Merged and not yet tagged; a stable branch counts by its release."""
    patch = the_patch(POSTED, commit(1), commit(2, tree="stable", branch="linux-6.12.y", upstream_commit=commit_id(1)))
    assert told(patch, Stage.MAINLINE, Stage.STABLE) == [("mainline", "mainline", None, None)]


def test_the_stable_teams_mails() -> None:
    """Taken for 6.12, under review for 6.6, does not apply to 6.1."""
    upstream = f"commit {commit_id(1)} upstream.\n"
    taken = patch_mail("q@x", f'Patch "{TITLE}" has been added to the 6.12-stable tree', sender=GREG, author=ERIC,
                       trailers=upstream, hours=500)  # fmt: skip
    review = mail("rv@x", f"[PATCH 6.6 12/90] {TITLE}", "6.6-stable review patch.  Please object.\n\n"
                  f"------------------\n\nFrom: {ERIC}\n\n{upstream}---\n crypto/af_alg.c | 2 +-\n",
                  sender=GREG, hours=501)  # fmt: skip
    failed = mail("f@x", f'FAILED: patch "[PATCH] {TITLE}" failed to apply to 6.1-stable tree', "It does not apply.\n",
                  sender=GREG, hours=502)  # fmt: skip
    patch = next(one for one in fold(POSTED, commit(1, tag="v7.2-rc1"), taken, review, failed) if one.revisions)
    assert ("stable-queue", "stable-queue", "6.12", None) in told(patch)
    assert [(one.branch, one.at) for one in patch.failed] == [("6.1", at(502))]


def test_a_stable_announcement_lists_it_under_its_author() -> None:
    """ "Linux 6.12.96" by the stable team names author and title; somebody else's mail of that form does not count."""
    text = f"I'm announcing the release of the 6.12.96 kernel.\n\nEric Biggers (1):\n      {TITLE}\n"
    real = mail("l@x", "Linux 6.12.96", text, sender=GREG, hours=600)
    assert told(the_patch(POSTED, real), Stage.STABLE) == [("stable", "stable", "6.12", "6.12.96")]
    forged = mail("l2@x", "Linux 6.12.96", text, sender="M <m@example.org>", hours=600)
    assert told(the_patch(POSTED, forged), Stage.STABLE) == []


def test_a_pull_request_counts_once_it_is_merged() -> None:
    """Listed in the request: nothing yet. pr-tracker's answer: mainline, by list mail, with the tag pulled."""
    request = mail(
        "pull@x",
        "[GIT PULL] Crypto Update for 7.2",
        "Hi Linus:\n\nThe following changes since commit 1:\n\nare available in the Git repository at:\n\n"
        "  git://git.kernel.org/pub/scm/linux/kernel/git/herbert/crypto-2.6 tags/v7.2-p1\n\n"
        f"Eric Biggers (1):\n      {TITLE}\n",
        sender=HERBERT,
        hours=900,
    )
    assert told(the_patch(POSTED, request), Stage.MAINLINE) == []
    merged = mail(
        "prt@x",
        "Re: [GIT PULL] Crypto Update for 7.2",
        "The pull request you sent on Mon, 15 Jun 2026:\n\n> git://git.kernel.org/x tags/v7.2-p1\n\n"
        f"has been merged into torvalds/linux.git:\nhttps://git.kernel.org/torvalds/c/{commit_id(77)}\n",
        sender="pr-tracker-bot@kernel.org",
        hours=920,
        reply_to="pull@x",
    )
    landing = the_landing(the_patch(POSTED, request, merged), Stage.MAINLINE)
    assert (landing.ref, landing.version, landing.at, landing.said_only) == ("v7.2-p1", None, at(920), True)


def test_a_changelog_title_is_a_guess_until_the_stable_release_confirms_it() -> None:
    """Debian names the title; with 6.1.178 known, 6.1.180-1 carries it; the first package of a release counts."""
    log = changelog("6.1.180-1", f"[x86] {TITLE} (CVE-2026-52972)", "other: thing one two")
    later = changelog("6.1.190-1", TITLE, days=90)
    guess = the_landing(the_patch(POSTED, log, later), Stage.PACKAGED)
    assert (guess.tree, guess.package, guess.version) == ("debian/12", "linux", "6.1.180-1")
    assert guess.guessed
    sure = the_landing(the_patch(POSTED, commit(1, tag="v7.2-rc1"), stable(3, 1, "v6.1.178"), log), Stage.PACKAGED)
    assert sure.matched_by is MatchedBy.AUTHOR_SUBJECT_FILES
    assert sure.evidence.evidence_class is EvidenceClass.VENDOR
    too_old = changelog("6.1.170-1", TITLE)
    assert the_landing(
        the_patch(POSTED, commit(1, tag="v7.2-rc1"), stable(3, 1, "v6.1.178"), too_old), Stage.PACKAGED
    ).guessed


def test_a_revert_is_one_alarm_however_many_trees_have_it() -> None:
    """Reverted in mainline and, by its backport, in a stable branch: two landings, one alarm."""
    revert = commit(20, f'Revert "{TITLE}"', author=HERBERT, hours=700, reverts=commit_id(1), tag="v7.2-rc3")
    backport = stable(21, 20, "v6.12.99", subject=f'Revert "{TITLE}"', author=HERBERT, reverts=commit_id(1))
    patch = next(one for one in fold(POSTED, commit(1, tag="v7.2-rc1"), revert, backport) if one.revisions)
    assert [(one.alarm, one.cause) for one in patch.alarms] == [(Alarm.REVERTED, commit_id(20))]
    assert {(one.tree, one.branch) for one in patch.landed(Stage.REVERTED)} == {
        ("mainline", None),
        ("stable", "linux-6.12.y"),
    }


def test_a_later_fix_of_the_fix_is_an_alarm() -> None:
    """Fixes: names the commit; its own backport, which names it as upstream, is none."""
    repair = commit(30, "crypto: algif_skcipher - Repair", author=HERBERT, fixes=(commit_id(1)[:12],), hours=800)
    own = stable(2, 1, "v6.12.96", fixes=(commit_id(99)[:12],))
    patch = next(one for one in fold(POSTED, commit(1, tag="v7.2-rc1"), own, repair) if one.revisions)
    assert [(one.alarm, one.cause) for one in patch.alarms] == [(Alarm.FIXES_THE_FIX, commit_id(30))]


RELEASES = tuple(
    ReleaseObservation(distro="kernel", release=release, moniker=moniker, eol=eol)
    for release, moniker, eol in (
        ("7.3", "mainline", False),
        ("7.2", "stable", False),
        ("7.1", "stable", True),
        ("6.12", "longterm", False),
        ("6.6", "longterm", False),
        ("6.1", "longterm", False),
        ("linux-next", "linux-next", False),
    )
)


def test_live_branches_without_the_patch_are_missing() -> None:
    """Neither the branch that has it from the start, nor one that ended, nor one older than the flaw."""
    live = live_branches(RELEASES)
    assert live == ("6.1", "6.6", "6.12", "7.2")
    patch = the_patch(POSTED, commit(1, tag="v7.2-rc1"), stable(2, 1, "v6.12.96", tag_hours=100))
    assert missing_branches(patch, live) == ("6.1", "6.6")
    assert missing_branches(patch, live, Carried(fixed={}, introduced="6.2")) == ("6.6",)
    assert missing_branches(patch, live, Carried(fixed={"6.6": "6.6.145"})) == ("6.1",)
    assert overdue_since(patch) == at(100 + 14 * 24)


def test_a_patch_that_no_stable_branch_has_is_missing_nowhere() -> None:
    """Most changes are never meant for stable."""
    patch = the_patch(POSTED, commit(1, tag="v7.2-rc1"))
    assert missing_branches(patch, live_branches(RELEASES)) == ()
    assert overdue_since(patch) is None


def test_an_ended_branch_by_its_dates() -> None:
    """Where no source says so in words, the end of long-term support does."""
    ended = ReleaseObservation(distro="kernel", release="5.10", lts_ends=datetime(2026, 5, 1, tzinfo=UTC).date())
    assert live_branches([ended], at(0)) == ()
    assert live_branches([ended]) == ("5.10",)


def test_kernel_orgs_list_says_which_branches_there_are() -> None:
    """A table of life cycles adds none to it, and may end one of them."""
    tabled = [
        ReleaseObservation(distro="kernel", release="4.4", eol=False),
        ReleaseObservation(distro="kernel", release="6.6", eol=True),
    ]
    assert live_branches([*RELEASES, *tabled]) == ("6.1", "6.12", "7.2")
    assert live_branches(tabled) == ("4.4",)


def test_kernel_versions_in_order() -> None:
    """By number, candidates before their release."""
    ordered = ["v6.12.9", "v6.12.85", "v7.0-rc7", "v7.0", "7.0.1", "v7.2-rc1"]
    assert sorted(sorted(ordered), key=release_order) == ordered
    assert [branch_of_version(one) for one in ("v6.12.85", "7.0-rc7", "7.0", "next-20260501", "x")] == [
        "6.12", "7.0", "7.0", None, None,
    ]  # fmt: skip
    assert [branch_named(one) for one in ("linux-6.12.y", "queue-5.10", "6.6", "master")] == [
        "6.12",
        "5.10",
        "6.6",
        None,
    ]
