"""Trees against real git and cgit servers: first fetch, new work, tags, rebases, filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisories.observation import CommitObservation, RefsObservation
from sources.base import Batch
from sources.errors import GitError
from sources.git import GitDoor
from sources.http import HttpDoor, HttpPolicy
from sources.registry import find_source
from tests.servers.trees import DAY, GitServer, Tree, git_server
from tests.sources.trees.following import Following, watching
from tests.sources.trees.repository import FIX, LONG_AGO, START, Follow, follow, plain, refs_of, tree, wanted

__all__ = ["follow", "git_server", "tree"]  # fixtures, used by their names

pytestmark = pytest.mark.server


def test_a_first_fetch_gives_what_a_topic_wants_with_its_files(tree: Tree, follow: Follow) -> None:
    """One commit of seven, whole: trailers, files and the patch id that git gives."""
    (fix,) = tree.commit(
        wanted(
            body="Link: https://lore.kernel.org/r/acTS@gondor.apana.org.au\n"
            'Fixes: 72548b093ee3 ("crypto: algif_aead - copy AAD from src to dst")',
            at=START + DAY,
        )
    )
    tree.commit(plain(9, at=START + DAY))
    crypto = follow("crypto")
    assert crypto.poll() == [
        CommitObservation(
            tree="crypto",
            branch="master",
            commit=fix,
            subject=FIX,
            author_name="Ada Author",
            author_email="ada@example.org",
            author_at=datetime(2026, 4, 25, 3, 6, 40, tzinfo=UTC),
            committed_at=datetime(2026, 4, 25, 3, 6, 40, tzinfo=UTC),
            message="Link: https://lore.kernel.org/r/acTS@gondor.apana.org.au\n"
            'Fixes: 72548b093ee3 ("crypto: algif_aead - copy AAD from src to dst")\n\n'
            "Signed-off-by: Ada Author <ada@example.org>",
            link_msgids=("acTS@gondor.apana.org.au",),
            fixes=("72548b093ee3",),
            files=("crypto/algif_aead.c",),
            patch_id=tree.git("patch-id", "--stable", stdin=tree.git("show", fix) + "\n").split()[0],
        )
    ]
    assert crypto.checkpoint == {"refs/heads/master": tree.tip()}
    (document,) = crypto.batches[0].documents
    assert (document.url, document.kind) == (f"{tree.url}/commit/?id={fix}", "commit")
    assert crypto.notes == []


def test_nothing_new_is_no_batch(tree: Tree, follow: Follow) -> None:
    """A cycle without a change writes nothing."""
    tree.commit(wanted())
    crypto = follow("crypto")
    assert len(crypto.poll()) == 1
    assert (crypto.poll(), crypto.batches) == ([], [])


def test_what_is_older_than_the_topics_is_not_looked_for(tree: Tree, follow: Follow) -> None:
    """The date bounds the first fetch; a later merge of old work is new work."""
    (old,) = tree.commit(wanted("crypto: algif_aead - old", at=LONG_AGO), ref="refs/heads/old", parent=tree.tip())
    tree.commit(wanted("crypto: algif_aead - ancient", at=LONG_AGO))
    tree.commit(plain(7, at=START + DAY))
    mainline = follow("mainline")
    assert mainline.commits() == []
    merge = tree.git(
        "commit-tree",
        f"{tree.tip()}^{{tree}}",
        "-p",
        tree.tip() or "",
        "-p",
        old,
        stdin="Merge algif_aead",
        **committer(),
    )
    tree.git("update-ref", "refs/heads/master", merge)
    assert mainline.commits() == [(old, None)]


def committer() -> dict[str, str]:
    return {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Mia"), ("EMAIL", "mia@example.org"), ("DATE", f"{START + 2 * DAY} +0000"))
    }


def test_a_commit_is_told_at_once_and_again_with_its_first_tag(tree: Tree, follow: Follow) -> None:
    """mainline: None, then v7.0-rc7, which stays when v7.0 comes; old tags are not fetched."""
    tree.tag("v6.19", tree.git("rev-list", "--reverse", "refs/heads/master").split()[1], at=LONG_AGO)
    (fix,) = tree.commit(wanted(at=START + DAY))
    mainline = follow("mainline")
    assert mainline.commits() == [(fix, None)]
    assert mainline.checkpoint["pending"] == f"master:{fix}"
    tree.tag("v7.0-rc7", fix, at=START + 2 * DAY)
    tree.tag("v7.0-rc7-dontuse", fix, at=START + DAY)
    assert mainline.commits() == [(fix, "v7.0-rc7")]
    assert "pending" not in mainline.checkpoint
    (tip,) = tree.commit(plain(8, at=START + 3 * DAY))
    tree.tag("v7.0", tip, at=START + 3 * DAY)
    assert mainline.commits() == []
    assert sorted(ref for ref in refs_of(mainline) if "tags" in ref) == ["refs/tags/v7.0", "refs/tags/v7.0-rc7"]


def test_the_first_tag_is_the_first_by_version(tree: Tree, follow: Follow) -> None:
    """A first fetch over several releases: each commit has the one it came with, and its date."""
    (one,) = tree.commit(wanted("crypto: algif_aead - one", at=START + DAY))
    tree.tag("v7.0-rc7", one, at=START + 5 * DAY)
    (two,) = tree.commit(wanted("crypto: algif_aead - two", at=START + 2 * DAY))
    tree.tag("v7.0", two, at=START + 3 * DAY)
    (three,) = tree.commit(wanted("crypto: algif_aead - three", at=START + 3 * DAY))
    said = [one for one in follow("mainline").poll() if isinstance(one, CommitObservation)]
    assert [(each.commit, each.first_tag, each.first_tag_at) for each in said] == [
        (one, "v7.0-rc7", datetime.fromtimestamp(START + 5 * DAY, tz=UTC)),
        (two, "v7.0", datetime.fromtimestamp(START + 3 * DAY, tz=UTC)),
        (three, None, None),
    ]


def test_a_forced_push_is_told_as_such_and_nothing_is_reverted(tree: Tree, follow: Follow) -> None:
    """cryptodev was rebased: the dropped ids by name, the new ids as commits, one note."""
    base = tree.tip()
    (old,) = tree.commit(wanted(at=START + DAY))
    cryptodev = follow("cryptodev")
    assert cryptodev.commits() == [(old, None)]
    tree.git("update-ref", "refs/heads/master", base or "")
    (_, new) = tree.commit(plain(20, at=START + 2 * DAY), wanted(at=START + 3 * DAY))
    said = cryptodev.poll()
    assert said[0] == RefsObservation(tree="cryptodev", rewritten=(old,))
    assert [(one.commit, one.reverts) for one in said[1:] if isinstance(one, CommitObservation)] == [(new, None)]
    assert cryptodev.notes == ["history of cryptodev was rewritten"]
    assert cryptodev.checkpoint == {"refs/heads/master": tree.tip()}


def test_a_lost_mirror_is_read_again_since_the_topics_date(tree: Tree, follow: Follow, tmp_path: Path) -> None:
    """The checkpoint names a commit that is nowhere any more: the date finds everything again."""
    (old,) = tree.commit(wanted(at=START + DAY))
    cryptodev = follow("cryptodev")
    cryptodev.checkpoint = {"refs/heads/master": "1" * 40}
    assert cryptodev.commits() == [(old, None)]
    assert cryptodev.notes == ["history of cryptodev was rewritten"]


def test_paths_are_asked_for_where_trees_are_in_the_mirror(tree: Tree, follow: Follow) -> None:
    """A commit whose text says nothing, found by its file; where a shallow history begins nothing seems added."""
    tree.commit(wanted("crypto: begin", "x", file="crypto/af_alg.c", at=LONG_AGO))
    tree.commit(plain(30, at=START))
    (by_path,) = tree.commit(wanted("crypto: tidy", "Quiet.", file="crypto/af_alg.c", at=START + DAY))
    watch = watching(words=("nothing-like-it",), paths=("crypto/af_*.c",))
    assert follow("cryptodev", watch=watch).commits() == [(by_path, None)]


def test_commits_only_when_the_server_filters(tree: Tree, follow: Follow) -> None:
    """mainline's mirror has no files but those of the candidate."""
    tree.commit(plain(40, at=START + DAY), wanted(at=START + DAY))
    mainline = follow("mainline")
    (said,) = mainline.poll()
    assert isinstance(said, CommitObservation)
    assert said.files == ("crypto/algif_aead.c",)
    assert said.patch_id is not None
    with pytest.raises(GitError):
        mainline.context().git.list_tree(mainline.folder / "git" / "mainline", tree.tip() or "")


