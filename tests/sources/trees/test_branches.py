"""Many branches, many refs, trees made anew every day, and the stable queue, on a real git server."""

from __future__ import annotations

from datetime import timedelta

import pytest

from advisories.observation import CommitObservation
from tests.servers.trees import DAY, Commit, Tree, git_server
from tests.sources.trees.repository import FIX, LONG_AGO, START, Follow, follow, plain, refs_of, requests, tree, wanted

__all__ = ["follow", "git_server", "tree"]  # fixtures, used by their names

pytestmark = pytest.mark.server


def test_stable_follows_each_live_branch_from_its_own_release(tree: Tree, follow: Follow) -> None:
    """What a branch has from mainline is not stable's; a dead branch is left alone; the first point release counts."""
    ids = tree.git("rev-list", "--reverse", "refs/heads/master").split()
    tree.git("update-ref", "refs/heads/linux-4.4.y", ids[0])
    (upstream,) = tree.commit(wanted(at=START + DAY))
    tree.tag("v7.0", upstream, at=START + DAY)
    (seven,) = tree.commit(
        wanted("crypto: algif_aead - later", at=START + 2 * DAY), ref="refs/heads/linux-7.0.y", parent=upstream
    )
    tree.tag("v7.0.1", seven, at=START + 2 * DAY)
    (six,) = tree.commit(
        wanted(body=f"commit {upstream} upstream.", at=START + 3 * DAY), ref="refs/heads/linux-6.12.y", parent=ids[3]
    )
    tree.tag("v6.12.85", six, at=START + 3 * DAY)
    (revert,) = tree.commit(
        wanted(f'Revert "{FIX}"', f"This reverts commit {six}.", at=START + 4 * DAY), ref="refs/heads/linux-6.12.y"
    )
    stable = follow("stable")
    said = [one for one in stable.poll() if isinstance(one, CommitObservation)]
    assert [(one.branch, one.commit, one.first_tag, one.upstream_commit, one.reverts) for one in said] == [
        ("linux-6.12.y", six, "v6.12.85", upstream, None),
        ("linux-6.12.y", revert, None, None, six),
        ("linux-7.0.y", seven, "v7.0.1", None, None),
    ]
    assert [batch.stream for batch in stable.batches] == ["linux-6.12.y", "linux-7.0.y"]
    assert stable.checkpoint["branches"] == "linux-6.12.y linux-7.0.y"
    assert stable.batches[0].documents[0].url == f"{tree.url}/commit/?id={six}&h=linux-6.12.y"
    assert len(refs_of(stable)) == 5


def test_a_cherry_pick_and_a_new_branch_come_later(tree: Tree, follow: Follow) -> None:
    """A branch that begins after the first poll is found out, and its picks name what they are of."""
    ids = tree.git("rev-list", "--reverse", "refs/heads/master").split()
    tree.git("update-ref", "refs/heads/linux-6.12.y", ids[4])
    stable = follow("stable")
    assert stable.commits() == []
    (pick,) = tree.commit(
        wanted(body=f"(cherry picked from commit {'a' * 40})", at=START + DAY),
        ref="refs/heads/linux-6.18.y",
        parent=ids[5],
    )
    (said,) = stable.poll()
    assert isinstance(said, CommitObservation)
    assert (said.branch, said.commit, said.upstream_commit) == ("linux-6.18.y", pick, "a" * 40)
    tree.git("update-ref", "-d", "refs/heads/linux-6.12.y")
    (more,) = tree.commit(wanted("crypto: algif_aead - more", at=START + 2 * DAY), ref="refs/heads/linux-6.18.y")
    assert stable.commits() == [(more, None)]


def test_named_branches_alone_are_read(tree: Tree, follow: Follow) -> None:
    """`branches` of the configuration; a further tree has a name of its own."""
    (one,) = tree.commit(wanted(at=START + DAY), ref="refs/heads/linux-6.12.y", parent=tree.tip())
    tree.commit(wanted(at=START + DAY), ref="refs/heads/linux-6.6.y", parent=tree.tip())
    further = follow("tree-linux-stable-rc", branches=("linux-6.12.y",))
    (said,) = further.poll()
    assert isinstance(said, CommitObservation)
    assert (said.tree, said.branch, said.commit) == ("tree-linux-stable-rc", "linux-6.12.y", one)
    assert set(refs_of(further)) == {"refs/heads/linux-6.12.y"}


def test_linux_next_goes_by_its_dated_tags(tree: Tree, follow: Follow) -> None:
    """Made anew each day: the first tag that holds a commit, no word of a rewritten history."""
    base = tree.tip() or ""
    (fix,) = tree.commit(wanted(at=START + DAY), parent=base)
    (monday,) = tree.commit(plain(50, at=START + DAY))
    tree.tag("next-20260427", monday, at=START + DAY)
    tree.tag("next-20250101", base, at=LONG_AGO)
    following = follow("linux-next")
    assert following.commits() == [(fix, "next-20260427")]
    tree.git("update-ref", "refs/heads/master", base)
    (again, other) = tree.commit(
        Commit(message="Add linux-next", files={"next": "2"}, at=START + 2 * DAY),
        wanted("crypto: algif_aead - b", at=START + 2 * DAY),
    )
    tree.tag("next-20260428", other, at=START + 2 * DAY)
    assert following.commits() == [(other, "next-20260428")]
    assert following.notes == []
    assert again != other


