"""A topic is data: a further one is a file (CONTRACT "A topic file"), and what falls into it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from advisories.matching import commit_topics, cve_topics, link_topics, matters_of, opening_topics
from advisories.observation import CommitObservation, LinkObservation
from advisories.topic_tables import TopicError
from advisories.topics import parse_topic
from advisories.words import Alarm
from bot.topic_files import load_topics, watch_of
from bot.views.topics import topic_view
from tests.build import at, cve, upstream_fix

DIRTY_FRAG = """
slug = "dirty-frag"
title = "Dirty Frag"
summary = "Two flaws in fragment handling"
since = 2026-04-01
cves = ["CVE-2026-43284", "CVE-2026-43500"]
commits = ["f4c50a4034e6"]
paths = ["net/xfrm/*", "net/ipv4/esp4.c"]
subjects = ["esp: *"]
words = ["dirty frag"]
kconfig = ["CONFIG_INET_ESP"]
lists = ["netdev", "stable"]
[[matters]]
slug = "esp-cleanup"
title = "Clean up ESP"
commits = ["0123456789ab"]
message_ids = ["one@example.org"]
[[statements]]
distro = "flatcar"
status = "not_affected"
words = "not built"
url = "https://example.org/1"
date = 2026-04-30
"""


def test_a_topic_file_is_read_whole() -> None:
    """Every key of the contract."""
    topic = parse_topic(DIRTY_FRAG, name="dirty-frag.toml")
    assert (topic.slug, topic.since) == ("dirty-frag", datetime(2026, 4, 1, tzinfo=UTC))
    assert topic.cves == {"CVE-2026-43284", "CVE-2026-43500"}
    assert (topic.matters[0].slug, topic.statements[0].date) == ("esp-cleanup", date(2026, 4, 30))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('slug = "x"\ntitel = "X"', "unknown key 'titel'; did you mean 'title'?"),
        ('title = "X"', "slug is missing"),
        ('slug = "X y"\ntitle = "X"', "may hold a-z, 0-9 and '-' only"),
        ('slug = "x"\ntitle = "X"\ncves = ["CVE-26-1"]', "'CVE-26-1' is no CVE id"),
        ('slug = "x"\ntitle = "X"\ncommits = ["F4C5"]', "must be 12 to 40 lower-case hex digits"),
        ('slug = "x"\ntitle = "X"\nsince = "April"', "since must be a date"),
        (
            'slug = "x"\ntitle = "X"\n[[steps]]\ntitle = "S"\nstate = "done"',
            "must be proposed, queued, merged or shipped",
        ),
        ('slug = "x"\ntitle = "X"\nwords = "one"', "words must be a list of texts"),
        ('slug = "x"\ntitle = ', "not valid TOML"),
        (
            'slug = "x"\ntitle = "X"\nalarms = ["stale"]',
            "'stale' must be one of early_pickup, prerequisite_lost, stalled",
        ),
        ('slug = "x"\ntitle = "X"\nalarms = ["reverted"]', "the other alarms are always on"),
        ('slug = "x"\ntitle = "X"\nstalled_after_days = 0', "stalled_after_days must be a number of days, 1 to 3650"),
        ('slug = "x"\ntitle = "X"\nstalled_after_days = true', "stalled_after_days must be a number of days"),
    ],
)
def test_a_mistake_in_a_topic_is_named(line: str, words: str) -> None:
    """The file, the key and what would be right."""
    with pytest.raises(TopicError) as error:
        parse_topic(line, name="x.toml")
    assert "x.toml" in str(error.value)
    assert words in str(error.value)


def test_alarms_are_asked_for() -> None:
    """None when nothing is said, three weeks until a stall."""
    plain = parse_topic('slug = "x"\ntitle = "X"', name="x")
    assert (plain.alarms, plain.stalled_after) == (frozenset(), timedelta(days=21))
    asking = parse_topic('slug = "x"\ntitle = "X"\nalarms = ["stalled"]\nstalled_after_days = 30', name="x")
    assert (asking.alarms, asking.stalled_after) == (frozenset({Alarm.STALLED}), timedelta(days=30))
    assert topic_view(asking)["alarms"] == ["stalled"]


def test_a_further_topic_is_a_file_and_no_code(tmp_path: Path) -> None:
    """Loaded beside the others, watched by the sources, its CVEs matched."""
    (tmp_path / "dirty-frag.toml").write_text(DIRTY_FRAG, encoding="utf-8")
    (tmp_path / "every.toml").write_text('slug = "every"\ntitle = "Every CVE"\ncves = ["*"]', encoding="utf-8")
    topics = load_topics([str(tmp_path)])
    watch = watch_of(topics)
    assert (watch.every_kernel_cve, watch.wants_cve("CVE-2026-1")) == (True, True)
    assert watch.lists == ("netdev", "stable")
    assert watch.commits == {"f4c50a4034e6", "0123456789ab"}
    assert cve_topics(topics, "CVE-2026-43284") == {"dirty-frag", "every"}
    assert cve_topics(topics, "CVE-2026-1") == {"every"}


def test_two_files_may_not_define_one_topic(tmp_path: Path) -> None:
    """The error names the second."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text('slug = "x"\ntitle = "X"', encoding="utf-8")
    with pytest.raises(TopicError, match=r"b\.toml: topic 'x' is defined twice"):
        load_topics([str(tmp_path)])
    with pytest.raises(TopicError, match="is not there"):
        load_topics([str(tmp_path / "absent")])