def test_a_server_that_ignores_the_filter_is_noted_once(git_server: GitServer, tmp_path: Path) -> None:
    """Everything comes and the work goes on, paths included."""
    tree = git_server.create("pub/scm/linux/kernel/git/f/unfiltered.git", allow_filter=False)
    tree.commit(plain(1), wanted("crypto: quiet", "x", at=START + 60))
    mainline = Following(
        name="mainline",
        settings={"url": tree.url},
        folder=tmp_path,
        hosts=git_server.allowed_hosts,
        watch=watching(words=("nothing-like-it",), paths=("crypto/*",)),
    )
    assert mainline.commits() == [(tree.tip(), None)]
    assert mainline.notes == ["mainline: the server left nothing out of the mirror; it holds whole files"]
    tree.commit(wanted("crypto: quiet again", "x", at=START + 120))
    assert mainline.commits() == [(tree.tip(), None)]
    assert mainline.notes == []
    mainline.close()


def test_large_work_comes_in_batches_that_can_be_repeated(tree: Tree, follow: Follow) -> None:
    """The checkpoint moves with the last batch alone; a stop before it gives the same documents again."""
    tree.commit(*[wanted(f"crypto: algif_aead - {number}", at=START + number) for number in range(60)])
    crypto = follow("crypto")
    first, second = list(find(crypto))
    assert (len(first.documents), len(second.documents)) == (50, 10)
    assert (first.more, second.more) == (True, False)
    assert (first.checkpoint, second.checkpoint) == ({}, {"refs/heads/master": tree.tip()})
    assert [one.body for batch in find(crypto) for one in batch.documents] == [
        one.body for batch in (first, second) for one in batch.documents
    ]


