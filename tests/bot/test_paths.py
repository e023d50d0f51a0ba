"""Patches in the store: what is kept, which advisories they open and join, and what is told, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from advisories.mail import PatchMail
from advisories.model import ChangeDraft
from advisories.observation import (
    CommitObservation,
    Observation,
    PackageChangelogObservation,
    ReleaseObservation,
    UpstreamFix,
)
from advisories.patches_keys import own_keys
from advisories.topics import parse_topic
from advisories.words import Alarm, ChangeType, EvidenceClass, Stage
from bot.app import App
from bot.cli.path import print_patch, stage_line
from bot.ingest.cycle import Mode
from bot.ingest.rebuild import rebuild
from bot.ingest.replay import replay
from bot.views.path import path_document
from bot.views.topics import load_plan, topic_view
from storage import identity
from storage import patches as patch_store
from storage.records import NewVersion
from tests.advisories.lives import (
    HERBERT,
    TITLE,
    at,
    changelog,
    commit,
    commit_id,
    diff,
    mail,
    patch_mail,
    stable,
)
from tests.bot.stores import application, parsed, record, spec, take
from tests.build import cve, evidence

TOPIC = parse_topic(
    f"""
slug = "af-alg"
title = "AF_ALG"
cves = ["CVE-2026-74578"]
paths = ["crypto/af_alg.c"]
subjects = ["crypto: af_alg*"]
[[matters]]
slug = "aio"
title = "Removal of AIO"
message_ids = ["aio@x"]
[[steps]]
slug = "zero-copy"
title = "Zero-copy is removed"
commits = ["{commit_id(1)}"]
""",
    name="test",
)
POSTED = patch_mail("v1@x", f"[PATCH] {TITLE}")
MERGED = commit(1, tag="v7.2-rc1")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with application(tmp_path, topics=[TOPIC]) as opened:
        yield opened


def comes(app: App, *observations: Observation, hours: float = 0, mode: Mode | None = None) -> list[ChangeDraft]:
    """One cycle of one source in which these arrive, each a document of its own; what it tells."""
    source = _source(observations[0])
    documents = [
        parsed(record(_key(one), one), at=at(hours), source=source, url=f"https://{source}.example/{_key(one)}")
        for one in observations
    ]
    kind = {"lore": EvidenceClass.LIST_MAIL, "debian": EvidenceClass.VENDOR, "kernel-cna": EvidenceClass.CNA}
    result = take(app, *documents, source=spec(source, kind.get(source, EvidenceClass.GIT)), mode=mode)
    return [one.draft for one in result.changes]


def _source(one: Observation) -> str:
    if isinstance(one, PatchMail):
        return "lore"
    if isinstance(one, CommitObservation):
        return one.tree
    if isinstance(one, PackageChangelogObservation):
        return "debian"
    return "kernel-releases" if isinstance(one, ReleaseObservation) else "kernel-cna"


def _key(one: Observation) -> str:
    if isinstance(one, PatchMail):
        return f"mail/{one.content_key}"
    if isinstance(one, CommitObservation):
        return f"commit/{one.branch}/{one.commit}"
    return f"record/{one.release}" if isinstance(one, ReleaseObservation) else f"record/{one!r}"[:120]


def told(drafts: list[ChangeDraft]) -> list[tuple[str, str | None, str | None, bool]]:
    return [
        (one.change.value, (one.stage.value if one.stage else one.alarm) or one.field, one.advisory, one.wakes)
        for one in drafts
    ]


def path(app: App, name: str) -> dict[str, object]:
    with app.store.read() as connection:
        document = path_document(connection, name)
    assert document is not None
    first: dict[str, object] = document["patches"][0]
    return first


def test_mail_opens_no_advisory_and_wakes_nobody(app: App) -> None:
    """Rule 4: a posting has a path, and its change has no advisory and makes no sound."""
    assert told(comes(app, POSTED)) == [("stage_reached", "posted", None, False)]
    assert path(app, "v1@x")["advisories"] == []


def test_a_commit_of_the_topic_opens_a_change_advisory_that_the_patch_joins(app: App) -> None:
    """And its landing is told under it, aloud."""
    comes(app, POSTED)
    drafts = comes(app, MERGED, hours=500)
    assert told(drafts) == [
        ("advisory_new", "advisory", "PW-2026-1", True),
        ("stage_reached", "mainline", "PW-2026-1", True),
    ]
    assert drafts[1].text == f"In mainline, first in v7.2-rc1 on 2026-05-24: {TITLE}"
    assert drafts[1].topics == ("af-alg",)
    assert path(app, "PW-2026-1") == path(app, "v1@x") == path(app, commit_id(1)[:12])


def test_a_matter_is_an_advisory_that_mail_alone_joins(app: App) -> None:
    """The topic file opens it; its name is an alias."""
    aio = patch_mail("aio@x", "[PATCH] net: Remove AIO", "net/socket.c")
    assert told(comes(app, aio)) == [
        ("advisory_new", "advisory", "PW-2026-1", True),
        ("stage_reached", "posted", "PW-2026-1", False),
    ]
    assert path(app, "matter:aio")["subject"] == "net: Remove AIO"


@pytest.mark.parametrize("cve_first", [True, False])
def test_a_patch_joins_the_cve_that_names_its_commit(app: App, cve_first: bool) -> None:
    """Whichever is known first; a patch may belong to several advisories."""
    fix = UpstreamFix(branch="7.2", version="7.2", commit=commit_id(1))
    vulnerability = replace(cve("7.2", cve="CVE-2026-74578"), fixed=(fix,))
    order: list[Observation] = [vulnerability, MERGED] if cve_first else [MERGED, vulnerability]
    for hours, one in enumerate(order):
        comes(app, one, hours=500 + hours)
    with app.store.read() as connection:
        pw_id = identity.resolve(connection, "CVE-2026-74578")
    assert pw_id in path(app, commit_id(1))["advisories"]  # type: ignore[operator]
    assert path(app, "CVE-2026-74578")["subject"] == TITLE


def test_git_confirms_aloud_what_mail_said_once(app: App) -> None:
    """Applied by the maintainer's word: no sound. By the commit: one. Its restatement: none."""
    comes(app, POSTED)
    word = mail("ap@x", f"Re: [PATCH] {TITLE}", "Patch applied.\n", sender=HERBERT, hours=20, reply_to="v1@x")
    assert told(comes(app, word, hours=20)) == [("stage_reached", "applied", None, False)]
    applied = commit(1, tree="cryptodev", hours=19)
    assert [one for one in told(comes(app, applied, hours=21)) if one[0] == "stage_reached"] == [
        ("stage_reached", "applied", "PW-2026-1", True)
    ]
    rebased = commit(2, tree="cryptodev", hours=22)
    assert comes(app, rebased, hours=23) == []


