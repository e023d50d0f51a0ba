"""What the benches measure with: goals, generated documents that our parsers and the peers read, and memory."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from bot.messages.digest import thaw_letter
from scripts.benches import digest, documents
from scripts.benches.alone import cost_of
from scripts.benches.catalogue import kev_catalogue, rss_feed
from scripts.benches.figure import Figure, middle
from scripts.benches.mail_parse import check_equal
from scripts.benches.rounds import Work
from scripts.benches.smtp_sink import sinking
from sources.base import RawDocument
from sources.registry import find_source


def figure(ours: float, peers: float | None, limit: float | None, *, at_least: bool = False) -> Figure:
    return Figure(name="a", unit="s", ours=ours, peer="b", peers=peers, limit=limit, at_least=at_least)


def test_a_goal_is_met_by_the_ratio_or_without_a_peer_by_the_value() -> None:
    """The limit itself meets the goal; without a limit there is none to meet."""
    assert [
        figure(1, 10, 0.1).met,
        figure(2, 10, 0.1).met,
        figure(30, 10, 3, at_least=True).met,
        figure(29, 10, 3, at_least=True).met,
        figure(150, None, 150).met,
        figure(151, None, 150).met,
        figure(1, 10, None).met,
    ] == [True, False, True, False, True, False, None]


def test_fewer_than_five_samples_are_no_figure() -> None:
    """A median of four is refused."""
    assert middle([5, 1, 4, 2, 3]) == 3
    with pytest.raises(ValueError, match="4 samples are too few"):
        middle([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("source", "url", "body", "records"),
    [
        ("debian", "https://tracker.example/tracker/data/json", documents.debian_tracker(60, 20), 20),
        ("debian", "https://tracker.example/tracker/CVE-2025-20001", documents.cve_page(40), 1),
        ("kernel-cna", "https://cna.example/CVE-2025-20003.json", documents.cna_record(3, 10), 1),
        ("almalinux", "https://alma.example/ALSA-2025:10003.json", documents.osv_record(3), 1),
        ("kev", "https://kev.example/kev.json", kev_catalogue(["CVE-2024-10000", "CVE-2024-10001"]), 2),
        ("news", "https://news.example/rss", rss_feed(5), 5),
        ("lore", "https://lore.example/mail", documents.varied_mail(7), 1),
    ],
)
def test_a_generated_document_is_read_whole(source: str, url: str, body: bytes, records: int) -> None:
    """The source's own parser finds every record and rejects none."""
    found = find_source(source).parse(
        RawDocument(source=source, url=url, at=datetime(2026, 5, 1, tzinfo=UTC), body=body)
    )
    assert (len(found.records), found.rejected) == (records, ())


def test_both_readers_of_mail_find_the_same() -> None:
    """Patches and answers, plain and encoded names; a difference would raise."""
    check_equal(list(documents.mails(24)))


def test_the_sink_counts_what_both_senders_send() -> None:
    """Every mail of ours and of the peer's arrives, each another's."""
    owed = digest.readers(7)
    writer = digest.make_writer()
    mails = [writer.write(where, message, thaw_letter(content)) for where, message, content in owed]
    with sinking() as sink:
        asyncio.run(digest.send_all(sink.port, owed))
        assert sink.taken() == 7
        asyncio.run(digest.send_each(sink.port, mails[:5]))
        assert sink.taken() == 12
    assert len({one.recipient for one in mails}) == len({one.content for one in mails}) == 7


def take_some_memory() -> Work:
    """Work for the test below: 64 MiB, held until the end."""
    return lambda: b"x" * (64 << 20)


def test_the_peak_of_memory_is_of_the_fresh_process_alone() -> None:
    """What this process holds does not count, what the work takes does."""
    held = b"y" * (256 << 20)
    cost = cost_of("tests.scripts.test_benches:take_some_memory")
    assert len(held) == 256 << 20
    assert 64 < cost.peak_mib < 256
