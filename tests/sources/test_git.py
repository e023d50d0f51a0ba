"""The git door against real repositories over git's smart HTTP."""

from __future__ import annotations

import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sources.errors import GitError
from sources.git import GitDoor
from sources.transport.git_commits import parse_commit
from tests.servers.fault_proxy import Fault, fault_proxy
from tests.servers.trees import DAY, Commit, GitServer, Tree, clean_variables, git_server
from tests.sources.git_mirrors import MASTER, REFSPECS, START, door, ids_of, make_door, patch_id_of, tree, update

__all__ = ["door", "git_server", "tree"]  # fixtures, used by their names


def test_a_first_mirror_has_every_ref(door: GitDoor, tree: Tree) -> None:
    """Branches and tags, nothing before, nothing rewritten, and no half-made folder left."""
    commits = ids_of(tree)
    tree.tag("v7.0", commits[1], at=START)
    got = update(door, tree)
    assert got.refs_before == {}
    assert got.refs_after == {MASTER: commits[-1], "refs/tags/v7.0": tree.tip("refs/tags/v7.0")}
    assert (got.filtered, got.rewritten, got.recloned) == (False, (), False)
    assert sorted(entry.name for entry in got.path.parent.iterdir()) == [".home", ".locks", "crypto"]


def test_new_commits_come_oldest_first(door: GitDoor, tree: Tree) -> None:
    """rev_list over what a second fetch brought; a limit keeps the oldest."""
    before = update(door, tree)
    new = tree.commit(*[Commit(message=f"new {number}", files={"b.c": str(number)}) for number in range(3)])
    after = update(door, tree)
    assert after.refs_before == before.refs_after
    assert door.rev_list(after.path, new[-1], before.refs_after[MASTER], max_count=10) == new
    assert door.rev_list(after.path, new[-1], before.refs_after[MASTER], max_count=2) == new[:2]
    assert door.rev_list(after.path, MASTER, None, paths=("b.c",), max_count=10) == new
    assert after.rewritten == ()


def test_a_forced_push_is_named(door: GitDoor, tree: Tree) -> None:
    """The new tip does not descend from the old one."""
    old = update(door, tree).refs_after[MASTER]
    (new,) = tree.commit(Commit(message="rebased", files={"r.c": "r"}), parent=ids_of(tree)[2])
    got = update(door, tree)
    assert got.rewritten == (MASTER,)
    assert not door.merge_base_is_ancestor(got.path, old, new)
    assert door.has_commit(got.path, old)


def test_a_deleted_ref_is_gone_and_nothing_is_rewritten(door: GitDoor, tree: Tree) -> None:
    """Absence of a branch is in refs_before and not in refs_after."""
    tree.git("update-ref", "refs/heads/topic", ids_of(tree)[1])
    update(door, tree)
    tree.git("update-ref", "-d", "refs/heads/topic")
    got = update(door, tree)
    assert set(got.refs_before) - set(got.refs_after) == {"refs/heads/topic"}
    assert got.rewritten == ()


def test_a_branch_takes_the_place_of_a_folder_of_branches(door: GitDoor, tree: Tree) -> None:
    """refs/heads/a/b goes, refs/heads/a comes, in one fetch."""
    tree.git("update-ref", "refs/heads/a/b", MASTER)
    update(door, tree)
    tree.git("update-ref", "-d", "refs/heads/a/b")
    tree.git("update-ref", "refs/heads/a", MASTER)
    assert set(update(door, tree).refs_after) == {MASTER, "refs/heads/a"}


def test_a_failed_fetch_leaves_the_old_state(git_server: GitServer, tree: Tree, tmp_path: Path) -> None:
    """Cut in the middle of the pack: a GitError, and refs and objects are as before."""
    with fault_proxy("127.0.0.1", git_server.port) as proxy:
        door = make_door(tmp_path, frozenset({f"127.0.0.1:{proxy.port}"}))
        url = f"http://127.0.0.1:{proxy.port}/{tree.name}"
        before = door.mirror("crypto", url, refspecs=REFSPECS, source="crypto")
        tree.commit(Commit(message="big", files={"big": "".join(f"{n * 7919}\n" for n in range(20_000))}))
        proxy.fault = Fault(cut_at=1500)
        with pytest.raises(GitError) as caught:
            door.mirror("crypto", url, refspecs=REFSPECS, source="crypto")
        assert caught.value.source == "crypto"
        assert door.refs(before.path) == before.refs_after
        proxy.fault = Fault()
        assert door.mirror("crypto", url, refspecs=REFSPECS, source="crypto").refs_after[MASTER] == tree.tip()


