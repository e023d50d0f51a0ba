"""The CNA's repository over real git: first reading, changes, moves, interruptions."""

from __future__ import annotations

from pathlib import Path

import pytest

from sources.base import Batch, FetchContext, Watch
from sources.errors import FetchError
from sources.kernel_cna import SOURCE
from sources.kernel_cna.parse import parse
from tests.servers.trees import Commit, GitServer, Tree, git_server
from tests.sources.kernel_cna.contexts import NOW, all_batches, make_context, make_watch
from tests.sources.kernel_cna.records import PAIRS, cvss, dyad, record

__all__ = ["git_server"]  # a fixture, used by its name

WATCHED = "CVE-2026-46028"
BY_FILE = "CVE-2026-31677"
BY_COMMIT = "CVE-2026-43043"
OTHER = "CVE-2026-1111"
OLD = "CVE-2024-26642"
WATCH = make_watch(cves=[WATCHED], commits=["62397b493e14"], paths=["crypto/af_alg.c", "crypto/algif_*"])
MAINLINE_43043 = "62397b493e14107ae82d8b80938f293d95425bcb"


def path(cve: str, kind: str = "json", folder: str = "published") -> str:
    return f"cve/{folder}/{cve[4:8]}/{cve}.{kind}"


def text_of(cve: str, files: tuple[str, ...] = ("net/socket.c",), mainline: str = "a" * 40) -> str:
    pairs = (*PAIRS[:1], ("4.14", PAIRS[0][1], "7.1", mainline))
    return record(cve, pairs, files=files).decode()


@pytest.fixture
def vulns(git_server: GitServer, request: pytest.FixtureRequest) -> Tree:
    """A repository with a CVE of each kind: watched, by file, by commit, none of these, and an old one."""
    tree = git_server.create(f"pub/scm/linux/security/{abs(hash(request.node.nodeid))}.git")
    tree.commit(
        Commit(
            message="Publish",
            files={
                "README": "CVE records",
                path(WATCHED): text_of(WATCHED),
                path(WATCHED, "dyad"): dyad().decode(),
                path(BY_FILE): text_of(BY_FILE, ("crypto/algif_skcipher.c",)),
                path(BY_FILE, "sha1"): PAIRS[0][3],
                path(BY_COMMIT): text_of(BY_COMMIT, mainline=MAINLINE_43043),
                path(OTHER): text_of(OTHER),
                path(OLD): text_of(OLD, ("crypto/af_alg.c",)),
                "cve/published/2026/CVE-2026-46028": "",
                "cve/testing/CVE-2026-1.json": "x",
            },
        )
    )
    return tree


def context_of(
    vulns: Tree,
    folder: Path,
    *,
    watch: Watch = WATCH,
    checkpoint: dict[str, str] | None = None,
    known: tuple[str, ...] = (),
) -> FetchContext:
    host = vulns.url.split("/")[2]
    return make_context(
        SOURCE, folder, {"url": vulns.url}, hosts=[host], watch=watch, checkpoint=checkpoint, known=known
    )


def names(batches: list[Batch]) -> list[str]:
    return [document.url.rpartition("/")[2] for batch in batches for document in batch.documents]


def last(batches: list[Batch]) -> dict[str, str]:
    return dict(batches[-1].checkpoint)


def test_a_first_fetch_takes_what_the_topics_want(vulns: Tree, tmp_path: Path) -> None:
    """By id, by file and by commit, with the files beside; not other CVEs, not those before the topics began."""
    batches = all_batches(SOURCE, context_of(vulns, tmp_path))
    assert names(batches) == [
        f"{WATCHED}.dyad",
        f"{WATCHED}.json",
        f"{BY_FILE}.json",
        f"{BY_FILE}.sha1",
        f"{BY_COMMIT}.json",
    ]
    document = batches[0].documents[1]
    assert document.url == f"{vulns.url}/plain/cve/published/2026/{WATCHED}.json"
    assert (document.body, document.at, document.source) == (text_of(WATCHED).encode(), NOW, "kernel-cna")
    assert last(batches)["commit"] == vulns.tip()
    assert all(parse(one).rejected == () for batch in batches for one in batch.documents)


