"""Where git fails, the pages of a real cgit are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisories.observation import CommitObservation
from sources.errors import GitError
from tests.servers.trees import DAY, GitServer, Tree, git_server
from tests.sources.trees.following import Following
from tests.sources.trees.repository import FIX, START, follow, tree, wanted

__all__ = ["follow", "git_server", "tree"]  # fixtures, used by their names

pytestmark = pytest.mark.server


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
    assert [batch.stream for batch in crypto.batches] == ["pages"]
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