def test_a_server_that_hangs_ends_at_the_deadline(git_server: GitServer, tree: Tree, tmp_path: Path) -> None:
    """git and its helper are killed together, and no half-made mirror stays."""
    with fault_proxy("127.0.0.1", git_server.port) as proxy:
        proxy.fault = Fault(blackhole=True)
        door = make_door(tmp_path, frozenset({f"127.0.0.1:{proxy.port}"}), deadline=1.0)
        with pytest.raises(GitError) as caught:
            door.mirror("crypto", f"http://127.0.0.1:{proxy.port}/{tree.name}", refspecs=REFSPECS, source="crypto")
    assert caught.value.kind == "timeout"
    assert not (tmp_path / "git" / "crypto.new").exists()
    assert not (tmp_path / "git" / "crypto").exists()


def test_a_missing_repository_is_an_error(door: GitDoor, git_server: GitServer) -> None:
    """cgit answers a wrong path with a page: git says that this is no repository."""
    with pytest.raises(GitError) as caught:
        door.mirror("crypto", git_server.base_url + "/pub/none.git", refspecs=REFSPECS, source="crypto")
    assert "/pub/none.git" in str(caught.value)


def test_a_corrupt_mirror_is_made_anew(door: GitDoor, tree: Tree) -> None:
    """A damaged pack is noticed when it is read or fetched into; then the mirror is cloned aside and replaced."""
    first = update(door, tree)
    for pack in (first.path / "objects" / "pack").glob("*.pack"):
        pack.chmod(0o644)
        content = bytearray(pack.read_bytes())
        content[20:-20] = b"\xff" * (len(content) - 40)
        pack.write_bytes(bytes(content))
    with pytest.raises(GitError):
        list(door.read_commits(first.path, ids_of(tree)))
    second = update(door, tree)
    assert second.recloned
    assert second.refs_before == first.refs_after
    assert [commit.id for commit in door.read_commits(second.path, ids_of(tree))] == ids_of(tree)


def test_a_mirror_without_its_parts_is_made_anew(door: GitDoor, tree: Tree) -> None:
    """What is no repository any more is replaced."""
    first = update(door, tree)
    (first.path / "HEAD").unlink()
    second = update(door, tree)
    assert (second.recloned, second.refs_after) == (True, first.refs_after)


def test_leftovers_of_a_killed_git_are_removed(door: GitDoor, tree: Tree) -> None:
    """Lock files and half packs do not stop the next fetch; a stop between the renames of a reclone is undone."""
    first = update(door, tree)
    (first.path / "packed-refs.lock").touch()
    (first.path / "refs" / "heads" / "master.lock").touch()
    (first.path / "objects" / "pack" / "tmp_pack_x").touch()
    tree.commit(Commit(message="new", files={"n.c": "n"}))
    assert update(door, tree).refs_after == {MASTER: tree.tip()}
    first.path.rename(first.path.with_name("crypto.old"))
    assert update(door, tree).recloned is False


def test_a_filter_is_obeyed(door: GitDoor, tree: Tree) -> None:
    """Commits without trees: what is missing is missing, and fetch_objects brings just that."""
    commits = ids_of(tree)
    got = update(door, tree, filter="tree:0")
    assert got.filtered
    assert door.rev_list(got.path, MASTER, None, max_count=10) == commits
    assert door.patch_id(got.path, commits[2]) is None
    with pytest.raises(GitError):
        door.read_blob(got.path, commits[2], "crypto/a.c", 100)
    assert door.patch_id(got.path, commits[2], lazy=True) == patch_id_of(tree, commits[2])
    assert door.changed_paths(got.path, commits[2]) == ("crypto/2.c", "crypto/a.c")
    assert door.read_blob(got.path, commits[2], "crypto/a.c", 100) == b"line\n" * 3
    with pytest.raises(GitError):
        door.read_blob(got.path, commits[4], "crypto/a.c", 100)


def test_a_filtered_shallow_mirror_follows(door: GitDoor, tree: Tree) -> None:
    """Since a date and without trees: later commits come, and their changes can be completed."""
    commits = ids_of(tree)
    first = update(door, tree, filter="tree:0", shallow_since=date(2026, 4, 26))
    assert door.rev_list(first.path, MASTER, None, max_count=10) == commits[2:]
    (new,) = tree.commit(Commit(message="new", files={"crypto/a.c": "changed\n"}, at=START + 9 * DAY))
    got = update(door, tree, filter="tree:0")
    assert got.rewritten == ()
    assert door.patch_id(got.path, new, lazy=True) == patch_id_of(tree, new)
    with pytest.raises(GitError, match="history begins"):
        door.fetch_objects(got.path, [commits[2]])


def test_nothing_since_the_date_takes_the_newest(door: GitDoor, tree: Tree) -> None:
    """A list without mail since the date still gets a mirror that later fetches go on from."""
    got = update(door, tree, shallow_since=date(2030, 1, 1))
    assert door.rev_list(got.path, MASTER, None, max_count=10) == ids_of(tree)[-1:]
    (new,) = tree.commit(Commit(message="new", files={"n.c": "n"}))
    assert door.rev_list(got.path, update(door, tree).refs_after[MASTER], ids_of(tree)[-2], max_count=9) == [new]


