"""cgit and git smart HTTP on one loopback address, with git.kernel.org's paths, as the live host has them."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

CGIT = Path("/usr/lib/cgit/cgit.cgi")
HTTP_BACKEND = Path("/usr/lib/git-core/git-http-backend")
READY_SECONDS = 60.0
DAY = 86_400

_LIGHTTPD_CONF = """\
server.port = {port}
server.bind = "127.0.0.1"
server.document-root = "{folder}/www"
server.errorlog = "{folder}/error.log"
server.modules = ("mod_rewrite", "mod_alias", "mod_setenv", "mod_cgi")
setenv.set-environment = ("CGIT_CONFIG" => "{folder}/cgitrc", "HOME" => "{folder}",
  "GIT_PROJECT_ROOT" => "{folder}", "GIT_HTTP_EXPORT_ALL" => "1")
cgi.execute-x-only = "enable"
alias.url = ("/git-http-backend" => "{backend}", "/cgit.cgi" => "{cgit}")
cgi.assign = ("cgit.cgi" => "", "git-http-backend" => "")
url.rewrite-once = (
  "^/(pub/.+/(?:HEAD|info/refs|objects/.*|git-upload-pack)(?:\\?.*)?)$" => "/git-http-backend/$1",
  "^/cgit\\.cgi.*" => "$0", "^/(.*)$" => "/cgit.cgi/$1")
"""
_CGITRC = """\
virtual-root=/
root-title=trees
cache-size=0
enable-http-clone=0
snapshots=
max-atom-items=10
enable-log-filecount=1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit to make: files as path -> content (None deletes). at: when it was committed, in whole seconds.

    written: when its author wrote it, else the same.
    """

    message: str
    files: Mapping[str, str | None]
    at: int = 1_777_000_000
    author: str = "Ada Author <ada@example.org>"
    written: int | None = None


class Tree:
    """A bare repository on the server. Commits are made with plumbing, so no work tree and no clock is needed."""

    def __init__(self, folder: Path, base_url: str, name: str) -> None:
        self.folder = folder
        self.name = name
        self.url = f"{base_url}/{name}"

    def git(self, *arguments: str, stdin: str = "", **variables: str) -> str:
        """git's stdout without the last newline."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            input=stdin.encode(),
            env=clean_variables() | variables,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return done.stdout.decode().removesuffix("\n")

    def commit(self, *commits: Commit, ref: str = "refs/heads/master", parent: str | None = None) -> list[str]:
        """Add commits to `ref` one after another, on `parent` (default: what the ref holds). Their ids in order."""
        made: list[str] = []
        tip = parent or self.tip(ref)
        for commit in commits:
            tip = self._commit_one(commit, tip)
            made.append(tip)
        if tip is not None:
            self.git("update-ref", ref, tip)
        return made

    def merge(self, other: str, message: str, *, at: int, ref: str = "refs/heads/master") -> str:
        """Merge `other`, which must be here, into `ref`; its id. Both sides may not change the same file."""
        theirs = self.git("rev-parse", f"{other}^{{commit}}")
        ours = self.tip(ref) or theirs
        tree = self.git("merge-tree", "--write-tree", ours, theirs)
        made = self._write(tree, (ours, theirs), Commit(message=message, files={}, at=at))
        self.git("update-ref", ref, made)
        return made

    def take(self, other: Tree, *refspecs: str) -> None:
        """Fetch refs of another tree on this machine, with their objects ("refs/heads/master:refs/heads/base")."""
        forced = [f"+{one}" for one in refspecs]
        self.git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(other.folder), *forced)

    def tip(self, ref: str = "refs/heads/master") -> str | None:
        found = self.git("for-each-ref", "--format=%(objectname)", ref)
        return found or None

    def tag(self, name: str, commit: str, *, at: int = 1_777_000_000) -> None:
        """An annotated tag, as releases have them."""
        text = f"object {commit}\ntype commit\ntag {name}\ntagger {_identity('Linus <l@example.org>', at)}\n\n{name}\n"
        self.git("update-ref", f"refs/tags/{name}", self.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=text))

    def _commit_one(self, commit: Commit, parent: str | None) -> str:
        index = self.folder / "made.index"
        index.unlink(missing_ok=True)
        variables = {"GIT_INDEX_FILE": str(index)}
        if parent is not None:
            self.git("read-tree", parent, **variables)
        lines = []
        for path, content in commit.files.items():
            if content is None:
                lines.append(f"0 {'0' * 40}\t{path}\n")
                continue
            blob = self.git("hash-object", "-w", "--stdin", stdin=content)
            lines.append(f"100644 {blob}\t{path}\n")
        self.git("update-index", "--add", "--index-info", stdin="".join(lines), **variables)
        return self._write(self.git("write-tree", **variables), () if parent is None else (parent,), commit)

    def _write(self, tree: str, parents: Sequence[str], commit: Commit) -> str:
        text = f"tree {tree}\n" + "".join(f"parent {parent}\n" for parent in parents)
        text += f"author {_identity(commit.author, commit.at if commit.written is None else commit.written)}\n"
        text += f"committer {_identity('Mia Maintainer <mia@example.org>', commit.at)}\n\n{commit.message}\n"
        return self.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=text)