def test_a_branch_called_like_an_option_does_no_harm(tree: Tree, follow: Follow) -> None:
    """`--x` and `--upload-pack=x` are never said to git."""
    (fix,) = tree.commit(wanted(at=START + DAY))
    packed = tree.folder / "packed-refs"
    packed.write_text("".join(f"{fix} refs/heads/{name}\n" for name in ("--upload-pack=x", "--x")), encoding="utf-8")
    further = follow("tree-odd")
    assert further.commits() == [(fix, None)]
    assert set(refs_of(further)) == {"refs/heads/master"}


def test_the_stable_queue_is_read_by_its_files(tree: Tree, follow: Follow) -> None:
    """What is queued for which branch: by content, with the commit that queued it; a file that goes says nothing."""
    patch = (
        f"From {'a' * 40} Mon Sep 17 00:00:00 2001\nFrom: Ada Author <ada@example.org>\n"
        f"Date: Thu, 26 Mar 2026 10:00:00 +0000\nSubject: {FIX}\n\nFrom: Ada Author <ada@example.org>\n\n"
        f"commit {'a' * 40} upstream.\n\nIt operates in place.\n\nSigned-off-by: Ada Author <ada@example.org>\n---\n"
        " crypto/algif_aead.c | 1 +\n 1 file changed, 1 insertion(+)\n\n"
        "diff --git a/crypto/algif_aead.c b/crypto/algif_aead.c\n"
        "index 0000000..1111111 100644\n--- a/crypto/algif_aead.c\n+++ b/crypto/algif_aead.c\n"
        "@@ -1,1 +1,2 @@\n one\n+two\n"
    )
    tree.commit(
        Commit(
            message="Add patches",
            files={
                "queue-6.12/fix.patch": patch,
                "queue-6.12/other.patch": "net\n",
                "queue-6.12/series": "fix.patch\n",
            },
            at=START + DAY,
        )
    )
    (again,) = tree.commit(
        Commit(message="6.6-stable patches", files={"queue-6.6/fix.patch": patch}, at=START + 2 * DAY)
    )
    queue = follow("stable-queue")
    said = [one for one in queue.poll() if isinstance(one, CommitObservation)]
    assert [(one.branch, one.subject, one.upstream_commit, one.first_tag, one.files) for one in said] == [
        ("6.12", FIX, "a" * 40, None, ("crypto/algif_aead.c",)),
        ("6.6", FIX, "a" * 40, None, ("crypto/algif_aead.c",)),
    ]
    assert (said[1].commit, said[1].tree) == (again, "stable-queue")
    assert queue.batches[0].documents[0].url == f"{tree.url}/plain/queue-6.12/fix.patch"
    tree.commit(
        Commit(
            message="Linux 6.12.85",
            files={"queue-6.12/fix.patch": None, "releases/6.12.85/fix.patch": patch},
            at=START + 3 * DAY,
        )
    )
    assert queue.poll() == []
    assert queue.checkpoint == {"refs/heads/master": tree.tip()}


def test_a_long_list_of_refs_is_asked_for_rarely(tree: Tree, follow: Follow) -> None:
    """Hundreds of old releases: once a day, each half hour while a commit waits for a tag, and when a branch moves."""
    (fix,) = tree.commit(wanted(at=START + DAY), ref="refs/heads/linux-6.12.y", parent=tree.tip())
    names = [f"refs/tags/v4.4.{patch}-{'x' * 180}" for patch in range(300)]
    lines = [f"{fix} refs/tags/v6.12.85\n", *(f"{tree.tip()} {name}\n" for name in sorted(names))]
    (tree.folder / "packed-refs").write_text("".join(lines), encoding="utf-8")
    stable = follow("stable")
    assert [stable.commits(), requests(stable)] == [[(fix, "v6.12.85")], 1]
    assert [stable.commits(), stable.batches, requests(stable)] == [[], [], 1]
    (more,) = tree.commit(wanted("crypto: algif_aead - b", at=START + 2 * DAY), ref="refs/heads/linux-6.12.y")
    assert [stable.commits(), requests(stable)] == [[(more, None)], 2]
    tree.tag("v6.12.86", more, at=START + 2 * DAY)
    assert [stable.commits(), stable.batches, requests(stable)] == [[], [], 2]
    stable.now += timedelta(minutes=30)
    assert [stable.commits(), requests(stable)] == [[(more, "v6.12.86")], 3]
    stable.now += timedelta(hours=23)
    assert [stable.commits(), stable.batches, requests(stable)] == [[], [], 3]
    stable.now += timedelta(hours=1)
    assert [stable.commits(), len(stable.batches), requests(stable)] == [[], 1, 4]
