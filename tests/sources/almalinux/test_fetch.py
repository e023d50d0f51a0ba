"""Fetching AlmaLinux' database from a git repository on loopback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from sources.almalinux import SOURCE
from sources.base import FetchContext
from sources.errors import GitError
from sources.http import HttpDoor, HttpPolicy
from tests.servers.trees import Commit, GitServer, Tree, git_server
from tests.sources.almalinux.documents import osv
from tests.sources.fetch_contexts import NOW, HeldEtags, watch
from tests.sources.git_mirrors import make_door

__all__ = ["git_server"]  # a fixture, used by its name

pytestmark = pytest.mark.server

RAW = "https://raw.githubusercontent.com/AlmaLinux/osv-database/master/"
KERNEL = json.dumps(osv("ALSA-2026:13565", "AlmaLinux:9", {"kernel": "5.14.0-611.54.1.el9_7"}))
LATER = json.dumps(osv("ALSA-2026:19225", "AlmaLinux:9", {"kernel": "5.14.0-687.5.3.el9_8"}))
FIREFOX = json.dumps(osv("ALSA-2026:9", "AlmaLinux:9", {"firefox": "140.1-1.el9_7"}, related=("CVE-2026-1",)))
RELATED = json.dumps(osv("ALSA-2026:8", "AlmaLinux:9", {"docker": "29.4-1.el9_7"}))
FIRST = {
    "advisories/almalinux9/ALSA-2026:13565.json": KERNEL,
    "advisories/almalinux9/ALSA-2026:9.json": FIREFOX,
    "advisories/almalinux9/ALSA-2026:8.json": RELATED,
    "README.md": "the kernel of the matter",
}


def make_tree(git_server: GitServer, name: str) -> Tree:
    tree = git_server.create(f"pub/almalinux/{name}.git")
    tree.commit(Commit(message="Sync database", files=FIRST))
    return tree


def context(
    git_server: GitServer, tree: Tree, folder: Path, checkpoint: Mapping[str, str] | None = None
) -> FetchContext:
    policy = HttpPolicy(contact="ops@example.org", version="1.2", allowed_hosts=git_server.allowed_hosts)
    return FetchContext(
        source="almalinux",
        settings={"url": tree.url},
        http=HttpDoor(policy),
        git=make_door(folder, git_server.allowed_hosts),
        checkpoint=checkpoint or {},
        held=HeldEtags(),
        watch=watch("CVE-2026-31431"),
        now=NOW,
    )


def test_a_first_fetch_reads_kernels_and_watched_cves(git_server: GitServer, tmp_path: Path) -> None:
    """Each file has the address of its raw form; other packages' errata stay where they are."""
    tree = make_tree(git_server, "first")
    (batch,) = SOURCE.fetch(context(git_server, tree, tmp_path))
    assert [(one.url, one.body.decode(), one.at, one.kind) for one in batch.documents] == [
        (RAW + "advisories/almalinux9/ALSA-2026:13565.json", KERNEL, NOW, "osv"),
        (RAW + "advisories/almalinux9/ALSA-2026:8.json", RELATED, NOW, "osv"),
    ]
    assert batch.checkpoint == {"commit": tree.tip()}


def test_nothing_changed_gives_no_document(git_server: GitServer, tmp_path: Path) -> None:
    """The same commit again."""
    tree = make_tree(git_server, "unchanged")
    (first,) = SOURCE.fetch(context(git_server, tree, tmp_path))
    (second,) = SOURCE.fetch(context(git_server, tree, tmp_path, first.checkpoint))
    assert (second.documents, second.checkpoint) == ((), first.checkpoint)


def test_only_changed_files_come_and_deleted_ones_mean_nothing(git_server: GitServer, tmp_path: Path) -> None:
    """A new erratum comes alone; one that is gone is no document."""
    tree = make_tree(git_server, "changed")
    (first,) = SOURCE.fetch(context(git_server, tree, tmp_path))
    name = "advisories/almalinux9/ALSA-2026:19225.json"
    tree.commit(Commit(message="Sync", files={name: LATER, "advisories/almalinux9/ALSA-2026:8.json": None}))
    (second,) = SOURCE.fetch(context(git_server, tree, tmp_path, first.checkpoint))
    assert [one.url for one in second.documents] == [RAW + name]
    assert second.checkpoint == {"commit": tree.tip()}


def test_rewritten_history_is_read_whole(git_server: GitServer, tmp_path: Path) -> None:
    """The commit of the checkpoint is nowhere: every file is read again, with a line for the operator."""
    tree = make_tree(git_server, "rewritten")
    (batch,) = SOURCE.fetch(context(git_server, tree, tmp_path, {"commit": "f" * 40}))
    assert len(batch.documents) == 2
    assert batch.notes == ("almalinux: the history of the database was rewritten; every file is read again",)


def test_a_repository_that_is_not_there_is_an_error(git_server: GitServer, tmp_path: Path) -> None:
    """git's failure comes through; nothing is taken in."""
    tree = Tree(tmp_path, git_server.base_url, "pub/almalinux/missing.git")
    with pytest.raises(GitError):
        list(SOURCE.fetch(context(git_server, tree, tmp_path)))
