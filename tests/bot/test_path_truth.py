"""The table of facts: every mail of the real lists, with the commits as the trees have them, gives every row."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from advisories.mail import MailRole, PatchMail
from advisories.observation import CommitObservation, Record
from advisories.words import EvidenceClass
from bot.app import App
from bot.topic_files import load_topics
from bot.views.path import path_document
from sources.debian.changelog import read_changelog
from storage import patches as patch_store
from tests.advisories.lives import patch_mail, real_mails
from tests.bot.stores import application, parsed, record, spec, take

Fact = dict[str, Any]  # Any: a table of the file of facts
FACTS: list[Fact] = tomllib.loads(Path(__file__).with_name("path_facts.toml").read_text(encoding="utf-8"))["changes"]
TAGGED = {
    "v7.0-rc7": datetime(2026, 4, 5, 22, tzinfo=UTC),
    "v7.2-rc1": datetime(2026, 6, 28, 22, tzinfo=UTC),
    "v7.3-rc1": datetime(2026, 8, 30, 22, tzinfo=UTC),
}
RELEASED = datetime(2026, 9, 4, 12, tzinfo=UTC)


def day(text: str, hour: int = 10) -> datetime:
    return datetime.fromisoformat(text).replace(hour=hour, tzinfo=UTC)


def own_mails(facts: Sequence[Fact]) -> list[PatchMail]:
    """Postings of the changes that came after the real mails end."""
    hours = (day("2026-06-22") - day("2026-05-04", 6)) / timedelta(hours=1)
    return [
        patch_mail(
            one["message_id"], f"[PATCH] {one['title']}", sender=f"{one['author']} <ebiggers@kernel.org>", hours=hours
        )
        for one in facts
        if one.get("own_mail")
    ]


def own_commit(fact: Fact, commit: str, at: datetime, **more: Any) -> CommitObservation:  # Any: the commit's fields
    return CommitObservation(
        **{
            "branch": "master",
            "commit": commit,
            "subject": fact.get("applied_as", fact["title"]),
            "author_name": fact["author"],
            "author_email": f"{fact['author'].lower().replace(' ', '.')}@home.example",
            "author_at": at,
            "committed_at": at,
            "message": "",
            "files": tuple(
                fact.get("files", ("crypto/af_alg.c", "net/socket.c", "Documentation/crypto/userspace-if.rst"))
            ),
            **more,
        }
    )


def commits(fact: Fact) -> Iterator[CommitObservation]:
    """The change as mainline, cryptodev and the stable branches have it; backports name their upstream."""
    upstream: str = fact["commit"]
    written = day(max(fact["posted"].values()), 23)
    first = fact["mainline"]
    yield own_commit(fact, upstream, written, tree="mainline", first_tag=first, first_tag_at=TAGGED[first])
    if "applied" in fact:
        yield own_commit(fact, upstream, day(fact["applied"], 5), tree="cryptodev")
    for number, (branch, version) in enumerate(sorted(fact.get("stable", {}).items())):
        backport = fact.get("backports", {}).get(branch) or f"{upstream[:36]}{number:04x}"[::-1]
        yield own_commit(
            fact,
            backport,
            written + timedelta(days=2),
            tree="stable",
            branch=f"linux-{branch}.y",
            first_tag=f"v{version}",
            first_tag_at=RELEASED,
            upstream_commit=upstream,
        )


def changelog_records(shared_data: Path) -> list[Record]:
    files = sorted((shared_data / "debian").glob("changelog.*.txt"))
    return [one for file in files for one in read_changelog(file.read_bytes()).records]


@pytest.fixture(scope="module")
def followed(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Mails, commits and changelogs taken in, a source after the other."""
    with application(tmp_path_factory.mktemp("truth"), topics=load_topics([])) as app:
        take_all(app, shared_data, random.Random(1))
        yield app


def take_all(app: App, shared_data: Path, order: random.Random) -> None:
    mails = [*real_mails(shared_data), *own_mails(FACTS)]
    found = [one for fact in FACTS for one in commits(fact)]
    documents = [
        parsed(
            record(f"mail/{one.content_key}", one),
            at=one.at or RELEASED,
            source="lore",
            url=f"https://lore.kernel.org/linux-crypto/{one.msgid}/raw",
        )
        for one in mails
    ]
    lore = spec("lore", EvidenceClass.LIST_MAIL)
    order.shuffle(documents)
    order.shuffle(found)
    half = len(found) // 2
    take_commits(app, found[:half])
    for start in range(0, len(documents), 90):
        take(app, *documents[start : start + 90], source=lore)
    take(app, parsed(*changelog_records(shared_data), at=RELEASED, source="debian"))
    take_commits(app, found[half:])