def test_a_tag_later_is_no_second_message(app: App) -> None:
    """Merged is told when it is seen; its first tag only completes the path."""
    first = comes(app, commit(1), hours=400)
    assert [one.stage for one in first if one.stage] == [Stage.MAINLINE]
    assert comes(app, MERGED, hours=500) == []
    landings = path(app, commit_id(1))["landings"]
    assert [(one["ref"], one["version"]) for one in landings] == [("v7.2-rc1", "7.2")]  # type: ignore[attr-defined]


def test_a_guess_wakes_nobody(app: App) -> None:
    """Author and title, and no files to compare."""
    comes(app, POSTED)
    drafts = comes(app, commit(1, files=(), tag="v7.2-rc1"), hours=500)
    assert [(one.stage, one.wakes) for one in drafts if one.stage] == [(Stage.MAINLINE, False)]
    assert drafts[-1].text.endswith("(matched by author and title only: a guess)")


def test_packages_are_told_with_their_release(app: App) -> None:
    """By the changelog, aloud because the stable release is known; distribution, release and package say where."""
    comes(app, POSTED)
    comes(app, MERGED, hours=500)
    comes(app, stable(2, 1, "v6.1.178"), hours=600)
    (one,) = comes(app, changelog("6.1.180-1", TITLE), hours=1700)
    assert (one.stage, one.distro, one.release, one.package, one.version, one.wakes) == (
        Stage.PACKAGED, "debian", "12", "linux", "6.1.180-1", True,
    )  # fmt: skip
    assert one.text == f"In Debian 12 as linux 6.1.180-1 on 2026-07-13: {TITLE}"


def test_a_changelog_that_came_first_is_found_later(app: App) -> None:
    """Also for a patch that no topic names by subject."""
    title = "net: Make the very same thing differently"
    comes(app, changelog("6.1.180-1", title))
    drafts = comes(app, patch_mail("n@x", f"[PATCH] {title}", "crypto/af_alg.c"), hours=1)
    assert [one.stage for one in drafts] == [Stage.POSTED, Stage.PACKAGED]


