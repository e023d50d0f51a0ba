"""Parsing hostile documents in a worker process of its own, with a memory limit and a deadline per document.

A worker serves one batch of one source and is then gone: what a document does to its parser costs that source one
cycle and nobody else anything (DESIGN section 2, TRUST S10).
"""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from advisories.observation import ParsedDocument
from sources.base import RawDocument, SourceSpec
from sources.errors import ParseError
from sources.registry import find_source

MEMORY_LIMIT_BYTES = 1536 * 1024 * 1024
DEADLINE_SECONDS = 120.0
RECYCLE_AFTER_DOCUMENTS = 2000

_context = multiprocessing.get_context("forkserver")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A document with what its parser found, or the one line that says why it could not be read."""

    raw: RawDocument
    document: ParsedDocument | None
    problem: str | None = None


def parse_here(spec: SourceSpec, raw: RawDocument) -> Parsed:
    """Parses in this process: for documents we wrote ourselves (the shipped baseline) and inside the worker."""
    try:
        return Parsed(raw=raw, document=spec.parse(raw))
    except ParseError as error:
        return Parsed(raw=raw, document=None, problem=str(error))


class ParseWorker:
    """One worker process for one source. Use as a context manager."""

    def __init__(
        self, source: str, *, memory_bytes: int = MEMORY_LIMIT_BYTES, deadline_seconds: float = DEADLINE_SECONDS
    ):
        self._source = source
        self._memory_bytes = memory_bytes
        self._deadline_seconds = deadline_seconds
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._served = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def parse(self, documents: Iterable[RawDocument]) -> Iterator[Parsed]:
        """One result per document, in order; a document that breaks its worker is its own failure alone."""
        for raw in documents:
            if self._served >= RECYCLE_AFTER_DOCUMENTS:
                self.close()
            yield self._parse(raw)

    def _parse(self, raw: RawDocument) -> Parsed:
        pipe = self._pipe or self._start()
        self._served += 1
        try:
            pipe.send(raw)
            if not pipe.poll(self._deadline_seconds):
                self.close()
                return Parsed(
                    raw=raw, document=None, problem=f"parsing took longer than {self._deadline_seconds:.0f} s"
                )
            document, problem = pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.close()
            limit = self._memory_bytes // (1024 * 1024)
            return Parsed(raw=raw, document=None, problem=f"its parser was ended (memory limit {limit} MiB)")
        return Parsed(raw=raw, document=document, problem=problem)

    def _start(self) -> Connection:
        ours, theirs = _context.Pipe()
        process = _context.Process(target=_serve, args=(self._source, theirs, self._memory_bytes), daemon=True)
        process.start()
        theirs.close()
        self._process, self._pipe, self._served = process, ours, 0
        return ours

    def close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process, self._pipe = None, None


def _serve(source: str, pipe: Connection, memory_bytes: int) -> None:
    """The worker's loop: until the pipe closes."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    spec = find_source(source)
    while True:
        try:
            raw: RawDocument = pipe.recv()
        except EOFError:
            return
        try:
            parsed = parse_here(spec, raw)
            answer = (parsed.document, parsed.problem)
        except MemoryError:
            answer = (None, f"its parser needs more than {memory_bytes // (1024 * 1024)} MiB")
        except Exception as error:  # noqa: BLE001  # boundary 1 of 3: a parser's bug fails its document alone
            answer = (None, f"its parser failed ({type(error).__name__})")
        pipe.send(answer)
