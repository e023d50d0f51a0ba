"""Hostile documents cost their own source one document, and nobody else anything (TRUST S10, row 56)."""

from __future__ import annotations

import json
import multiprocessing
import zlib
from collections.abc import Iterator

import pytest

from advisories.words import Status
from bot.ingest.parsing import AHEAD_BYTES, CHUNK_DOCUMENTS, ParseWorker, read_ahead
from sources.base import Batch, RawDocument
from sources.errors import FetchError
from tests.build import at

GOOD = json.dumps(
    {
        "as_of": "2026-11-23T00:00:00Z",
        "advisories": [
            {
                "cve": "CVE-2026-31431",
                "title": "out of place",
                "source": "https://example.org",
                "cells": [
                    {
                        "distro": "debian",
                        "release": "12",
                        "package": "linux",
                        "status": "fixed",
                        "source": "https://example.org",
                        "as_of": "2026-11-23",
                    }
                ],
            }
        ],
    }
).encode()


def raw(body: bytes) -> RawDocument:
    return RawDocument(source="baseline", url="patchwatch:x", at=at(), body=body)


def test_a_worker_gives_a_result_for_each_document_in_order() -> None:
    """A bad one between two good ones is its own failure alone."""
    with ParseWorker("baseline") as worker:
        first, bad, last = worker.parse([raw(GOOD), raw(b"{"), raw(GOOD)])
    assert first.document == last.document
    assert first.document is not None
    assert [one.status for one in first.document.records[0].observations[1:]] == [Status.FIXED]  # type: ignore[union-attr]
    assert (bad.document, bad.problem and bad.problem.startswith("not a baseline: ")) == (None, True)


def test_a_document_that_needs_too_much_memory_ends_its_worker_only() -> None:
    """The next document gets a new worker."""
    bomb = zlib.decompress(zlib.compress(b"[" + b"1," * (60 * 1024 * 1024) + b"1]"))
    with ParseWorker("baseline", memory_bytes=300 * 1024 * 1024) as worker:
        large, small = worker.parse([raw(bomb), raw(GOOD)])
    assert large.document is None
    assert small.document is not None


def test_a_parser_that_does_not_end_is_ended() -> None:
    """Its document is named with the deadline; the next is read."""
    with ParseWorker("baseline", deadline_seconds=0.0) as worker:
        (late,) = worker.parse([raw(GOOD)])
        assert late.problem == "parsing took longer than 0 s"
    with ParseWorker("baseline") as worker:
        (good,) = worker.parse([raw(GOOD)])
        assert good.document is not None


def test_deep_nesting_is_a_problem_and_no_crash() -> None:
    """100,000 brackets (TRUST B85)."""
    with ParseWorker("baseline") as worker:
        (deep,) = worker.parse([raw(b"[" * 100_000)])
    assert deep.document is None
    assert deep.problem


def test_a_worker_that_dies_costs_those_that_travel_together_nothing() -> None:
    """Each is asked for once more, alone."""
    documents = [raw(GOOD), raw(b"{"), raw(GOOD)]
    with ParseWorker("baseline") as worker:
        results = worker.parse(documents)
        for process in multiprocessing.active_children():
            process.kill()
            process.join()
        found = list(results)
    assert [one.raw for one in found] == documents
    assert [one.document is not None for one in found] == [True, False, True]


def test_each_of_those_that_travel_together_has_its_own_deadline() -> None:
    with ParseWorker("baseline", deadline_seconds=0.0) as worker:
        found = list(worker.parse([raw(GOOD), raw(GOOD)]))
    assert [one.problem for one in found] == ["parsing took longer than 0 s"] * 2


def test_more_documents_than_travel_together_keep_their_order() -> None:
    documents = [raw(GOOD if number % 7 else b"{%d" % number) for number in range(2 * CHUNK_DOCUMENTS + 3)]
    with ParseWorker("baseline") as worker:
        found = list(worker.parse(documents))
    assert [one.raw for one in found] == documents
    assert [one.document is not None for one in found] == [one.body == GOOD for one in documents]


def test_what_is_left_of_one_call_is_given_up_by_the_next() -> None:
    with ParseWorker("baseline") as worker:
        worker.parse([raw(b"{"), raw(b"{")])
        (good,) = worker.parse([raw(GOOD)])
    assert good.document is not None


class Fetch:
    """Batches of one document each, and what was fetched when."""

    def __init__(self, *bodies: bytes, fails: bool = False) -> None:
        self._bodies = bodies
        self._fails = fails
        self.fetched = 0

    def batches(self) -> Iterator[Batch]:
        checkpoint: dict[str, str] = {}
        for body in self._bodies:
            self.fetched += 1
            checkpoint["at"] = str(self.fetched)
            yield Batch(documents=(raw(body),), checkpoint=checkpoint)
        if self._fails:
            raise FetchError("refused", source="baseline", url="https://example.org", kind="http")


def test_a_batch_is_read_while_the_one_before_is_stored() -> None:
    """Each with the checkpoint it had, although the source goes on with the same mapping."""
    fetch = Fetch(GOOD, b"{", GOOD)
    seen = []
    with ParseWorker("baseline") as worker:
        for batch, (parsed,) in read_ahead(worker, fetch.batches()):
            seen.append((batch.checkpoint["at"], parsed.document is not None, fetch.fetched))
    assert seen == [("1", True, 2), ("2", False, 3), ("3", True, 3)]


def test_what_was_fetched_before_a_failure_is_stored_first() -> None:
    seen = []
    with ParseWorker("baseline") as worker, pytest.raises(FetchError, match="refused"):
        for batch, (parsed,) in read_ahead(worker, Fetch(GOOD, GOOD, fails=True).batches()):
            seen.append((batch.checkpoint["at"], parsed.document is not None))
    assert seen == [("1", True), ("2", True)]


def test_no_batch_is_given_to_one_who_has_stopped() -> None:
    """An error of the store ends the cycle; what was fetched is fetched again."""
    fetch = Fetch(GOOD, GOOD, GOOD)
    with ParseWorker("baseline") as worker:
        ahead = read_ahead(worker, fetch.batches())
        assert next(ahead)[0].checkpoint["at"] == "1"
        ahead.close()
        assert list(ahead) == []
    assert fetch.fetched == 2


def test_no_large_batch_waits_for_the_next() -> None:
    """Of two, one at a time is held in memory."""
    fetch = Fetch(b" " * (AHEAD_BYTES + 1), GOOD)
    with ParseWorker("baseline") as worker:
        seen = [(batch.checkpoint["at"], fetch.fetched) for batch, _ in read_ahead(worker, fetch.batches())]
    assert seen == [("1", 1), ("2", 2)]
