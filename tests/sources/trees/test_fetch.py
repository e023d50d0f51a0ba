"""Trees against real git and cgit servers: first fetch, new work, tags, rebases, branches, the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from advisories.observation import CommitObservation, RefsObservation
from sources.base import Watch
from sources.errors import GitError
from tests.servers.trees import DAY, Commit, GitServer, Tree, git_server
from tests.sources.trees.following import Following, watching

__all__ = ["git_server"]  # a fixture, used by its name

pytestmark = pytest.mark.server

START = 1_777_000_000  # 2026-04-24T03:06:40Z
LONG_AGO = 1_700_000_000
Follow = Callable[..., Following]
FIX = "crypto: algif_aead - Revert to operating out-of-place"


@pytest.fixture
def tree(git_server: GitServer, request: pytest.FixtureRequest) -> Tree:
    """A repository with three old commits and three young ones that no topic wants."""
    made = git_server.create(f"pub/scm/linux/kernel/git/f/{abs(hash(request.node.nodeid))}.git")
    made.commit(*[plain(number, at=LONG_AGO + number * DAY) for number in range(3)])
    made.commit(*[plain(number, at=START + number * 60) for number in range(3, 6)])
    return made


@pytest.fixture
def follow(git_server: GitServer, tree: Tree, tmp_path: Path) -> Iterator[Follow]:
    """Follows the repository as the source of that name."""
    made: list[Following] = []

    def start(name: str, *, watch: Watch | None = None, **settings: str | tuple[str, ...]) -> Following:
        one = Following(
            name=name,
            settings={"url": tree.url, **settings},
            folder=tmp_path,
            hosts=git_server.allowed_hosts,
            watch=watch or watching(),
        )
        made.append(one)
        return one

    yield start
    for one in made:
        one.close()


def plain(number: int, at: int = START) -> Commit:
    return Commit(message=f"net: change {number}\n\nNothing to see.", files={f"net/{number}.c": f"{number}\n"}, at=at)


def wanted(
    subject: str = FIX, body: str = "It operates in place.", *, file: str = "crypto/algif_aead.c", at: int = START
) -> Commit:
    text = f"{subject}\n\n{body}\n\nSigned-off-by: Ada Author <ada@example.org>"
    return Commit(message=text, files={file: f"{subject} {body} {at}\n"}, at=at)


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


def refs_of(following: Following) -> dict[str, str]:
    return following.context().git.refs(following.folder / "git" / following.name)


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


def test_large_work_comes_in_batches_that_can_be_repeated(tree: Tree, follow: Follow) -> None:
    """The checkpoint moves with the last batch alone; a stop before it gives the same documents again."""
    tree.commit(*[wanted(f"crypto: algif_aead - {number}", at=START + number) for number in range(60)])
    crypto = follow("crypto")
    first, second = list(find(crypto))
    assert (len(first.documents), len(second.documents)) == (50, 10)
    assert (first.checkpoint, second.checkpoint) == ({}, {"refs/heads/master": tree.tip()})
    assert [one.body for batch in find(crypto) for one in batch.documents] == [
        one.body for batch in (first, second) for one in batch.documents
    ]


def find(following: Following) -> Iterator:  # type: ignore[type-arg]
    from sources.registry import find_source

    return find_source(following.name).fetch(following.context())


def test_when_git_fails_cgit_is_read(git_server: GitServer, tree: Tree, tmp_path: Path) -> None:
    """A repository whose git is broken while its pages work: patches, said once, and git's own word later."""
    (fix,) = tree.commit(wanted(at=START + DAY))
    crypto = Following(name="crypto", settings={"url": tree.url}, folder=tmp_path, hosts=git_server.allowed_hosts)
    tree.git("config", "http.uploadpack", "false")
    (said,) = crypto.poll()
    assert isinstance(said, CommitObservation)
    assert (said.commit, said.subject, said.files, said.author_email) == (
        fix,
        FIX,
        ("crypto/algif_aead.c",),
        "ada@example.org",
    )
    assert len(crypto.notes) == 1
    assert crypto.notes[0].startswith("crypto: git failed (")
    assert crypto.checkpoint == {"pages": fix}
    assert (crypto.poll(), crypto.batches) == ([], [])
    tree.git("config", "http.uploadpack", "true")
    assert crypto.commits() == [(fix, None)]
    assert crypto.checkpoint == {"refs/heads/master": tree.tip()}
    crypto.close()


def test_a_wrong_address_is_an_error(git_server: GitServer, tmp_path: Path) -> None:
    """Neither git nor cgit has it: git's error names the address."""
    url = f"{git_server.base_url}/pub/scm/linux/kernel/git/nobody/nothing.git"
    crypto = Following(name="crypto", settings={"url": url}, folder=tmp_path, hosts=git_server.allowed_hosts)
    with pytest.raises(GitError) as caught:
        crypto.poll()
    assert (caught.value.source, caught.value.url) == ("crypto", url)
    crypto.close()


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


def test_since_is_the_topics_own(tree: Tree, follow: Follow) -> None:
    """A topic of an earlier date reaches further back."""
    (old,) = tree.commit(wanted("crypto: algif_aead - old", at=START))
    watch = replace(watching(), since=datetime(2026, 4, 25, tzinfo=UTC))
    assert follow("crypto", watch=watch).commits() == []
    assert old == tree.tip()


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


def requests(following: Following) -> int:
    return sum(one.requests for one in following.http.traffic()) if following.http is not None else 0