def test_only_what_is_read_is_fetched(vulns: Tree, tmp_path: Path) -> None:
    """The file of an old CVE that nobody asked for never comes over the wire."""
    context = context_of(vulns, tmp_path)
    all_batches(SOURCE, context)
    mirror = tmp_path / "git" / "kernel-cna"
    with pytest.raises(FetchError):
        context.git.read_blob(mirror, vulns.tip() or "", path(OLD), 1 << 20)
    assert context.git.read_blob(mirror, vulns.tip() or "", path(WATCHED), 1 << 20) == text_of(WATCHED).encode()


def test_every_kernel_cve_may_be_watched(vulns: Tree, tmp_path: Path) -> None:
    """A topic with cves = ["*"] takes all, the old ones too."""
    batches = all_batches(SOURCE, context_of(vulns, tmp_path, watch=make_watch(every_kernel_cve=True)))
    assert {name.partition(".")[0] for name in names(batches)} == {WATCHED, BY_FILE, BY_COMMIT, OTHER, OLD}


def test_an_advisory_that_is_followed_already_is_wanted(vulns: Tree, tmp_path: Path) -> None:
    """A CVE that was found by its files stays wanted when no topic names it."""
    watch = make_watch(cves=[WATCHED])
    assert f"{OLD}.json" in names(all_batches(SOURCE, context_of(vulns, tmp_path, watch=watch, known=(OLD,))))


def test_nothing_new_restates_what_is_followed(vulns: Tree, tmp_path: Path) -> None:
    """No document; the watched CVE's files are named as unchanged, so that a weaker claim can be said twice."""
    first = all_batches(SOURCE, context_of(vulns, tmp_path))
    again = all_batches(SOURCE, context_of(vulns, tmp_path, checkpoint=last(first)))
    base = f"{vulns.url}/plain/cve/published/2026/{WATCHED}"
    assert again == [Batch(documents=(), checkpoint=last(first), same=(f"{base}.dyad", f"{base}.json"))]


def test_a_change_brings_the_changed_files_alone(vulns: Tree, tmp_path: Path) -> None:
    """A vector for a CVE found by its file; an edit of a CVE that nobody watches brings nothing."""
    first = all_batches(SOURCE, context_of(vulns, tmp_path))
    vulns.commit(
        Commit(message="Score", files={path(BY_FILE, "cvss"): cvss().decode(), path(OTHER): text_of(OTHER) + "\n"})
    )
    batches = all_batches(SOURCE, context_of(vulns, tmp_path, checkpoint=last(first)))
    assert names(batches) == [f"{BY_FILE}.cvss"]
    assert last(batches)["commit"] == vulns.tip()


def test_a_rejected_cve_comes_from_its_new_folder(vulns: Tree, tmp_path: Path) -> None:
    """The move to cve/rejected/ is a document that withdraws; the disappearance says nothing."""
    first = all_batches(SOURCE, context_of(vulns, tmp_path))
    vulns.commit(
        Commit(message="Reject", files={path(WATCHED): None, path(WATCHED, folder="rejected"): text_of(WATCHED)})
    )
    (document,) = all_batches(SOURCE, context_of(vulns, tmp_path, checkpoint=last(first)))[0].documents
    assert document.url == f"{vulns.url}/plain/cve/rejected/2026/{WATCHED}.json"
    (record_,) = parse(document).records
    assert (record_.key, getattr(record_.observations[0], "withdrawn", None)) == (f"{WATCHED}.json", True)


def test_a_rejected_cve_that_nobody_follows_is_left_alone(vulns: Tree, tmp_path: Path) -> None:
    """It has a watched file, but was taken back before it was ever told."""
    vulns.commit(
        Commit(
            message="Move",
            files={path(BY_FILE): None, path(BY_FILE, folder="rejected"): text_of(BY_FILE, ("crypto/af_alg.c",))},
        )
    )
    vulns.commit(Commit(message="Move", files={path(BY_FILE, "sha1"): None}))
    assert BY_FILE not in {name.partition(".")[0] for name in names(all_batches(SOURCE, context_of(vulns, tmp_path)))}