def test_a_revert_is_exactly_one_alarm(app: App) -> None:
    """In mainline, then in two stable branches: one message, urgent, and none about the stage."""
    comes(app, MERGED, hours=500)
    subject = f'Revert "{TITLE}"'
    revert = commit(20, subject, author=HERBERT, hours=700, reverts=commit_id(1), tag="v7.2-rc3", files=("x.c",))
    drafts = comes(app, revert, hours=800)
    for number, tag in ((21, "v6.12.99"), (22, "v6.6.150")):
        backport = stable(number, 20, tag, subject=subject, author=HERBERT, reverts=commit_id(1), files=("x.c",))
        drafts += comes(app, backport, hours=800 + number)
    alarms = [one for one in drafts if one.change is ChangeType.ALARM]
    assert [(one.alarm, one.urgent) for one in alarms] == [(Alarm.REVERTED, True)]
    assert Stage.REVERTED not in [one.stage for one in drafts]


RELEASES = [
    ReleaseObservation(distro="kernel", release=release, latest=f"{release}.1", moniker="longterm", eol=False)
    for release in ("6.6", "6.12")
]


def test_a_branch_without_the_patch_is_an_alarm_two_weeks_after_the_others(app: App) -> None:
    """Said once, when the list of branches is read."""
    comes(app, MERGED, hours=500)
    comes(app, stable(2, 1, "v6.12.96", tag_hours=600), hours=601)
    assert comes(app, *RELEASES, hours=620) == []
    later = [replace(one, latest=f"{one.release}.9") for one in RELEASES]
    drafts = comes(app, *later, hours=600 + 14 * 24 + 1)
    assert [(one.alarm, one.branch, one.text) for one in drafts] == [
        (Alarm.BRANCH_MISSING, "6.6", f"Still missing in 6.6.y: {TITLE}")
    ]
    again = [replace(one, latest=f"{one.release}.10") for one in RELEASES]
    assert comes(app, *again, hours=1500) == []
    assert path(app, commit_id(1))["missing"] == ["6.6"]


def test_a_missing_branch_is_not_told_again_when_its_patch_joins_a_cve(app: App) -> None:
    """The key of the change names the advisory; the ledger is asked for each that the patch ever belonged to."""
    comes(app, MERGED, hours=500)
    comes(app, stable(2, 1, "v6.12.96", tag_hours=600), hours=601)
    assert len(comes(app, *RELEASES, hours=600 + 14 * 24 + 1)) == 1
    before = path(app, commit_id(1))["advisories"]
    fix = UpstreamFix(branch="7.2", version="7.2", commit=commit_id(1))
    comes(app, cve(cve="CVE-2026-77777", fixed=(fix,), files=("crypto/af_alg.c",)), hours=1000)
    assert path(app, commit_id(1))["advisories"] != before
    assert comes(app, *[replace(one, latest=f"{one.release}.10") for one in RELEASES], hours=1500) == []


def test_replies_that_come_before_their_patch_count(app: App) -> None:
    """The review waits until the posting, which only its files make a matter of the topic, is there."""
    review = mail("r@x", "Re: [PATCH] net: Change a thing", "Acked-by: A B <a@b.org>\n", sender="A B <a@b.org>",
                  hours=2, reply_to="p@x")  # fmt: skip
    assert comes(app, review, hours=2) == []
    comes(app, patch_mail("p@x", "[PATCH] net: Change a thing", "crypto/af_alg.c"), hours=3)
    assert path(app, "p@x")["trailers"] == {"Acked-by": 1}


def test_mails_of_no_topic_are_let_go(app: App) -> None:
    """A bounded number waits for a patch that may yet come; the oldest go first."""
    mails = [mail(f"o{number}@x", f"Re: [PATCH] drm: thing {number}", reply_to="d@x") for number in range(9)]
    with app.store.write() as connection:
        for number, one in enumerate(mails):
            version = NewVersion(
                key=_key(one),
                at=at(number),
                modified=None,
                evidence=evidence("lore", EvidenceClass.LIST_MAIL, number),
                observations=(one,),
                subjects=(),
            )
            patch_store.add_orphans(connection, [(version, own_keys(one))], limit=5)
    with app.store.read() as connection:
        waiting = patch_store.names_owning(connection, ["answers:d@x"])
    assert waiting == {("lore", _key(one)) for one in mails[4:]}


