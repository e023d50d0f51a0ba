"""Hostile documents cost their own source one document, and nobody else anything (TRUST S10, row 56)."""

from __future__ import annotations

import json
import zlib

from advisories.words import Status
from bot.ingest.parsing import ParseWorker
from sources.base import RawDocument
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