def test_an_interrupted_reading_goes_on_where_it_was(vulns: Tree, tmp_path: Path) -> None:
    """Each batch's checkpoint covers what was yielded, also when the repository has moved on meanwhile."""
    many = {path(f"CVE-2026-{number}"): text_of(f"CVE-2026-{number}") for number in range(50_000, 50_205)}
    vulns.commit(Commit(message="Many", files=many))
    watch = make_watch(every_kernel_cve=True)
    first = next(SOURCE.fetch(context_of(vulns, tmp_path, watch=watch)))
    vulns.commit(Commit(message="More", files={path("CVE-2026-60000"): text_of("CVE-2026-60000")}))
    rest = all_batches(SOURCE, context_of(vulns, tmp_path, watch=watch, checkpoint=dict(first.checkpoint)))
    assert len(first.documents) == 200
    got = names([first, *rest])
    assert sorted(got) == sorted(set(got))
    assert {name.partition(".")[0] for name in got} == {
        WATCHED, BY_FILE, BY_COMMIT, OTHER, OLD, "CVE-2026-60000", *(name.split("/")[-1][:-5] for name in many)
    }  # fmt: skip
    assert last(rest)["commit"] == vulns.tip()


def test_a_new_topic_reads_everything_again(vulns: Tree, tmp_path: Path) -> None:
    """What it wants was published long ago and does not change."""
    first = all_batches(SOURCE, context_of(vulns, tmp_path))
    watch = make_watch(cves=[WATCHED, OTHER])
    batches = all_batches(SOURCE, context_of(vulns, tmp_path, watch=watch, checkpoint=last(first)))
    assert names(batches) == [f"{OTHER}.json", f"{WATCHED}.dyad", f"{WATCHED}.json"]


def test_a_rewritten_history_is_compared_by_content(vulns: Tree, tmp_path: Path) -> None:
    """The operator is told; what is the same is not read again."""
    first = all_batches(SOURCE, context_of(vulns, tmp_path))
    (root,) = vulns.git("rev-list", "--max-parents=0", "refs/heads/master").split()
    vulns.commit(Commit(message="Side", files={path(WATCHED, "cvss"): cvss().decode()}))
    second = all_batches(SOURCE, context_of(vulns, tmp_path, checkpoint=last(first)))
    vulns.commit(Commit(message="Again", files={path(WATCHED, "sha1"): "a" * 40}), parent=root)
    third = all_batches(SOURCE, context_of(vulns, tmp_path, checkpoint=last(second)))
    assert names(third) == [f"{WATCHED}.sha1"]
    assert third[0].notes == ("the history of the kernel CNA's repository was rewritten; compared by content",)


def test_a_lost_checkpoint_reads_everything(vulns: Tree, tmp_path: Path) -> None:
    """A commit that the repository does not have is no place to go on from."""
    first = all_batches(SOURCE, context_of(vulns, tmp_path))
    lost = {**last(first), "commit": "b" * 40}
    assert names(all_batches(SOURCE, context_of(vulns, tmp_path, checkpoint=lost))) == names(first)


def test_a_file_that_is_too_large_stops_nothing(vulns: Tree, tmp_path: Path) -> None:
    """The others of its batch are read."""
    vulns.commit(Commit(message="Large", files={path(WATCHED, "mbox"): "x" * (5 << 20)}))
    assert names(all_batches(SOURCE, context_of(vulns, tmp_path)))[:2] == [f"{WATCHED}.dyad", f"{WATCHED}.json"]


def test_a_server_that_ignores_filters_is_told_once(git_server: GitServer, tmp_path: Path) -> None:
    """Everything is there then; the operator learns why the mirror is large."""
    tree = git_server.create("pub/scm/linux/security/nofilter.git", allow_filter=False)
    tree.commit(Commit(message="Publish", files={path(WATCHED): text_of(WATCHED)}))
    first = all_batches(SOURCE, context_of(tree, tmp_path))
    assert first[0].notes == ("the kernel CNA's git server ignores filters: the mirror holds every file",)
    assert names(first) == [f"{WATCHED}.json"]
    again = all_batches(SOURCE, context_of(tree, tmp_path, checkpoint=last(first)))
    assert [batch.notes for batch in again] == [()]


def test_a_repository_that_is_not_there_is_an_error(git_server: GitServer, tmp_path: Path) -> None:
    """Nothing is yielded, and the error names the source."""
    tree = git_server.create("pub/scm/linux/security/empty.git")
    with pytest.raises(FetchError) as caught:
        all_batches(SOURCE, context_of(tree, tmp_path))
    assert caught.value.source == "kernel-cna"