def test_a_baseline_is_quiet(app: App) -> None:
    """Rule 6: state without news."""
    assert [one.quiet for one in comes(app, POSTED, mode=Mode(quiet=True))] == [True]


def test_the_same_mail_again_or_on_another_list_is_one(app: App) -> None:
    """Kept once; nothing is told twice."""
    comes(app, POSTED)
    assert comes(app, POSTED, hours=1) == []
    assert comes(app, replace(POSTED, list_ids=("netdev.vger.kernel.org",)), hours=2) == []
    with app.store.read() as connection:
        assert len(patch_store.list_patches(connection)) == 1


def test_a_plan_stands_by_its_landings(app: App) -> None:
    """The step of the topic file advances with the commit it names."""
    with app.store.read() as connection:
        assert topic_view(TOPIC, load_plan(connection, TOPIC))["steps"][0]["by_landings"] is False
    comes(app, POSTED)
    comes(app, MERGED, hours=500)
    with app.store.read() as connection:
        (step,) = topic_view(TOPIC, load_plan(connection, TOPIC))["steps"]
    assert (step["state"], step["release"], step["by_landings"]) == ("merged", "7.2", True)
    assert [one["stage"] for one in step["landings"]] == ["posted", "mainline"]


def test_the_stages_are_a_line_that_fits_a_terminal(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """Stages with dates in reading order, and no line wider than 80 columns."""
    comes(app, POSTED)
    comes(app, commit(1, tree="cryptodev", hours=20), hours=30)
    comes(app, MERGED, hours=500)
    comes(app, stable(2, 1, "v6.12.96", tag_hours=600), stable(3, 1, "v6.1.178", tag_hours=610), hours=620)
    comes(app, changelog("6.1.180-1", TITLE), hours=1700)
    patch = path(app, "v1@x")
    assert stage_line(patch) == [
        "posted v1 2026-05-04 > applied cryptodev 2026-05-05 > mainline 7.2 2026-05-24",
        "> stable 6.1, 6.12 2026-05-29 > packaged debian/12 2026-07-13",
    ]
    print_patch(patch)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == TITLE
    assert json.loads(json.dumps(patch)) == patch


def test_an_unknown_name_has_no_path(app: App) -> None:
    """A Message-ID nobody sent; three digits are no commit id."""
    comes(app, POSTED)
    with app.store.read() as connection:
        assert path_document(connection, "nothing@x") is None
        assert path_document(connection, "abc") is None


def test_rebuilding_from_the_documents_gives_the_same_patches(tmp_path: Path) -> None:
    """Mails of a recording, an answer before its posting: replayed twice, nothing new; rebuilt, the same."""
    answer = b"Acked-by: A B <a@b.org>\n"
    mails = [
        _raw("r@x", "Re: [PATCH] net: Change a thing", answer, "A B <a@b.org>", reply_to="p@x"),
        _raw("p@x", "[PATCH] net: Change a thing", b"Why.\n---\n" + diff("crypto/af_alg.c").encode()),
        _raw("v1@x", f"[PATCH] {TITLE}", b"Why.\n---\n" + diff("crypto/af_alg.c", change="x").encode()),
    ]
    lines = []
    for number, content in enumerate(mails):
        (tmp_path / f"{number}.eml").write_bytes(content)
        url = f"https://lore.kernel.org/linux-crypto/{number}@x/raw"
        when = (at(number) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = {"at": when, "source": "lore", "url": url, "status": 200, "headers": {}, "file": f"{number}.eml"}
        lines.append(json.dumps(entry))
    (tmp_path / "recording.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with application(tmp_path, topics=[TOPIC]) as app:
        assert len(replay(app.intake, tmp_path).changes) == 2
        assert replay(app.intake, tmp_path).changes == []
        with app.store.read() as connection:
            before = patch_store.list_patches(connection)
        report = rebuild(app)
        with app.store.read() as connection:
            assert patch_store.list_patches(connection) == before
    assert (report.documents, report.unreadable, len(before)) == (3, 0, 2)


def _raw(msgid: str, subject: str, body: bytes, sender: str = "Eric Biggers <e@k.org>", reply_to: str = "") -> bytes:
    answers = f"In-Reply-To: <{reply_to}>\n" if reply_to else ""
    head = (
        f"From: {sender}\nSubject: {subject}\nDate: Mon, 04 May 2026 06:00:00 +0000\nMessage-ID: <{msgid}>\n{answers}\n"
    )
    return head.encode() + body