class GitServer:
    """`base_url` + "/pub/scm/linux/kernel/git/..." is both a git address and cgit's pages, as on git.kernel.org."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"
        self._names: list[str] = []

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """What HttpPolicy must allow for this server."""
        return frozenset({f"127.0.0.1:{self.port}"})

    def create(self, name: str, *, allow_filter: bool = True) -> Tree:
        """A new empty repository below pub/scm/ ("pub/scm/linux/kernel/git/herbert/cryptodev-2.6.git")."""
        folder = self._folder / name
        folder.mkdir(parents=True)
        tree = Tree(folder, self.base_url, name)
        tree.git("init", "--quiet", "--bare", ".")
        tree.git("config", "uploadpack.allowFilter", "true" if allow_filter else "false")
        self._names.append(name)
        self._write_cgitrc()
        return tree

    def _write_cgitrc(self) -> None:
        listed = "".join(
            f"repo.url={name}\nrepo.path={self._folder}/{name}\nrepo.defbranch=master\n" for name in sorted(self._names)
        )
        (self._folder / "cgitrc").write_text(_CGITRC + listed, encoding="utf-8")


def clean_variables() -> dict[str, str]:
    """git without this machine's configuration."""
    return {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "init.defaultBranch",
        "GIT_CONFIG_VALUE_0": "master",
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
    }


def _identity(who: str, at: int) -> str:
    return f"{who} {at} +0000"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def missing_part() -> str:
    """What the server lacks on this machine, or ""."""
    if shutil.which("lighttpd") is None:
        return "lighttpd"
    if not CGIT.exists():
        return "cgit"
    return "" if HTTP_BACKEND.exists() else "git-http-backend"


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until cgit answers; 404 is its answer as long as no repository is listed."""
    until = time.monotonic() + READY_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"lighttpd did not answer on port {port}")
        time.sleep(0.02)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status in (200, 404)
    except OSError:
        return False
    finally:
        connection.close()


@pytest.fixture(scope="session")
def git_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    """The server, empty; tests create their own repositories on it under names of their own."""
    if missing := missing_part():
        pytest.skip(f"{missing} is not installed: no cgit and git over HTTP to test against")
    folder = tmp_path_factory.mktemp("trees")
    (folder / "www").mkdir()
    (folder / "cgitrc").write_text(_CGITRC, encoding="utf-8")
    port = free_port()
    configuration = _LIGHTTPD_CONF.format(port=port, folder=folder, backend=HTTP_BACKEND, cgit=CGIT)
    (folder / "lighttpd.conf").write_text(configuration, encoding="utf-8")
    process = subprocess.Popen(["lighttpd", "-D", "-f", str(folder / "lighttpd.conf")], stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(port, process)
        yield GitServer(folder, port)
    finally:
        process.terminate()
        process.wait(timeout=10)