def find(following: Following) -> Iterator[Batch]:

    return find_source(following.name).fetch(following.context())


def test_since_is_the_topics_own(tree: Tree, follow: Follow) -> None:
    """A topic of an earlier date reaches further back."""
    (old,) = tree.commit(wanted("crypto: algif_aead - old", at=START))
    watch = replace(watching(), since=datetime(2026, 4, 25, tzinfo=UTC))
    assert follow("crypto", watch=watch).commits() == []
    assert old == tree.tip()


class NoSingleObjects(GitDoor):
    """A server that gives refs and nothing else, as those of git's older protocol do."""

    asked = 0

    def fetch_objects(self, path: Path, ids: Iterable[str]) -> None:
        type(self).asked += 1
        raise GitError("not our ref", source="mainline", url="")


def test_without_single_objects_commits_come_without_files(tree: Tree, follow: Follow) -> None:
    """A few tries, one note, and every commit is told."""
    made = tree.commit(*[wanted(f"crypto: algif_aead - {number}", at=START + number) for number in range(60)])
    mainline = follow("mainline")
    mainline.door = NoSingleObjects
    said = [one for one in mainline.poll() if isinstance(one, CommitObservation)]
    assert [(one.commit, one.files, one.patch_id) for one in said] == [(commit, (), None) for commit in made]
    assert mainline.notes == ["mainline: the server gives no single objects; files and patch ids are missing"]
    assert NoSingleObjects.asked < 15


def test_where_history_begins_others_keep_their_files(tree: Tree, follow: Follow) -> None:
    """A commit whose parent is not in the mirror has no files; those told with it have theirs."""
    oldest = START - 45 * DAY
    tree.git("update-ref", "refs/heads/master", tree.git("rev-list", "refs/heads/master").split()[3])
    (one, two) = tree.commit(
        wanted("crypto: algif_aead - one", at=oldest), wanted("crypto: algif_aead - two", at=oldest)
    )
    crypto = follow("crypto", watch=replace(watching(), since=datetime(2026, 3, 1, tzinfo=UTC)))
    said = [each for each in crypto.poll() if isinstance(each, CommitObservation)]
    assert [(each.commit, each.files) for each in said] == [(one, ()), (two, ("crypto/algif_aead.c",))]


def test_tags_that_cannot_be_listed_are_noted_once(git_server: GitServer, tree: Tree, follow: Follow) -> None:
    """git works and the list of refs does not: the commit is told, its tag when the list works again."""
    (fix,) = tree.commit(wanted(at=START + DAY))
    tree.tag("v7.0-rc7", fix, at=START + DAY)
    mainline = follow("mainline")
    mainline.http = HttpDoor(HttpPolicy(contact="x", version="1"))
    assert mainline.commits() == [(fix, None)]
    (note,) = mainline.notes
    assert note.startswith("mainline: the server's refs could not be listed: ")
    assert (mainline.poll(), mainline.batches) == ([], [])
    mainline.close()
    mainline.http = None
    assert mainline.commits() == [(fix, "v7.0-rc7")]
    assert mainline.checkpoint == {"refs/heads/master": fix}