def test_an_ignored_filter_is_said(door: GitDoor, git_server: GitServer) -> None:
    """The server knows no filters: everything comes, and filtered is False."""
    made = git_server.create("pub/scm/nofilter.git", allow_filter=False)
    (commit,) = made.commit(Commit(message="one", files={"a": "a"}))
    got = update(door, made, filter="tree:0")
    assert got.filtered is False
    assert door.read_blob(got.path, commit, "a", 10) == b"a"


def test_patch_id_is_that_of_the_mail(door: GitDoor, tree: Tree) -> None:
    """Equal to `git format-patch | git patch-id --stable`; none for the root commit."""
    commits = ids_of(tree)
    path = update(door, tree).path
    assert [door.patch_id(path, commit) for commit in commits] == [
        None,
        *[patch_id_of(tree, commit) for commit in commits[1:]],
    ]


def test_commits_as_they_were_written(door: GitDoor, tree: Tree) -> None:
    """Fields of an ordinary commit, and text that is not UTF-8, with odd names and impossible dates."""
    parent = tree.tip()
    odd = (
        f"tree {tree.git('rev-parse', MASTER + '^{tree}')}\nparent {parent}\n"
        "author J\udcf6rg <j@example.org> 1777000000 +9900\ncommitter <> 99999999999999 +0000\n"
        "encoding iso-8859-1\ngpgsig -----BEGIN\n x\n -----END\n\nSubj\udce4ct\nsecond line\n\nBody\n"
    )
    oid = (
        subprocess.run(
            ["git", "-C", str(tree.folder), "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
            input=odd.encode("utf-8", "surrogateescape"),
            env=clean_variables(),
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .strip()
    )
    raw = subprocess.run(
        ["git", "-C", str(tree.folder), "cat-file", "commit", oid],
        env=clean_variables(),
        capture_output=True,
        check=True,
    ).stdout
    parsed = parse_commit(oid, raw)
    assert parsed is not None
    assert (parsed.author_name, parsed.author_email) == ("Jörg", "j@example.org")
    assert parsed.author_at == datetime(2026, 4, 24, 3, 6, 40, tzinfo=UTC)
    assert parsed.committed_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert (parsed.subject, parsed.parents) == ("Subjäct second line", (parent,))
    (plain,) = door.read_commits(update(door, tree).path, ids_of(tree)[:1])
    assert (plain.author_name, plain.committer_email) == ("Ada Author", "mia@example.org")
    assert (plain.message, plain.parents) == ("crypto: change 0\n\nBody 0.\n", ())


def test_reading_files(door: GitDoor, tree: Tree) -> None:
    """One blob, many in one run, the list of a folder, and what changed between two commits."""
    commits = ids_of(tree)
    tree.commit(Commit(message="gone", files={"crypto/0.c": None}))
    path = update(door, tree).path
    assert door.read_blob(path, commits[1], "crypto/a.c", 100) == b"line\nline\n"
    assert list(door.read_blobs(path, [(commits[0], "crypto/0.c"), (commits[0], "no"), (MASTER, "crypto/4.c")], 9)) == [
        b"0\n",
        None,
        b"4\n",
    ]
    assert [entry.path for entry in door.list_tree(path, commits[1], "crypto")] == [
        "crypto/0.c",
        "crypto/1.c",
        "crypto/a.c",
    ]
    assert door.diff_tree(path, commits[4], MASTER) == ("crypto/0.c",)
    assert door.diff_tree(path, commits[4], MASTER, deleted=False) == ()
    assert door.changed_paths(path, commits[0]) == ("crypto/0.c", "crypto/a.c")
    with pytest.raises(GitError) as caught:
        door.read_blob(path, commits[4], "crypto/a.c", 10)
    assert caught.value.kind == "too_large"


def test_tags(door: GitDoor, tree: Tree) -> None:
    """Containment and dates, oldest first, by pattern."""
    commits = ids_of(tree)
    tree.tag("v7.0", commits[2], at=START + 2 * DAY)
    tree.tag("v7.1-rc1", commits[3], at=START + 3 * DAY)
    tree.tag("v6.12.1", commits[0], at=START)
    tree.git("update-ref", "refs/tags/next-20260428", commits[4])
    path = update(door, tree).path
    assert door.tags_containing(path, commits[1], "v*") == ["v7.0", "v7.1-rc1"]
    assert door.tags_containing(path, commits[4]) == ["next-20260428"]
    assert door.tag_dates(path, "v7*") == {
        "v7.0": datetime.fromtimestamp(START + 2 * DAY, tz=UTC),
        "v7.1-rc1": datetime.fromtimestamp(START + 3 * DAY, tz=UTC),
    }