def test_the_shipped_topics_are_sound() -> None:
    """Copy Fail first, and both watch its CVE."""
    topics = load_topics([])
    assert [one.slug for one in topics] == ["copy-fail", "af-alg"]
    assert [one.alarms for one in topics] == [frozenset()] * 2
    assert cve_topics(topics, "CVE-2026-31431") == {"copy-fail", "af-alg"}


def test_a_record_falls_into_a_topic_by_file_or_commit() -> None:
    """Without its CVE being named: globs over paths, abbreviated ids of 12 digits at least."""
    topics = [parse_topic(DIRTY_FRAG, name="x")]
    assert opening_topics(topics, cve(cve="CVE-2026-1", files=("net/xfrm/xfrm_input.c",))) == {"dirty-frag"}
    assert opening_topics(topics, cve(cve="CVE-2026-1", files=("net/ipv4/esp4_offload.c",))) == set()
    commit = upstream_fix("7.0", "f4c50a4034e6" + "0" * 28)
    assert opening_topics(topics, cve(cve="CVE-2026-1", fixed=(commit,))) == {"dirty-frag"}


def commit(subject: str, **more: object) -> CommitObservation:
    values: dict[str, object] = {
        "tree": "mainline",
        "branch": "master",
        "commit": "9" * 40,
        "subject": subject,
        "author_name": "A",
        "author_email": "a@example.org",
        "author_at": at(),
        "committed_at": at(),
        "message": "",
    }
    return CommitObservation(**(values | more))  # type: ignore[arg-type]  # checked by the dataclass


def test_a_commit_falls_into_a_topic_in_any_of_its_ways() -> None:
    """Id, upstream id, Fixes, subject glob, path, whole word, a matter's Message-ID; not by a part of a word."""
    topics = [parse_topic(DIRTY_FRAG, name="x")]
    matching = [
        commit("x", commit="f4c50a4034e6" + "1" * 28),
        commit("x", upstream_commit="f4c50a4034e6" + "1" * 28),
        commit("x", fixes=("f4c50a4034e6" + "1" * 28,)),
        commit("ESP: drop a fragment"),
        commit("x", files=("net/ipv4/esp4.c",)),
        commit("x", message="This is Dirty Frag."),
        commit("x", link_msgids=("one@example.org",)),
    ]
    assert [commit_topics(topics, one) for one in matching] == [{"dirty-frag"}] * len(matching)
    for other in (commit("resp: x"), commit("x", message="a dirty fragment"), commit("x", fixes=("f4c50a4",))):
        assert commit_topics(topics, other) == set()


def test_a_link_belongs_to_a_topic_by_word_or_cve() -> None:
    """News is only ever a link."""
    topics = [parse_topic(DIRTY_FRAG, name="x")]

    def link(title: str) -> LinkObservation:
        return LinkObservation(title=title, url="https://example.org", published=None)

    assert link_topics(topics, link("Dirty Frag, explained")) == {"dirty-frag"}
    assert link_topics(topics, link("On CVE-2026-43284.")) == {"dirty-frag"}
    assert link_topics(topics, link("On CVE-2026-432841")) == set()


def test_a_matter_is_found_by_its_commits_and_messages() -> None:
    """What opens an advisory without a record."""
    topics = [parse_topic(DIRTY_FRAG, name="x")]
    found = matters_of(topics, commits=["0123456789ab" + "f" * 28], message_ids=[])
    assert [(topic.slug, matter.slug) for topic, matter in found] == [("dirty-frag", "esp-cleanup")]
    assert matters_of(topics, commits=["0123"], message_ids=["two@example.org"]) == []
