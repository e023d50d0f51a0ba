"""The git door and what a hostile repository, address, name or host configuration may try."""

from __future__ import annotations

from pathlib import Path

import pytest

from sources.errors import GitError
from sources.git import GitDoor
from sources.http import HttpPolicy
from sources.transport.git_names import is_ref_name
from tests.servers.trees import Commit, GitServer, Tree, git_server
from tests.sources.git_mirrors import MASTER, REFSPECS, door, ids_of, make_door, patch_id_of, tree, update

__all__ = ["door", "git_server", "tree"]  # fixtures, used by their names


@pytest.mark.parametrize("name", ["--upload-pack=touch$IFS/tmp/x", "--output=x", "-x", "a;b", "$(x)", "a`b`"])
def test_a_hostile_ref_is_harmless(door: GitDoor, tree: Tree, name: str) -> None:
    """A branch that looks like an option or a shell text is not shown, and everything else goes on."""
    tree.git("update-ref", "--stdin", stdin=f"create refs/heads/{name} {tree.tip()}\n")
    got = update(door, tree)
    assert got.refs_after == {MASTER: tree.tip()}
    assert len(door.rev_list(got.path, MASTER, None, max_count=9)) == 5


@pytest.mark.parametrize(
    "text", ["--all", "HEAD", "-n1", "master", "a" * 39, "A" * 40, "0" * 40 + "\n", "refs/heads/-x", ""]
)
def test_what_is_no_id_never_reaches_git(door: GitDoor, tree: Tree, text: str) -> None:
    """Options, short names and half ids are refused by every reading method."""
    path = update(door, tree).path
    for call in (
        lambda: door.rev_list(path, text, None, max_count=1),
        lambda: door.has_commit(path, text),
        lambda: list(door.read_commits(path, [text])),
        lambda: door.tags_containing(path, text),
        lambda: door.list_tree(path, text),
        lambda: door.fetch_objects(path, [text]),
        lambda: door.diff_tree(path, text, MASTER),
    ):
        with pytest.raises(GitError):
            call()


@pytest.mark.parametrize("file_path", ["-x", ":(top)a", "/etc/passwd", "../x", "a\nb", "a/../../b", ""])
def test_paths_stay_inside_the_tree(door: GitDoor, tree: Tree, file_path: str) -> None:
    """No option, no magic pathspec, no line end, no way out."""
    path = update(door, tree).path
    with pytest.raises(GitError):
        door.read_blob(path, MASTER, file_path, 100)


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c true",
        "ssh://example.org/x.git",
        "git://example.org/x.git",
        "git@example.org:x.git",
        "-oProxyCommand=x",
        "--upload-pack=x",
        "file:///etc",
        "/etc",
        "ftp://example.org/x.git",
        "https://user:pass@example.org/x.git",
        "https://127.0.0.1/x.git",
        "https://127.1/x.git",
        "https://0x7f000001/x.git",
        "https://[::ffff:127.0.0.1]/x.git",
        "http://example.org/x.git",
        "https://localhost/x.git",
        "https://example.org/x.git\n",
        "",
    ],
)
def test_addresses_that_git_is_never_given(door: GitDoor, url: str) -> None:
    """Other transports, credentials, private addresses and folders that nobody configured."""
    with pytest.raises(GitError) as caught:
        door.mirror("crypto", url, refspecs=REFSPECS, source="crypto")
    assert caught.value.kind == "not_allowed"
    assert "pass@" not in str(caught.value)


def test_git_connects_to_the_checked_address(git_server: GitServer, tree: Tree, tmp_path: Path) -> None:
    """The name resolves only for our guard; git gets there because the judged address is pinned."""
    policy = HttpPolicy(contact="x", version="1", allowed_hosts=frozenset({"trees.invalid"}))
    door = GitDoor(root=tmp_path / "git", policy=policy, deadline_seconds=30, resolver=lambda host, port: ["127.0.0.1"])
    got = door.mirror(
        "crypto", f"http://trees.invalid:{git_server.port}/{tree.name}", refspecs=REFSPECS, source="crypto"
    )
    assert got.refs_after == {MASTER: tree.tip()}


def test_a_configured_folder_may_be_mirrored(tree: Tree, tmp_path: Path) -> None:
    """file:// is open for configured folders and what is below them only."""
    door = make_door(tmp_path, frozenset(), paths=frozenset({str(tree.folder)}))
    got = door.mirror("crypto", f"file://{tree.folder}", refspecs=REFSPECS, source="crypto")
    assert got.refs_after == {MASTER: tree.tip()}
    with pytest.raises(GitError):
        door.mirror("other", f"file://{tree.folder}/../x", refspecs=REFSPECS, source="crypto")


@pytest.mark.parametrize("name", ["../x", "a/../b", "/abs", "a.new", "a.old", "", ".git", "a//b", "-x"])
def test_mirror_names_stay_below_the_root(door: GitDoor, tree: Tree, name: str) -> None:
    """Nothing is written outside of the mirror folder."""
    with pytest.raises(GitError):
        door.mirror(name, tree.url, refspecs=REFSPECS, source="crypto")


@pytest.mark.parametrize(
    "refspec", ["--upload-pack=x", "refs/heads/*", "+refs/heads/*:/etc/x", "a:b", "+refs/-x:refs/y"]
)
def test_refspecs_are_fixed_forms(door: GitDoor, tree: Tree, refspec: str) -> None:
    """A full name or a glob at its end, on both sides."""
    with pytest.raises(GitError):
        door.mirror("crypto", tree.url, refspecs=(refspec,), source="crypto")


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("refs/heads/master", True),
        ("refs/heads/linux-6.12.y", True),
        ("refs/tags/v7.0-rc1", True),
        ("refs/heads/a..b", False),
        ("refs/heads/-x", False),
        ("refs/heads/.x", False),
        ("refs/heads/x.lock", False),
        ("refs/heads//x", False),
        ("refs/heads/x/", False),
        ("refs", False),
        ("heads/x", False),
        ("refs/heads/a b", False),
        ("refs/heads/a\nb", False),
        ("refs/heads/é", False),
    ],
)
def test_ref_names(name: str, good: bool) -> None:
    """git's own rules, narrowed."""
    assert is_ref_name(name) is good


def test_many_packs_are_packed_together(door: GitDoor, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filtered mirror survives its repacking: the same commits, few packs, and it still follows."""
    monkeypatch.setattr("sources.transport.git_mirrors.MOST_PACKS", 2)
    for number in range(4):
        tree.commit(Commit(message=f"n {number}", files={"n.c": str(number)}))
        got = update(door, tree, filter="tree:0")
    assert len(list((got.path / "objects" / "pack").glob("*.pack"))) <= 2
    assert door.rev_list(got.path, MASTER, None, max_count=99) == ids_of(tree)
    assert door.patch_id(got.path, ids_of(tree)[-1], lazy=True) == patch_id_of(tree, ids_of(tree)[-1])


def test_hooks_and_the_hosts_own_configuration_take_no_part(
    door: GitDoor, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook in the mirror and a helper in the user's configuration are not run."""
    path = update(door, tree).path
    (path / "hooks").mkdir(exist_ok=True)
    hook = path / "hooks" / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n", encoding="utf-8")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f'[core]\n\tfsmonitor = "touch {tmp_path}/ran"\n', encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {tmp_path}/ran")
    tree.commit(Commit(message="new", files={"n.c": "n"}))
    got = update(door, tree)
    assert door.patch_id(got.path, got.refs_after[MASTER]) is not None
    assert not (tmp_path / "ran").exists()