def take_commits(app: App, found: Sequence[CommitObservation]) -> None:
    for tree in sorted({one.tree for one in found}):
        documents = [
            parsed(
                record(f"commit/{one.branch}/{one.commit}", one),
                at=max(one.committed_at, one.first_tag_at or one.committed_at),
                source=tree,
                url=f"https://git.example/{tree}/commit/?h={one.branch}&id={one.commit}",
            )
            for one in found
            if one.tree == tree
        ]
        take(app, *documents, source=spec(tree, EvidenceClass.GIT))


def what_path_says(app: App, fact: Fact) -> Fact:
    """The row of the table as `path` gives it, asked by Message-ID."""
    with app.store.read() as connection:
        document = path_document(connection, f"<{fact['message_id']}>")
    assert document is not None
    (patch,) = document["patches"]
    landings = patch["landings"]

    def days(stage: str, key: str) -> dict[str, str]:
        return {one[key]: one["at"][:10] for one in landings if one["stage"] == stage}

    said: Fact = {
        "title": patch["subject"],
        "author": patch["author"],
        "posted": days("posted", "ref"),
        "mainline": next(one["ref"] for one in landings if one["stage"] == "mainline"),
        "release": next(one["version"] for one in landings if one["stage"] == "mainline"),
        "commit": patch["commits"][0],
    }
    assert patch["revisions"] == len(said["posted"])
    if applied := days("applied", "tree"):
        assert list(applied) == ["cryptodev"]
        said["applied"] = applied["cryptodev"]
    if stable := {one["branch"]: one["version"] for one in landings if one["stage"] == "stable"}:
        said["stable"] = stable
    packages = {one["tree"].removeprefix("debian/"): one["version"] for one in landings if one["stage"] == "packaged"}
    if "packaged" in fact:
        said["packaged"] = packages
    return said


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: str(fact["commit"])[:12])
def test_path_gives_the_row(followed: App, fact: Fact) -> None:
    """Posted, revisions, applied, mainline tag and release, stable versions and packages, all of them equal."""
    told = ("title", "author", "posted", "mainline", "release", "commit", "applied", "stable", "packaged")
    assert what_path_says(followed, fact) == {key: fact[key] for key in told if key in fact}


def test_the_same_state_whatever_came_first(followed: App, shared_data: Path, tmp_path: Path) -> None:
    """Another order of arrival gives equal patches."""
    with application(tmp_path, topics=load_topics([])) as other:
        take_all(other, shared_data, random.Random(2))
        with followed.store.read() as first, other.store.read() as second:
            assert patch_store.list_patches(first) == patch_store.list_patches(second)


def test_every_real_mail_has_a_role_and_only_the_forms_of_tools_make_a_stage(shared_data: Path) -> None:
    """What is neither posting nor one of the known forms is a reply or discussion."""
    roles = [one.role for one in real_mails(shared_data)]
    assert len(roles) >= 239
    by_people = {
        MailRole.REPLY,
        MailRole.REVIEW,
        MailRole.DISCUSSION,
        MailRole.PATCH,
        MailRole.COVER,
        MailRole.BACKPORT,
    }
    by_tools = {MailRole.AUTOSEL, MailRole.APPLIED, MailRole.PULL_REQUEST, MailRole.PULL_MERGED}
    assert set(roles) - by_people - by_tools <= {MailRole.GITOLITE_PUSH, MailRole.STABLE_ANNOUNCE}


def test_debian_stable_has_the_removal_of_zero_copy_with_no_cve(followed: App) -> None:
    """Found by the title in the changelog, and sure because the stable release it contains has the patch."""
    with followed.store.read() as connection:
        document = path_document(connection, "ffdd2bc37895")
    assert document is not None
    found = [one for one in document["patches"][0]["landings"] if one["stage"] == "packaged"]
    packaged = [(one["tree"], one["package"], one["version"], one["guess"]) for one in found]
    assert sorted(packaged) == [
        ("debian/11", "linux", "5.10.262-1", False),
        ("debian/12", "linux", "6.1.180-1", False),
        ("debian/13", "linux", "6.12.96-1", False),
    ]
